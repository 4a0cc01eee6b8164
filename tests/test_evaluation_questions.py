"""Question files: the shipped sets hold together, broken files are refused with the line."""

import json

import pytest

from qa.errors import EvaluationError
from qa.evaluation.questions import SETS, Question, load_questions

GOOD = {"id": "q1", "language": "en", "kind": "number", "question": "How many?", "expect": ["12"], "documents": ["d"]}
NONE = {"id": "q2", "language": "zh", "kind": "unanswerable", "question": "多少？", "expect": [], "documents": []}


def write(tmp_path, *lines):
    path = tmp_path / "set.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", SETS)
def test_shipped_sets_load(name):
    questions = load_questions(name)
    assert {q.language for q in questions} == {"en", "zh"}
    assert sum(not q.answerable for q in questions) / len(questions) == pytest.approx(1 / 6, abs=0.01)
    assert any(q.near_miss for q in questions)
    assert any(q.cross_lingual for q in questions)


def test_shipped_sets_share_no_question():
    dev, test = (load_questions(name) for name in SETS)
    assert not {q.id for q in dev} & {q.id for q in test}
    assert not {(q.question, q.history) for q in dev} & {(q.question, q.history) for q in test}


def test_expected_documents_are_in_the_corpus():
    from qa.documents.corpus import load_corpus
    from qa.settings import default_corpus

    known = {d.id for d in load_corpus(default_corpus()).documents}
    for name in SETS:
        for question in load_questions(name):
            assert set(question.documents) <= known, question.id


def test_a_file_of_ones_own(tmp_path):
    questions = load_questions(write(tmp_path, GOOD, "", NONE))
    assert [(q.id, q.answerable) for q in questions] == [("q1", True), ("q2", False)]


def test_a_line_separator_inside_a_question_does_not_cut_it(tmp_path):
    (question,) = load_questions(write(tmp_path, {**GOOD, "question": "How\u2028many?"}))
    assert question.question == "How\u2028many?"


def test_every_pattern_must_be_met_in_any_case():
    question = Question.model_validate({**GOOD, "expect": ["12|twelve", "Robots"]})
    assert question.met_by("TWELVE robots")
    assert not question.met_by("12 lorries")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", r":2: not a question: not JSON \(.* at column 2\)"),
        ("[]", ":2: not a question: Input should be a valid dictionary"),
        ({**GOOD, "id": "q3", "expekt": []}, ":2: not a question: expekt: Extra inputs are not permitted"),
        ({k: v for k, v in GOOD.items() if k != "expect"}, ":2: not a question: expect: Field required"),
        ({**GOOD, "id": "q3", "expect": ["(12"]}, r":2: .*the pattern '\(12' is not a regular expression"),
        ({**GOOD, "id": "q3", "language": "de"}, ":2: not a question: language: Input should be 'en' or 'zh'"),
        ({**GOOD, "id": "q3", "kind": "riddle"}, ":2: not a question: kind: Input should be 'number'"),
        ({**GOOD, "id": "q3", "question": ""}, ":2: not a question: question: String should have at least 1 character"),
        ({**GOOD, "id": "q3", "expect": []}, ":2: .*an answerable question needs at least one pattern"),
        ({**GOOD, "id": "q3", "documents": []}, ":2: .*an answerable question needs at least one pattern in expect and one document"),
        ({**NONE, "expect": ["12"]}, ":2: .*an unanswerable question has no patterns"),
        ({**GOOD, "id": "q3", "near_miss": True}, ":2: .*near_miss is for unanswerable questions"),
        ({**GOOD, "id": "q3", "kind": "followup"}, ":2: .*a follow-up needs a history"),
        (GOOD, ":2: the id 'q1' stands twice"),
    ],
)
def test_broken_lines_are_named(tmp_path, line, problem):
    with pytest.raises(EvaluationError, match=problem):
        load_questions(write(tmp_path, GOOD, line))


def test_a_set_that_is_not_there():
    with pytest.raises(EvaluationError, match="nowhere: cannot be read as a question file; give dev, test or a JSON Lines file"):
        load_questions("nowhere")


def test_a_folder_is_not_a_set(tmp_path):
    with pytest.raises(EvaluationError, match="cannot be read as a question file"):
        load_questions(str(tmp_path))


def test_bytes_that_are_not_text(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EvaluationError, match="cannot be read as a question file"):
        load_questions(str(path))


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_set_without_questions(tmp_path, text):
    with pytest.raises(EvaluationError, match="holds no questions"):
        load_questions(write(tmp_path, text))
