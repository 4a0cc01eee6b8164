"""What a reader gives back, and the limits that it works under."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from qa.documents.model import Page, Section

MIB = 1024 * 1024


class ReadLimits(BaseModel):
    """How much a file may ask for. A file over a limit is refused, never cut short."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file_bytes: int = Field(default=100 * MIB, ge=1, description="size of the file")
    text_chars: int = Field(default=20_000_000, ge=1, description="characters of its text; about 100,000 passages")
    pages: int = Field(default=5_000, ge=1, description="pages or slides")
    rows: int = Field(default=200_000, ge=1, description="rows of all sheets, or objects of a JSON Lines file")
    members: int = Field(default=10_000, ge=1, description="files inside a packed format (DOCX, PPTX, XLSX, EPUB)")
    unpacked_bytes: int = Field(default=500 * MIB, ge=1, description="their size unpacked")
    expansion: int = Field(default=200, ge=1, description="times that unpacking may enlarge a packed file of over 10 MiB unpacked")
    memory_bytes: int = Field(default=2048 * MIB, ge=64 * MIB, description="address space of the reading process")
    seconds: float = Field(default=120, gt=0, description="time for a file, on the clock and on the processor")


class Extracted(BaseModel):
    """A file's text as it will be indexed and cited: offsets count characters of ``text``.

    Attributes:
        text: without control characters; ends with a line break.
        title, date: as the file states them (date in ISO form, to the day), or empty.
        language: the one of the two that the text is closer to.
        sections: heading and span of the text below it, in order, none across a page.
        pages: spans of a PDF's pages that hold text.
        notes: sentences about what was left out, converted or could not be told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    title: str = ""
    date: str = ""
    language: Literal["en", "zh"]
    sections: tuple[Section, ...]
    pages: tuple[Page, ...] = ()
    media_type: str
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _spans_fit(self) -> Extracted:
        # The process that parsed the file is not trusted to count right.
        for spans in (self.sections, self.pages):
            edges = [edge for span in spans for edge in (span.start, span.end)]
            if edges != sorted(edges) or any(not 0 <= edge <= len(self.text) for edge in edges):
                raise ValueError("sections and pages must be spans of the text, in order")
        return self
