"""What single sentences hold: tokens, dates, quantities, names; each computed once."""

from __future__ import annotations

import re
from functools import lru_cache

from qa.text.glossary import Entry
from qa.text.quantities import Quantity, dates, quantities
from qa.text.tokens import search_tokens


@lru_cache(maxsize=50_000)
def tokens_of(text: str) -> frozenset[str]:
    """Return the distinct search tokens of a text."""
    return frozenset(search_tokens(text))


@lru_cache(maxsize=50_000)
def dates_of(text: str) -> tuple[Quantity, ...]:
    """Return the dates of a sentence."""
    return tuple(dates(text))


@lru_cache(maxsize=50_000)
def quantities_of(text: str) -> tuple[Quantity, ...]:
    """Return the quantities of a sentence."""
    return tuple(quantities(text))


def last_day(date: str) -> int:
    """Return the last day of YYYY, YYYY-MM or YYYY-MM-DD (a time may follow) as YYYYMMDD; the end of time for ""."""
    if not date:
        return 99_999_999
    year, month, day = ([*date[:10].split("-"), "12", "31"] if date.count("-") == 0 else [*date[:10].split("-"), "31"])[:3]
    return int(year) * 10_000 + int(month) * 100 + int(day)


def years_of(text: str) -> frozenset[int]:
    """Return the years that a text names."""
    return frozenset(int(d.value) // 10_000 for d in dates_of(text))


def months_of(text: str) -> frozenset[int]:
    """Return the months that a text names, as YYYYMM."""
    return frozenset(int(d.value) // 100 for d in dates_of(text) if d.kind == "date")


def names_entry(text: str, entry: Entry) -> bool:
    """Tell whether a text names an entry in any of its forms."""
    return entry.named_in(text)


def covers(text: str, aspect: Entry | str | int) -> bool:
    """Tell whether a text speaks of a name, of a word as it is written, or of a year."""
    if isinstance(aspect, Entry):
        return names_entry(text, aspect)
    if isinstance(aspect, int):
        return aspect in years_of(text)
    return re.search(rf"(?<![A-Za-z0-9.]){re.escape(aspect)}(?![A-Za-z0-9]|\.\d)", text, re.IGNORECASE) is not None


PART_OF_YEAR = re.compile(
    r"\b(?:(first|second|third|fourth|1st|2nd|3rd|4th)[- ](quarter|half)(?! of (?:the month|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec))"
    r"|(Q[1-4]|H[12])\b)|第([一二三四])季度|([上下])半年",
    re.IGNORECASE,
)
_ORDINAL = {
    "first": 1, "1st": 1, "一": 1, "上": 1, "second": 2, "2nd": 2, "二": 2, "下": 2, "third": 3, "3rd": 3, "三": 3,
    "fourth": 4, "4th": 4, "四": 4,
}  # fmt: skip


@lru_cache(maxsize=50_000)
def parts_of_year(text: str) -> frozenset[str]:
    """Return the quarters and halves of years that a text names, as "Q1" or "H2"."""
    found = set()
    for ordinal, unit, short, quarter, half in PART_OF_YEAR.findall(text):
        if short:
            found.add(short.upper())
        elif quarter:
            found.add(f"Q{_ORDINAL[quarter]}")
        elif half:
            found.add(f"H{_ORDINAL[half]}")
        else:
            found.add(("Q" if unit.lower() == "quarter" else "H") + str(_ORDINAL[ordinal.lower()]))
    return frozenset(found)
