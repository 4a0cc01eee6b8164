"""Put a document's text together from headings and blocks, so that sections and pages are spans of it."""

from __future__ import annotations

import datetime
import re
import unicodedata

from qa.documents.model import Page, Section
from qa.documents.readers.extracted import Extracted, ReadLimits
from qa.errors import UnreadableFile
from qa.text.language import CJK, language_of

_BREAKS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Control characters, marks that show nothing (soft hyphen, zero-width space, word joiner, byte order mark), marks that
# reorder what is shown (so that a quote reads as it is stored), halves of surrogate pairs, and what is no character at all.
_REMOVED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_SPACES = re.compile("[\u00a0\u2007\u202f]")
# PDFs often hold ligatures and, for Chinese, look-alike radicals in the place of letters and ideographs.
_LOOKALIKES = re.compile("[\ufb00-\ufb06\u2f00-\u2fd5]")
_SAMPLE = 200_000  # characters; enough to tell a language
_OTHER_LETTER = re.compile(rf"(?![A-Za-zÀ-ɏ{CJK}])[^\W\d_]")
_LETTER = re.compile(r"[^\W\d_]")


def clean(text: str) -> str:
    """Return a text without control and invisible characters, with plain spaces and one kind of line break."""
    text = _REMOVED.sub("", _BREAKS.sub("\n", text))
    text = _LOOKALIKES.sub(lambda match: unicodedata.normalize("NFKC", match.group()), text)
    return _SPACES.sub(" ", text)


def one_line(text: str) -> str:
    """Return a cleaned text with each run of white space as one space."""
    return " ".join(clean(text).split())


def iso_date(value: object) -> str:
    """Return the day of a date, a time or a text that begins with a date in ISO form; "" for anything else."""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    match = re.match(r"(\d{4})-?(\d\d)-?(\d\d)", str(value).strip())
    try:
        return datetime.date(*map(int, match.groups())).isoformat() if match else ""
    except ValueError:  # a day that is in no calendar
        return ""


class TextBuilder:
    """Collects headings and blocks; counts characters and pages as it goes.

    Raises from every method:
        UnreadableFile: the text or the number of pages is over its limit.
    """

    def __init__(self, limits: ReadLimits) -> None:
        self.limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._sections: list[tuple[str, int, int]] = []  # heading, start of its line, start of the text below
        self._pages: list[tuple[int, int]] = []  # number, start
        self.title = ""
        self.date = ""
        self.notes: list[str] = []

    @property
    def length(self) -> int:
        """Characters so far."""
        return self._length

    def note(self, sentence: str) -> None:
        """Remember what was degraded, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def heading(self, text: str) -> None:
        """Begin a section whose heading is a line of the text."""
        line = one_line(text)
        if line:
            start = self._length
            self._add(line + "\n")
            self._sections.append((line, start, self._length))

    def section(self, name: str) -> None:
        """Begin a section under a name that is no part of the text."""
        self._sections.append((one_line(name), self._length, self._length))

    def block(self, text: str) -> None:
        """Add a paragraph or another block; a blank line follows it."""
        lines = [line.rstrip() for line in clean(text).split("\n")]
        body = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
        if body.strip():
            self._add(body + "\n\n")

    def line(self, text: str) -> None:
        """Add one line of a table or list."""
        body = one_line(text)
        if body:
            self._add(body + "\n")

    def gap(self) -> None:
        """End a run of lines with a blank line."""
        if self._parts and not self._parts[-1].endswith("\n\n"):
            self._add("\n")

    def page(self, number: int) -> None:
        """Begin a page; the section goes on under its heading."""
        if len(self._pages) >= self.limits.pages:
            raise UnreadableFile(f"has more than {self.limits.pages:,} pages; split it into smaller files")
        self._pages.append((number, self._length))
        self._sections.append((self._sections[-1][0] if self._sections else "", self._length, self._length))

    def extracted(self, media_type: str) -> Extracted:
        """Return the whole.

        Raises:
            UnreadableFile: there is no text.
        """
        text = "".join(self._parts).rstrip("\n") + "\n"
        if not re.search(r"\w", text):
            raise UnreadableFile("holds no text; add a file that does")
        sample = text[:_SAMPLE]
        letters = len(_LETTER.findall(sample))
        if letters and len(_OTHER_LETTER.findall(sample)) > letters / 2:
            self.note("The text looks to be neither English nor Chinese; answers from it may be poor.")
        return Extracted(
            text=text,
            title=one_line(self.title)[:300],
            date=self.date,
            language="zh" if language_of(sample) == "zh" else "en",  # a mixed text is mostly English
            sections=self._section_spans(text),
            pages=self._page_spans(text),
            media_type=media_type,
            notes=tuple(self.notes),
        )

    def _add(self, piece: str) -> None:
        self._parts.append(piece)
        self._length += len(piece)
        if self._length > self.limits.text_chars:
            raise UnreadableFile(f"holds more than {self.limits.text_chars:,} characters of text; split it into smaller files")

    def _section_spans(self, text: str) -> tuple[Section, ...]:
        starts = self._sections
        ends = [start for _, start, _ in starts[1:]] + [len(text)]
        spans = [(h, min(below, len(text)), min(end, len(text))) for (h, _, below), end in zip(starts, ends, strict=False)]
        first = min(starts[0][1], len(text)) if starts else len(text)
        # A text of headings only would have nothing to search or cite: it is then one text without headings.
        if not text[:first].strip() and not any(text[a:b].strip() for _, a, b in spans):
            edges = [min(start, len(text)) for _, start in self._pages] or [0]
            spans = [("", a, b) for a, b in zip(edges, [*edges[1:], len(text)], strict=True)]
            first = edges[0]
        return tuple(Section(heading=h, start=a, end=b) for h, a, b in [("", 0, first), *spans] if text[a:b].strip())

    def _page_spans(self, text: str) -> tuple[Page, ...]:
        ends = [start for _, start in self._pages[1:]] + [len(text)]
        spans = [(n, start, min(end, len(text))) for (n, start), end in zip(self._pages, ends, strict=False)]
        return tuple(Page(number=n, start=a, end=b) for n, a, b in spans if a < b)
