"""Find sources that disagree: the same quantity of the same thing at the same time, other values.

Three roads lead to a conflict: a sentence that itself tells of differing accounts (``told``), two
sentences alike in words and dates with other values (``rivals``), and, where the question asks for a
disagreement, the values that the chosen sentences give for one quantity (``disagreement``). A newer value of
the same quantity is no conflict: the older one is outdated (``superseded``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Literal

from qa.answering.accounts import DIFFERS, comparable, factor, levels, rounded
from qa.answering.answer import Conflict, ConflictValue
from qa.answering.compose import flat, speaks_for
from qa.answering.evidence import Candidate, latest_date
from qa.answering.facts import dates_of, tokens_of
from qa.text.quantities import Quantity

ALIKE = 0.7  # share of words in common from which two sentences speak of the same thing
NEIGHBOURS = 0.3  # the same where one of two neighbouring sentences says that accounts differ
OUTDATES = 0.6  # the same for a newer value, whose sentence names another time besides
APART = 1.8  # values further apart than this factor are other quantities, not rival counts
ASKED_APART = 20.0  # the same where the question says that they differ
NEARLY = 0.75  # share of the best coverage of the question from which a sentence speaks of the same quantity
# Words by which a sentence says that it differs from the one before it.
_DIFFERS_FROM = re.compile(
    r"\b(?:do(?:es)? not (?:fully )?agree|far (?:more|less|fewer|higher|lower)|much (?:higher|lower))\b|有出入|不同数字|不尽一致|高得多|低得多",
    re.IGNORECASE,
)
Value = tuple[Candidate, Quantity]


def rivals(best: Candidate, pool: Sequence[Candidate], neighbours: bool = True) -> list[tuple[Candidate, Quantity, Quantity]]:
    """Return sentences that give another value for the quantity that the best sentence gives.

    Two values conflict if they have the same kind and unit, differ by no more than a factor, and
    stand in two sentences with the same dates and mostly the same words, or in neighbouring
    sentences of which one says that accounts differ (where ``neighbours`` are asked for).
    """
    found: list[tuple[Candidate, Quantity, Quantity]] = []
    when = {d.value for d in dates_of(best.text)}
    if len(when) > 2:  # a series: its values belong to different dates
        return []
    for other in pool:
        if other.row == best.row:
            continue
        pair = _pair(best, other)
        if pair is None:
            continue
        neighbour = neighbours and other.passage == best.passage and abs(other.row - best.row) == 1
        said = neighbour and any(p.search(t) for p in (DIFFERS, _DIFFERS_FROM) for t in (other.text, best.text))
        same_time = bool(when) and {d.value for d in dates_of(other.text)} == when
        near = same_time and alike(best, other) >= ALIKE and other.met.product >= best.met.product
        if near or (said and alike(best, other) >= NEIGHBOURS):
            found.append((other, *pair))
    return found


def disagreement(chosen: Sequence[Candidate], said: Collection[float], dated: bool) -> list[Value]:
    """Return the values that sentences give for one quantity, for a question that asks how accounts differ.

    The quantity for which most sentences give a value is taken; fewer than two values are none.
    """
    best: list[Value] = []
    most = max((c.features["coverage"] for c in chosen), default=0.0)
    near = [c for c in chosen if c.features["coverage"] >= NEARLY * most]
    for first in near:
        anchors = dates_of(first.text) if dated else levels(first.text)
        for anchor in anchors:
            if anchor.value in said:
                continue
            group = [(first, anchor)]
            for other in near:
                values = dates_of(other.text) if dated else levels(other.text)
                fresh = (
                    q for q in values
                    if q.value not in said and all(q.value != v.value for _, v in group)
                    and (dated or (comparable(q, anchor) and factor(q, anchor) <= ASKED_APART))
                )  # fmt: skip
                found = next(fresh, None) if other is not first else None
                if found is not None:
                    group.append((other, found))
            if len(group) > max(1, len(best)):
                best = group
    return best


def named_values(question: str) -> bool:
    """Tell whether a question itself names two values that might be of one quantity."""
    values = levels(question)
    return any(comparable(a, b) and 1 < factor(a, b) <= APART for i, a in enumerate(values) for b in values[i + 1 :])


def superseded(chosen: Sequence[Candidate]) -> dict[int, int]:
    """Map each sentence with an outdated value to the one with the newest value of the same quantity.

    Returns:
        Positions in ``chosen``.
    """
    newer: dict[int, int] = {}
    for i, old in enumerate(chosen):
        for j, new in enumerate(chosen):
            older = 0 < _until(old) < _until(new) and (i not in newer or _until(chosen[newer[i]]) < _until(new))
            if older and _pair(old, new, APART * 3) and alike(old, new) >= OUTDATES:
                newer[i] = j
    return newer


def _until(candidate: Candidate) -> int:
    """Return the last day of the latest date of a sentence, as YYYYMMDD; 0 for none."""
    value = latest_date(candidate)
    year, month, day = value // 10_000, value // 100 % 100, value % 100
    return year * 10_000 + (month or 12) * 100 + (day or 31) if year else 0


def conflict(what: str, values: Sequence[tuple[Candidate, int, Quantity]]) -> Conflict:
    """Present the values that disagree, each with its date and citation, and which is newer or primary."""
    dates = [speaks_for(c) for c, _, _ in values]
    newest = max(dates)
    rows = [c.row for c, _, _ in values]
    several = len({d[:4] for d in dates}) > 1 or len({d[:7] for d in dates if len(d) > 4}) > 1
    return Conflict(
        what=flat(what),
        values=tuple(
            ConflictValue(
                value=candidate.text[quantity.start : quantity.end].strip(),
                unit="" if quantity.kind in ("count", "date", "year") else quantity.unit,
                date=date,
                citation=number,
                note=_note(candidate, rows.count(candidate.row) == 1, several and date == newest and dates.count(newest) == 1),
            )
            for (candidate, number, quantity), date in zip(values, dates, strict=True)
        ),
    )


def _note(candidate: Candidate, alone: bool, newest: bool) -> Literal["", "newer", "primary"]:
    sources = candidate.document.sources_of(candidate.start, candidate.end)
    words = tokens_of(candidate.text)
    # Who counted it says so: the publisher of the source is named in the sentence. One that gives both values may have it from others.
    if alone and any(tokens_of(s.publisher) and tokens_of(s.publisher) <= words for s in sources):
        return "primary"
    return "newer" if newest else ""


def alike(one: Candidate, other: Candidate) -> float:
    """Return the share of words in common, of the sentence with fewer."""
    here, there = _words(one.text), _words(other.text)
    return len(here & there) / min(len(here), len(there)) if here and there else 0.0


def _pair(best: Candidate, other: Candidate, apart: float = APART) -> tuple[Quantity, Quantity] | None:
    """Return the first two quantities of the same kind and unit that differ by little."""
    here, there = levels(best.text), levels(other.text)
    shared = {(q.kind, q.value) for q in here} & {(q.kind, q.value) for q in there}
    for a in here:
        for b in there:
            if a.kind != b.kind or a.unit != b.unit or (a.kind == "count" and not a.unit):
                continue
            if factor(a, b) > apart or rounded(a.value, b.value):
                continue
            if not shared & {(a.kind, a.value), (b.kind, b.value)}:
                return a, b
    return None


@lru_cache(maxsize=50_000)
def _words(text: str) -> frozenset[str]:
    return frozenset(t for t in tokens_of(text) if not t[0].isdigit())
