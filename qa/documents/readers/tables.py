"""Rows of a table as lines of text, each value under its header: "Country: China; Year: 2024."."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from qa.documents.readers.builder import one_line
from qa.text.language import has_cjk

_NUMBER = re.compile(r"[-+−(]?[\s$€£¥]*\d[\d.,\s]*%?\)?$|\d{4}-\d\d(?:-\d\d)?")
_END = (".", "!", "?", "…", "。", "！", "？", ";", "；", ":", "：")


def lines_of(rows: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, str]]:
    """Write each row that holds something as one line.

    The first row of two or more cells is the header if each of its cells holds words. What
    stands above it, such as a caption, is written as it is.

    Args:
        rows: the number of each row and its cells.

    Returns:
        Row numbers with lines; the header is in no line of its own, unless nothing follows it.
    """
    header: list[str] = []
    header_row = 0
    began = used = False
    for number, raw in rows:
        cells = [one_line(cell) for cell in raw]
        filled = [cell for cell in cells if cell]
        if not filled:
            continue
        if not began and len(filled) >= 2:
            began = True
            if not any(_NUMBER.match(cell) for cell in filled):
                header, header_row = cells, number
                continue
        if not began:
            yield number, filled[0]
            continue
        used = True
        yield number, _line(header, cells)
    if header and not used:
        yield header_row, "; ".join(cell for cell in header if cell)


def _line(header: list[str], cells: list[str]) -> str:
    parts = []
    for column, cell in enumerate(cells):
        name = header[column].rstrip(":：") if column < len(header) else ""
        if cell:
            parts.append(f"{name}: {cell}" if name else cell)
    line = "; ".join(parts)
    # A full stop keeps a row apart from the next when sentences are told apart.
    return line if line.endswith(_END) else line + ("。" if has_cjk(line[-1]) else ".")
