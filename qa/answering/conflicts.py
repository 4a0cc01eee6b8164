"""Find sources that disagree: the same quantity of the same thing at the same time, other values."""

from __future__ import annotations

from collections.abc import Sequence

from qa.answering.answer import Conflict, ConflictValue
from qa.answering.compose import flat, speaks_for
from qa.answering.evidence import Candidate
from qa.answering.facts import dates_of, quantities_of, tokens_of
from qa.text.quantities import Quantity

ALIKE = 0.45  # share of words in common from which two sentences speak of the same thing
APART = 2.5  # values further apart than this factor are other quantities, not rival counts


def rivals(best: Candidate, pool: Sequence[Candidate]) -> list[tuple[Candidate, Quantity, Quantity]]:
    """Return sentences that give another value for the quantity that the best sentence gives.

    Two values conflict if they have the same kind and unit, stand in sentences with the same
    dates that share most of their other words, and differ, but by no more than a factor.
    """
    found = []
    own_dates = {d.value for d in dates_of(best.text)}
    words = _words(best.text)
    for other in pool:
        if other.row == best.row or not own_dates or {d.value for d in dates_of(other.text)} != own_dates:
            continue
        there = _words(other.text)
        if not words or len(words & there) / min(len(words), len(there) or 1) < ALIKE:
            continue
        pairs = [
            (a, b)
            for a in quantities_of(best.text)
            for b in quantities_of(other.text)
            if a.kind == b.kind and a.unit == b.unit and a.kind != "count" or (a.kind == b.kind == "count" and a.unit and a.unit == b.unit)
        ]
        values_here = {(q.kind, q.unit, q.value) for q in quantities_of(best.text)}
        values_there = {(q.kind, q.unit, q.value) for q in quantities_of(other.text)}
        for a, b in pairs:
            if a.value == b.value or not a.value or not b.value or max(a.value, b.value) / min(a.value, b.value) > APART:
                continue
            if (b.kind, b.unit, b.value) in values_here or (a.kind, a.unit, a.value) in values_there:
                continue
            found.append((other, a, b))
            break
    return found


def _words(text: str) -> frozenset[str]:
    return frozenset(t for t in tokens_of(text) if not t[0].isdigit())


def conflict(best: Candidate, best_number: int, found: Sequence[tuple[Candidate, int, Quantity, Quantity]]) -> Conflict:
    """Present the values that disagree, each with its date and citation."""
    first = found[0][2]
    values = [ConflictValue(value=best.text[first.start : first.end].strip(), unit=first.unit, date=speaks_for(best), citation=best_number)]
    for other, number, _, quantity in found:
        values.append(
            ConflictValue(
                value=other.text[quantity.start : quantity.end].strip(), unit=quantity.unit, date=speaks_for(other), citation=number
            )
        )
    return Conflict(what=flat(best.text), values=tuple(values))
