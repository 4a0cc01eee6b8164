"""PPTX: a slide is a section."""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator
from typing import Any

from qa.documents.readers.builder import TextBuilder, iso_date, one_line
from qa.documents.readers.extracted import ReadLimits
from qa.documents.readers.kinds import Kind
from qa.documents.readers.packed import check_packed
from qa.documents.readers.tables import lines_of
from qa.errors import UnreadableFile

_TEMPLATE_TITLES = frozenset({"PowerPoint Presentation", "PowerPoint 演示文稿", "PowerPoint 簡報"})
_TEMPLATE_DATE = datetime.datetime(2013, 1, 27, 9, 15, 58)  # of python-pptx's own template: no date of the document


def read(data: bytes, kind: Kind, builder: TextBuilder, limits: ReadLimits) -> None:
    """Read each slide: its text, tables and notes; hidden slides too. Text in pictures and charts is left out."""
    check_packed(data, limits)
    import pptx

    presentation = pptx.Presentation(io.BytesIO(data))
    title = presentation.core_properties.title or ""
    builder.title = "" if title in _TEMPLATE_TITLES else title
    changed = presentation.core_properties.modified
    builder.date = "" if changed is None or changed.replace(tzinfo=None) == _TEMPLATE_DATE else iso_date(changed)
    if len(presentation.slides) > limits.pages:
        raise UnreadableFile(f"has more than {limits.pages:,} slides; split it into smaller files")
    for number, slide in enumerate(presentation.slides, start=1):
        heading = one_line(slide.shapes.title.text_frame.text) if slide.shapes.title is not None else ""
        builder.gap()
        builder.section(f"Slide {number}: {heading}" if heading else f"Slide {number}")
        for shape in _shapes(slide.shapes):
            _write(shape, builder)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            builder.block(slide.notes_slide.notes_text_frame.text)
        if not builder.title and number == 1:
            builder.title = heading


def _shapes(shapes: Any) -> Iterator[Any]:
    """Return the shapes with those inside groups, in order."""
    todo = list(shapes)[::-1]
    while todo:
        shape = todo.pop()
        if hasattr(shape, "shapes"):
            todo.extend(list(shape.shapes)[::-1])
        else:
            yield shape


def _write(shape: Any, builder: TextBuilder) -> None:
    if shape.has_text_frame:
        for paragraph in shape.text_frame.paragraphs:
            words = one_line(paragraph.text)
            builder.line(words)
        builder.gap()
    elif getattr(shape, "has_table", False) and shape.has_table:
        rows = [[cell.text for cell in row.cells] for row in shape.table.rows]
        for _, line in lines_of(enumerate(rows, start=1)):
            builder.line(line)
        builder.gap()
