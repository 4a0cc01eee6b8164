"""Find sources that disagree: the same quantity of the same thing at the same time, other values.

Three roads lead to a conflict: a sentence that itself tells of differing accounts (``told``), two
sentences alike in words and dates with other values (``rivals``), and, where the question asks for a
disagreement, the values that the chosen sentences give for one quantity (``disagreement``). A newer value of
the same quantity is no conflict: the older one is outdated (``superseded``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Literal

from qa.answering.answer import Conflict, ConflictValue
from qa.answering.compose import flat, speaks_for
from qa.answering.evidence import Candidate, latest_date
from qa.answering.facts import dates_of, quantities_of, tokens_of
from qa.text.quantities import Quantity, is_month, is_range

ALIKE = 0.7  # share of words in common from which two sentences speak of the same thing
OUTDATES = 0.6  # the same for a newer value, whose sentence names another time besides
APART = 1.8  # values further apart than this factor are other quantities, not rival counts
TOLD_APART = 12.0  # the same where the text itself says that accounts differ: a lost zero is a conflict too
ASKED_APART = 20.0  # the same where the question says that they differ
NEARLY = 0.75  # share of the best coverage of the question from which a sentence speaks of the same quantity
BESIDE = 1.25  # factor within which a third value joins the two nearest ones of a sentence
# Words by which a sentence says that accounts differ, and gives them.
_DIFFERS = re.compile(
    r"\b(?:(?:is|are|was|were) (?:reported|given|counted|dated|put) (?:differently|as .+ and (?:as|by)|as .+, (?:while|whereas|and))|"
    r"(?:varies|vary|varied|differs?) (?:between|by|with|from)|is not settled|also (?:circulates?|appears?)|"
    r"(?:sources|accounts|reports|media) (?:disagree|differ|do not agree)|"
    r"another (?:account|report|source|count|site|summary|blog|tracker) (?:says|gives|puts|has|dates|mentions)|"
    r"(?:other|some) (?:sources|accounts|reports|outlets|tables) (?:say|give|put|have|date|name|count)|"
    r"(?:own )?(?:statement|figure|count) of .+ (?:exceeds|differs from)|both .+ and .+ (?:are|is) quoted)"
    r"|说法不一|不一致|另有(?:报道|说法|资料)|也有(?:报道|说法|媒体)|则(?:称|说|记|为)|说法并存|两种说法",
    re.IGNORECASE,
)
# Or it sets one account against another: a word of contrast, and twice a word of telling.
_CONTRAST = re.compile(r"\b(?:while|whereas|but|instead of|rather than|by contrast|however|although|though)\b|;|而|则|但")
_TELLS = re.compile(
    r"\b(?:says?|said|puts?|gives?|gave|counts?|counted|names?|reports?|reported|estimates?|estimated|writes?|wrote|speaks?|records?|recorded|"
    r"lists?|arrives? at|mentions?|according to|quotes?|quoted|cited|places?|accounts?|sources?|figures?)\b|称|报道|统计|估计|记为|写作|给出|显示",
    re.IGNORECASE,
)
_TWO_SIDES = re.compile(r"(?=.*(?:United States|American|\bUS\b|美国))(?=.*(?:China|Chinese|中国))", re.DOTALL)
SET_APART = 1.7  # values further apart than this factor are seldom two accounts of one quantity
# Words by which a sentence says that it differs from the one before it.
_DIFFERS_FROM = re.compile(
    r"\b(?:do(?:es)? not (?:fully )?agree|far (?:more|less|fewer|higher|lower)|much (?:higher|lower))\b|有出入|不同数字|不尽一致|高得多|低得多",
    re.IGNORECASE,
)
_CHANGE = re.compile(r"(?:\b(?:up|down|by|plus|another|extra)|增长|增加|下降|减少|同比|环比)\s*(?:about|around|nearly|约|近)?\s*$", re.IGNORECASE)
_PART_OF_NAME = re.compile(r"[\u4e00-\u9fff]")
_VERSION_OR_DAY = re.compile(r"\d+(?:\.\d+(?![\d.]*(?:[万亿倍个%元]|百分))|\s*[月日])")
_MODEL_NAME = re.compile(r"[A-Z][A-Za-z]*[ -]?$")

Value = tuple[Candidate, Quantity]


def told(candidate: Candidate, said: Collection[float] = (), dated: bool = False, plainly: bool = False) -> tuple[Quantity, ...]:
    """Return the values of a sentence that itself says that accounts differ; empty if it doesn't.

    Args:
        candidate: the sentence.
        said: values that the question names; they are no rivals of others.
        dated: the question asks for a date or year.
        plainly: the sentence must say so in so many words; to set two accounts side by side is not enough.
    """
    text = candidate.text
    explicit = _DIFFERS.search(text) is not None
    if not explicit and (plainly or len(_TELLS.findall(text)) < 2 or not _CONTRAST.search(text) or _TWO_SIDES.match(text)):
        return ()
    if dated:
        days = {d.value: d for d in reversed(dates_of(candidate.text)) if d.value not in said}
        return tuple(days.values())[::-1] if len(days) > 1 else ()
    values = [q for q in _levels(candidate.text) if q.value not in said]
    pairs = [(_factor(a, b), a, b) for i, a in enumerate(values) for b in values[i + 1 :] if _comparable(a, b) and a.value != b.value]
    pairs = [p for p in pairs if p[0] <= (TOLD_APART if explicit else SET_APART)]
    if not pairs:
        return ()
    _, a, b = min(pairs, key=lambda p: p[0])
    near = [q for q in values if _comparable(q, a) and max(_factor(q, a), _factor(q, b)) <= BESIDE]
    return tuple(sorted({q.value: q for q in [a, b, *near]}.values(), key=lambda q: q.start))


def rivals(best: Candidate, pool: Sequence[Candidate]) -> list[tuple[Candidate, Quantity, Quantity]]:
    """Return sentences that give another value for the quantity that the best sentence gives.

    Two values conflict if they have the same kind and unit, differ by no more than a factor, and
    stand in two sentences with the same dates and mostly the same words, or in neighbouring
    sentences of which one says that accounts differ.
    """
    found: list[tuple[Candidate, Quantity, Quantity]] = []
    words, when = _words(best.text), {d.value for d in dates_of(best.text)}
    if len(when) > 2:  # a series: its values belong to different dates
        return []
    for other in pool:
        if other.row == best.row:
            continue
        pair = _pair(best, other)
        if pair is None:
            continue
        neighbour = other.passage == best.passage and abs(other.row - best.row) == 1
        said = neighbour and any(p.search(t) for p in (_DIFFERS, _DIFFERS_FROM) for t in (other.text, best.text))
        there = _words(other.text)
        same_time = bool(when) and {d.value for d in dates_of(other.text)} == when
        alike = same_time and _alike(best, other) >= ALIKE and other.met.product >= best.met.product
        if alike or (said and len(words & there) >= 2):
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
        anchors = dates_of(first.text) if dated else _levels(first.text)
        for anchor in anchors:
            if anchor.value in said:
                continue
            group = [(first, anchor)]
            for other in near:
                values = dates_of(other.text) if dated else _levels(other.text)
                fresh = (
                    q for q in values
                    if q.value not in said and all(q.value != v.value for _, v in group)
                    and (dated or (_comparable(q, anchor) and _factor(q, anchor) <= ASKED_APART))
                )  # fmt: skip
                found = next(fresh, None) if other is not first else None
                if found is not None:
                    group.append((other, found))
            if len(group) > max(1, len(best)):
                best = group
    return best


def named_values(question: str) -> bool:
    """Tell whether a question itself names two values that might be of one quantity."""
    values = _levels(question)
    return any(_comparable(a, b) and 1 < _factor(a, b) <= APART for i, a in enumerate(values) for b in values[i + 1 :])


def superseded(chosen: Sequence[Candidate]) -> dict[int, int]:
    """Map each sentence with an outdated value to the one with the newest value of the same quantity.

    Returns:
        Positions in ``chosen``.
    """
    newer: dict[int, int] = {}
    for i, old in enumerate(chosen):
        for j, new in enumerate(chosen):
            older = 0 < _until(old) < _until(new) and (i not in newer or _until(chosen[newer[i]]) < _until(new))
            if older and _pair(old, new, APART * 3) and _alike(old, new) >= OUTDATES:
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
    several = len({d[:4] for d in dates}) > 1 or len({d[:7] for d in dates if len(d) > 4}) > 1
    return Conflict(
        what=flat(what),
        values=tuple(
            ConflictValue(
                value=candidate.text[quantity.start : quantity.end].strip(),
                unit="" if quantity.kind in ("count", "date", "year") else quantity.unit,
                date=date,
                citation=number,
                note=_note(candidate, several and date == newest and dates.count(newest) == 1),
            )
            for (candidate, number, quantity), date in zip(values, dates, strict=True)
        ),
    )


def _note(candidate: Candidate, newest: bool) -> Literal["", "newer", "primary"]:
    sources = candidate.document.sources_of(candidate.start, candidate.end)
    words = tokens_of(candidate.text)
    # Who counted it says so: the publisher of the source is named in the sentence.
    if any(tokens_of(s.publisher) and tokens_of(s.publisher) <= words for s in sources):
        return "primary"
    return "newer" if newest else ""


def _levels(text: str) -> list[Quantity]:
    """Return the quantities of a sentence that are no part of a name or a date, nor tell by how much something changed."""
    found: list[Quantity] = []
    end = -1
    for quantity in quantities_of(text):
        before = text[: quantity.start]
        closes = end >= 0 and is_range(text[end : quantity.start])
        end = quantity.end
        if closes:  # "1 to 2 models" is one value, not two
            continue
        named = quantity.kind == "count" and quantity.value < 100 and before.strip() and _MODEL_NAME.search(before)
        inside = _PART_OF_NAME.search(before[-1:]) is not None and _VERSION_OR_DAY.match(text[quantity.start :]) is not None
        if not is_month(quantity.unit) and not named and not inside and not _CHANGE.search(before[-20:]):
            found.append(quantity)
    return found


def _comparable(a: Quantity, b: Quantity) -> bool:
    return a.kind == b.kind and bool(a.value and b.value) and (a.unit == b.unit or a.kind == "count")


def _factor(a: Quantity, b: Quantity) -> float:
    return max(a.value, b.value) / min(a.value, b.value) if a.value and b.value else float("inf")


def _rounded(a: float, b: float) -> bool:
    """Tell whether two values are the same once the finer one is rounded to the digits of the other."""
    digits = min(len(f"{v:.12g}".replace(".", "").split("e")[0].strip("0")) for v in (a, b))
    return f"{a:.{digits}g}" == f"{b:.{digits}g}"


def _alike(one: Candidate, other: Candidate) -> float:
    here, there = _words(one.text), _words(other.text)
    return len(here & there) / min(len(here), len(there)) if here and there else 0.0


def _pair(best: Candidate, other: Candidate, apart: float = APART) -> tuple[Quantity, Quantity] | None:
    """Return the first two quantities of the same kind and unit that differ by little."""
    here, there = _levels(best.text), _levels(other.text)
    shared = {(q.kind, q.value) for q in here} & {(q.kind, q.value) for q in there}
    for a in here:
        for b in there:
            if a.kind != b.kind or a.unit != b.unit or (a.kind == "count" and not a.unit):
                continue
            if _factor(a, b) > apart or _rounded(a.value, b.value):
                continue
            if not shared & {(a.kind, a.value), (b.kind, b.value)}:
                return a, b
    return None


def _words(text: str) -> frozenset[str]:
    return frozenset(t for t in tokens_of(text) if not t[0].isdigit())
