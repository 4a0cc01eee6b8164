"""JSON Lines: one object a line, its keys as headers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from qa.documents.readers.builder import TextBuilder, one_line
from qa.documents.readers.encodings import decode
from qa.documents.readers.extracted import ReadLimits
from qa.documents.readers.kinds import Kind
from qa.documents.readers.sheets import GROUP
from qa.errors import UnreadableFile
from qa.text.language import has_cjk

_TITLES = ("title", "headline", "name", "标题")
_LONG = 200  # characters; a longer text is a paragraph of its own
_DEPTH = 4


def read(data: bytes, kind: Kind, builder: TextBuilder, limits: ReadLimits) -> None:
    """Read an object a line: short values on one line with their keys, long texts as paragraphs.

    An object with a title and a long text is a section of its own; others share one, 20 lines each.
    """
    text, encoding = decode(data)
    if encoding not in ("utf-8", "ascii"):
        builder.note(f"The text was read as {encoding.upper()}.")
    count = grouped = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        count += 1
        if count > limits.rows:
            raise UnreadableFile(f"has more than {limits.rows:,} objects; split it into smaller files")
        fields = list(_fields(_object(line, number), builder))
        title = next((value for key, value in fields if key in _TITLES and len(value) <= _LONG), "")
        long = [(key, value) for key, value in fields if len(value) > _LONG or "\n" in value.strip()]
        short = [(key, value) for key, value in fields if (key, value) not in long]
        if title and long:
            builder.gap()
            builder.heading(title)
            short = [(key, value) for key, value in short if value != title]
            grouped = 0
        else:
            if grouped == 0:
                builder.gap()
                builder.section(f"from line {number}")
            grouped = (grouped + 1) % GROUP
        builder.line(_line(short))
        for _, value in long:
            builder.gap()
            builder.block(value)


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"has no JSON on line {number:,}; JSON Lines hold one object a line") from error
    if not isinstance(value, dict):
        raise UnreadableFile(f"has no JSON object on line {number:,}; JSON Lines hold one object a line")
    return value


def _fields(value: dict[str, Any], builder: TextBuilder, prefix: str = "", depth: int = 1) -> Iterator[tuple[str, str]]:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict) and depth < _DEPTH:
            yield from _fields(item, builder, f"{name}.", depth + 1)
        elif isinstance(item, list) and all(isinstance(i, (str, int, float)) for i in item):
            yield name, ", ".join(map(str, item))
        elif isinstance(item, (dict, list)):
            builder.note("Lists of objects and what is nested more than four deep were left out.")
        elif isinstance(item, bool):
            yield name, "true" if item else "false"
        elif item is not None:
            yield name, str(item)


def _line(fields: list[tuple[str, str]]) -> str:
    line = "; ".join(f"{one_line(key)}: {one_line(value)}" for key, value in fields if value.strip())
    if not line or line[-1] in ".!?…。！？":
        return line
    return line + ("。" if has_cjk(line[-1]) else ".")
