"""The two values of a comparison side by side, with the difference computed from them."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from qa.answering.analysis import Analysis
from qa.answering.answer import Comparison, Side
from qa.answering.compose import speaks_for
from qa.answering.evidence import Candidate
from qa.answering.facts import dates_of, quantities_of, years_of
from qa.text.glossary import Glossary
from qa.text.quantities import Quantity

MAX_APART = 70  # characters between a figure and the name or year that it belongs to
_SCALES = {"en": ((1e12, " trillion"), (1e9, " billion"), (1e6, " million")), "zh": ((1e12, "万亿"), (1e8, "亿"), (1e4, "万"))}
_CURRENCIES = {
    "en": {"USD": "US dollars", "CNY": "yuan", "HKD": "Hong Kong dollars", "EUR": "euros"},
    "zh": {"USD": "美元", "CNY": "元", "HKD": "港元", "EUR": "欧元"},
}
_COMPUTED = {
    "en": "Computed from {}: a difference of {}{}.",
    "zh": "据{}计算：相差{}{}。",
}


@dataclass(frozen=True)
class _Figure:
    side: Hashable
    name: str
    quantity: Quantity
    candidate: Candidate
    number: int


def compare(analysis: Analysis, chosen: Sequence[Candidate], glossary: Glossary) -> Comparison | None:
    """Return the sides with a figure each, or None where the evidence has no two comparable ones.

    The sides are the two names that the question sets side by side, else two years that it names. A
    figure belongs to the nearest name (or year) of its sentence, whether or not the question asks for that one.
    Figures are comparable if they have the same kind and unit; those of one sentence, or of the same
    year, come first.

    Args:
        analysis: the question.
        chosen: the answer's sentences in order; sentence n has the citation n.
        glossary: the known names.
    """
    if analysis.kind != "comparison":
        return None
    figures = _named(analysis, chosen, glossary) if analysis.sides else _dated(analysis, chosen)
    best: tuple[tuple[int, ...], _Figure, _Figure] | None = None
    for i, a in enumerate(figures):
        for b in figures[i + 1 :]:
            if a.side == b.side or not _same_measure(a.quantity, b.quantity):
                continue
            years = years_of(a.candidate.text), years_of(b.candidate.text)
            apart = a.number != b.number and bool(analysis.sides) and bool(years[0] and years[1]) and years[0].isdisjoint(years[1])
            rank = (int(apart), int(a.number != b.number), a.number + b.number, i)
            if best is None or rank < best[0]:
                best = (rank, a, b)
    if best is None:
        return None
    return _comparison(best[1], best[2], analysis.language)


def _named(analysis: Analysis, chosen: Sequence[Candidate], glossary: Glossary) -> list[_Figure]:
    found = []
    written = {m.entry: analysis.query.text[m.start : m.end] for m in analysis.query.mentions}
    for number, candidate in enumerate(chosen, 1):
        names = [m for m in glossary.mentions(candidate.text) if m.entry.is_name]
        kinds = {side.kind for side in analysis.sides}
        named = {m.entry for m in names if m.entry.kind in kinds}
        for figure in _figures(candidate.text):
            owner = min(names, key=lambda m: _apart(candidate.text, figure, m.start, m.end), default=None)
            side = owner.entry if owner and _apart(candidate.text, figure, owner.start, owner.end) <= MAX_APART else None
            if side not in analysis.sides and len(named) == 1:
                side = next(iter(named))  # a sentence about one of them alone
            if side in analysis.sides and side is not None:
                found.append(_Figure(side, written.get(side, side.en), figure, candidate, number))
    return found


def _dated(analysis: Analysis, chosen: Sequence[Candidate]) -> list[_Figure]:
    asked = analysis.query.years
    if len(asked) != 2:
        return []
    found = []
    for number, candidate in enumerate(chosen, 1):
        days = dates_of(candidate.text)
        for figure in _figures(candidate.text):
            day = min(days, key=lambda d: _apart(candidate.text, figure, d.start, d.end), default=None)
            if day is not None and int(day.value) // 10_000 in asked and _apart(candidate.text, figure, day.start, day.end) <= MAX_APART:
                year = int(day.value) // 10_000
                found.append(_Figure(year, str(year), figure, candidate, number))
    return found


_BELONGS = re.compile(r"\s*(?:(?:in|for|of|by|from|at)(?: the)?|的)\s*", re.IGNORECASE)
_BREAK = re.compile(r"[,;，；、]|\band\b|和")


def _apart(text: str, figure: Quantity, start: int, end: int) -> int:
    """Return how far a name or date stands from a figure: characters, and more for every break between them."""
    between = text[figure.end : start] if start >= figure.end else text[end : figure.start]
    if start >= figure.end and _BELONGS.fullmatch(between):
        return 0
    return len(between) + 20 * len(_BREAK.findall(between))


def _figures(text: str) -> list[Quantity]:
    # Percentage points measure the distance between the sides, so they are no side's own.
    return [q for q in quantities_of(text) if q.kind != "points" and (q.kind != "count" or q.unit)]


def _same_measure(a: Quantity, b: Quantity) -> bool:
    return a.kind == b.kind and a.unit == b.unit and a.value != b.value


def _comparison(a: _Figure, b: _Figure, language: Literal["en", "zh"]) -> Comparison:
    first, second = sorted((a, b), key=lambda f: (f.number, f.quantity.start))
    low, high = sorted((a.quantity.value, b.quantity.value))
    difference = round(high - low, 6)
    marks = dict.fromkeys(f"[{f.number}]" for f in (first, second))
    joined = (" and " if language == "en" else "和").join(marks)
    ratio = ""
    if low and a.quantity.kind != "percent" and high / low >= 1.05:
        times = f"{high / low:.2g}" if high / low < 100 else f"{high / low:.0f}"
        ratio = f" ({times} times)" if language == "en" else f"（{times}倍）"
    sides = tuple(
        Side(name=f.name, value=f.candidate.text[f.quantity.start : f.quantity.end].strip(), date=speaks_for(f.candidate), citation=f.number)
        for f in (first, second)
    )
    computed = _COMPUTED[language].format(joined, _written(difference, a.quantity, language), ratio)
    return Comparison(sides=sides, difference=difference, computed=computed)


def _written(value: float, like: Quantity, language: Literal["en", "zh"]) -> str:
    """Write a value in words of a language, in the unit of a quantity."""
    if like.kind == "percent":
        return f"{_plain(value)}" + (" percentage points" if language == "en" else "个百分点")
    scale, word = next(((s, w) for s, w in _SCALES[language] if value >= s), (1.0, ""))
    number = _plain(value / scale)
    if like.kind == "money":
        currency = _CURRENCIES[language][like.unit]
        return f"{number}{word} {currency}" if language == "en" else f"{number}{word}{currency}"
    return f"{number}{word}"


def _plain(value: float) -> str:
    return f"{value:,.3f}".rstrip("0").rstrip(".")
