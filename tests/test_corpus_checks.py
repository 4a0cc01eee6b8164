"""What `qa corpus check` finds, each rule on a small corpus with one defect."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from qa.documents import check_corpus, left_out, load_corpus
from qa.documents.checks import publisher_names
from qa.documents.document_checks import POINTS_BACK
from qa.documents.duplicates import near_duplicates, shingles_of
from qa.errors import MissingExtra

FILLER = "In May 2025 Reuters counted {n} robots at the {n}th factory of Anhui, more than the ministry had announced for that plant.[^a] "
BODY = "".join(FILLER.format(n=n) for n in range(101, 114))


def document(name: str = "robots", **changes: str) -> str:
    fields = {
        "id": name, "title": "Robots in Anhui", "language": "en", "topic": "robotics", "entities": "[Reuters]",
        "as_of": "2025-06-30", "translation_of": "null",
    }  # fmt: skip
    body = changes.pop("body", BODY)
    notes = changes.pop("notes", '[^a]: Reuters, "Robots", 2025-06-30. https://example.org/robots')
    fields |= changes
    front = "\n".join(f"{key}: {value}" for key, value in fields.items())
    return f"---\n{front}\n---\n## Factories\n{body}\n\n{notes}\n"


def corpus(folder: Path, *texts: str, glossary: str = "") -> Path:
    """Write documents, each under the name that its id asks for."""
    for text in texts:
        write(folder, text.split("\nid: ")[1].split("\n")[0], text)
    if glossary:
        (folder / "glossary.csv").write_text("en,zh,aliases,kind\n" + glossary, encoding="utf-8")
    return folder


def write(folder: Path, name: str, text: str) -> None:
    (folder / "en").mkdir(exist_ok=True)
    (folder / "en" / f"{name}.md").write_text(text, encoding="utf-8")


def messages(folder: Path, *questions: str) -> list[str]:
    return [p.message for p in check_corpus(folder, questions)]


def test_a_sound_corpus_has_no_problems(tmp_path: Path) -> None:
    assert messages(corpus(tmp_path, document())) == []


def test_an_empty_folder_is_one_problem(tmp_path: Path) -> None:
    assert "no documents" in messages(tmp_path)[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"language": "zh"}, "en/robots.md:4: language 'zh' in the folder en/"),
        ({"body": "A short sentence of 2025.[^a]"}, "en/robots.md:1: length 6 is outside 250 to 720"),
        ({"body": BODY + "\n\nNo source says that robots dream."}, "en/robots.md:13: sentence without a footnote: No source says"),
        ({"body": BODY + "\n\nThis is why robots pay.[^a]"}, "en/robots.md:13: a sentence begins with 'This'"),
        ({"body": BODY + "\n\nRobots danced in July 2025.[^a]"}, "en/robots.md:13: July 2025 is later than as_of 2025-06-30"),
        ({"as_of": "2025-07-15"}, "en/robots.md:7: as_of 2025-07-15 is later than every source; the newest is of 2025-06-30"),
        (
            {"notes": '[^a]: Reuters, "Robots", 2025-06-30. https://example.org/r\n[^b]: AFP, "Cats", 2025. https://example.org/c'},
            "en/robots.md:14: footnote never used: Cats",
        ),
        ({"notes": '[^a]: Reuters, "Robots", 2025-13. https://example.org/r'}, "en/robots.md:13: the date '2025-13' of a footnote is no date"),
        ({"translation_of": "nothing"}, "en/robots.md:8: translation_of names no document: nothing"),
        ({"notes": '[^a]: Reuters, "Robots", 2025. ftp://example'}, "en/robots.md:13: footnote 'a' has a malformed URL"),
    ],
)
def test_each_defect_is_named_with_file_and_line(tmp_path: Path, changes: dict[str, str], expected: str) -> None:
    found = messages(corpus(tmp_path, document(**changes)))
    assert any(m.startswith(expected) for m in found), found


def test_the_id_is_the_name_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, "machines", document("robots"))
    assert messages(tmp_path) == ["en/machines.md:2: the id 'robots' differs from the file's name"]


@pytest.mark.parametrize(
    "sentence",
    [
        "Anhui plans 5,000 robots for 2027.[^a]",
        "Nvidia reported its first quarter of fiscal 2026 in May 2025.[^a]",
        "Robots numbered 900 in 2025.[^a]",
        "Robots numbered 900 in June 2025.[^a]",
    ],
)
def test_plans_fiscal_years_and_the_current_period_may_pass_as_of(tmp_path: Path, sentence: str) -> None:
    assert messages(corpus(tmp_path, document(body=f"{BODY}\n\n{sentence}"))) == []


@pytest.mark.parametrize("opening", ["It shows", "Both companies say", "此前，", "其中", "这一数字", "该公司"])
def test_openings_that_point_back_are_found(opening: str) -> None:
    assert POINTS_BACK.match(opening)


@pytest.mark.parametrize("opening", ["Italy says", "Both Alibaba and Tencent say", "此外，", "其他城市", "Thatcher said"])
def test_openings_that_stand_alone_pass(opening: str) -> None:
    assert not POINTS_BACK.match(opening)


def test_an_id_in_use_is_reported(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, name, document("a"))
    assert "en/b.md:2: the id 'a' is used by en/a.md" in messages(tmp_path)


def test_publishers_are_spelled_one_way(tmp_path: Path) -> None:
    first = document("a", notes='[^a]: AIbase, "Robots", 2025-06-30. https://example.org/1')
    second = document(
        "b", body=BODY.replace("Reuters counted", "An official saw"), notes='[^a]: AIBase.com, "Cats", 2025-06-30. https://example.org/2'
    )
    found = [m for m in messages(corpus(tmp_path, first, second)) if "publisher" in m]
    assert len(found) == 1
    assert "is elsewhere" in found[0]


def test_the_glossary_knows_short_names_of_publishers(tmp_path: Path) -> None:
    first = document("a", notes='[^a]: SCMP, "Robots", 2025-06-30. https://example.org/1')
    second = document("b", notes='[^a]: South China Morning Post (via Star), "Cats", 2025-06-30. https://example.org/2')
    found = messages(corpus(tmp_path, first, second, glossary="South China Morning Post,南华早报,SCMP,organisation\n"))
    assert [m for m in found if "publisher" in m] == ["en/b.md:13: publisher 'South China Morning Post (via Star)' is elsewhere spelled 'SCMP, Star'"]


def test_one_address_is_described_one_way(tmp_path: Path) -> None:
    first = document("a")
    second = document("b", notes='[^a]: Reuters, "Robots!", 2025-06-30. https://example.org/robots')
    assert any("the page https://example.org/robots has another" in m for m in messages(corpus(tmp_path, first, second)))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("Anhui,安徽,,place\nAnhui Province,安徽,,place\n", "glossary.csv:3: the form '安徽' stands in line 2 too, for Anhui"),
        ("Lowy Institute,洛伊研究所,,organisation\n", "glossary.csv:2: Lowy Institute (organisation) is used nowhere"),
        ("Anhui,安徽,,planet\n", "glossary.csv:2: unknown kind 'planet'"),
        ("Anhui,安徽,place\n", "glossary.csv:2: the row must have 4 columns"),
    ],
)
def test_glossary_rows_are_checked(tmp_path: Path, row: str, expected: str) -> None:
    assert any(m.startswith(expected) for m in messages(corpus(tmp_path, document(), glossary=row)))


def test_a_question_is_a_use_of_a_glossary_row(tmp_path: Path) -> None:
    folder = corpus(tmp_path, document(), glossary="Lowy Institute,洛伊研究所,,organisation\n")
    assert messages(folder, "What does the Lowy Institute say?") == []


def test_near_identical_sentences_of_two_documents_are_found(tmp_path: Path) -> None:
    pytest.importorskip("datasketch")
    other = BODY.replace("robots", "machines").replace("Reuters", "AFP").replace("ministry", "office").replace("factory", "plant")
    copied = "The Anhui ministry of industry opened three robot schools near Hefei and two near Wuhu in May 2025, Reuters wrote.[^a]"
    folder = corpus(
        tmp_path,
        document("a", body=f"{BODY}\n\n{copied}"),
        document("b", body=f"{other.replace('more than', 'and not as few as')}\n\n{copied.replace('wrote', 'reported')}"),
    )
    pairs = list(near_duplicates(load_corpus(folder).documents, threshold=0.8))
    assert [round(p.likeness, 2) for p in pairs] == [0.89]
    assert any(m.startswith("en/b.md:13: nearly the same (0.89) as en/a.md:13: The Anhui ministry") for m in messages(folder))


def test_shingles_are_runs_of_words_or_characters() -> None:
    assert shingles_of("Qwen3 has 4 sizes.", "en") == {b"qwen3 has 4", b"has 4 sizes"}
    assert shingles_of("华为昇腾910", "zh") == {s.encode() for s in ("华 为 昇 腾", "为 昇 腾 9", "昇 腾 9 1", "腾 9 1 0")}


def test_without_datasketch_the_check_runs_and_says_what_it_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasketch", None)
    folder = corpus(tmp_path, document())
    assert messages(folder) == []
    assert "china-ai-qa[check]" in left_out()[0]
    with pytest.raises(MissingExtra, match=r"china-ai-qa\[check\]"):
        list(near_duplicates(load_corpus(folder).documents))


@pytest.mark.parametrize(
    ("publisher", "names"),
    [
        ("Xinhua (via People's Daily Online)", ["Xinhua", "People's Daily Online"]),
        ("Bloomberg (via The Straits Times, copy)", ["Bloomberg", "The Straits Times", "copy"]),
        ("AIbase (citing Stanford HAI)", ["AIbase", "Stanford HAI"]),
        ("Reuters", ["Reuters"]),
    ],
)
def test_publisher_names_are_taken_apart(publisher: str, names: list[str]) -> None:
    assert publisher_names(publisher) == names
