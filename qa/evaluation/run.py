"""Ask every question and judge the answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from qa.answering.answer import Answer
from qa.evaluation.metrics import abstention, calibration, percentiles, retrieval, risk_coverage
from qa.evaluation.questions import Question

Ask = Callable[[Question], Answer]
Slice = Callable[[str, int, int], bool]


@dataclass(frozen=True)
class Outcome:
    """A question, its answer and the verdict."""

    question: Question
    answer: Answer
    right: bool
    first_right: bool
    valid: bool
    milliseconds: float


def judge(question: Question, answer: Answer, valid: bool, milliseconds: float) -> Outcome:
    """Judge one answer: right if it meets every pattern, or abstains where it should."""
    if not question.answerable:
        return Outcome(question, answer, answer.abstained, answer.abstained, valid, milliseconds)
    right = not answer.abstained and question.met_by(answer.text)
    first = right and bool(answer.sentences) and question.met_by(answer.sentences[0].text)
    return Outcome(question, answer, right, first, valid, milliseconds)


def run(questions: Iterable[Question], ask: Ask, quote_holds: Callable[[Any], bool]) -> list[Outcome]:
    """Ask each question once and judge it.

    Args:
        questions: the set.
        ask: answers a question with its history.
        quote_holds: tells whether a citation's quote is the slice that it names.
    """
    outcomes = []
    for question in questions:
        began = time.perf_counter()
        answer = ask(question)
        elapsed = (time.perf_counter() - began) * 1000
        valid = all(quote_holds(c) for c in answer.citations) and all(
            set(s.citations) <= {c.number for c in answer.citations} and s.citations for s in answer.sentences
        )
        outcomes.append(judge(question, answer, valid, elapsed))
    return outcomes


def summarise(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Count everything that the report shows."""
    answerable = [o for o in outcomes if o.question.answerable]
    given = [o for o in outcomes if not o.answer.abstained]
    citations = [c for o in outcomes for c in o.answer.citations]
    relevant = [o for o in answerable if o.answer.citations]
    sentences = [s for o in outcomes for s in o.answer.sentences]
    return {
        "questions": len(outcomes),
        "answer_accuracy": _share(o.right for o in answerable),
        "first_sentence_accuracy": _share(o.first_right for o in answerable),
        "citation_validity": _share(o.valid for o in outcomes),
        "citations": len(citations),
        "cites_expected_document": _share(
            any(c.document_id in o.question.documents for c in o.answer.citations) for o in relevant
        ),
        "supported_sentences": _share(s.support == "supported" for s in sentences),
        "abstention": abstention([not o.question.answerable for o in outcomes], [o.answer.abstained for o in outcomes]),
        "retrieval": retrieval([o.question.documents for o in answerable], [[h.document_id for h in o.answer.hits] for o in answerable]),
        "calibration": calibration([o.answer.confidence for o in outcomes], [o.right if o.question.answerable else False for o in outcomes]),
        "risk_coverage": risk_coverage([o.answer.confidence for o in given], [o.question.answerable and o.right for o in given]) if given else [],
        "latency_ms": percentiles([o.milliseconds for o in outcomes]),
        "mean_sentences": sum(len(o.answer.sentences) for o in given) / max(1, len(given)),
        "by_kind": _by(outcomes, lambda o: o.question.kind),
        "by_language": _by(answerable, lambda o: _language(o.question)),
    }


def _language(question: Question) -> str:
    return f"{question.language} (cross-lingual)" if question.cross_lingual else question.language


def _by(outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> dict[str, dict[str, float]]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(key(outcome), []).append(outcome)
    return {
        name: {
            "questions": len(group),
            "right": _share(o.right for o in group),
            "first_right": _share(o.first_right for o in group),
            "abstained": _share(o.answer.abstained for o in group),
        }
        for name, group in sorted(groups.items())
    }


def _share(values: Iterable[bool]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def fingerprint(outcomes: Sequence[Outcome]) -> str:
    """Return all answers as JSON without their timings, for comparing two runs byte by byte."""
    return json.dumps([o.answer.model_dump(exclude={"timings_ms"}) for o in outcomes], ensure_ascii=False, sort_keys=True)
