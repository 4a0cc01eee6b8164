"""Judging, comparing with a baseline, and writing the report: no model, answers made by hand."""

import json
import re
from types import SimpleNamespace

import pytest

from qa.answering.answer import Answer, Citation, Conflict, ConflictValue, Sentence
from qa.errors import BadQuestion, EvaluationError, MissingExtra, UnknownDocument
from qa.evaluation import report as report_module
from qa.evaluation.compare import Bits, baseline_text, compare, question_digest, read_baseline
from qa.evaluation.questions import Question
from qa.evaluation.report import evaluate
from qa.evaluation.run import Outcome, cited, fingerprint, judge, own_words, plain, reported, run, summarise
from qa.text.glossary import Glossary

# -- by hand: questions, answers, outcomes ------------------------------------------------------


def ask(id="q1", kind="number", expect=("12",), documents=("d",), language="en", **more):
    none = kind == "unanswerable"
    return Question(
        id=id, kind=kind, language=language, question=more.pop("question", f"What of {id}?"), expect=() if none else expect,
        documents=() if none else documents, **more,
    )  # fmt: skip


def cite(number, quote, document_id="d", start=0):
    return Citation(
        number=number, quote=quote, document_id=document_id, title="", section="", start=start, end=start + len(quote), as_of="2025",
        sources=(), score=1.0,
    )  # fmt: skip


def reply(*sentences, abstained=False, confidence=0.9, text=None, citations=None, conflicts=(), ms=1.0, hits=()):
    """An answer that quotes each sentence; a pair is a sentence and its citation numbers."""
    pairs = [s if isinstance(s, tuple) else (s, (n,)) for n, s in enumerate(sentences, 1)]
    if citations is None:
        citations = [cite(n, s) for n, (s, _) in enumerate(pairs, 1)]
    shown = " ".join(s + "".join(f" [{n}]" for n in numbers) for s, numbers in pairs)
    return Answer(
        question="", standalone_question="", text=shown if text is None else text,
        sentences=tuple(Sentence(text=s, citations=numbers, support="supported") for s, numbers in pairs),
        citations=tuple(citations), hits=hits, abstained=abstained, missing=(), conflicts=conflicts, confidence=confidence, language="en",
        mode="extractive", kind="number", timings_ms={"total": ms},
    )  # fmt: skip


NONE = reply(abstained=True, confidence=0.1, text="The corpus does not answer this.")


def outcome(question, answer=None, verdict=None, valid=True, milliseconds=10.0):
    """An outcome with the verdict that its answer earns, or with the one given."""
    answer = answer or (NONE if verdict in ("refused", "withheld") else reply("It is 12."))
    verdict = verdict or judge(question, answer)
    return Outcome(
        question, answer, verdict, verdict == "right", (True,) * len(answer.citations), valid, ((True, (True,)),) * len(answer.sentences),
        milliseconds,
    )  # fmt: skip


# -- judging -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "answer", "verdict"),
    [
        (ask(), reply("It is 12."), "right"),
        (ask(), reply("It is 13."), "wrong"),
        (ask(expect=("12", "13")), reply("It is 12."), "wrong"),
        (ask(expect=("12", "13")), reply("It is 12.", "It was 13."), "right"),
        (ask(), NONE, "refused"),
        (ask(), reply(abstained=True, text="Not found; nearest: 12."), "refused"),
        (ask(kind="unanswerable"), NONE, "withheld"),
        (ask(kind="unanswerable"), reply("It is 12."), "overreached"),
    ],
)
def test_verdicts(question, answer, verdict):
    assert judge(question, answer) == verdict


def test_a_citation_mark_cannot_meet_a_pattern():
    assert judge(ask(expect=(r"\b1\b",)), reply("Nothing of the kind.")) == "wrong"
    assert plain("It is so. [1] [12] Or so.[3]") == "It is so. Or so."


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (reply("One.", "Two."), True),
        (NONE, True),
        (reply(), False),  # an answer that says nothing cited
        (reply(("One.", ())), False),
        (reply(("One.", (1, 2)), citations=[cite(1, "One.")]), False),
        (reply("One.", text="One. [1] [2]"), False),
        (reply(("One.", (1,)), citations=[cite(1, "One."), cite(1, "Two.")]), False),
    ],
)
def test_every_sentence_and_mark_needs_a_citation(answer, whole):
    assert cited(answer) is whole


def test_words_outside_cited_sentences_are_found():
    answer = reply("A has 3.", "B has 2.", text="A has 3. [1] B has 2. [2] Difference (computed): 1")
    assert own_words(answer) == "Difference (computed): 1"
    assert own_words(reply("A has\n3.", text="A has 3. [1]")) == ""


TEXT = "It is 12. It was 13."


def judged(question, answer):
    return run([question], lambda q: answer, lambda c: TEXT[c.start : c.end] == c.quote, lambda s, quotes: any(s in q for q in quotes))[0]


def test_run_judges_citations_against_their_slices():
    one = judged(ask(), reply("It is 12."))
    assert (one.verdict, one.first_right, one.citations_valid, one.valid, one.statements) == ("right", True, (True,), True, ((True, (True,)),))

    moved = judged(ask(), reply("It is 12.", citations=[cite(1, "It is 12.", start=1)]))
    assert (moved.verdict, moved.citations_valid, moved.valid) == ("right", (False,), False)
    assert moved.statements == ((False, (False,)),)  # a quote that stands nowhere supports nothing


def test_run_tells_the_first_sentence_from_the_whole():
    second = judged(ask(), reply("It was 13.", "It is 12.", citations=[cite(1, "It was 13.", start=10), cite(2, "It is 12.")]))
    assert (second.verdict, second.first_right, second.valid) == ("right", False, True)


def test_run_finds_a_citation_that_is_not_needed():
    both = judged(ask(), reply(("It is 12.", (1, 2)), citations=[cite(1, "It is 12."), cite(2, "It was 13.", start=10)]))
    assert both.statements == ((True, (True, False)),)


def test_a_conflict_counts_as_reported_with_all_its_values():
    question = ask(kind="conflict", expect=("12", "13"))
    values = [ConflictValue(value=v, unit="", date="2025", citation=n) for n, v in ((1, "12"), (2, "13"))]
    answer = reply("It is 12.", "It is 13.", conflicts=(Conflict(what="it", values=tuple(values)),))
    assert reported(outcome(question, answer))
    assert not reported(outcome(question, reply("It is 12.", "It is 13.")))  # shown, but not as a conflict
    assert not reported(outcome(question, reply("It is 12.", "It is 13.", conflicts=(Conflict(what="it", values=(values[0],)),))))


def counted(value):
    return value["count"], value["n"]


def test_summary_by_hand():
    values = tuple(ConflictValue(value=v, unit="", date="2025", citation=n) for n, v in ((1, "12"), (2, "13")))
    conflict = Conflict(what="it", values=values)
    outcomes = [
        outcome(ask("a"), milliseconds=10),
        outcome(ask("b", language="zh", cross_lingual=True), reply("是13。", confidence=0.5), milliseconds=20),
        outcome(ask("c", kind="comparison"), NONE, milliseconds=30),
        outcome(ask("d", kind="temporal"), milliseconds=40),
        outcome(ask("e", kind="followup", history=("And?",)), reply("It is 12.", conflicts=(conflict,))),
        outcome(ask("f", kind="conflict", expect=("12", "13")), reply("It is 12.", "It is 13.", conflicts=(conflict,))),
        outcome(ask("g", kind="conflict", expect=("12", "13"))),
        outcome(ask("h", kind="unanswerable", near_miss=True)),
        outcome(ask("i", kind="unanswerable", near_miss=True), NONE),
        outcome(ask("j", kind="unanswerable"), NONE),
    ]
    s = summarise(outcomes)
    assert s["questions"] == 10
    assert s["verdicts"] == {"right": 4, "wrong": 2, "refused": 1, "withheld": 2, "overreached": 1}
    assert counted(s["answer_accuracy"]) == (4, 7)
    assert counted(s["comparison_accuracy"]) == (0, 1)
    assert counted(s["temporal_accuracy"]) == (1, 1)
    assert counted(s["followup_accuracy"]) == (1, 1)
    assert counted(s["cross_lingual_accuracy"]) == (0, 1)
    assert counted(s["change_accuracy"]) == (0, 0)
    assert counted(s["conflicts"]["both_values"]) == (1, 2)
    assert counted(s["conflicts"]["reported"]) == (1, 2)
    assert counted(s["conflicts"]["reported_elsewhere"]) == (1, 8)
    assert counted(s["citations"]["validity"]) == (7, 7)  # answers given
    assert counted(s["citations"]["recall"]) == (8, 8)  # sentences
    assert counted(s["citations"]["expected_document"]) == (6, 6)
    assert counted(s["abstention"]["precision"]) == (2, 3)
    assert counted(s["abstention"]["recall"]) == (2, 3)
    assert counted(s["abstention"]["answerable_refused"]) == (1, 7)
    assert counted(s["abstention"]["near_miss"]) == (1, 2)
    assert counted(s["abstention"]["far"]) == (1, 1)
    assert s["calibration"]["n"] == 7
    assert s["calibration"]["points"] == [[0.5, 0.0, 1], [0.9, pytest.approx(4 / 6, abs=1e-4), 6]]
    assert s["risk_coverage"] == [[6 / 10, pytest.approx(2 / 6, abs=1e-4)], [7 / 10, pytest.approx(3 / 7, abs=1e-4)]]
    assert s["length"]["sentences"]["mean"] == pytest.approx(8 / 7, abs=0.01)
    assert s["length"]["characters"]["zh"]["mean"] == len("是13。")
    assert s["latency_ms"]["max"] == 40
    assert counted(s["by_kind"]["conflict"]["right"]) == (1, 2)
    assert counted(s["by_kind"]["unanswerable"]["right"]) == (0, 0)
    assert counted(s["by_kind"]["unanswerable"]["withheld"]) == (2, 3)
    assert counted(s["by_language"]["en"]["right"]) == (4, 6)
    assert counted(s["by_language"]["zh"]["right"]) == (0, 1)
    assert counted(s["by_language"]["zh, cross-lingual"]["right"]) == (0, 1)
    assert counted(s["by_kind_and_language"]["number"]["zh"]["right"]) == (0, 1)
    assert s["retrieval"]["success@1"] == 0


def test_summary_without_answers_or_answerable_questions():
    s = summarise([outcome(ask(kind="unanswerable"), NONE)])
    assert s["answer_accuracy"]["share"] is None
    assert s["retrieval"] == {"n": 0}
    assert s["risk_coverage"] == []
    assert s["calibration"]["ece"] is None
    assert s["length"]["sentences"] == {"n": 0}


def test_fingerprint_sees_all_but_timings():
    def of(answer):
        return fingerprint([outcome(ask(), answer)])

    assert of(reply("It is 12.", ms=1)) == of(reply("It is 12.", ms=2))
    assert of(reply("It is 12.")) != of(reply("It is 12.", confidence=0.91))


# -- comparing ---------------------------------------------------------------------------------


def before_and_after(verdicts, kind="number", invalid=()):
    """Outcomes with the later verdicts, and a baseline with the earlier ones, of pairs of verdicts."""
    questions = [ask(f"q{n}", kind=kind) for n in range(len(verdicts))]
    early = [outcome(q, verdict=old) for q, (old, _) in zip(questions, verdicts, strict=True)]
    late = [outcome(q, verdict=new, valid=q.id not in invalid) for q, (_, new) in zip(questions, verdicts, strict=True)]
    return early, late


def compared(early, late, tmp_path, name="dev"):
    path = tmp_path / "baseline.json"
    path.write_text(baseline_text(name, early, summarise(early), 1), encoding="utf-8")
    return compare(name, late, read_baseline(path))


@pytest.mark.parametrize(
    ("lost", "won", "p", "word"),
    [
        (5, 0, 1 / 2**5, "worse"),
        (4, 0, 1 / 2**4, "no significant change"),
        (6, 1, (7 + 1) / 2**7, "no significant change"),  # six or seven of seven
        (8, 1, (9 + 1) / 2**9, "worse"),
        (0, 5, 1 / 2**5, "better"),
        (3, 3, 1.0, "no significant change"),
        (0, 0, 1.0, "no significant change"),
    ],
)
def test_answer_accuracy_is_compared_by_the_exact_paired_test(tmp_path, lost, won, p, word):
    verdicts = [("right", "wrong")] * lost + [("wrong", "right")] * won + [("right", "right")] * 4
    change = compared(*before_and_after(verdicts), tmp_path).changes[0]
    assert change.name == "answer accuracy"
    assert (change.before, change.after, change.n) == ((lost + 4) / len(verdicts), (won + 4) / len(verdicts), len(verdicts))
    assert change.p == pytest.approx(p)
    assert change.word == word


def test_a_significant_loss_of_accuracy_fails_and_is_named(tmp_path):
    comparison = compared(*before_and_after([("right", "wrong")] * 5 + [("right", "right")] * 5), tmp_path)
    assert comparison.failures == ("answer accuracy fell from 100.0% to 50.0% over 10 questions (p = 0.0312)",)
    assert comparison.worse[0] == ("q0", "right", "wrong")
    assert (len(comparison.worse), comparison.better) == (5, ())


def test_an_insignificant_loss_passes(tmp_path):
    comparison = compared(*before_and_after([("right", "refused")] * 2 + [("right", "right")] * 8), tmp_path)
    assert comparison.failures == ()
    assert comparison.worse == (("q0", "right", "refused"), ("q1", "right", "refused"))


@pytest.mark.parametrize(("n", "fails"), [(6, True), (4, False)])
def test_abstention_f1_is_compared_by_a_paired_randomisation_test(tmp_path, n, fails):
    early, late = before_and_after([("withheld", "overreached")] * n, kind="unanswerable")
    comparison = compared(early, late, tmp_path)
    (change,) = comparison.changes
    # Only the one arrangement of 2**n in which nothing is swapped loses as much.
    assert (change.name, change.before, change.after, change.p) == ("abstention F1", 1.0, 0.0, 1 / 2**n)
    assert bool(comparison.failures) is fails


def test_abstention_f1_that_grows_is_better(tmp_path):
    early, late = before_and_after([("overreached", "withheld")] * 6, kind="unanswerable")
    comparison = compared(early, late, tmp_path)
    assert (comparison.changes[0].word, comparison.failures, len(comparison.better)) == ("better", (), 6)


def test_a_citation_that_is_not_valid_fails_whatever_the_baseline(tmp_path):
    early, late = before_and_after([("wrong", "right")] * 3, invalid=("q1",))
    assert compared(early, late, tmp_path).failures == ("1 of 3 answers hold a citation that is not valid: q1",)


def test_many_invalid_answers_are_named_in_one_line(tmp_path):
    early, late = before_and_after([("right", "right")] * 12, invalid={f"q{n}" for n in range(12)})
    assert compared(early, late, tmp_path).failures[0].endswith("q9 and 2 more")


def test_questions_that_changed_or_are_new_are_left_out(tmp_path):
    early = [outcome(ask("q1")), outcome(ask("q2")), outcome(ask("gone"))]
    late = [outcome(ask("q1")), outcome(ask("q2", question="Worded anew?")), outcome(ask("q3"))]
    comparison = compared(early, late, tmp_path)
    assert (comparison.paired, comparison.unpaired) == (1, 2)


def test_a_subset_is_compared_with_its_part_of_the_baseline(tmp_path):
    early, late = before_and_after([("right", "right")] * 10)
    assert compared(early, late[::5], tmp_path).paired == 2


def test_a_baseline_of_another_set_or_other_questions_is_refused(tmp_path):
    early = [outcome(ask("q1"))]
    with pytest.raises(EvaluationError, match=r"no question of dev reads as it did in the baseline; .* qa eval dev --out DIR"):
        compared(early, [outcome(ask("q9"))], tmp_path)
    path = tmp_path / "baseline.json"
    with pytest.raises(EvaluationError, match="the baseline holds dev, not test"):
        compare("test", early, read_baseline(path))


def test_baseline_keeps_other_sets_and_one_line_a_question(tmp_path):
    path = tmp_path / "baseline.json"
    dev, test = [outcome(ask("q1"))], [outcome(ask("q2"), verdict="wrong", valid=False)]
    path.write_text(baseline_text("dev", dev, summarise(dev), 1))
    path.write_text(baseline_text("test", test, summarise(test), 5, read_baseline(path)))
    text = path.read_text()
    both = read_baseline(path)
    assert list(both.sets) == ["dev", "test"]
    assert both.sets["dev"].questions == {"q1": Bits("right", True, True, question_digest(ask("q1")))}
    assert both.sets["test"].questions == {"q2": Bits("wrong", False, False, question_digest(ask("q2")))}
    assert both.sets["test"].subset == 5
    assert both.sets["dev"].summary["answer_accuracy"]["count"] == 1
    assert re.search(r'^ +"q2": \[ "wrong", false, false, "[0-9a-f]{8}" \]$', text, re.MULTILINE)


def test_question_digest_changes_with_what_is_expected():
    assert question_digest(ask()) == question_digest(ask())
    assert len({question_digest(q) for q in (ask(), ask(expect=("13",)), ask(question="Other?"), ask(documents=("e",)))}) == 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not a baseline .the file: Invalid JSON"),
        ('{"format": 2, "sets": {}}', "not a baseline .format: Input should be 1"),
        ('{"format": 1}', "not a baseline .sets: Field required"),
        (
            '{"format": 1, "sets": {"dev": {"subset": 1, "summary": {}, "questions": {"q": ["odd", true, true, ""]}}}}',
            r"not a baseline .sets\.dev\.questions\.q",
        ),
    ],
)
def test_broken_baselines_are_refused(tmp_path, text, problem):
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=problem):
        read_baseline(path)


def test_a_missing_baseline_is_named(tmp_path):
    with pytest.raises(EvaluationError, match=r"nothing\.json: cannot be read as a baseline; write one with: qa eval"):
        read_baseline(tmp_path / "nothing.json")


# -- the whole way -----------------------------------------------------------------------------


class FakeAssistant:
    """Answers from a table; a question that is not in it is withheld."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []
        manifest = SimpleNamespace(documents=1, passages=1, model="none", corpus="0")
        self.snapshot = SimpleNamespace(glossary=Glossary(()), manifest=manifest)

    def ask(self, question, history=()):
        self.asked.append((question, tuple(history)))
        return self.answers.get(question, NONE)

    def document(self, document_id):
        if document_id != "d":
            raise UnknownDocument("none")
        return SimpleNamespace(text=TEXT)


SET = [
    {"id": "a", "language": "en", "kind": "number", "question": "How many <b>now</b>?", "expect": ["12"], "documents": ["d"]},
    {"id": "b", "language": "zh", "kind": "followup", "question": "$那 | 呢？", "history": ["多少？"], "expect": ["13"], "documents": ["d"]},
    {"id": "c", "language": "en", "kind": "unanswerable", "question": "Who?", "expect": [], "documents": [], "near_miss": True},
]
ANSWERS = {"How many <b>now</b>?": reply("It is 12."), "$那 | 呢？": reply("It is 12.", confidence=0.4)}


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(q, ensure_ascii=False) + "\n" for q in SET), encoding="utf-8")
    return str(path)


def test_evaluate_without_a_folder_writes_nothing(questions, tmp_path):
    assistant = FakeAssistant(ANSWERS)
    result = evaluate(assistant, questions)
    assert (result.name, result.failures, result.files) == ("own.jsonl", (), ())
    assert result.report["summary"]["verdicts"] == {"right": 1, "wrong": 1, "refused": 0, "withheld": 1, "overreached": 0}
    assert "| answer accuracy | 50.0% | 9.5% to 90.5% | 1/2 |" in result.markdown
    assert ("$那 | 呢？", ("多少？",)) in assistant.asked
    assert list(tmp_path.iterdir()) == [tmp_path / "own.jsonl"]


def test_evaluate_writes_the_report(questions, tmp_path):
    out = tmp_path / "deep" / "out"
    result = evaluate(FakeAssistant(ANSWERS), questions, out, determinism=True)
    assert sorted(f.name for f in result.files) == sorted(f.name for f in out.iterdir())
    assert {f.name for f in result.files} == {
        "report.json", "report.md", "report.html", "answers.jsonl", "baseline.json",
        "accuracy.png", "reliability.png", "risk_coverage.png", "latency.png",
    }  # fmt: skip
    assert json.loads((out / "report.json").read_text()) == result.report
    assert result.report["determinism"] == {"same": True, "differing": []}
    for plot in out.glob("*.png"):
        assert plot.read_bytes().startswith(b"\x89PNG")
        assert f"]({plot.name})" in (out / "report.md").read_text()
    rows = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    assert [(r["id"], r["verdict"]) for r in rows] == [("a", "right"), ("b", "wrong"), ("c", "withheld")]
    assert rows[0]["citations"] == [{"number": 1, "document_id": "d", "quote": "It is 12."}]
    assert rows[1]["confidence"] == 0.4


def test_the_page_is_self_contained_and_escaped(questions, tmp_path):
    evil = reply("It is 12.", text="It is <script>alert(1)</script> [1]")
    evaluate(FakeAssistant({**ANSWERS, "How many <b>now</b>?": evil}), questions, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert not re.search(r"(src|href)=[\"'](?!data:)|url\(|@import|<link|<script", page)
    assert "How many &lt;b&gt;now&lt;/b&gt;?" in page
    assert "$那 | 呢？" in page


def test_two_runs_write_the_same_answers_and_baseline(questions, tmp_path):
    for name in ("one", "two"):
        evaluate(FakeAssistant(ANSWERS), questions, tmp_path / name)
    assert (tmp_path / "one" / "answers.jsonl").read_bytes() == (tmp_path / "two" / "answers.jsonl").read_bytes()


def test_evaluate_compares_with_a_baseline_and_passes(questions, tmp_path):
    evaluate(FakeAssistant(ANSWERS), questions, tmp_path / "out")
    result = evaluate(FakeAssistant(ANSWERS), questions, compare=tmp_path / "out" / "baseline.json")
    assert result.failures == ()
    assert result.report["comparison"]["paired"] == 3
    assert "## Against the baseline" in result.markdown


def test_a_baseline_without_the_set_is_refused_before_anything_is_asked(questions, tmp_path):
    evaluate(FakeAssistant(ANSWERS), questions, tmp_path / "out")
    assistant = FakeAssistant(ANSWERS)
    with pytest.raises(EvaluationError, match=r"the baseline holds own\.jsonl, not test"):
        evaluate(assistant, "test", compare=tmp_path / "out" / "baseline.json")
    assert assistant.asked == []


def test_evaluate_fails_on_an_invalid_citation(questions, tmp_path):
    evaluate(FakeAssistant(ANSWERS), questions, tmp_path / "out")
    for quote, document in (("It is 12!", "d"), ("It is 12.", "elsewhere")):
        broken = reply("It is 12.", citations=[cite(1, quote, document)])
        result = evaluate(FakeAssistant({**ANSWERS, "$那 | 呢？": broken}), questions, compare=tmp_path / "out" / "baseline.json")
        assert result.failures == ("1 of 3 answers hold a citation that is not valid: b",)
        assert "**Failed:**" in result.markdown


def test_answers_that_differ_between_two_runs_fail(questions):
    class Fickle(FakeAssistant):
        def ask(self, question, history=()):
            answer = super().ask(question, history)
            return answer.model_copy(update={"confidence": len(self.asked) / 100}) if question == "Who?" else answer

    result = evaluate(Fickle(ANSWERS), questions, determinism=True)
    assert result.failures == ("a second run gave other answers to 1 of 3 questions: c",)
    assert result.report["determinism"] == {"same": False, "differing": ["c"]}
    assert "different answers to: c" in result.markdown


def test_a_baseline_in_the_folder_keeps_other_sets(questions, tmp_path):
    out = tmp_path / "out"
    evaluate(FakeAssistant(ANSWERS), questions, out)
    evaluate(FakeAssistant(ANSWERS), "dev", out, subset=100)
    assert list(read_baseline(out / "baseline.json").sets) == ["dev", "own.jsonl"]


def test_a_subset_asks_every_nth_question(questions):
    result = evaluate(FakeAssistant(ANSWERS), questions, subset=2)
    assert [q["id"] for q in result.report["questions"]] == ["a", "c"]
    assert result.markdown.startswith("# Evaluation on own.jsonl: 2 questions, one in 2\n")


def test_progress_counts_both_runs(questions):
    seen = []
    evaluate(FakeAssistant(ANSWERS), questions, determinism=True, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 6) for n in range(1, 7)]


@pytest.mark.parametrize("subset", [0, -3])
def test_a_subset_must_be_positive(questions, subset):
    with pytest.raises(EvaluationError, match=f"subset must be at least 1, not {subset}"):
        evaluate(FakeAssistant(ANSWERS), questions, subset=subset)


def test_a_question_that_cannot_be_asked_is_named(questions):
    class Strict(FakeAssistant):
        def ask(self, question, history=()):
            if question == "Who?":
                raise BadQuestion("the question is too long")
            return super().ask(question, history)

    with pytest.raises(EvaluationError, match="question c: the question is too long"):
        evaluate(Strict(ANSWERS), questions)


def test_a_file_where_the_folder_should_be(questions, tmp_path):
    (tmp_path / "out").write_text("mine")
    assistant = FakeAssistant(ANSWERS)
    with pytest.raises(EvaluationError, match="out: cannot be made a folder"):
        evaluate(assistant, questions, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"
    assert assistant.asked == []


def test_a_broken_baseline_in_the_folder_is_kept_and_named(questions, tmp_path):
    (tmp_path / "baseline.json").write_text("mine")
    with pytest.raises(EvaluationError, match=r"baseline\.json: not a baseline"):
        evaluate(FakeAssistant(ANSWERS), questions, tmp_path)
    assert (tmp_path / "baseline.json").read_text() == "mine"


@pytest.mark.parametrize("package", ["ir_measures", "matplotlib", "scipy"])
def test_a_missing_extra_names_its_install_command(questions, monkeypatch, package):
    monkeypatch.setattr(report_module, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(MissingExtra, match=rf'evaluation needs {package}, .* pip install "china-ai-qa\[eval\]"'):
        evaluate(FakeAssistant(ANSWERS), questions)
