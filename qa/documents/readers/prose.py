"""Markdown and plain text."""

from __future__ import annotations

import re

import yaml

from qa.documents.readers.builder import TextBuilder, iso_date, one_line
from qa.documents.readers.encodings import decode
from qa.documents.readers.kinds import Kind

_FRONT = re.compile(r"\A---[ \t]*\n(.{0,65536}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_HEADING = re.compile(r" {0,3}#{1,6}(?=[ \t])")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-{2,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_PICTURE = re.compile(r"!\[([^\[\]\n]*)\]\([^()\s]*(?:\s+\"[^\"\n]*\")?\)")
_LINK = re.compile(r"\[([^\[\]\n]+)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)?(?:\s+\"[^\"\n]*\")?\)")
_STRONG = re.compile(r"(\*\*|__)(?=\S)([^*_\n]+?)(?<=\S)\1")


def read(data: bytes, kind: Kind, builder: TextBuilder) -> None:
    """Read Markdown or plain text.

    In Markdown each heading begins a section; links and emphasis leave their words, code stays as it
    is. The title is that of the front matter or the first heading of the first level.
    """
    text, encoding = decode(data)
    if encoding not in ("utf-8", "ascii"):
        builder.note(f"The text was read as {encoding.upper()}.")
    text = re.sub(r"\r\n?", "\n", text)
    if kind.name == "Markdown":
        _markdown(text, builder)
    else:
        builder.block(text)


def _markdown(text: str, builder: TextBuilder) -> None:
    front = _FRONT.match(text)
    if front:
        _front_matter(front.group(1), builder)
        text = text[front.end() :]
    lines = _without_comments(text).split("\n")
    paragraph: list[str] = []
    fence = ""

    def flush() -> None:
        builder.block("\n".join(paragraph))
        paragraph.clear()

    for line in lines:
        mark = _FENCE.match(line)
        if fence or mark:
            if mark and (not fence or mark.group(1) == fence):
                fence = "" if fence else mark.group(1)
            paragraph.append(line)
            continue
        heading = _HEADING.match(line)
        underlined = _UNDERLINE.match(line) and len(paragraph) == 1 and paragraph[0].strip()
        if heading or underlined:
            words = _plain(_heading_words(line[heading.end() :]) if heading else paragraph.pop())
            first = line.lstrip().startswith(("# ", "#\t", "="))
            flush()
            builder.heading(words)
            if first and not builder.title:
                builder.title = one_line(words)
        elif not line.strip():
            flush()
        else:
            paragraph.append(_plain(line))
    flush()


def _front_matter(block: str, builder: TextBuilder) -> None:
    try:
        fields = yaml.safe_load(block)
    except (yaml.YAMLError, ValueError, RecursionError):
        builder.note("The front matter is no valid YAML; its title and date were not taken.")
        return
    if not isinstance(fields, dict):
        return
    for key, value in fields.items():
        if key in ("title", "Title") and isinstance(value, (str, int, float)):
            builder.title = str(value)
        elif key in ("date", "Date"):
            builder.date = iso_date(value)
            if not builder.date and value is not None:
                builder.note("The date in the front matter is none like 2026-07-01; it was not taken.")


def _without_comments(text: str) -> str:
    parts, position = [], 0
    while (start := text.find("<!--", position)) >= 0 and (end := text.find("-->", start)) >= 0:
        parts.append(text[position:start])
        position = end + len("-->")
    return "".join([*parts, text[position:]])


def _heading_words(rest: str) -> str:
    """Return a heading's words without the row of # that may close it ("C#" keeps its own)."""
    words = rest.strip()
    before, _, last = words.rpartition(" ")
    return before.rstrip() if last and not last.strip("#") else words


def _plain(line: str) -> str:
    """Return a line without the marks of pictures, links and strong type; what they mark stays."""
    line = _LINK.sub(r"\1", _PICTURE.sub(r"\1", line))
    return _STRONG.sub(r"\2", line)
