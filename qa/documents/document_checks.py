"""What ``qa corpus check`` asks of one document: identity, footnotes, dates, prose, length."""

from __future__ import annotations

import calendar
import datetime
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path

from qa.documents.model import Document, Source
from qa.text.quantities import dates

MIN_WORDS, MAX_WORDS = 250, 720
MIN_IDEOGRAPHS, MAX_IDEOGRAPHS = 350, 1300

AHEAD = re.compile(
    r"\b(?:by (?:the |early |late |mid-|about |around |end of )*(?:\d{1,2} )?(?:[A-Z][a-z]+ )?20\d\d|until|"
    r"targets?|targeted|plan(?:s|ned|ning)?|aim(?:s|ed|ing)?|goals?|project(?:s|ed|ions?)|forecasts?|"
    r"expect(?:s|ed|ations?)?|will|would|is to|are to|was to|were to|scheduled|due (?:to|on|in|before)|roadmap|deadline|"
    r"effective|takes? effect|valid|estimates?|estimated|runs? (?:to|until|through|from)|five-year)\b"
    r"|预计|目标|计划|规划|方案|拟|将|预测|有望|之前|[前起止]|路线图|有效期|施行|五年|[到至]\d{4}年",
    re.IGNORECASE,
)
"""Words of sentences that speak of what is to come, whose dates may lie after ``as_of``."""

POINTS_BACK = re.compile(
    r"(?:It|They|He|She|Its|Their|His|Her|This|These|That|Those|Such|Both (?:of|are|were|have|had|say|said|[a-z]+s))\b"
    r"|(?:它|他们|他的|她|其(?![他余实])|该|此(?!外)|这|那|两者|二者|后者|前者|上述|同年|同月|同日|当年|当月|当日)"
)
"""Openings that point at the sentence before."""
_FISCAL = re.compile(r"\bfiscal(?: year)? $", re.IGNORECASE)
"""Fiscal years run ahead of the calendar: Nvidia's fiscal 2027 ended its first quarter in April 2026."""
_DEFINITION = re.compile(r"\[\^([^\]\s]+)\]:")
_MARK = re.compile(r"\[\^[^\]\s]+\](?!:)")
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*\s*$")


class Lines:
    """Finds the line of a corpus file on which a character of its document's text stands."""

    def __init__(self, raw: str, document: Document) -> None:
        self._raw = raw.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._offsets: list[int] = []
        self._numbers: list[int] = []
        shown = document.text.split("\n")
        at = offset = 0
        front = self._raw.index("---", 1) + 1 if "---" in self._raw[1:] else 0
        for number, line in enumerate(self._raw[front:], front + 1):
            if _DEFINITION.match(line) or not line.strip():
                continue
            heading = _HEADING.match(line)
            plain = heading.group(1) if heading else _MARK.sub("", line).rstrip()
            while at < len(shown) and shown[at] != plain:
                offset += len(shown[at]) + 1
                at += 1
            self._offsets.append(offset)
            self._numbers.append(number)

    def of(self, offset: int) -> int:
        """Return the line of a character of the text."""
        place = bisect_right(self._offsets, offset) - 1
        return self._numbers[place] if place >= 0 else 1

    def of_source(self, source: Source) -> int:
        """Return the line of a footnote's definition."""
        return self._first(lambda line: _DEFINITION.match(line) is not None and (source.url or source.title) in line)

    def of_field(self, name: str) -> int:
        """Return the line of a front matter field."""
        return self._first(lambda line: line.startswith(f"{name}:"))

    def _first(self, test: Callable[[str], bool]) -> int:
        return next((n for n, line in enumerate(self._raw, 1) if test(line)), 1)


def document_problems(path: Path, lines: Lines, document: Document) -> Iterator[tuple[int, str]]:
    """Yield line and message of everything that is wrong inside one document."""
    if document.id != path.stem:
        yield lines.of_field("id"), f"the id {document.id!r} differs from the file's name"
    if document.language != path.parent.name:
        yield lines.of_field("language"), f"language {document.language!r} in the folder {path.parent.name}/"
    size, low, high = _length(document)
    if not low <= size <= high:
        yield 1, f"length {size} is outside {low} to {high}"
    yield from _footnotes(lines, document)
    yield from _dates(lines, document)
    for start, end in document.sentences:
        pronoun = POINTS_BACK.match(document.text, start, end)
        if pronoun:
            yield lines.of(start), f"a sentence begins with {pronoun.group()!r} and cannot be quoted alone: {_short(document, start)}"


def _footnotes(lines: Lines, document: Document) -> Iterator[tuple[int, str]]:
    offsets = {r.offset for r in document.references}
    for start, end in document.sentences:
        if not any(start < o <= end for o in offsets):
            yield lines.of(start), f"sentence without a footnote: {_short(document, start)}"
    used = {r.source for r in document.references}
    for number, source in enumerate(document.sources):
        line = lines.of_source(source)
        if number not in used:
            yield line, f"footnote never used: {source.title}"
        if source.date != "n.d." and _last_day(source.date) is None:
            yield line, f"the date {source.date!r} of a footnote is no date"
    urls = [s.url for s in document.sources if s.url]
    for url in sorted({u for u in urls if urls.count(u) > 1}):
        yield lines.of_source(next(s for s in document.sources if s.url == url)), f"two footnotes for one address: {url}"


def _dates(lines: Lines, document: Document) -> Iterator[tuple[int, str]]:
    as_of = datetime.date.fromisoformat(document.as_of)
    for start, end in document.sentences:
        sentence = document.text[start:end]
        for date in dates(sentence):
            fiscal = _FISCAL.search(sentence[: date.start]) or sentence[date.end :].startswith("财年")
            if _first_day(int(date.value)) > as_of and not fiscal and not AHEAD.search(sentence):
                yield lines.of(start), f"{sentence[date.start : date.end]} is later than as_of {document.as_of}"
    known = [day for s in document.sources if (day := _last_day(s.date)) is not None]
    if len(known) == len(document.sources) and known and as_of > max(known):
        yield lines.of_field("as_of"), f"as_of {document.as_of} is later than every source; the newest is of {max(known)}"


def _first_day(value: int) -> datetime.date:
    """Return the first day of a date written YYYYMMDD with zeros for what is not said."""
    year, month, day = value // 10_000, value // 100 % 100, value % 100
    month = min(max(month, 1), 12)
    return datetime.date(year, month, min(max(day, 1), calendar.monthrange(year, month)[1]))


def _last_day(date: str) -> datetime.date | None:
    """Return the last day of YYYY, YYYY-MM or YYYY-MM-DD; None where it is no date."""
    try:
        year, month, day = (*map(int, date.split("-")), 0, 0)[:3]
        return datetime.date(year, month or 12, day or calendar.monthrange(year, month or 12)[1])
    except ValueError:
        return None


def _length(document: Document) -> tuple[int, int, int]:
    if document.language == "zh":
        return len(re.findall(r"[\u4e00-\u9fff]", document.text)), MIN_IDEOGRAPHS, MAX_IDEOGRAPHS
    return len(document.text.split()), MIN_WORDS, MAX_WORDS


def _short(document: Document, start: int) -> str:
    return document.text[start : start + 60].split("\n")[0].rstrip()
