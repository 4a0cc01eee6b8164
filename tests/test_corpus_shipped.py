"""The corpus that is shipped: complete, clean, and the ground of its own questions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qa.documents import check_corpus, load_corpus
from qa.documents.corpus import Corpus
from qa.evaluation.questions import load_questions
from qa.text.quantities import quantities

FOLDER = Path(__file__).parents[1] / "corpus"
TIMELINES = (
    "deepseek", "qwen", "ernie", "hunyuan", "kimi", "glm", "manus", "export-controls", "china-countermeasures",
    "national-policy", "huawei-ascend", "humanoid-robots", "robotaxi",
)  # fmt: skip
SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus(FOLDER)


def test_the_check_is_clean() -> None:
    questions = [q.question for name in ("dev", "test") for q in load_questions(name)]
    assert [p.message for p in check_corpus(FOLDER, questions)] == []


def test_it_is_as_broad_as_promised(corpus: Corpus) -> None:
    assert sum(d.language == "en" for d in corpus.documents) >= 130
    assert sum(d.language == "zh" for d in corpus.documents) >= 50
    assert len(corpus.glossary) >= 900
    assert len(corpus.series) >= 70


@pytest.mark.parametrize("subject", TIMELINES)
def test_each_promised_timeline_is_there(corpus: Corpus, subject: str) -> None:
    assert any(d.id == f"{subject}-timeline" for d in corpus.documents)


def test_every_value_of_a_series_stands_in_a_document_with_its_source(corpus: Corpus) -> None:
    numbers = {d.id: _numbers(d.text) for d in corpus.documents}
    missing = []
    for series in corpus.series:
        scale = SCALES.get(series.unit.split()[0], 1.0)
        pages = {s.url for s in series.sources}
        held = set().union(*(numbers[d.id] for d in corpus.documents if pages & {s.url for s in d.sources}))
        for key, value in series.points:
            # "1.2 trillion yuan" for 1200 billion; a loss stands without its sign.
            if not any(abs(abs(value) * factor - n) <= abs(n) * 1e-4 for factor in (scale, 1.0) for n in held):
                missing.append(f"{series.slug} {key}: {value}")
    assert missing == []


@pytest.mark.parametrize("name", ["dev", "test"])
def test_every_expected_answer_stands_in_its_documents(corpus: Corpus, name: str) -> None:
    texts = {d.id: d.text for d in corpus.documents}
    broken = [
        f"{question.id}: {pattern}"
        for question in load_questions(name)
        if question.answerable
        for pattern in question.expect
        if not re.search(pattern, "\n".join(texts[d] for d in question.documents), re.IGNORECASE)
    ]
    assert broken == []


def _numbers(text: str) -> set[float]:
    plain = {float(m.group().replace(",", "").rstrip(".")) for m in re.finditer(r"\d[\d,]*\.?\d*", text)}
    return plain | {q.value for q in quantities(text)}
