import re

import pytest
from samples import DOCUMENTS, GLOSSARY, valid_document, write_corpus

from qa.documents import check_corpus, load_corpus
from qa.errors import CorpusError


@pytest.fixture
def good(tmp_path):
    """A corpus folder that breaks no rule."""
    folder = tmp_path / "good"
    (folder / "en").mkdir(parents=True)
    (folder / "en" / "good.md").write_text(valid_document(), encoding="utf-8")
    return folder


def messages(folder) -> list[str]:
    return [p.message for p in check_corpus(folder)]


def edit(folder, old: str, new: str, name: str = "en/good.md") -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_good_corpus_has_no_problems(good):
    assert messages(good) == []


def test_loads_documents_in_a_fixed_order_with_the_glossary(corpus):
    loaded = load_corpus(corpus)
    assert sorted(d.id for d in loaded.documents) == sorted(DOCUMENTS)
    assert [d.id for d in loaded.documents] == [d.id for d in load_corpus(corpus).documents]
    assert len(loaded.glossary) == len(GLOSSARY.strip().splitlines()) - 1


def test_the_digest_follows_documents_and_names_but_not_the_place(corpus, tmp_path):
    first = load_corpus(corpus).digest
    assert load_corpus(write_corpus(tmp_path / "elsewhere")).digest == first
    edit(corpus, "6 March", "7 March", "en/qwq-32b.md")
    second = load_corpus(corpus).digest
    edit(corpus, "DeepSeek,深度求索", "DeepSeek,深度", "glossary.csv")
    assert len({first, second, load_corpus(corpus).digest}) == 3


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_without_documents_is_named(tmp_path, name):
    folder = tmp_path / name
    if name == "empty":
        folder.mkdir()
    with pytest.raises(CorpusError, match=f"{re.escape(str(folder))}: no documents; a corpus folder holds"):
        load_corpus(folder)
    assert "no documents" in messages(folder)[0]


def test_another_encoding_is_named_with_its_line(good):
    (good / "en" / "good.md").write_bytes(valid_document().replace("Factory", "Fábrica", 1).encode("latin-1"))
    with pytest.raises(CorpusError, match=r"good\.md:\d+: not UTF-8; save the file as UTF-8"):
        load_corpus(good)
    assert any("not UTF-8" in m for m in messages(good))


def test_an_id_used_twice_names_both_files(good):
    (good / "en" / "other.md").write_text(valid_document("good", start=500), encoding="utf-8")
    with pytest.raises(CorpusError, match="the id 'good' is used by another file"):
        load_corpus(good)
    assert any("the id 'good' is used by" in m for m in messages(good))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("id: good", "id: better", "differs from the file's name"),
        ("language: en", "language: zh", "language 'zh' in the folder en/"),
        ("[^s] Harbour", " Harbour", "without a footnote"),
        ("\n[^s]:", '\n[^u]: Other Press, "Other", 2025-01-01. https://o.example.org/x\n[^s]:', "footnote never used"),
        ("winter of 2024", "winter of 2031", "2031 is later than as_of"),
        ("translation_of: null", "translation_of: nobody", "translation_of names no document: nobody"),
        ("as_of: 2025-03-01", "as_of: someday", "as_of must be a date"),
        ("---\nid", "id", "no front matter"),
        ("[^s]: Example", "[^z]: Example", "footnote 's' is used but not defined"),
    ],
)
def test_check_finds_each_broken_rule_and_names_file_and_line(good, old, new, problem):
    edit(good, old, new)
    found = [m for m in messages(good) if problem in m]
    assert found
    assert all(re.match(r"en/good\.md:\d+: ", m) for m in found)


def test_the_line_of_a_missing_footnote_is_right(good):
    text = valid_document().replace("## Machines", "## First\nA sentence that rests on nothing stands here alone.\n\n## Machines")
    (good / "en" / "good.md").write_text(text, encoding="utf-8")
    line = text.split("\n").index("A sentence that rests on nothing stands here alone.") + 1
    assert any(m.startswith(f"en/good.md:{line}: ") and "without a footnote" in m for m in messages(good))


def test_too_short_and_too_long_documents_are_found(good):
    (good / "en" / "short.md").write_text(valid_document("short", sentences=3, start=700), encoding="utf-8")
    (good / "en" / "long.md").write_text(valid_document("long", sentences=80, start=900), encoding="utf-8")
    found = messages(good)
    assert any(m.startswith("en/short.md:") and "length" in m for m in found)
    assert any(m.startswith("en/long.md:") and "length" in m for m in found)


def test_a_date_ahead_is_allowed_where_the_sentence_speaks_of_plans(good):
    edit(good, "built 0 machines of type a0 during the long winter of 2024", "plans to build 90 machines of type a0 by 2031")
    assert messages(good) == []


def test_one_publisher_in_two_spellings_is_found(good):
    other = valid_document("other", start=300).replace("Example Press,", "Example press,").replace("org/machines", "org/else")
    (good / "en" / "other.md").write_text(other, encoding="utf-8")
    assert any("Example press" in m for m in messages(good))


def test_all_problems_are_listed_not_only_the_first(good):
    (good / "en" / "a.md").write_text("no front matter", encoding="utf-8")
    (good / "en" / "b.md").write_text(valid_document("b", start=400).replace("topic: chips", "topic: x"), encoding="utf-8")
    edit(good, "id: good", "id: better")
    found = messages(good)
    assert {m.split(":")[0] for m in found} >= {"en/a.md", "en/b.md", "en/good.md"}


def test_a_broken_glossary_is_found(good):
    (good / "glossary.csv").write_text("name\nx\n", encoding="utf-8")
    assert any(m.startswith("glossary.csv:1:") for m in messages(good))


SERIES = """gap:
  title: Gap
  unit: points
  sources:
    - {publisher: Example Press, title: Gap, date: "2025", url: "https://example.org/gap"}
"""


@pytest.mark.parametrize(
    ("header", "values", "message"),
    [
        (SERIES, None, r"series\.yaml:\d+: gap\.csv is described but missing"),
        ("{}", "date,value\n2024,1\n", r"series/gap\.csv:1: not described"),
        (SERIES, "day,number\n2024,1\n", r"series/gap\.csv:1: the columns must be"),
        (SERIES, "date,value\n2024,many\n", r"series/gap\.csv:2: a row must be a date and a number"),
        (SERIES, "date,value\nsoon,1\n", r"series/gap\.csv:2: the date must be YYYY"),
        (SERIES, "date,value\n2024,1\n2023,2\n", r"series/gap\.csv:\d+: dates must rise"),
        (SERIES.replace("  unit: points\n", ""), "date,value\n2024,1\n", r"gap lacks title, unit or sources"),
        ("gap: [", "date,value\n2024,1\n", r"series/series\.yaml:\d+: "),
    ],
)
def test_a_broken_series_is_refused(good, header, values, message):
    (good / "series").mkdir()
    (good / "series" / "series.yaml").write_text(header, encoding="utf-8")
    if values is not None:
        (good / "series" / "gap.csv").write_text(values, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        load_corpus(good)
    assert any(re.search(message, m) for m in messages(good))


def test_a_series_is_read(good):
    (good / "series").mkdir()
    (good / "series" / "series.yaml").write_text(SERIES, encoding="utf-8")
    (good / "series" / "gap.csv").write_text("date,value\n2023,17.5\n2024-12,0.3\n", encoding="utf-8")
    (series,) = load_corpus(good).series
    assert (series.slug, series.unit, series.points) == ("gap", "points", (("2023", 17.5), ("2024-12", 0.3)))
