"""The corpus folder: documents in ``en/`` and ``zh/``, series in ``series/``, and the glossary."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from qa.documents.markdown import parse_markdown
from qa.documents.model import Document, Source
from qa.errors import CorpusError
from qa.text.glossary import Glossary
from qa.text.quantities import dates

MIN_WORDS, MAX_WORDS = 250, 720
MIN_IDEOGRAPHS, MAX_IDEOGRAPHS = 350, 1300
# Words of sentences that speak of what is to come, whose dates may lie after as_of.
_AHEAD = re.compile(
    r"\b(by|until|target|targets|targeted|plan|plans|planned|aim|aims|aimed|goal|goals|project|projects|projected|"
    r"projection|forecast|forecasts|expect|expects|expected|will|would|scheduled|due|through|to|from|roadmap|valid|"
    r"deadline|effective|takes?|took|before|starting|ahead|estimates?|2030s)\b|预计|目标|计划|规划|到|将|拟|之前|起|至|预测|有望|前",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Series:
    """Numbers over time: points are (date, value) in order of date."""

    slug: str
    title: str
    unit: str
    points: tuple[tuple[str, float], ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Problem:
    """What is wrong with a corpus, with file and line in the message."""

    message: str


@dataclass(frozen=True)
class Corpus:
    """All that a corpus folder holds."""

    folder: Path
    documents: tuple[Document, ...]
    glossary: Glossary
    series: tuple[Series, ...] = field(default=())

    @property
    def digest(self) -> str:
        """SHA-256 over the documents and the names, in a fixed order."""
        state = hashlib.sha256()
        for document in self.documents:
            state.update(document.digest.encode())
        for entry in self.glossary.entries:
            state.update(repr(entry).encode())
        return state.hexdigest()


def read_text(path: Path) -> str:
    """Read a UTF-8 file.

    Raises:
        CorpusError: the file cannot be opened or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise CorpusError(f"{path.name}:{line}: not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise CorpusError(f"{path.name}:1: cannot be read: {error.strerror}") from error


def document_paths(folder: Path) -> list[Path]:
    """Return the document files of a corpus folder in a fixed order."""
    return sorted(p for language in ("en", "zh") for p in (folder / language).glob("*.md"))


def load_corpus(folder: Path) -> Corpus:
    """Read a corpus folder.

    Raises:
        CorpusError: the folder holds no documents, a file is malformed, or an id occurs twice.
    """
    paths = document_paths(folder)
    if not paths:
        raise CorpusError(f"{folder}: no documents; a corpus folder holds en/*.md and zh/*.md")
    documents: dict[str, Document] = {}
    for path in paths:
        document = parse_markdown(read_text(path), f"{path.parent.name}/{path.name}")
        if document.id in documents:
            raise CorpusError(f"{path.parent.name}/{path.name}:1: the id {document.id!r} is used by another file")
        documents[document.id] = document
    glossary = Glossary.load(folder / "glossary.csv")
    return Corpus(folder, tuple(documents.values()), glossary, tuple(load_series(folder / "series")))


def load_series(folder: Path) -> list[Series]:
    """Read the numeric series: ``series.yaml`` describes them, ``<slug>.csv`` holds date and value.

    Raises:
        CorpusError: a described file is missing, an undescribed one is there, or a row is malformed.
    """
    header = folder / "series.yaml"
    if not header.exists():
        return []
    described = yaml.safe_load(read_text(header)) or {}
    present = {p.stem for p in folder.glob("*.csv")}
    for slug in sorted(present - set(described)):
        raise CorpusError(f"series/{slug}.csv:1: not described in series.yaml; add title, unit and sources")
    series = []
    for slug, about in described.items():
        if slug not in present:
            raise CorpusError(f"series/series.yaml:1: {slug}.csv is described but missing")
        if not about.get("title") or not about.get("unit") or not about.get("sources"):
            raise CorpusError(f"series/series.yaml:1: {slug} lacks title, unit or sources")
        sources = tuple(Source.model_validate(s) for s in about["sources"])
        series.append(Series(slug, about["title"], about["unit"], _points(folder / f"{slug}.csv"), sources))
    return series


def _points(path: Path) -> tuple[tuple[str, float], ...]:
    points = []
    reader = csv.reader(read_text(path).splitlines())
    if next(reader, None) != ["date", "value"]:
        raise CorpusError(f"series/{path.name}:1: the columns must be date,value")
    for row in reader:
        line = reader.line_num
        try:
            date, value = row
            points.append((date, float(value)))
        except ValueError as error:
            raise CorpusError(f"series/{path.name}:{line}: a row must be a date and a number, not {row!r}") from error
        if not re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", date):
            raise CorpusError(f"series/{path.name}:{line}: the date must be YYYY, YYYY-MM or YYYY-MM-DD")
    if [d for d, _ in points] != sorted({d for d, _ in points}):
        raise CorpusError(f"series/{path.name}:2: dates must rise and be unique")
    return tuple(points)


def check_corpus(folder: Path) -> list[Problem]:
    """Check every rule of the corpus and return all problems, not only the first."""
    problems: list[Problem] = []
    documents: dict[str, tuple[str, Document]] = {}
    publishers: dict[str, Counter[str]] = {}
    paths = document_paths(folder)
    if not paths:
        return [Problem(f"{folder}: no documents; a corpus folder holds en/*.md and zh/*.md")]
    for path in paths:
        name = f"{path.parent.name}/{path.name}"
        try:
            raw = read_text(path)
            document = parse_markdown(raw, name)
        except CorpusError as error:
            problems.append(Problem(str(error)))
            continue
        if document.id in documents:
            problems.append(Problem(f"{name}:1: the id {document.id!r} is used by {documents[document.id][0]}"))
        documents.setdefault(document.id, (name, document))
        problems += [Problem(f"{name}:{m}") for m in _document_problems(path, raw, document)]
        for source in document.sources:
            folded = re.sub(r"[\W_]+", "", source.publisher.casefold())
            publishers.setdefault(folded, Counter())[source.publisher] += 1
    for spellings in publishers.values():
        if len(spellings) > 1:
            problems.append(Problem(f"{folder.name}: one publisher, several spellings: {', '.join(sorted(spellings))}"))
    for name, document in documents.values():
        if document.translation_of and document.translation_of not in documents:
            problems.append(Problem(f"{name}:1: translation_of names no document: {document.translation_of}"))
    for load in (lambda: Glossary.load(folder / "glossary.csv"), lambda: load_series(folder / "series")):
        try:
            load()
        except CorpusError as error:
            problems.append(Problem(str(error)))
    return problems


def _document_problems(path: Path, raw: str, document: Document) -> list[str]:
    found = []
    if document.id != path.stem:
        found.append(f"1: the id {document.id!r} differs from the file's name")
    if document.language != path.parent.name:
        found.append(f"1: language {document.language!r} in the folder {path.parent.name}/")
    lines = raw.split("\n")

    def line_of(offset: int) -> int:
        piece = document.text[offset : offset + 12]
        return next((n for n, line in enumerate(lines, 1) if piece and piece.strip() in line), 1)

    for section in document.sections:
        position = section.start
        for paragraph in document.text[section.start : section.end].split("\n\n"):
            end = position + len(paragraph)
            if paragraph.strip() and not any(position < r.offset <= end + 1 for r in document.references):
                found.append(f"{line_of(position)}: paragraph without a footnote: {paragraph.strip()[:60]}")
            position = end + 2
    unused = set(range(len(document.sources))) - {r.source for r in document.references}
    found += [f"1: footnote never used: {document.sources[n].title}" for n in sorted(unused)]
    as_of = int(document.as_of.replace("-", ""))
    for start, end in document.sentences:
        sentence = document.text[start:end]
        for date in dates(sentence):
            if date.value > as_of and date.value // 10_000 * 10_000 + date.value % 10_000 > as_of:
                year_only = date.value % 10_000 == 0 and date.value // 10_000 <= as_of // 10_000
                if not year_only and not _AHEAD.search(sentence):
                    found.append(f"{line_of(start)}: {sentence[date.start : date.end]} is later than as_of {document.as_of}")
    if document.language == "zh":
        size, low, high = len(re.findall(r"[\u4e00-\u9fff]", document.text)), MIN_IDEOGRAPHS, MAX_IDEOGRAPHS
    else:
        size, low, high = len(document.text.split()), MIN_WORDS, MAX_WORDS
    if not low <= size <= high:
        found.append(f"1: length {size} is outside {low} to {high}")
    return found
