"""What ``qa corpus check`` asks of a whole corpus folder."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from qa.documents.document_checks import Lines, document_problems
from qa.documents.duplicates import near_duplicates
from qa.documents.files import document_paths, read_text, relative_name
from qa.documents.markdown import parse_markdown
from qa.documents.model import Document, Source
from qa.documents.series import Series, line_of_series, load_series
from qa.errors import CorpusError
from qa.text.glossary import Entry, Glossary

T = TypeVar("T")

KINDS_TO_USE = frozenset({"organisation"})
"""Kinds whose glossary rows must be used.

The others are justified by kind. Terms translate the words of questions. Companies, models, people,
chips, laws, places and the like can be asked about although no document has them, and the assistant
must know them as names so as not to answer with another one's figures. The organisations of the
world are too many for that.
"""

_URL = re.compile(r"https?://(?:[\w-]+\.)+[a-z0-9-]+(?::\d+)?(?:[/?#][^\s<>\"|\\^`{}]*)?", re.IGNORECASE)
"""An address with a host; characters that RFC 3986 forbids are refused."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a corpus, with file and line in the message."""

    message: str


@dataclass(frozen=True)
class _File:
    name: str
    document: Document
    lines: Lines


def check_corpus(folder: Path, questions: Iterable[str] = ()) -> list[Problem]:
    """Check every rule of the corpus and return all problems, not only the first.

    Args:
        folder: the corpus folder.
        questions: texts that may use a glossary row besides the corpus.

    Near-identical passages are only looked for where datasketch is installed: ``left_out`` says so.
    """
    if not document_paths(folder):
        return [Problem(f"{folder}: no documents; a corpus folder holds en/*.md and zh/*.md")]
    files, problems = _read(folder)
    messages: list[str] = []
    for file in files:
        found = document_problems(folder / file.name, file.lines, file.document)
        messages += [f"{file.name}:{line}: {m}" for line, m in found]
    messages += _identities(files)
    series: list[Series] = []
    try:
        series = load_series(folder / "series")
    except CorpusError as error:
        messages.append(str(error))
    rows: list[tuple[Entry, int]] = []
    try:
        rows = _glossary_rows(folder / "glossary.csv")
    except CorpusError as error:
        messages.append(str(error))
    messages += _sources(_source_places(files, series, folder), {form: e.en for e, _ in rows for form in e.forms})
    messages += _glossary(rows, files, series, questions)
    if not left_out():
        messages += _duplicates(files)
    return problems + [Problem(m) for m in messages]


def left_out() -> list[str]:
    """Say which checks cannot run here and what they need; empty where all can."""
    if find_spec("datasketch") is None:
        return ["near-identical passages were not looked for: pip install 'china-ai-qa[check]'"]
    return []


def _read(folder: Path) -> tuple[list[_File], list[Problem]]:
    files, problems = [], []
    for path in document_paths(folder):
        name = relative_name(path)
        try:
            raw = read_text(path)
            document = parse_markdown(raw, name)
        except CorpusError as error:
            problems.append(Problem(str(error)))
            continue
        files.append(_File(name, document, Lines(raw, document)))
    return files, problems


def _identities(files: list[_File]) -> Iterator[str]:
    first: dict[str, _File] = {}
    for file in files:
        if file.document.id in first:
            yield f"{file.name}:{file.lines.of_field('id')}: the id {file.document.id!r} is used by {first[file.document.id].name}"
        first.setdefault(file.document.id, file)
    for file in files:
        target = file.document.translation_of
        if target is None:
            continue
        line = file.lines.of_field("translation_of")
        if target not in first:
            yield f"{file.name}:{line}: translation_of names no document: {target}"
        elif first[target].document.language == file.document.language:
            yield f"{file.name}:{line}: translation_of names a document of the same language: {target}"


def _source_places(files: list[_File], series: list[Series], folder: Path) -> list[tuple[str, Source]]:
    """List every source of documents and series with its file and line."""
    places = [(f"{f.name}:{f.lines.of_source(s)}", s) for f in files for s in f.document.sources]
    header = folder / "series" / "series.yaml"
    raw = read_text(header) if header.exists() else ""
    return places + [(f"series/series.yaml:{line_of_series(raw, x.slug)}", s) for x in series for s in x.sources]


def _sources(places: list[tuple[str, Source]], names: dict[str, str]) -> Iterator[str]:
    """Find publishers spelled in two ways and addresses described in two ways.

    Args:
        places: sources with file and line.
        names: forms of the glossary with the English name that they stand for.
    """

    def key(name: str) -> str:
        return _folded(names.get(name, name))

    whole: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    parts: dict[str, Counter[str]] = defaultdict(Counter)
    pages: dict[str, Counter[tuple[str, str, str]]] = defaultdict(Counter)
    for _, source in places:
        pieces = publisher_names(source.publisher)
        whole[tuple(sorted(map(key, pieces)))][source.publisher] += 1
        for piece in pieces:
            parts[key(piece)][piece] += 1
        pages[source.url][(source.publisher, source.title, source.date)] += 1
    for where, source in places:
        pieces = publisher_names(source.publisher)
        usual = _usual(whole[tuple(sorted(map(key, pieces)))])
        others = [_usual(parts[key(piece)]) for piece in pieces]
        if source.url and not _URL.fullmatch(source.url):
            yield f"{where}: malformed URL {source.url!r}"
        if " / " in source.publisher:
            yield f"{where}: publisher {source.publisher!r} must name the origin, then the carrier as in 'Reuters (via SRN News)'"
        elif source.publisher != usual:
            yield f"{where}: publisher {source.publisher!r} is elsewhere {usual!r}"
        elif pieces != others:
            yield f"{where}: publisher {source.publisher!r} is elsewhere spelled {', '.join(others)!r}"
        if source.url and (source.publisher, source.title, source.date) != _usual(pages[source.url]):
            yield f"{where}: the page {source.url} has another publisher, title or date elsewhere"


def publisher_names(publisher: str) -> list[str]:
    """Split a publisher's field into the publications that it names.

    >>> publisher_names("Xinhua (via People's Daily Online)")
    ['Xinhua', "People's Daily Online"]
    """
    pieces = re.split(r"\s*\((?:via|citing|copy at)?\s*|\)|,\s*|\s+and\s+", publisher)
    return [p.strip() for p in pieces if p.strip()]


def _folded(name: str) -> str:
    """Reduce a name to what two spellings of it share."""
    plain = re.sub(r"(?:\.com|\.cn|\.dev|\s+news)$", "", name.casefold())
    return re.sub(r"[\W_]+", "", plain) or name


def _usual(spellings: Counter[T]) -> T:
    """Return the most frequent spelling, of equally frequent ones the first in the alphabet."""
    return min(spellings, key=lambda s: (-spellings[s], str(s)))


def _glossary_rows(path: Path) -> list[tuple[Entry, int]]:
    """Return the glossary's entries with their lines; none where there is no glossary."""
    entries = Glossary.load(path).entries
    if not entries:
        return []
    reader = csv.reader(io.StringIO(read_text(path).removeprefix("\ufeff")))
    next(reader)
    lines = [reader.line_num for row in reader if row]
    return list(zip(entries, lines, strict=True))


def _glossary(rows: list[tuple[Entry, int]], files: list[_File], series: list[Series], questions: Iterable[str]) -> Iterator[str]:
    owners: dict[str, tuple[Entry, int]] = {}
    for entry, line in rows:
        for form in dict.fromkeys(entry.forms):
            other, at = owners.setdefault(re.sub(r"[\s_-]+", " ", form.casefold()), (entry, line))
            if at != line:
                yield f"glossary.csv:{line}: the form {form!r} stands in line {at} too, for {other.en or other.zh}"
    texts = [f"{f.document.title}\n{f.document.text}\n{', '.join(f.document.entities)}" for f in files]
    texts += [f"{x.title}\n{x.title_zh}\n{x.note}" for x in series]
    texts += {s.publisher for f in files for s in f.document.sources}
    glossary = Glossary(entry for entry, _ in rows)
    used = {m.entry for text in (*texts, *questions) for m in glossary.mentions(text)}
    for entry, line in rows:
        if entry not in used and entry.kind in KINDS_TO_USE:
            yield f"glossary.csv:{line}: {entry.en or entry.zh} ({entry.kind}) is used nowhere; remove the row or write about it"


def _duplicates(files: list[_File]) -> Iterator[str]:
    place = {f.document.id: f for f in files}
    for pair in near_duplicates([f.document for f in place.values()]):
        first, second = place[pair.first.id], place[pair.second.id]
        opening = pair.second.text[pair.second_start : pair.second_start + 50].split("\n")[0]
        yield (
            f"{second.name}:{second.lines.of(pair.second_start)}: nearly the same ({pair.likeness:.2f}) as "
            f"{first.name}:{first.lines.of(pair.first_start)}: {opening}"
        )
