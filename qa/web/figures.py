"""The figures of an answer as a development over time."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from qa.answering.answer import Answer, Citation
from qa.text.quantities import Quantity, dates, quantities
from qa.text.tokens import search_tokens

MIN_POINTS = 3
MIN_SHARED = 0.3  # share of the question's words that a sentence of its chart must hold
# "rose by 87 million" is a change, not a level: beside levels it would draw a false dip.
_CHANGE_BEFORE = re.compile(
    r"(?:\bby|gain(?:ed|s)?|added|adding|increase of|decrease of|rise of|fall of|another|extra|up|down|plus|"
    r"增加了?|增长了?|减少了?|新增|下降了?|上升了?|提高了?)\s*(?:about|around|some|nearly|约|近|超过)?\s*$",
    re.IGNORECASE,
)
_CHANGE_AFTER = re.compile(r"^\S*\s*(?:\w+\s+)?(?:above|below|more than|less than|fewer than|higher|lower)\b", re.IGNORECASE)


def development(answer: Answer) -> dict[str, Any] | None:
    """Return the dated figures of an answer about change, or None if there are fewer than three dates.

    Returns:
        ``{"unit", "points": [{"date", "value", "label", "citation"}]}`` by date, where date is
        YYYY, YYYY-MM or YYYY-MM-DD and label the figure as written.
    """
    if answer.kind != "change" or answer.abstained:
        return None
    by_number = {c.number: c for c in answer.citations}
    asked = frozenset(search_tokens(answer.standalone_question))
    found: list[tuple[str, Quantity, str, int]] = []
    for sentence in answer.sentences:
        citation = by_number.get(sentence.citations[0]) if sentence.citations else None
        shared = asked & frozenset(search_tokens(sentence.text))
        if citation is not None and len(shared) >= MIN_SHARED * len(asked):
            found += _dated(sentence.text, citation)
    groups = Counter(_measure(quantity) for _, quantity, _, _ in found)
    if not groups:
        return None
    measure = groups.most_common(1)[0][0]
    unit = measure.removeprefix("count:")
    points: dict[str, dict[str, Any]] = {}
    for date, quantity, label, number in found:
        # "the number of users reached 602 million" names its unit elsewhere in the sentence.
        unnamed = _measure(quantity) == "count:" and measure.startswith("count:") and unit in by_number[number].quote.lower()
        if _measure(quantity) == measure or unnamed:
            points.setdefault(date, {"date": date, "value": quantity.value, "label": label, "citation": number})
    if len(points) < MIN_POINTS:
        return None
    return {"unit": measure, "points": [points[date] for date in sorted(points)]}


def _measure(quantity: Quantity) -> str:
    """Name what can share an axis: percent, a currency, or counts of the same thing."""
    return quantity.unit if quantity.kind != "count" else f"count:{quantity.unit}"


def _dated(text: str, citation: Citation) -> list[tuple[str, Quantity, str, int]]:
    """Pair each figure of a sentence with the nearest date of its own clause.

    A date goes to one figure only, since the others often speak of something else; a sentence
    without a date, or one that tells by how much something changed, gives none.
    """
    days = dates(text)
    figures = [q for q in quantities(text) if q.kind != "count" or q.unit or q.value >= 1000]
    if any(_CHANGE_BEFORE.search(text[max(0, q.start - 40) : q.start]) for q in figures):
        return []
    figures = [q for q in figures if not _CHANGE_AFTER.search(text[q.end : q.end + 30])]
    pairs = []
    for day in days:
        if not figures:
            break
        nearest = min(figures, key=lambda q: min(abs(q.start - day.end), abs(day.start - q.end)))
        figures.remove(nearest)
        label = text[nearest.start : nearest.end].strip()
        pairs.append((_iso(int(day.value)), nearest, label, citation.number))
    return pairs


def _iso(value: int) -> str:
    """Write YYYYMMDD, with zeros for what is not said, as YYYY, YYYY-MM or YYYY-MM-DD."""
    year, month, day = value // 10_000, value // 100 % 100, value % 100
    return f"{year:04d}" + (f"-{month:02d}" if month else "") + (f"-{day:02d}" if day else "")
