"""Numeric series for charts: ``series.yaml`` describes them, ``<slug>.csv`` holds the values."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from qa.documents.files import read_text
from qa.documents.model import Source
from qa.errors import CorpusError

HEADERS = (["date", "value"], ["name", "value"])
REQUIRED = ("title", "unit", "sources")
OPTIONAL = ("title_zh", "note", "note_zh")


@dataclass(frozen=True)
class Series:
    """Numbers over time, or side by side for one time.

    Attributes:
        slug: the file's name without ending.
        title: what is measured.
        unit: of the values.
        points: (date, value) in order of date; (name, value) where the series is not dated.
        sources: where the values come from.
        title_zh: the title in Chinese.
        note: what a reader of the chart must know (a forecast, a change of definition).
        note_zh: the note in Chinese.
        dated: whether the points are dates (YYYY, YYYY-MM or YYYY-MM-DD) rather than names.
    """

    slug: str
    title: str
    unit: str
    points: tuple[tuple[str, float], ...]
    sources: tuple[Source, ...]
    title_zh: str = ""
    note: str = ""
    note_zh: str = ""
    dated: bool = True


def load_series(folder: Path) -> list[Series]:
    """Read every series of a folder; a folder without ``series.yaml`` holds none.

    Raises:
        CorpusError: a described file is missing, an undescribed one is there, or a row is malformed.
    """
    header = folder / "series.yaml"
    if not header.exists():
        return []
    raw = read_text(header)
    described = _descriptions(raw)
    present = {p.stem for p in folder.glob("*.csv")}
    for slug in sorted(present - set(described)):
        raise CorpusError(f"series/{slug}.csv:1: not described in series.yaml; add title, unit and sources")
    series = []
    for slug, about in described.items():
        where = f"series/series.yaml:{line_of_series(raw, slug)}"
        if slug not in present:
            raise CorpusError(f"{where}: {slug}.csv is described but missing")
        points, dated = _points(folder / f"{slug}.csv")
        series.append(Series(slug=slug, points=points, dated=dated, **_fields(about, where, slug)))
    return series


def line_of_series(raw: str, slug: str) -> int:
    """Return the line of ``series.yaml`` on which a series is described."""
    lines = raw.split("\n")
    return next((n for n, line in enumerate(lines, 1) if line.rstrip() == f"{slug}:"), 1)


def _descriptions(raw: str) -> dict[str, Any]:
    try:
        described = yaml.safe_load(raw) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise CorpusError(f"series/series.yaml:{mark.line + 1 if mark else 1}: not valid YAML") from error
    if not isinstance(described, dict):
        raise CorpusError("series/series.yaml:1: must map each slug to title, unit and sources")
    return described


def _fields(about: Any, where: str, slug: str) -> dict[str, Any]:
    if not isinstance(about, dict) or not all(about.get(key) for key in REQUIRED):
        raise CorpusError(f"{where}: {slug} lacks title, unit or sources")
    unknown = sorted(set(about) - {*REQUIRED, *OPTIONAL})
    if unknown:
        raise CorpusError(f"{where}: {slug} has unknown keys {', '.join(unknown)}")
    try:
        sources = tuple(Source.model_validate(s) for s in about["sources"])
    except ValidationError as error:
        raise CorpusError(f"{where}: a source of {slug} must have publisher, title, date (in quotes) and url") from error
    return {**about, "sources": sources}


def _points(path: Path) -> tuple[tuple[tuple[str, float], ...], bool]:
    where = f"series/{path.name}"
    reader = csv.reader(read_text(path).splitlines())
    header = next(reader, None)
    if header not in HEADERS:
        raise CorpusError(f"{where}:1: the columns must be date,value or name,value")
    dated = header == HEADERS[0]
    points: list[tuple[str, float]] = []
    for row in reader:
        line = reader.line_num
        try:
            key, value = row
            point = (key, float(value))
        except ValueError as error:
            raise CorpusError(f"{where}:{line}: a row must be a {header[0]} and a number, not {row!r}") from error
        if dated and not re.fullmatch(r"\d{4}(-(0[1-9]|1[0-2])(-\d\d)?)?", key):
            raise CorpusError(f"{where}:{line}: the date must be YYYY, YYYY-MM or YYYY-MM-DD")
        if dated and points and key <= points[-1][0]:
            raise CorpusError(f"{where}:{line}: dates must rise and be unique")
        if key in dict(points):
            raise CorpusError(f"{where}:{line}: {key} stands twice")
        points.append(point)
    if not points:
        raise CorpusError(f"{where}:1: the series has no values")
    return tuple(points), dated
