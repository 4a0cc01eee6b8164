"""PDF: text page by page with pdfium; lines become paragraphs, larger lines headings; pages as pictures."""

from __future__ import annotations

import ctypes
import io
import re
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from qa.documents.readers.builder import TextBuilder, iso_date, one_line
from qa.documents.readers.extracted import ReadLimits
from qa.documents.readers.kinds import Kind
from qa.errors import UnreadableFile
from qa.text.language import CJK

_HEADING_SIZE = 1.15  # times the size of most of the text
_TITLE_SIZE = 1.3
_HEADING_CHARS = 150
_LEADING = 1.9  # of one paragraph's lines, as a multiple of the type size
_SHORT = 0.85  # share of its column that a paragraph's last line usually does not fill
_REPEATED = 0.5  # share of the pages from which a first or last line is a running head
_FEW_PAGES = 3
_NEAR = 50  # lines before and after in which the width of a column is looked for
_PIXELS = 16_000_000
_END = re.compile(r"[.!?。！？:：;；…][\"'”’」』）)\]]*$")
_ITEM = re.compile(r"(?:[-*•‣▪◦–]|\d{1,3}[.)、]|[（(]\d{1,2}[)）])\s*\S")
_WIDE_EDGE = re.compile(rf"[{CJK}\u3000-\u303f\uff00-\uffef]")
_BROKEN_WORD = ("\ufffe", "\x02", "\u00ad")  # how pdfium gives a hyphen at the end of a line
_JUNK_TITLE = re.compile(r"microsoft|untitled|powerpoint|\.(?:docx?|pdf|tex|dvi|indd|pptx?|qxd|x?html?|xlsx?|txt|rtf)\b|^\W*$", re.IGNORECASE)


@dataclass(frozen=True)
class _Line:
    text: str
    size: float
    left: float
    right: float
    bottom: float  # of its first character
    foot: float  # of its last, lower where pdfium joined the parts of a broken word


def read(data: bytes, kind: Kind, builder: TextBuilder, limits: ReadLimits) -> None:
    """Read the text of every page.

    Raises:
        UnreadableFile: encrypted, damaged, over a limit, or pages of pictures only.
    """
    document = _open(data)
    count = len(document)
    if count > limits.pages:
        raise UnreadableFile(f"has {count:,} pages, over the limit of {limits.pages:,}; split it into smaller files")
    pages: list[list[_Line]] = []
    chars = 0
    for number in range(count):
        lines = _lines(document, number)
        pages.append(lines)
        chars += sum(len(line.text) for line in lines)
        if chars > limits.text_chars:
            raise UnreadableFile(f"holds more than {limits.text_chars:,} characters of text; split it into smaller files")
    empty = [number for number, lines in enumerate(pages, start=1) if not any(line.text.strip() for line in lines)]
    if len(empty) == count:
        raise UnreadableFile("holds pictures of pages and no text; run OCR on it (for example with OCRmyPDF) and add the result")
    if empty:
        listed = ", ".join(map(str, empty[:10])) + (" and others" if len(empty) > 10 else "")
        builder.note(f"No text was found on page {listed}; if it is scanned, OCR would make it readable.")
    sizes = [line.size for lines in pages for line in lines for _ in range(0, len(line.text), 20)]
    body = median(sizes) if sizes else 0.0
    _properties(document, pages[0], body, builder)
    pages = _without_running_heads(pages, builder)
    for number, lines in enumerate(pages, start=1):
        if lines:
            builder.gap()
            builder.page(number)
            _write(lines, body, builder)


def page_image(data: bytes, page: int, width: int) -> bytes:
    """Return a page as PNG, about ``width`` pixels wide.

    Raises:
        UnreadableFile: there is no such page.
    """
    document = _open(data)
    if not 1 <= page <= len(document):
        raise UnreadableFile(f"has no page {page}; it has {len(document)}")
    sheet = document[page - 1]
    across, down = max(sheet.get_width(), 1.0), max(sheet.get_height(), 1.0)
    scale = min(width / across, (_PIXELS / (across * down)) ** 0.5)
    picture = sheet.render(scale=scale, may_draw_forms=False).to_pil()
    out = io.BytesIO()
    picture.save(out, format="PNG")
    return out.getvalue()


def _open(data: bytes) -> Any:
    try:
        document = pypdfium2.PdfDocument(data)
        len(document)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise UnreadableFile("is encrypted; save it without a password") from error
        raise UnreadableFile("is a damaged PDF; save or download it again") from error
    return document


def _lines(document: Any, number: int) -> list[_Line]:
    try:
        page = document[number]
        textpage = page.get_textpage()
    except pypdfium2.PdfiumError as error:
        raise UnreadableFile(f"has a page {number + 1} that cannot be read; save or download it again") from error
    text = textpage.get_text_range(errors="replace") if textpage.count_chars() > 0 else ""
    found: list[_Line] = []
    position = 0
    for raw in re.split(r"(\r\n|\r|\n)", text):
        if raw.strip():
            first = position + len(raw) - len(raw.lstrip())
            last = position + len(raw.rstrip()) - 1
            a = pdfium.FPDFText_GetCharIndexFromTextIndex(textpage.raw, first)
            b = pdfium.FPDFText_GetCharIndexFromTextIndex(textpage.raw, last)
            left, _, bottom, _ = _box(textpage, a)
            _, right, foot, _ = _box(textpage, b)
            size = abs(pdfium.FPDFText_GetFontSize(textpage.raw, max(a, 0)))
            found.append(_Line(raw.strip(), size, left, right, bottom, foot))
        position += len(raw)
    textpage.close()
    page.close()
    return found


def _box(textpage: Any, index: int) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of a character, zeros where pdfium knows no place."""
    edges = [ctypes.c_double() for _ in range(4)]
    if index >= 0:
        pdfium.FPDFText_GetCharBox(textpage.raw, index, *edges)
    return edges[0].value, edges[1].value, edges[2].value, edges[3].value


def _properties(document: Any, first_page: list[_Line], body: float, builder: TextBuilder) -> None:
    metadata = document.get_metadata_dict()
    title = one_line(metadata.get("Title", ""))
    if title and not _JUNK_TITLE.search(title):
        builder.title = title
    elif first_page:
        largest = max(line.size for line in first_page)
        lines = [line.text for line in first_page if line.size == largest]
        if largest >= _TITLE_SIZE * body and len(lines) <= 3 and sum(map(len, lines)) <= _HEADING_CHARS:
            builder.title = " ".join(lines)
    builder.date = iso_date(metadata.get("CreationDate", "").removeprefix("D:"))
    if builder.date:
        builder.note("The date is that of the PDF's creation.")


def _without_running_heads(pages: list[list[_Line]], builder: TextBuilder) -> list[list[_Line]]:
    """Drop first and last lines that stand on most pages, page numbers included."""
    if len(pages) < _FEW_PAGES:
        return pages
    shapes: Counter[tuple[int, str]] = Counter()
    for lines in pages:
        shapes.update({_shape(lines, end) for end in (0, -1) if lines})
    running = {shape for shape, n in shapes.items() if n > _REPEATED * len(pages) and n >= _FEW_PAGES}
    if not running:
        return pages
    builder.note("Running heads and page numbers were left out.")
    kept = []
    for lines in pages:
        drop_first = bool(lines) and _shape(lines, 0) in running
        drop_last = len(lines) > drop_first and _shape(lines, -1) in running
        kept.append(lines[int(drop_first) : len(lines) - int(drop_last)])
    return kept


def _shape(lines: list[_Line], end: int) -> tuple[int, str]:
    """Return a first or last line with its numbers alike; a bare page number counts at either end."""
    text = re.sub(r"\d+", "0", lines[end].text)
    return (0, text) if text == "0" else (end, text)


def _write(lines: list[_Line], body: float, builder: TextBuilder) -> None:
    """Write a page: lines that belong together as one paragraph each."""
    paragraph = ""
    before: _Line | None = None
    heading = False
    for at, line in enumerate(lines):
        near = lines[max(0, at - _NEAR) : at + _NEAR]
        is_heading = line.size >= _HEADING_SIZE * body and len(line.text) <= _HEADING_CHARS
        if before is not None and is_heading == heading and _continues(before, line, near, heading):
            paragraph = _joined(paragraph, line.text)
        else:
            _put(paragraph, heading, builder)
            paragraph, heading = line.text, is_heading
        before = line
    _put(paragraph, heading, builder)


def _put(paragraph: str, heading: bool, builder: TextBuilder) -> None:
    if heading and len(paragraph) <= 2 * _HEADING_CHARS:
        builder.heading(paragraph)
    else:
        builder.block(paragraph)


def _continues(before: _Line, line: _Line, near: list[_Line], heading: bool) -> bool:
    """Tell whether a line goes on with the paragraph of the line before it."""
    size = max(before.size, line.size)
    if abs(before.size - line.size) > 0.1 * size or _ITEM.match(line.text):
        return False
    drop = before.foot - line.bottom
    if drop > _LEADING * size:
        return False
    if heading:
        return drop > 0
    if drop <= 0:  # the top of the next column: the text goes on if it is in the middle of a sentence
        return not _END.search(before.text)
    column = max(other.right for other in near if abs(other.left - before.left) < 3 * size)
    filled = (before.right - before.left) >= _SHORT * (column - before.left)
    return filled or (not _END.search(before.text) and line.text[0].islower())


def _joined(paragraph: str, line: str) -> str:
    if paragraph.endswith(_BROKEN_WORD):
        return paragraph[:-1] + line
    if _WIDE_EDGE.match(paragraph[-1:]) and _WIDE_EDGE.match(line):
        return paragraph + line
    return f"{paragraph} {line}"
