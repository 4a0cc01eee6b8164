"""Read the corpus's Markdown: front matter, headings, prose, footnotes.

The text of the document is the prose without footnote marks and definitions; headings stay as
plain lines. A footnote mark becomes a reference to its source at the place where it stood.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

import yaml
from pydantic import ValidationError

from qa.documents.model import TOPICS, Document, Reference, Section, Source
from qa.errors import CorpusError

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_MARK = re.compile(r"\[\^([^\]\s]+)\](?!:)")
_DEFINITION = re.compile(r"^\[\^([^\]\s]+)\]:[ \t]*(.*)$")
_FORM = re.compile(
    r'(?P<publisher>.+?), "(?P<title>.+)", '
    r"(?P<date>\d{4}(?:-\d\d(?:-\d\d)?)?\.|n\.d\.)(?:\s+(?P<url>\S+))?\s*$"
)
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
REQUIRED = ("id", "title", "language", "topic", "entities", "as_of", "translation_of")
FOUNDING_PUBLISHER = "supplied by the project's user"
"""The founding document was handed over by hand: the one source that has no address."""


def parse_markdown(raw: str, name: str) -> Document:
    """Turn a corpus file's text into a document.

    Args:
        raw: the file's text.
        name: how errors name the file.

    Raises:
        CorpusError: front matter or a footnote is missing or malformed; the message begins with
            ``name:line:``.
    """
    raw = raw.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    front = _FRONT.match(raw)
    if front is None:
        raise CorpusError(f"{name}:1: no front matter; begin the file with a block between two lines of ---")
    fields = _front_matter(front.group(1), name)
    lines = raw[front.end() :].split("\n")
    first_line = raw[: front.end()].count("\n") + 1
    sources, numbers = _sources(lines, first_line, name)
    text, sections, references = _body(lines, first_line, numbers, name)
    if not text.strip():
        raise CorpusError(f"{name}:{first_line}: the document has no text below its front matter")
    try:
        return Document(
            **fields, text=text, sections=tuple(sections), sources=tuple(sources), references=tuple(references)
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise CorpusError(f"{name}:1: front matter field {first['loc'][0]}: {first['msg']}") from error


def _front_matter(block: str, name: str) -> dict[str, Any]:
    try:
        fields = yaml.safe_load(block)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise CorpusError(f"{name}:{line}: front matter cannot be read: {problem}; quote values with a colon") from error
    except ValueError as error:  # a date that is in no calendar
        raise CorpusError(f"{name}:1: front matter cannot be read: {error}; write dates like 2026-07-01") from error
    if not isinstance(fields, dict):
        raise CorpusError(f"{name}:1: front matter must be lines of 'key: value'")
    missing = [key for key in REQUIRED if key not in fields]
    if missing:
        raise CorpusError(f"{name}:1: front matter lacks {', '.join(missing)}")
    unknown = sorted(set(fields) - set(REQUIRED))
    if unknown:
        raise CorpusError(f"{name}:1: unknown front matter {', '.join(unknown)}; known: {', '.join(REQUIRED)}")
    if fields["topic"] not in TOPICS:
        raise CorpusError(f"{name}:1: unknown topic {fields['topic']!r}; use one of {', '.join(TOPICS)}")
    as_of = fields["as_of"]
    try:
        fields["as_of"] = datetime.date.fromisoformat(str(as_of)).isoformat()
    except ValueError as error:
        raise CorpusError(f"{name}:1: as_of must be a date like 2026-07-01, not {as_of!r}") from error
    if not isinstance(fields["entities"] or [], list):
        raise CorpusError(f"{name}:1: entities must be a list like [DeepSeek, Qwen], not {fields['entities']!r}")
    fields["entities"] = tuple(str(e) for e in fields["entities"] or ())
    return fields


def _sources(lines: list[str], first_line: int, name: str) -> tuple[list[Source], dict[str, int]]:
    sources: list[Source] = []
    numbers: dict[str, int] = {}
    for i, line in enumerate(lines):
        definition = _DEFINITION.match(line)
        if definition is None:
            continue
        key, value = definition.groups()
        where = f"{name}:{first_line + i}"
        if key in numbers:
            raise CorpusError(f"{where}: footnote {key!r} is defined twice")
        form = _FORM.match(value)
        if form is None:
            raise CorpusError(f'{where}: footnote {key!r} must read: Publisher, "Title", YYYY-MM-DD. URL')
        url = form.group("url") or ""
        if not url and form.group("publisher") != FOUNDING_PUBLISHER:
            raise CorpusError(f"{where}: footnote {key!r} has no URL")
        if url and not re.match(r"https?://[^\s/]+\.[^\s/]+", url):
            raise CorpusError(f"{where}: footnote {key!r} has a malformed URL {url!r}")
        date = form.group("date")
        numbers[key] = len(sources)
        sources.append(
            Source(
                publisher=form.group("publisher"),
                title=form.group("title"),
                date=date if date == "n.d." else date.removesuffix("."),
                url=url,
            )
        )
    return sources, numbers


def _body(
    lines: list[str], first_line: int, numbers: dict[str, int], name: str
) -> tuple[str, list[Section], list[Reference]]:
    parts: list[str] = []
    length = 0
    references: list[Reference] = []
    starts: list[tuple[str, int, int]] = []  # heading, start of heading line, start of text below

    def add(piece: str) -> None:
        nonlocal length
        parts.append(piece)
        length += len(piece)

    blank = True
    for i, line in enumerate(lines):
        if _DEFINITION.match(line):
            continue
        heading = _HEADING.match(line)
        if heading:
            start = length
            add(heading.group(2) + "\n")
            starts.append((heading.group(2), start, length))
            blank = True
            continue
        if not line.strip():
            if not blank:
                add("\n")
            blank = True
            continue
        position = 0
        for mark in _MARK.finditer(line):
            add(line[position : mark.start()])
            key = mark.group(1)
            if key not in numbers:
                raise CorpusError(f"{name}:{first_line + i}: footnote {key!r} is used but not defined")
            references.append(Reference(offset=length, source=numbers[key]))
            position = mark.end()
        add(line[position:].rstrip() + "\n")
        blank = False
    text = "".join(parts).rstrip("\n") + "\n"
    # Empty headings at the end may lie in what was stripped.
    starts = [(h, min(start, len(text)), min(below, len(text))) for h, start, below in starts]
    ends = [start for _, start, _ in starts[1:]] + [len(text)]
    sections = [Section(heading=h, start=below, end=max(below, end)) for (h, _, below), end in zip(starts, ends, strict=False)]
    before = starts[0][1] if starts else len(text)
    if text[:before].strip():
        sections.insert(0, Section(heading="", start=0, end=before))
    return text, sections, references
