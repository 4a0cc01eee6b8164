"""Series files: what loads and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa.documents import load_series
from qa.errors import CorpusError

ABOUT = """users:
  title: Users
  title_zh: 用户数
  unit: million users
  sources:
  - {publisher: CNNIC, title: Report, date: '2025-10', url: 'https://example.org'}
"""


def folder(tmp_path: Path, rows: str = "date,value\n2024-12,249\n2025-06,515\n", about: str = ABOUT) -> Path:
    (tmp_path / "series.yaml").write_text(about, encoding="utf-8")
    (tmp_path / "users.csv").write_text(rows, encoding="utf-8")
    return tmp_path


def test_a_series_has_points_unit_sources_and_both_titles(tmp_path: Path) -> None:
    (series,) = load_series(folder(tmp_path))
    assert series.slug == "users"
    assert series.points == (("2024-12", 249.0), ("2025-06", 515.0))
    assert (series.title, series.title_zh, series.unit) == ("Users", "用户数", "million users")
    assert series.sources[0].publisher == "CNNIC"
    assert series.dated


def test_a_series_may_compare_names(tmp_path: Path) -> None:
    (series,) = load_series(folder(tmp_path, "name,value\nUnitree,4200\nAgiBot,5168\n"))
    assert not series.dated
    assert series.points[0] == ("Unitree", 4200.0)


def test_a_folder_without_description_holds_no_series(tmp_path: Path) -> None:
    assert load_series(tmp_path) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("year,value\n2024,1\n", r"series/users.csv:1: the columns must be"),
        ("date,value\n2024,many\n", r"series/users.csv:2: a row must be a date and a number"),
        ("date,value\n2024-13,1\n", r"series/users.csv:2: the date must be"),
        ("date,value\n2024,1\n2023,1\n", r"series/users.csv:3: dates must rise"),
        ("date,value\n2024,1\n2024,2\n", r"series/users.csv:3: dates must rise"),
        ("name,value\nA,1\nA,2\n", r"series/users.csv:3: A stands twice"),
        ("date,value\n", r"series/users.csv:1: the series has no values"),
    ],
)
def test_malformed_rows_are_named(tmp_path: Path, rows: str, expected: str) -> None:
    with pytest.raises(CorpusError, match=expected):
        load_series(folder(tmp_path, rows))


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        (ABOUT.replace("users:\n", "other:\n"), r"series/users.csv:1: not described"),
        (ABOUT + ABOUT.replace("users:\n", "other:\n"), r"series/series.yaml:7: other.csv is described but missing"),
        (ABOUT.replace("  unit: million users\n", ""), r"series/series.yaml:1: users lacks"),
        (ABOUT.replace("title_zh", "titel"), r"series/series.yaml:1: users has unknown keys titel"),
        (ABOUT.replace("'2025-10'", "2025"), r"series/series.yaml:1: a source of users must have"),
        ("users: [", r"series/series.yaml:\d: not valid YAML"),
        ("- users\n", r"series/series.yaml:1: must map"),
    ],
)
def test_malformed_descriptions_are_named(tmp_path: Path, about: str, expected: str) -> None:
    with pytest.raises(CorpusError, match=expected):
        load_series(folder(tmp_path, about=about))
