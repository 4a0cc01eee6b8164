"""Numbers with units, and dates, in English and Chinese text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["percent", "points", "money", "count", "year", "date"]

_MONTHS = {
    name: number
    for number, names in enumerate(
        "jan january|feb february|mar march|apr april|may|jun june|jul july|aug august|"
        "sep sept september|oct october|nov november|dec december".split("|"),
        1,
    )
    for name in names.split()
}
_MONTH = "(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + ")"
_DATE = re.compile(
    rf"\b(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<m1>{_MONTH})\.?,?\s+(?P<y1>(?:19|20)\d\d)\b"
    rf"|\b(?P<m2>{_MONTH})\.?\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y2>(?:19|20)\d\d)\b"
    rf"|\b(?P<m3>{_MONTH})\.?,?\s+(?:of\s+)?(?P<y3>(?:19|20)\d\d)\b"
    r"|(?<!\d)(?P<y4>(?:19|20)\d\d)-(?P<m4>\d\d)-(?P<d4>\d\d)(?!\d)"
    r"|(?<!\d)(?P<y5>(?:19|20)\d\d)\s*年\s*(?:(?P<m5>\d{1,2})\s*月\s*(?:(?P<d5>\d{1,2})\s*[日号])?|[底末初中])?"
    r"|(?<![\d.,])(?P<y6>(?:19|20)\d\d)(?![\d%]|[.,]\d|\s*(?:年|million|billion|trillion|万|亿))",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_WORDS_BEFORE_YEAR = 3  # more than a date has: "3 September of"
_SCALE = {
    "thousand": 1e3, "k": 1e3, "million": 1e6, "mn": 1e6, "m": 1e6, "billion": 1e9, "bn": 1e9, "b": 1e9,
    "trillion": 1e12, "tn": 1e12, "t": 1e12, "万亿": 1e12, "千亿": 1e11, "百亿": 1e10, "亿": 1e8,
    "千万": 1e7, "百万": 1e6, "万": 1e4, "千": 1e3,
}  # fmt: skip
_CURRENCY = {
    "usd": "USD", "us$": "USD", "$": "USD", "dollar": "USD", "dollars": "USD", "美元": "USD", "rmb": "CNY",
    "cny": "CNY", "yuan": "CNY", "¥": "CNY", "元": "CNY", "元人民币": "CNY", "人民币": "CNY", "renminbi": "CNY",
    "hk$": "HKD", "hkd": "HKD", "港元": "HKD", "eur": "EUR", "€": "EUR", "euros": "EUR", "欧元": "EUR",
}  # fmt: skip
_NUMBER = re.compile(
    r"(?P<before>US\$|HK\$|\$|¥|€|\b(?:USD|RMB|CNY|HKD|EUR)\s?|人民币)?"
    r"(?<![A-Za-z0-9_.-])(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:\s?(?P<scale>万亿|千亿|百亿|亿|千万|百万|万|千|thousand\b|million\b|billion\b|trillion\b|mn\b|bn\b|tn\b))?"
    r"(?P<after>\s?(?:%|percent(?:age)?[\s-]points?\b|percent\b|per cent\b|个?百分点|"
    r"(?:US |Hong Kong )?dollars?\b|美元|元人民币|人民币|港元|欧元|元|yuan\b|USD\b|RMB\b|renminbi\b|euros?\b))?",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_BEFORE_NUMBER = 4  # characters of the longest currency before a number: "USD "


@dataclass(frozen=True)
class Quantity:
    """A number or date where it stands.

    Attributes:
        start, end: span in the text.
        kind: percent, points (percentage points), money, count, year or date.
        value: the number in plain units; a date as YYYYMMDD with zeros for what is not said.
        unit: "%", "pp", a currency code, or the word that follows a count ("" for none).
    """

    start: int
    end: int
    kind: Kind
    value: float
    unit: str


def dates(text: str) -> list[Quantity]:
    """Find dates, months with a year, and years."""
    found = []
    position = 0
    # Both patterns try many alternatives at every character, so they begin shortly before a year or a digit.
    while written := _YEAR.search(text, position):
        before = text[position : written.start()].rsplit(None, _WORDS_BEFORE_YEAR)
        begin = position + len(before[0]) if len(before) > _WORDS_BEFORE_YEAR else position
        match = _DATE.search(text, begin)
        if match is None:
            break
        d1, m1, y1, m2, d2, y2, m3, y3, y4, m4, d4, y5, m5, d5, y6 = match.groups()
        year = int(y1 or y2 or y3 or y4 or y5 or y6)
        month_word = m1 or m2 or m3
        month = _MONTHS[month_word.lower()] if month_word else int(m4 or m5 or 0)
        kind: Kind = "date" if month else "year"
        found.append(Quantity(*match.span(), kind, year * 10_000 + month * 100 + int(d1 or d2 or d4 or d5 or 0), ""))
        position = match.end()
    return found


def is_range(between: str) -> bool:
    """Tell whether what stands between two numbers makes a range of them."""
    return _RANGE.fullmatch(between) is not None


def is_month(word: str) -> bool:
    """Tell whether a word is the English name of a month."""
    return word.lower() in _MONTHS


def years(text: str) -> set[int]:
    """Return the years that a text names, in full dates too."""
    return {int(d.value) // 10_000 for d in dates(text)}


def quantities(text: str) -> list[Quantity]:
    """Find numbers that are not dates, with their unit, in order of position."""
    taken = [(d.start, d.end) for d in dates(text)]
    found = []
    end = 0
    while digit := _DIGIT.search(text, end):
        match = _NUMBER.search(text, max(end, digit.start() - _BEFORE_NUMBER))
        if match is None:
            break
        start, end = match.span()
        if any(a < match.end("number") and match.start("number") < b for a, b in taken):
            continue
        value = float(match.group("number").replace(",", ""))
        scale = (match.group("scale") or "").lower()
        value *= _SCALE.get(scale, 1.0)
        before = (match.group("before") or "").strip().lower()
        after = (match.group("after") or "").strip().lower()
        kind, unit = _unit(before, after)
        if kind == "count":
            unit = _counted(text, end)
        found.append(Quantity(start, end, kind, value, unit))
    for n in range(len(found) - 1, 0, -1):
        found[n - 1] = _range_start(text, found[n - 1], found[n])
    return found


_RANGE = re.compile(r"\s?(?:to|[-–~至到])\s?", re.IGNORECASE)


def _range_start(text: str, first: Quantity, last: Quantity) -> Quantity:
    """Give the first number of a range what only the last one says: "593 to 594 billion", "10 to 20 percent"."""
    if not is_range(text[first.end : last.start]):
        return first
    number = re.match(r"[\d,.]*\d", text[last.start : last.end].lstrip("US$HKDRMBCNYE¥€ "))
    written = float(number.group().replace(",", "")) if number else 0.0
    scale = last.value / written if written else 1.0
    value = first.value * scale if first.value < written <= 1000 * first.value else first.value
    kind, unit = (last.kind, last.unit) if first.kind == "count" else (first.kind, first.unit)
    return Quantity(first.start, first.end, kind, value, unit)


def _unit(before: str, after: str) -> tuple[Kind, str]:
    if after in ("%", "percent", "per cent"):
        return "percent", "%"
    if "point" in after or "百分点" in after:
        return "points", "pp"
    for mark in (before, after.removeprefix("us ").removeprefix("hong kong ")):
        if mark in _CURRENCY:
            return "money", "HKD" if after.startswith("hong kong") else _CURRENCY[mark]
    return "count", ""


_NO_UNIT = frozenset(
    "and for from the was were are has had have with while whereas but out over per than that which who against among under".split()
)  # what follows a number that counts nothing named
_NEXT_WORD = re.compile(r"\s?([a-zA-Z]{3,}|[\u4e00-\u9fff]{1,2})")


def _counted(text: str, end: int) -> str:
    match = _NEXT_WORD.match(text, end)
    word = match.group(1).lower() if match else ""
    return "" if word in _NO_UNIT else word
