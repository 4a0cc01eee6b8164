"""The package as a whole: public names, what an import costs, and who may import whom."""

import ast
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import qa
from qa import errors

ROOT = Path(qa.__file__).parent
CHECKOUT = ROOT.parent

LAYERS = (
    ("errors",),
    ("settings",),
    ("text",),
    ("documents",),
    ("chunking", "embedding"),
    ("index",),
    ("retrieval", "library"),
    ("answering", "view"),
    ("llm",),
    ("research",),
    ("assistant",),
    ("evaluation", "web", "terminal"),
    ("doctor", "api"),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports_of(path: Path) -> set[str]:
    """Return the parts of this package that a module imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"qa.{a.name}" for a in node.names} if node.module == "qa" else {node.module or ""}
    return {part_of(m) for m in found if m.startswith("qa.")}


MODULES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py" and "_corpus" not in p.parts)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_what_lies_below_it(path):
    relative = path.relative_to(ROOT)
    own = relative.parts[0].removesuffix(".py")
    assert own in LEVEL, f"{own} has no place in the order of modules"
    for other in imports_of(path) - {own}:
        if other in qa.__all__:  # a public name from the package's root
            other = part_of(qa._HOMES[other]) if other in qa._HOMES else "errors"
        assert LEVEL[other] < LEVEL[own], f"qa/{relative} imports qa.{other}"


def test_the_import_of_the_package_is_light():
    code = (
        "import sys, qa; qa.Settings; qa.Filters; "
        "heavy = {'torch', 'gradio', 'transformers', 'sentence_transformers', 'fastapi', 'matplotlib'} & set(sys.modules); "
        "sys.exit(','.join(sorted(heavy)) or None)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_assistant_needs_torch_only_for_questions():
    code = "import sys, qa; qa.Assistant; sys.exit(','.join({'torch', 'gradio', 'transformers'} & set(sys.modules)) or None)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")


def test_public_names_are_sorted_and_all_there():
    assert list(qa.__all__) == sorted(qa.__all__)
    assert {"Answer", "Assistant", "Citation", "Document", "Filters", "Hit", "QAError", "Settings", "ask"} <= set(qa.__all__)
    for name in qa.__all__:
        assert getattr(qa, name) is not None
    assert set(dir(qa)) >= set(qa.__all__)
    with pytest.raises(AttributeError, match="no attribute 'dragon'"):
        _ = qa.dragon


def test_every_error_is_a_qa_error_and_stands_in_the_tree():
    tree = errors.__doc__
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, Exception):
            assert issubclass(value, errors.QAError)
            assert name in tree


def test_the_package_is_typed_and_its_version_is_the_installed_one():
    assert (ROOT / "py.typed").exists()
    assert distribution("china-ai-qa").version == qa.__version__


def test_constraints_pin_every_package_that_the_project_needs():
    pins = {}
    for line in (CHECKOUT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][^+\s]*", line), line
            name, _, version = line.partition("==")
            pins[_canonical(name)] = version
    needed = _closure("china-ai-qa", {"test", "eval", "check"})
    assert needed - pins.keys() == set()


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _closure(name: str, extras: set[str]) -> set[str]:
    from packaging.requirements import Requirement

    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [(name, frozenset(extras))]
    while todo:
        name, wanted = todo.pop()
        if (_canonical(name), wanted) in seen:
            continue
        seen.add((_canonical(name), wanted))
        for raw in distribution(name).requires or []:
            requirement = Requirement(raw)
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": e}) for e in (*wanted, "")):
                todo.append((requirement.name, frozenset(requirement.extras)))
    return {n for n, _ in seen} - {"china-ai-qa"}


def test_the_shipped_question_sets_can_be_read():
    from qa.evaluation.questions import SETS, load_questions

    for name in SETS:
        questions = load_questions(name)
        assert len({q.id for q in questions}) == len(questions) >= 60
        assert all(q.documents and q.expect for q in questions if q.answerable)


def test_the_shipped_questions_expect_documents_of_the_corpus():
    from qa.documents import load_corpus
    from qa.evaluation.questions import SETS, load_questions

    ids = {d.id for d in load_corpus(CHECKOUT / "corpus").documents}
    unknown = {d for name in SETS for q in load_questions(name) for d in q.documents} - ids
    assert unknown == set()
