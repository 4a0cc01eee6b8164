"""Ask every question, judge the answers, count."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from qa.answering.answer import Answer, Citation
from qa.evaluation.metrics import Supports, abstention, calibration, retrieval, risk_coverage, share, spread, statement_support
from qa.evaluation.questions import KINDS, Question

Ask = Callable[[Question], Answer]
Verdict = Literal["right", "wrong", "refused", "withheld", "overreached"]
VERDICTS: dict[str, str] = {
    "right": "answerable, and the answer holds everything expected",
    "wrong": "answerable, and the answer lacks something expected",
    "refused": "answerable, but no answer was given",
    "withheld": "unanswerable, and rightly no answer was given",
    "overreached": "unanswerable, but an answer was given",
}

_MARK = re.compile(r"\s?\[(\d+)\]")


@dataclass(frozen=True)
class Outcome:
    """A question, its answer and the verdict.

    Attributes:
        verdict: one of ``VERDICTS``.
        first_right: the first sentence alone holds everything expected.
        citations_valid: for each citation whether its quote is the slice that it names.
        valid: the above for all of them, and every sentence is cited.
        statements: for each sentence whether its citations support it, and which of them are precise
            (``statement_support``).
        milliseconds: how long the answer took.
    """

    question: Question
    answer: Answer
    verdict: Verdict
    first_right: bool
    citations_valid: tuple[bool, ...]
    valid: bool
    statements: tuple[tuple[bool, tuple[bool, ...]], ...]
    milliseconds: float

    @property
    def good(self) -> bool:
        """Whether the assistant did what it should."""
        return self.verdict in ("right", "withheld")


def plain(text: str) -> str:
    """Take the citation marks out of an answer's text, so that no pattern can match their digits."""
    return _MARK.sub("", text)


def judge(question: Question, answer: Answer) -> Verdict:
    """Judge one answer: right if it meets every pattern, or is withheld where the corpus has none."""
    if not question.answerable:
        return "withheld" if answer.abstained else "overreached"
    if answer.abstained:
        return "refused"
    return "right" if question.met_by(plain(answer.text)) else "wrong"


def cited(answer: Answer) -> bool:
    """Tell whether every sentence of an answer and every mark in its text has a citation.

    An abstention says nothing that needs one; an answer without sentences is not cited.
    """
    numbers = [c.number for c in answer.citations]
    shown = {int(n) for n in _MARK.findall(answer.text)} if not answer.abstained else set()
    return (
        len(set(numbers)) == len(numbers)
        and shown <= set(numbers)
        and all(s.citations and set(s.citations) <= set(numbers) for s in answer.sentences)
        and (answer.abstained or bool(answer.sentences))
    )


def own_words(answer: Answer) -> str:
    """Return what an answer's text says outside its cited sentences: labels, computed differences."""
    text = " ".join(plain(answer.text).split())
    for sentence in answer.sentences:
        text = text.replace(" ".join(plain(sentence.text).split()), " ", 1)
    return " ".join(text.split())


def run(
    questions: Iterable[Question],
    ask: Ask,
    quote_holds: Callable[[Citation], bool],
    supports: Supports,
    step: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """Ask each question once and judge it.

    Args:
        questions: the set.
        ask: answers a question with its history.
        quote_holds: tells whether a citation's quote is the slice that it names.
        supports: tells whether quotes jointly support a sentence.
        step: called after each question.
    """
    outcomes = []
    for question in questions:
        began = time.perf_counter()
        answer = ask(question)
        elapsed = (time.perf_counter() - began) * 1000
        verdict = judge(question, answer)
        first = verdict == "right" and bool(answer.sentences) and question.met_by(plain(answer.sentences[0].text))
        holds = tuple(quote_holds(c) for c in answer.citations)
        quotes = {c.number: c.quote if exact else "" for c, exact in zip(answer.citations, holds, strict=True)}
        statements = []
        for sentence in answer.sentences:
            recall, precise = statement_support(sentence.text, [quotes.get(n, "") for n in sentence.citations], supports)
            statements.append((recall, tuple(precise)))
        outcomes.append(Outcome(question, answer, verdict, first, holds, all(holds) and cited(answer), tuple(statements), elapsed))
        step()
    return outcomes


def reported(outcome: Outcome) -> bool:
    """Tell whether a reported conflict holds every expected value, in the quotes that it cites."""
    quotes = {c.number: c.quote for c in outcome.answer.citations}
    return any(
        outcome.question.met_by("\n".join(quotes.get(v.citation, "") for v in conflict.values)) for conflict in outcome.answer.conflicts
    )


def summarise(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Count everything that the report shows; each share comes with its count and n."""
    answerable = [o for o in outcomes if o.question.answerable]
    unanswerable = [o for o in outcomes if not o.question.answerable]
    given = [o for o in outcomes if not o.answer.abstained]
    confidence, right = [o.answer.confidence for o in given], [o.verdict == "right" for o in given]
    conflict = [o for o in answerable if o.question.kind == "conflict"]
    return {
        "questions": len(outcomes),
        "verdicts": {v: sum(o.verdict == v for o in outcomes) for v in VERDICTS},
        "answer_accuracy": _right(answerable),
        "first_sentence_accuracy": share(o.first_right for o in answerable),
        "comparison_accuracy": _right(answerable, "comparison"),
        "temporal_accuracy": _right(answerable, "temporal"),
        "change_accuracy": _right(answerable, "change"),
        "list_accuracy": _right(answerable, "list"),
        "followup_accuracy": _right(answerable, "followup"),
        "cross_lingual_accuracy": _right([o for o in answerable if o.question.cross_lingual]),
        "conflicts": {
            "both_values": _right(conflict),
            "reported": share(reported(o) for o in conflict),
            "reported_elsewhere": share(bool(o.answer.conflicts) for o in outcomes if o.question.kind != "conflict"),
        },
        "citations": {
            "validity": share(o.valid for o in given),
            "quotes_exact": share(v for o in outcomes for v in o.citations_valid),
            "recall": share(recall for o in outcomes for recall, _ in o.statements),
            "precision": share(p for o in outcomes for _, precise in o.statements for p in precise),
            "expected_document": share(
                any(c.document_id in o.question.documents for c in o.answer.citations) for o in given if o.question.answerable
            ),
            "own_words": share(bool(own_words(o.answer)) for o in given),
        },
        "abstention": abstention([not o.question.answerable for o in outcomes], [o.answer.abstained for o in outcomes])
        | {
            "near_miss": share(o.answer.abstained for o in unanswerable if o.question.near_miss),
            "far": share(o.answer.abstained for o in unanswerable if not o.question.near_miss),
        },
        "retrieval": retrieval([o.question.documents for o in answerable], [[h.document_id for h in o.answer.hits] for o in answerable]),
        "calibration": calibration(confidence, right),
        "risk_coverage": risk_coverage(confidence, right, len(outcomes)),
        "length": {
            "sentences": spread([len(o.answer.sentences) for o in given]),
            "characters": {
                language: spread([len(plain(o.answer.text)) for o in given if o.question.language == language]) for language in ("en", "zh")
            },
        },
        "latency_ms": spread([o.milliseconds for o in outcomes]),
        "by_kind": {kind: _group([o for o in outcomes if o.question.kind == kind]) for kind in _kinds(outcomes)},
        "by_language": {
            name: _group([o for o in outcomes if o.question.language == language and (o.question.cross_lingual or not crossing)])
            for name, language, crossing in (
                ("en", "en", False), ("zh", "zh", False), ("en, cross-lingual", "en", True), ("zh, cross-lingual", "zh", True),
            )
        },
        "by_kind_and_language": {
            kind: {
                language: _group([o for o in outcomes if o.question.kind == kind and o.question.language == language])
                for language in ("en", "zh")
            }
            for kind in _kinds(outcomes)
        },
    }  # fmt: skip


def _kinds(outcomes: Sequence[Outcome]) -> list[str]:
    return [kind for kind in KINDS if any(o.question.kind == kind for o in outcomes)]


def _right(outcomes: Sequence[Outcome], kind: str | None = None) -> dict[str, Any]:
    return share(o.verdict == "right" for o in outcomes if kind in (None, o.question.kind))


def _group(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Count a group: ``right`` is over answerable questions, ``withheld`` over unanswerable ones."""
    answerable = [o for o in outcomes if o.question.answerable]
    return {
        "questions": len(outcomes),
        "right": _right(answerable),
        "first_right": share(o.first_right for o in answerable),
        "refused": share(o.answer.abstained for o in answerable),
        "withheld": share(o.answer.abstained for o in outcomes if not o.question.answerable),
    }


def fingerprint(outcomes: Sequence[Outcome]) -> str:
    """Return all answers as JSON without their timings, for comparing two runs byte by byte."""
    return json.dumps([o.answer.model_dump(exclude={"timings_ms"}) for o in outcomes], ensure_ascii=False, sort_keys=True)
