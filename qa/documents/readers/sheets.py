"""XLSX, CSV and TSV: a row is a line with its headers, and each group of rows a section."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from qa.documents.readers.builder import TextBuilder, clean, iso_date
from qa.documents.readers.encodings import decode
from qa.documents.readers.extracted import ReadLimits
from qa.documents.readers.kinds import Kind
from qa.documents.readers.packed import check_packed
from qa.documents.readers.tables import lines_of
from qa.errors import UnreadableFile

GROUP = 20
"""Rows under one heading, so that a citation names the rows: a few passages."""

_LAST_ROW = 1_048_576  # of a sheet in Excel
_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 20

Row = tuple[int, list[str]]


def read(data: bytes, kind: Kind, builder: TextBuilder, limits: ReadLimits) -> None:
    """Read the sheets of a workbook, or the one sheet of a text file."""
    counted = _Counter(limits.rows)
    if kind.name == "XLSX":
        check_packed(data, limits)
        _workbook(data, builder, counted)
        return
    text, encoding = decode(data)
    if encoding not in ("utf-8", "ascii"):
        builder.note(f"The text was read as {encoding.upper()}.")
    _write("", counted.rows(_text_rows(clean(text), kind, limits)), builder)


class _Counter:
    """Counts the rows that hold something, over all sheets."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        for number, cells in rows:
            self._count += 1
            if self._count > self._limit:
                raise UnreadableFile(f"has more than {self._limit:,} rows; split it into smaller files")
            yield number, cells


def _write(sheet: str, rows: Iterable[Row], builder: TextBuilder) -> None:
    lines = lines_of(rows)
    while group := list(islice(lines, GROUP)):
        first, last = group[0][0], group[-1][0]
        span = f"rows {first}–{last}" if first < last else f"row {first}"
        builder.section(f"{sheet}, {span}" if sheet else span)
        for _, line in group:
            builder.line(line)
        builder.gap()


def _text_rows(text: str, kind: Kind, limits: ReadLimits) -> Iterator[Row]:
    csv.field_size_limit(limits.text_chars)
    delimiter = "\t" if kind.name == "TSV" else _delimiter(text)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise UnreadableFile(f"cannot be read at line {reader.line_num:,}: {error}; correct it") from error


def _delimiter(text: str) -> str:
    """Choose the mark that splits the first lines most evenly into two or more cells; a comma if none splits half of them."""
    lines = [line for line in text[:100_000].split("\n")[:_SAMPLE_LINES] if line.strip()]
    counts = {mark: [line.count(mark) for line in lines if mark in line] for mark in _DELIMITERS}
    usable = [mark for mark in _DELIMITERS if len(counts[mark]) > len(lines) / 2]
    return max(usable, key=lambda mark: (-len(set(counts[mark])), counts[mark][0]), default=",")


def _workbook(data: bytes, builder: TextBuilder, counted: _Counter) -> None:
    import openpyxl

    # Formulas are not computed here: the values stored when the workbook was last saved are taken.
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    builder.title = book.properties.title or ""
    builder.date = iso_date(book.properties.modified or book.properties.created or "") if _stores_date(data) else ""
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            builder.note("Hidden sheets were left out.")
            continue
        # The declared dimension may be wrong or a million columns wide; rows are then as wide as their cells.
        sheet.reset_dimensions()
        _write(sheet.title, counted.rows(_sheet_rows(sheet)), builder)


def _stores_date(data: bytes) -> bool:
    """Tell whether the workbook names a date itself; openpyxl puts today's where there is none."""
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return "docProps/core.xml" in archive.namelist() and b"modified" in archive.read("docProps/core.xml")


def _sheet_rows(sheet: Any) -> Iterator[Row]:
    for number, row in enumerate(sheet.iter_rows(), start=1):
        if number > _LAST_ROW:
            raise UnreadableFile(f"has a sheet of more than {_LAST_ROW:,} rows; split it into smaller files")
        cells = [_value(cell) for cell in row]
        if any(cells):
            yield number, cells


def _value(cell: Any) -> str:
    """Return what a cell shows, near enough: dates in ISO form, shares as percent where they are formatted so."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    if isinstance(value, float):
        if "%" in (cell.number_format or ""):
            return f"{value * 100:.10g}%"
        return f"{value:.15g}"
    if isinstance(value, int) and "%" in (cell.number_format or ""):
        return f"{value * 100}%"
    return str(value)
