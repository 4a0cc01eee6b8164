"""Find sources that disagree: the same quantity of the same thing at the same time, other values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa.answering.answer import Conflict, ConflictValue
from qa.answering.compose import flat, speaks_for
from qa.answering.evidence import Candidate
from qa.answering.facts import dates_of, quantities_of, tokens_of
from qa.text.quantities import Quantity

ALIKE = 0.6  # share of words in common from which two sentences speak of the same thing
APART = 1.8  # values further apart than this factor are other quantities, not rival counts
# Words by which a text says that another value is also given.
_OTHERWISE = re.compile(
    r"\b(?:whereas|while|another (?:account|report|source|site|count|summary|blog|tracker)|other (?:accounts|reports|sources|outlets|summaries)|"
    r"some (?:reports|sources|accounts|outlets|media)|differ(?:s|ent)?|disagree|instead|although|by contrast|puts? (?:it|the|this)|but)\b|"
    r"而|另一|也有|另有|不一致|不同|则(?:称|说|为|估)|有(?:报道|媒体|资料)",
    re.IGNORECASE,
)

Rival = tuple[Candidate, Quantity, Quantity]


def rivals(best: Candidate, pool: Sequence[Candidate]) -> list[Rival]:
    """Return sentences that give another value for the quantity that the best sentence gives.

    Two values conflict if they have the same kind and unit, differ by no more than a factor, and
    stand in two sentences with the same dates and mostly the same words, or in neighbouring
    sentences of which one says that accounts differ. A sentence that gives two values itself is
    its own rival.
    """
    found: list[Rival] = []
    own = _pair(best, best)
    if own and _OTHERWISE.search(best.text):
        found.append((best, *own))
    words, when = _words(best.text), {d.value for d in dates_of(best.text)}
    for other in pool:
        if other.row == best.row:
            continue
        pair = _pair(best, other)
        if pair is None:
            continue
        neighbour = other.passage == best.passage and abs(other.row - best.row) == 1
        said = neighbour and (_OTHERWISE.search(other.text) or _OTHERWISE.search(best.text))
        there = _words(other.text)
        alike = bool(words and there) and len(words & there) / min(len(words), len(there)) >= ALIKE
        if (said and len(words & there) >= 2) or (alike and when and {d.value for d in dates_of(other.text)} == when):
            found.append((other, *pair))
    return found


def _pair(best: Candidate, other: Candidate) -> tuple[Quantity, Quantity] | None:
    """Return the first two quantities of the same kind and unit that differ by little."""
    here, there = quantities_of(best.text), quantities_of(other.text)
    same = best.row == other.row
    shared = set() if same else {(q.kind, q.unit, q.value) for q in here} & {(q.kind, q.unit, q.value) for q in there}
    for i, a in enumerate(here):
        for b in there[i + 1 :] if same else there:
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
