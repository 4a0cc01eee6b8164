"""Look at everything that an answer needs: packages, model, corpus, index, disk."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import qa
from qa.errors import IndexProblem, QAError
from qa.settings import Settings

PACKAGES = ("torch", "sentence-transformers", "transformers", "faiss-cpu", "numpy", "gradio")
FREE_BYTES = 500_000_000  # room for two generations of an index over a thousand documents


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what was found and, unless it is well, what to do."""

    name: str
    ok: bool
    found: str
    advice: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the check for JSON."""
        return asdict(self)


def examine(settings: Settings) -> list[Check]:
    """Run every check; one that fails never stops the others."""
    looks: tuple[Callable[[Settings], Check], ...] = (_python, _packages, _model, _corpus, _index, _disk)
    checks = []
    for look in looks:
        name = look.__name__.removeprefix("_")
        try:
            checks.append(look(settings))
        except (QAError, OSError) as error:
            found, _, advice = str(error).partition("; ")
            checks.append(Check(name, False, found, advice))
    return checks


def _python(settings: Settings) -> Check:
    own = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}, qa {qa.__version__}"
    return Check("python", sys.version_info >= (3, 11), own, "install Python 3.11 or newer")


def _packages(settings: Settings) -> Check:
    found, absent = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            absent.append(name)
    if absent:
        return Check("packages", False, f"not installed: {', '.join(absent)}", f"run: pip install {' '.join(absent)}")
    return Check("packages", True, ", ".join(found))


def _model(settings: Settings) -> Check:
    from qa.embedding import EMBEDDED, embedded_model_folder, model_identity

    if settings.model == EMBEDDED:
        folder = embedded_model_folder()
        return Check("model", True, f"{settings.model}, official weights in {folder}")
    if Path(settings.model).is_dir():
        return Check("model", True, model_identity(settings.model))
    return Check("model", True, f"{settings.model}, to be loaded by its name from the local store or the model hub")


def corpus_problems(folder: Path) -> list[str]:
    """Check a corpus; names that only the shipped question sets use count as used."""
    from qa.documents import check_corpus
    from qa.evaluation.questions import SETS, load_questions

    questions = [q.question for name in SETS for q in load_questions(name)]
    return [p.message for p in check_corpus(folder, questions)]


def _corpus(settings: Settings) -> Check:
    from qa.documents import load_corpus

    problems = corpus_problems(settings.corpus)
    if problems:
        found = f"{len(problems)} problem{'s' * (len(problems) > 1)} in {settings.corpus}, first {problems[0]}"
        return Check("corpus", False, found, "see all of them with: qa corpus check")
    return Check("corpus", True, f"{len(load_corpus(settings.corpus).documents)} documents in {settings.corpus}")


def _index(settings: Settings) -> Check:
    from qa.assistant import staleness
    from qa.index import Snapshot

    why = staleness(settings)
    if why:
        return Check("index", False, why, "run: qa index build")
    try:
        snapshot = Snapshot.load(settings.index)
    except IndexProblem as error:
        found, _, advice = str(error).partition("; ")
        return Check("index", False, found, advice)
    found = f"{snapshot.manifest.passages} passages of {snapshot.manifest.documents} documents in {settings.index}, every file intact"
    return Check("index", True, found)


def _disk(settings: Settings) -> Check:
    folder = settings.index.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:.1f} GB free for {settings.index}"
    return Check("disk", free >= FREE_BYTES, found, "free some space or choose another folder with QA_INDEX")
