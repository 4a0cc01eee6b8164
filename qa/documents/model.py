"""What a document is once it has been read."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Literal

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


class Document(BaseModel):
    """A text with its title, dates, sections and sources. Offsets count characters of ``text``."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    id: str
    title: str
    language: Literal["en", "zh"]
    topic: str
    entities: tuple[str, ...] = ()
    as_of: str = Field(description="the latest date that the statements speak for, YYYY-MM-DD")
    translation_of: str | None = None
    text: str
    sections: tuple[Section, ...] = ()
    sources: tuple[Source, ...] = ()
    references: tuple[Reference, ...] = ()

    @cached_property
    def sentences(self) -> tuple[Span, ...]:
        """Spans of the sentences below headings, in order."""
        spans: list[Span] = []
        for section in self.sections:
            spans.extend(sentence_spans(self.text, section.start, section.end))
        return tuple(spans)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that the document says."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def section_at(self, offset: int) -> Section | None:
        """Return the section that holds a character, or None before the first heading's text."""
        for section in self.sections:
            if section.start <= offset < section.end:
                return section
        return None

    def sources_of(self, start: int, end: int) -> tuple[Source, ...]:
        """Return the sources of a span: those marked inside it or right after its sentence."""
        first, last = start, end
        for a, b in self.sentences:
            if a < end and start < b:
                first, last = min(first, a), max(last, b)
        numbers = dict.fromkeys(r.source for r in self.references if first < r.offset <= last)
        return tuple(self.sources[n] for n in numbers)
