"""Judge an assistant on a question set, compare with a baseline, and write the report."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa import __version__
from qa.answering.answer import Answer, Citation
from qa.answering.verify import support
from qa.errors import BadQuestion, EvaluationError, MissingExtra, UnknownDocument
from qa.evaluation import render
from qa.evaluation.compare import Comparison, baseline_text, read_baseline
from qa.evaluation.compare import compare as compare_with
from qa.evaluation.questions import SETS, Question, load_questions
from qa.evaluation.run import Outcome, fingerprint, run, summarise

if TYPE_CHECKING:
    from qa.assistant import Assistant

Progress = Callable[[int, int], None]
EXTRAS = ("ir_measures", "matplotlib", "scipy")


@dataclass(frozen=True)
class Result:
    """What an evaluation found.

    Attributes:
        name: the question set: "dev", "test" or the file's name.
        report: everything that ``report.json`` holds, ``report["summary"]`` the figures.
        failures: why the gate fails, one sentence each; empty where it passes. The command exits 1 if any.
        files: what was written; empty without an output folder.
    """

    name: str
    report: dict[str, Any]
    failures: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def markdown(self) -> str:
        """The report as Markdown without its plots: what the command prints."""
        return render.markdown(self.report)


def evaluate(
    assistant: Assistant,
    name: str = "dev",
    out: Path | None = None,
    compare: Path | None = None,
    subset: int | None = None,
    determinism: bool = False,
    progress: Progress | None = None,
    llm: str | None = None,
    strict: bool = False,
    limit: int | None = None,
) -> Result:
    """Ask every question of a set, judge the answers and write the report.

    Args:
        assistant: answers the questions.
        name: "dev", "test" or the path of a JSON Lines file.
        out: folder for report.json, report.md, report.html, answers.jsonl, baseline.json and the
            plots (PNG); made if missing. None writes nothing. A baseline.json that is already
            there keeps what it holds of other sets.
        compare: a baseline.json from an earlier evaluation; the result's failures then name each
            significant regression and any citation that is not valid.
        subset: ask only every n-th question.
        determinism: ask everything a second time; answers that differ are a failure.
        progress: called with questions done and their total (twice as many with determinism).
        llm: the language model that writes the answers; None for extractive ones.
        strict: leave out the model's sentences that are not supported.
        limit: ask at most so many questions, spread over the set.

    Raises:
        MissingExtra: the extra "eval" is not installed.
        EvaluationError: the question file or the baseline cannot be used, subset is not positive,
            or the folder cannot be written.
    """
    require_extras()
    if subset is not None and subset < 1:
        raise EvaluationError(f"subset must be at least 1, not {subset}")
    questions = load_questions(name)
    step_size = max(subset or 1, -(-len(questions) // limit) if limit else 1)
    questions = questions[::step_size]
    label = name if name in SETS else Path(name).name
    baseline = read_baseline(compare) if compare else None
    if baseline:
        baseline.of(label)  # says that the set is not in it before anything is asked
    known = None
    if out:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EvaluationError(f"{out}: cannot be made a folder ({error.strerror}); give another one") from error
        known = read_baseline(out / "baseline.json") if (out / "baseline.json").exists() else None

    outcomes, second = _ask_all(assistant, questions, determinism, progress, llm, strict)
    summary = summarise(outcomes)
    comparison = compare_with(label, outcomes, baseline) if baseline else None
    differing = [a.question.id for a, b in zip(outcomes, second, strict=True) if fingerprint([a]) != fingerprint([b])] if second else []
    failures = (comparison.failures if comparison else ()) + (
        (f"a second run gave other answers to {len(differing)} of {len(outcomes)} questions: {', '.join(differing[:10])}",) if differing else ()
    )
    manifest = assistant.snapshot.manifest
    report: dict[str, Any] = {
        "set": label,
        "subset": step_size,
        "llm": _llm_report(llm, strict, outcomes) if llm else None,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": __version__,
        "machine": {"python": platform.python_version(), "system": platform.system(), "processors": os.cpu_count()},
        "index": {key: getattr(manifest, key) for key in ("documents", "passages", "model", "corpus")},
        "failures": list(failures),
        "fingerprint": hashlib.sha256(fingerprint(outcomes).encode()).hexdigest(),
        "determinism": {"same": not differing, "differing": differing} if determinism else None,
        "comparison": _comparison_report(comparison) if comparison else None,
        "summary": summary,
        "questions": [
            {"id": o.question.id, "verdict": o.verdict, "first_right": o.first_right, "valid": o.valid, "ms": round(o.milliseconds, 2)}
            for o in outcomes
        ],
    }
    files = _write(out, report, outcomes, baseline_text(label, outcomes, summary, step_size, known)) if out else ()
    return Result(label, report, failures, files)


def require_extras() -> None:
    """Check that the libraries of the extra are installed.

    Raises:
        MissingExtra: one is not.
    """
    for package in EXTRAS:
        if find_spec(package) is None:
            raise MissingExtra(f'evaluation needs {package}, which is not installed; run: pip install "china-ai-qa[eval]"')


def _llm_report(llm: str, strict: bool, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Say how much of the report is the model's: where it failed or found no evidence, answers are extractive."""
    answers = [o.answer for o in outcomes]
    own = sum(a.mode.startswith("llm:") for a in answers)
    used = [a.usage for a in answers if a.usage]
    return {
        "name": llm,
        "strict": strict,
        "answered": own,
        "extractive": len(answers) - own,
        "sentences": {s: sum(x.support == s for a in answers for x in a.sentences) for s in ("supported", "partly", "unsupported")},
        "prompt_tokens": sum(u.prompt_tokens for u in used),
        "completion_tokens": sum(u.completion_tokens for u in used),
    }


def _ask_all(
    assistant: Assistant, questions: Sequence[Question], determinism: bool, progress: Progress | None, llm: str | None, strict: bool
) -> tuple[list[Outcome], list[Outcome]]:
    """Ask everything once, or twice for determinism; the second list is empty otherwise."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, len(questions) * (2 if determinism else 1))

    def ask(question: Question, writer: str | None = llm) -> Answer:
        options: dict[str, Any] = {"llm": writer, "strict": strict} if writer else {}
        try:
            return assistant.ask(question.question, history=question.history, **options)
        except BadQuestion as error:
            raise EvaluationError(f"question {question.id}: {error}") from error

    def quote_holds(citation: Citation) -> bool:
        try:
            return assistant.document(citation.document_id).text[citation.start : citation.end] == citation.quote
        except UnknownDocument:
            return False

    def supports(statement: str, quotes: Sequence[str]) -> bool:
        if llm:
            return assistant.says(statement, quotes)
        return support(statement, quotes, assistant.snapshot.glossary) == "supported"

    ask(questions[0], None)  # the first answer loads the embedding model; its time is nobody's latency
    once = partial(run, questions, ask, quote_holds, supports, step)
    return once(), once() if determinism else []


def _comparison_report(comparison: Comparison) -> dict[str, Any]:
    changes = [dataclasses.asdict(c) | {"word": c.word} for c in comparison.changes]
    return dataclasses.asdict(comparison) | {"changes": changes}


def _write(out: Path, report: Mapping[str, Any], outcomes: Sequence[Outcome], baseline: str) -> tuple[Path, ...]:
    from qa.evaluation.plots import draw

    plots = draw(report["summary"], [o.milliseconds for o in outcomes])
    files: dict[str, bytes] = {
        "report.md": render.markdown(report, plots=True).encode(),
        "report.html": render.page(report, outcomes, plots).encode(),
        "report.json": (json.dumps(report, ensure_ascii=False, indent=1) + "\n").encode(),
        "answers.jsonl": "".join(json.dumps(answer_row(o), ensure_ascii=False) + "\n" for o in outcomes).encode(),
        "baseline.json": baseline.encode(),
        **plots,
    }
    try:
        for name, content in files.items():
            (out / name).write_bytes(content)
    except OSError as error:
        raise EvaluationError(f"{out / name}: cannot be written ({error.strerror})") from error
    return tuple(out / name for name in files)


def answer_row(outcome: Outcome) -> dict[str, Any]:
    """Return one line of ``answers.jsonl``: no timings, so that two runs can be compared line by line."""
    question, answer = outcome.question, outcome.answer
    return {
        "id": question.id,
        "verdict": outcome.verdict,
        "first_right": outcome.first_right,
        "valid": outcome.valid,
        "question": question.question,
        "standalone_question": answer.standalone_question,
        "answer": answer.text,
        "confidence": answer.confidence,
        "citations": [{"number": c.number, "document_id": c.document_id, "quote": c.quote} for c in answer.citations],
        "conflicts": [[v.value for v in c.values] for c in answer.conflicts],
        "missing": list(answer.missing),
    }
