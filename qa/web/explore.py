"""What the Explore tab shows: series, the timeline of dated statements, topics and names."""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from qa.assistant import Assistant
from qa.documents.corpus import Series
from qa.text.quantities import dates
from qa.web.views import segments, source_view

PAGE = 30
"""Statements of the timeline sent at once."""
NAMES = 60
"""Names listed with their counts."""
COMMON = 0.4
"""A name in more than this share of the documents ("China") leads nowhere in particular."""
_DATE = re.compile(r"\d{4}(-\d\d){0,2}")


@dataclass(frozen=True)
class Statement:
    """A sentence that names a date; ``spans`` are where its dates stand in it."""

    date: str
    document_id: str
    start: int
    end: int
    text: str
    spans: tuple[tuple[int, int], ...]
    topic: str
    language: str


def series_view(series: Series) -> dict[str, Any]:
    """Return a series with its points and sources; the key of a point is a date or, where not dated, a name."""
    return {
        "slug": series.slug,
        "title": {"en": series.title, "zh": series.title_zh or series.title},
        "note": {"en": series.note, "zh": series.note_zh or series.note},
        "unit": series.unit,
        "dated": series.dated,
        "points": [{"date": date, "value": value} for date, value in series.points],
        "sources": [source_view(s) for s in series.sources],
    }


class Timeline:
    """All dated statements of one snapshot, read once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generation = ""
        self._statements: tuple[Statement, ...] = ()
        self._names: tuple[dict[str, Any], ...] = ()

    def statements(self, assistant: Assistant) -> tuple[Statement, ...]:
        """Return the statements, newest first."""
        self._read(assistant)
        return self._statements

    def names(self, assistant: Assistant) -> tuple[dict[str, Any], ...]:
        """Return the most frequent names as ``{"en", "zh", "kind", "documents"}``."""
        self._read(assistant)
        return self._names

    def _read(self, assistant: Assistant) -> None:
        with self._lock:
            generation = assistant.snapshot.generation  # documents that are read below may already be newer; then they are read once more
            if self._generation == generation:
                return
            self._statements = tuple(sorted(_dated(assistant), key=lambda s: (s.date, s.document_id, -s.start), reverse=True))
            self._names = tuple(_names(assistant))
            self._generation = generation

    def page(self, assistant: Assistant, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return a page of statements.

        Args:
            assistant: holds the documents.
            wanted: ``name``, ``topic``, ``language``, ``since``, ``until`` and ``offset``; empty
                ones don't restrict. A name is found by all its forms.
        """
        forms = _forms(assistant, str(wanted.get("name") or "").strip())
        since, until = _date(wanted.get("since")), _date(wanted.get("until"))
        kept = [
            s
            for s in self.statements(assistant)
            if (not wanted.get("topic") or s.topic == wanted["topic"])
            and (not wanted.get("language") or s.language == wanted["language"])
            and (not since or s.date >= since)
            and (not until or s.date[: len(until)] <= until)
            and (not forms or any(form in s.text.casefold() for form in forms))
        ]
        offset = max(0, int(wanted.get("offset") or 0))
        return {
            "total": len(kept),
            "offset": offset,
            "years": sorted(Counter(s.date[:4] for s in kept).items()),
            "items": [_item(assistant, s) for s in kept[offset : offset + PAGE]],
        }


def _date(value: Any) -> str:
    text = str(value or "").strip()
    return text if _DATE.fullmatch(text) else ""


def _forms(assistant: Assistant, name: str) -> tuple[str, ...]:
    if not name:
        return ()
    for mention in assistant.snapshot.glossary.mentions(name):
        if mention.end - mention.start == len(name):
            return tuple(form.casefold() for form in mention.entry.forms)
    return (name.casefold(),)


def _item(assistant: Assistant, statement: Statement) -> dict[str, Any]:
    document = assistant.document(statement.document_id)
    section = document.section_at(statement.start)
    return {
        "date": statement.date,
        "segments": segments(statement.text, statement.spans, "date"),
        "document": document.id,
        "title": document.title,
        "section": section.heading if section else "",
        "topic": document.topic,
        "language": document.language,
        "start": statement.start,
        "end": statement.end,
        "sources": [source_view(s) for s in document.sources_of(statement.start, statement.end)],
    }


def _dated(assistant: Assistant) -> list[Statement]:
    """Collect the sentences with a date; a sentence stands at its first date that names a month, else a year."""
    found = []
    for document in assistant.documents:
        for start, end in document.sentences:
            text = document.text[start:end]
            days = dates(text)
            if not days:
                continue
            first = next((d for d in days if d.kind == "date"), days[0])
            year, month, day = int(first.value) // 10_000, int(first.value) // 100 % 100, int(first.value) % 100
            date = f"{year}" + (f"-{month:02d}" if month else "") + (f"-{day:02d}" if day else "")
            spans = tuple((d.start, d.end) for d in days)
            found.append(Statement(date, document.id, start, end, text, spans, document.topic, document.language))
    return found


def _names(assistant: Assistant) -> list[dict[str, Any]]:
    counts: Counter[tuple[str, str, str]] = Counter()
    glossary = assistant.snapshot.glossary
    most = COMMON * len(assistant.documents)
    for document in assistant.documents:
        entries = {m.entry for m in glossary.mentions(f"{document.title}\n{document.text}") if m.entry.is_name}
        counts.update((entry.en or entry.zh, entry.zh or entry.en, entry.kind) for entry in entries)
        if not len(glossary):
            counts.update((name, name, "") for name in document.entities)
    ranked = sorted(((name, n) for name, n in counts.items() if n <= most), key=lambda item: (-item[1], item[0]))[:NAMES]
    return [{"en": en, "zh": zh, "kind": kind, "documents": count} for (en, zh, kind), count in ranked]
