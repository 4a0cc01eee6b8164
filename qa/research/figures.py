"""The figures and the dates of a brief's sentences, as a table and a timeline."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa.answering.answer import Sentence
from qa.answering.facts import dates_of, last_day, quantities_of
from qa.research.model import Dated, Figure
from qa.text.quantities import Quantity, is_month

MOST_FIGURES = 24
PER_SENTENCE = 2
MOST_DATED = 16
SHORT = {"en": 45, "zh": 14}
"""Characters below which a clause says too little by itself."""
_TELLING = 1000  # smaller bare counts ("the 3 others") are no figures of their own

_BREAK = re.compile(r"[,;:]\s|[，；：。]|\s[–—]\s")
_NAME_BEFORE = re.compile(r"(?:[A-Z][\w.]*[ -]?|[-–/])$")  # "GPT 4", "Ascend 910", "7-8"
# What follows a count without being counted.
_NO_UNIT = re.compile(r"(?:ed|ing|ly|-based)$|^(?:built|sold|made|more|less|higher|lower|ahead|behind|times)$")
_RIGHT_BEHIND = re.compile(r"\s*(?:(?:[a-z]+ ){0,2}?(?:in|of|for|by|at the end of|as of|on)(?: the end of)? )?\(?\s*")
_COMPARED = re.compile(r"(?:\b(?:than|compared with|compared to|against|versus)\s(?:(?:in|at|the|end|of|those|that)\s)*|[比较])$")
_NAME_WORD = re.compile(r"[A-Z][\w-]*\s$")
_AT_HEAD = re.compile(r"\b(?:In|On|By|Since|Until|During|From|After|Before|At|For|Of|Between|Around|About|Late|Early|Through)\s$")
Cited = tuple[Sentence, str]
"""A sentence with the date that its quote speaks for."""


def figures(sentences: Sequence[Cited], language: str) -> tuple[Figure, ...]:
    """Return the table of figures: the telling ones of each sentence, in the order of the sentences.

    Args:
        sentences: with one citation each, already numbered.
        language: of the brief.
    """
    found: list[Figure] = []
    known: set[tuple[str, float, str]] = set()
    for sentence, date in sentences:
        taken = 0
        for quantity in _telling(sentence):
            what = clause(sentence.text, quantity.start, quantity.end, SHORT[language])
            when = date_of(sentence.text, quantity, date)
            key = (quantity.unit, quantity.value, when)
            if taken < PER_SENTENCE and key not in known:
                unit = quantity.unit if quantity.kind in ("percent", "points", "money") else _counted(sentence.text, quantity)
                value = sentence.text[quantity.start : quantity.end].strip()
                found.append(Figure(what=what, value=value, unit=unit, date=when, citation=sentence.citations[0]))
                known.add(key)
                taken += 1
    return tuple(found[:MOST_FIGURES])


def timeline(sentences: Sequence[Cited]) -> tuple[Dated, ...]:
    """Return the statements that name their own date, in order of date; empty if fewer than three do.

    Days and months come before years alone where there are too many.
    """
    dated = [(when, s) for s, date in sentences if (when := _latest(s.text, date))]
    exact = [pair for pair in dated if len(pair[0]) > 4]
    chosen = (exact + [pair for pair in dated if len(pair[0]) == 4])[:MOST_DATED]
    rows = [Dated(date=date, statement=flat(s.text), citation=s.citations[0]) for date, s in chosen]
    rows.sort(key=lambda row: (row.date, row.citation))
    return tuple(rows) if len(rows) >= 3 else ()


def date_of(text: str, figure: Quantity, otherwise: str) -> str:
    """Return the date that a figure speaks for: the nearest one of its sentence, one right behind it ("in 2023") before all others."""

    def apart(day: Quantity) -> tuple[int, int]:
        between = text[figure.end : day.start] if day.start >= figure.end else text[day.end : figure.start]
        behind = day.start >= figure.end and _RIGHT_BEHIND.fullmatch(between) is not None
        return (0 if behind else len(between) + 25 * len(_BREAK.findall(between)), day.start)

    days = [d for d in _own_dates(text) if not _COMPARED.search(text[: d.start])]
    near = min(days, key=apart, default=None)
    return _iso(int(near.value)) if near is not None else otherwise


def _latest(text: str, limit: str) -> str:
    """Return the latest date of a sentence that is not beyond the one it speaks for; "" if it names none."""
    values = [int(d.value) for d in _own_dates(text) if d.value <= last_day(limit)]
    return _iso(max(values)) if values else ""


def _own_dates(text: str) -> list[Quantity]:
    """Return the dates of a sentence that are no part of a name, as the year of "AI Index 2026" is."""
    return [d for d in dates_of(text) if not (_NAME_WORD.search(text[: d.start]) and not _AT_HEAD.search(text[: d.start]))]


def _iso(value: int) -> str:
    """Write YYYYMMDD, with zeros for what is not said, as YYYY, YYYY-MM or YYYY-MM-DD."""
    year, month, day = value // 10_000, value // 100 % 100, value % 100
    return f"{year:04d}" + (f"-{month:02d}" if month else "") + (f"-{day:02d}" if day else "")


def clause(text: str, start: int, end: int, short: int) -> str:
    """Return the clause of a sentence that holds a span, and its neighbours as long as it is short; a slice of the text."""
    cuts = [0, *(m.end() for m in _BREAK.finditer(text) if not start < m.start() < end), len(text)]
    first = max(i for i, cut in enumerate(cuts) if cut <= start)
    last = min(i for i, cut in enumerate(cuts) if cut >= end)
    while cuts[last] - cuts[first] < short and (first > 0 or last < len(cuts) - 1):
        if first > 0:
            first -= 1
        else:
            last += 1
    return text[cuts[first] : cuts[last]].strip(" ,;:，；：。")


def flat(text: str) -> str:
    """Put a quote that runs over several lines on one line."""
    return " ".join(text.split())


def _telling(sentence: Sentence) -> list[Quantity]:
    """Return the figures of a sentence: those that answer first, without parts of names and bare small counts."""
    text = sentence.text
    found = []
    for quantity in quantities_of(text):
        bare = quantity.kind == "count"
        if bare and (is_month(quantity.unit) or _NAME_BEFORE.search(text[: quantity.start]) or (not quantity.unit and quantity.value < _TELLING)):
            continue
        found.append(quantity)
    answering = {span for span in sentence.marks}
    return sorted(found, key=lambda q: ((q.start, q.end) not in answering, q.start))


def _counted(text: str, quantity: Quantity) -> str:
    """Return the word behind a count as it is written, unless it is a name."""
    match = re.match(r"\s?([A-Za-z-]{3,}|[\u4e00-\u9fff]{1,2})", text[quantity.end :])
    word = match.group(1) if match and quantity.unit else ""
    name = word[:1].isupper() and word != word.upper()
    return "" if name or _NO_UNIT.search(word) else word
