"""Find sources that disagree: the same quantity of the same thing at the same time, other values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa.answering.answer import Conflict, ConflictValue
from qa.answering.compose import flat, speaks_for
from qa.answering.evidence import Candidate
from qa.answering.facts import dates_of, quantities_of, tokens_of
from qa.text.quantities import Quantity

ALIKE = 0.7  # share of words in common from which two sentences speak of the same thing
APART = 1.8  # values further apart than this factor are other quantities, not rival counts
TOLD_APART = 12.0  # the same where the text itself says that accounts differ: a lost zero is a conflict too
# Words by which a text says that accounts differ.
_DIFFERS = re.compile(
    r"\b(?:(?:is|are|was|were) (?:reported|given|counted|dated|put) (?:differently|as .+ and (?:as|by)|as .+, (?:while|whereas|and))|"
    r"(?:varies|vary|varied|differs?) (?:between|by|with|from)|is not settled|also circulates?|(?:sources|accounts|reports|media) "
    r"(?:disagree|differ|do not agree)|another (?:account|report|source|count|site|summary|blog|tracker) (?:says|gives|puts|has|dates|mentions)|"
    r"(?:other|some) (?:sources|accounts|reports|outlets) (?:say|give|put|have|date|name))"
    r"|说法不一|不一致|另有(?:报道|说法|资料)|也有(?:报道|说法|媒体)|则(?:称|说|记|为)",
    re.IGNORECASE,
)

Rival = tuple[Candidate, Quantity, Quantity]


def rivals(best: Candidate, pool: Sequence[Candidate]) -> list[Rival]:
    """Return sentences that give another value for the quantity that the best sentence gives.

    Two values conflict if they have the same kind and unit, differ by no more than a factor, and
    stand in two sentences with the same dates and mostly the same words, or in neighbouring
    sentences of which one says that accounts differ.
    """
    found: list[Rival] = []
    words, when = _words(best.text), {d.value for d in dates_of(best.text)}
    for other in pool:
        if other.row == best.row:
            continue
        pair = _pair(best, other)
        if pair is None:
            continue
        neighbour = other.passage == best.passage and abs(other.row - best.row) == 1
        said = neighbour and (_DIFFERS.search(other.text) or _DIFFERS.search(best.text))
        there = _words(other.text)
        alike = bool(words and there) and len(words & there) / min(len(words), len(there)) >= ALIKE
        if (said and len(words & there) >= 2) or (alike and when and {d.value for d in dates_of(other.text)} == when):
            found.append((other, *pair))
    return found


def told(candidate: Candidate) -> tuple[Quantity, Quantity] | None:
    """Return the two values of a sentence that itself says that accounts differ."""
    if _DIFFERS.search(candidate.text) is None:
        return None
    values = quantities_of(candidate.text)
    for i, a in enumerate(values):
        for b in values[i + 1 :]:
            alike = a.kind == b.kind and (a.unit == b.unit or a.kind == "count")
            if alike and a.value != b.value and a.value and b.value and max(a.value, b.value) / min(a.value, b.value) <= TOLD_APART:
                return a, b
    dated = [d for d in dates_of(candidate.text) if d.kind == "date"]
    return (dated[0], dated[1]) if len(dated) > 1 and dated[0].value != dated[1].value else None


def _pair(best: Candidate, other: Candidate) -> tuple[Quantity, Quantity] | None:
    """Return the first two quantities of the same kind and unit that differ by little."""
    here, there = quantities_of(best.text), quantities_of(other.text)
    shared = {(q.kind, q.unit, q.value) for q in here} & {(q.kind, q.unit, q.value) for q in there}
    for a in here:
        for b in there:
            if a.kind != b.kind or a.unit != b.unit or (a.kind == "count" and not a.unit):
                continue
            if a.value == b.value or not a.value or not b.value or max(a.value, b.value) / min(a.value, b.value) > APART:
                continue
            if not shared & {(a.kind, a.unit, a.value), (b.kind, b.unit, b.value)}:
                return a, b
    return None


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
