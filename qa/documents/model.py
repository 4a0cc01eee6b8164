"""What a document is once it has been read."""

from __future__ import annotations

import bisect
import hashlib
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qa.text.sentences import Span, sentence_spans

TOPICS = (
    "performance", "models", "agents", "open-source", "policy", "regulation", "cities", "investment", "market",
    "research", "talent", "chips", "compute", "export-controls", "robotics", "driving", "applications", "society",
    "cooperation",
)  # fmt: skip


class Source(BaseModel):
    """The outside publication that a statement rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    publisher: str
    title: str
    date: str = Field(description="YYYY, YYYY-MM, YYYY-MM-DD or 'n.d.' for an undated page")
    url: str = Field(description="address, or empty for the founding document")


class Section(BaseModel):
    """A heading and the span of text below it, up to the next heading."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    heading: str
    start: int
    end: int


class Reference(BaseModel):
    """A footnote mark that was taken out of the text: where it stood and which source it named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    offset: int = Field(description="the mark stood right before this character of the text")
    source: int = Field(description="position in Document.sources")


class Page(BaseModel):
    """A page of a paged file: its number as people count, and its span of the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = Field(ge=1)
    start: int
    end: int


class Origin(BaseModel):
    """Where a user's document came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="file name or address, as the user gave it")
    media_type: str
    digest: str = Field(description="SHA-256 of the file's bytes")
    added: str = Field(description="when it was added, ISO 8601")
    url: str = Field(default="", description="the address it was fetched from, or empty")


class Document(BaseModel):
    """A text with its title, dates, sections and sources. Offsets count characters of ``text``.

    Corpus documents have a topic and a date. Users' documents have an origin instead, and an empty
    topic or date where none was found.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    id: str
    title: str
    language: Literal["en", "zh"]
    topic: str
    entities: tuple[str, ...] = ()
    as_of: str = Field(description="the latest date that the statements speak for, YYYY-MM-DD; empty if unknown")
    translation_of: str | None = None
    text: str
    sections: tuple[Section, ...] = ()
    sources: tuple[Source, ...] = ()
    references: tuple[Reference, ...] = ()
    collection: str = Field(default="corpus", description="the corpus, or a collection of the user's documents")
    origin: Origin | None = None
    pages: tuple[Page, ...] = Field(default=(), description="in order; sections never cross a page")

    @cached_property
    def sentences(self) -> tuple[Span, ...]:
        """Spans of the sentences below headings, in order."""
        spans: list[Span] = []
        for section in self.sections:
            spans.extend(sentence_spans(self.text, section.start, section.end))
        return tuple(spans)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that the document says; when it was added is no part of that."""
        # What only users' documents have is left out at its default: a corpus document's digest is older than these fields.
        defaults = {"collection": "corpus", "origin": None, "pages": ()}
        unset: dict[str, Any] = {name: True for name, value in defaults.items() if getattr(self, name) == value}
        if self.origin is not None:
            unset["origin"] = {"added"}
        return hashlib.sha256(self.model_dump_json(exclude=unset).encode()).hexdigest()

    def section_at(self, offset: int) -> Section | None:
        """Return the section that holds a character, or None before the first heading's text."""
        for section in self.sections:
            if section.start <= offset < section.end:
                return section
        return None

    def page_at(self, offset: int) -> int | None:
        """Return the number of the page that holds a character, or None where there are no pages."""
        at = bisect.bisect_right(self.pages, offset, key=lambda page: page.start) - 1
        return self.pages[at].number if at >= 0 and offset < self.pages[at].end else None

    def sources_of(self, start: int, end: int) -> tuple[Source, ...]:
        """Return the sources of a span: those marked inside it or right after its sentence."""
        first, last = start, end
        for a, b in self.sentences:
            if a < end and start < b:
                first, last = min(first, a), max(last, b)
        numbers = dict.fromkeys(r.source for r in self.references if first < r.offset <= last)
        return tuple(self.sources[n] for n in numbers)
