"""The training questions and those asked blind: their form, that their evidence stands in the corpus, that none stands twice."""

import json
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from qa.documents.corpus import load_corpus
from qa.evaluation.questions import load_questions

ROOT = Path(__file__).parents[1]
KINDS = {"number", "date", "entity", "yesno", "definition", "list", "comparison", "change", "temporal", "why", "conflict", "general", "unanswerable"}
REASONS = {"", "other_year", "other_period", "other_name", "attribute", "relation", "scope", "off_topic"}


def flat(text):
    return " ".join(text.split())


@pytest.fixture(scope="module")
def rows():
    return [row for name in ("answering_train", "answering_pairs", "further_pairs", "blind_train", "blind_dev", "blind_test") for row in read(name)]


def read(name):
    files = sorted((ROOT / "benchmarks").glob(f"{name}_*.jsonl"))
    assert len(files) == 2
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def texts():
    return {d.id: flat(d.text) for d in load_corpus(ROOT / "corpus").documents}


def test_rows_have_their_form(rows):
    for row in rows:
        assert row["kind"] in KINDS, row
        assert row["language"] in ("en", "zh"), row
        if row["kind"] == "unanswerable":
            assert set(row) <= {"language", "kind", "question", "documents", "why", "missing"}, row
            assert row.get("why", "") in REASONS, row
            assert all(word.lower() in row["question"].lower() for word in row.get("missing", ())), row
        else:
            assert set(row) == {"language", "kind", "question", "documents", "evidence", "answers"}, row
            for field in ("documents", "evidence", "answers"):
                assert row[field], row


def test_evidence_stands_in_its_document_and_holds_the_answers(rows, texts):
    astray = [
        row["question"]
        for row in rows
        if row["kind"] != "unanswerable" and not all(any(flat(sentence) in texts[d] for d in row["documents"]) for sentence in row["evidence"])
    ]
    assert astray == []
    lacking = [
        row["question"]
        for row in rows
        if row["kind"] != "unanswerable" and not all(a.lower() in " ".join(row["evidence"]).lower() for a in row["answers"])
    ]
    assert lacking == []


def test_no_question_is_a_judged_one_or_stands_twice(rows):
    asked = [row["question"].strip().lower() for row in rows]
    assert len(asked) == len(set(asked))
    judged = {q.question.strip().lower() for name in ("dev", "test") for q in load_questions(name)}
    assert judged.isdisjoint(asked)


@pytest.mark.parametrize("name", ["answering_pairs", "further_pairs"])
def test_of_each_pair_one_has_an_answer_and_both_share_words(name):
    rows = read(name)
    assert len(rows) % 2 == 0
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        assert [one["kind"] == "unanswerable", other["kind"] == "unanswerable"] == [False, True], (one, other)
        assert (one["language"], one["documents"][0]) == (other["language"], other["documents"][0]), (one, other)
        assert SequenceMatcher(None, one["question"], other["question"], autojunk=False).ratio() > 0.4, (one, other)
