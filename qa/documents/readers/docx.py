"""DOCX: paragraphs and tables in order; heading styles begin sections."""

from __future__ import annotations

import datetime
import io
import re
from typing import Any

from qa.documents.readers.builder import TextBuilder, iso_date
from qa.documents.readers.extracted import ReadLimits
from qa.documents.readers.kinds import Kind
from qa.documents.readers.packed import check_packed
from qa.documents.readers.tables import lines_of

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_HEADING = re.compile(r"(?:heading|标题|標題) ?\d", re.IGNORECASE)
_TEMPLATE_DATE = datetime.datetime(2013, 12, 23, 23, 15, tzinfo=datetime.UTC)  # of python-docx's own template: no date of the document


def read(data: bytes, kind: Kind, builder: TextBuilder, limits: ReadLimits) -> None:
    """Read the body; headers, footers and comments are left out, deleted text is not read."""
    check_packed(data, limits)
    import docx

    document = docx.Document(io.BytesIO(data))
    properties = document.core_properties
    builder.title = properties.title or ""
    changed = properties.modified or properties.created
    if changed is not None and changed.replace(tzinfo=datetime.UTC) != _TEMPLATE_DATE:
        builder.date = iso_date(changed)
    styles = {style.style_id: style.name or "" for style in document.styles}
    _blocks(document.element.body, styles, builder)
    if any(part.partname in ("/word/footnotes.xml", "/word/endnotes.xml") for part in document.part.package.iter_parts()):
        builder.note("Footnotes and endnotes were left out.")


def _blocks(parent: Any, styles: dict[str, str], builder: TextBuilder) -> None:
    in_list = False
    for element in parent:
        if element.tag == f"{_W}p":
            style = styles.get(_attribute(element, f"{_W}pPr/{_W}pStyle"), "")
            words = _words(element)
            listed = element.find(f"{_W}pPr/{_W}numPr") is not None or style.startswith("List")
            if in_list and not listed:
                builder.gap()
            in_list = listed
            if _HEADING.match(style) or style == "Title" or element.find(f"{_W}pPr/{_W}outlineLvl") is not None:
                builder.heading(words)
                if style == "Title" and not builder.title:
                    builder.title = words
            elif listed:
                builder.line("- " + words if words.strip() else "")
            else:
                builder.block(words)
        elif element.tag == f"{_W}tbl":
            builder.gap()
            for _, line in lines_of(enumerate(_rows(element), start=1)):
                builder.line(line)
            builder.gap()
        elif element.tag == f"{_W}sdt":  # a content control, such as a cover page
            content = element.find(f"{_W}sdtContent")
            if content is not None:
                _blocks(content, styles, builder)
    builder.gap()


def _rows(table: Any) -> list[list[str]]:
    rows = []
    for row in table.findall(f"{_W}tr"):
        cells: list[str] = []
        for cell in row.findall(f"{_W}tc"):
            span = _attribute(cell, f"{_W}tcPr/{_W}gridSpan")
            width = min(int(span), 100) if span.isdecimal() else 1
            cells += [" ".join(_words(p) for p in cell.iter(f"{_W}p"))] + [""] * (width - 1)
        rows.append(cells)
    return rows


def _words(paragraph: Any) -> str:
    """Return a paragraph's text with insertions; the second copy that drawings keep for old programs is passed over."""
    parts: list[str] = []
    todo = [paragraph]
    while todo:
        element = todo.pop()
        if element.tag == f"{_W}t":
            parts.append(element.text or "")
        elif element.tag == f"{_W}tab":
            parts.append("\t")
        elif element.tag in (f"{_W}br", f"{_W}cr"):
            parts.append("\n")
        elif element.tag == f"{_W}noBreakHyphen":
            parts.append("-")
        if element.tag not in (f"{_MC}Fallback", f"{_W}pPr", f"{_W}del"):
            todo.extend(reversed(element))
    return "".join(parts)


def _attribute(element: Any, path: str) -> str:
    found = element.find(path)
    return "" if found is None else found.get(f"{_W}val") or ""
