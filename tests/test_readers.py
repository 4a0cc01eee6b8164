"""What each format gives: text, sections, pages, title, date, language."""

import io
import sys
from pathlib import Path

import pytest
import reader_files as files

from qa.chunking import chunk
from qa.documents import Document
from qa.documents.readers import SUFFIXES, Reader, page_image, read_file
from qa.errors import UnreadableFile

MIXED = "人工智能的发展在中国很快。我们研究了这个问题，结果如下：模型越来越大。"
TRADITIONAL = "人工智慧的發展在臺灣很快。我們研究了這個問題，結果如下：模型越來越大。"


@pytest.fixture(scope="module")
def reader():
    with Reader() as one:
        yield one


def sections(extracted) -> list[tuple[str, str]]:
    return [(s.heading, extracted.text[s.start : s.end].strip()) for s in extracted.sections]


def test_markdown_gives_sections_title_and_date(reader):
    front = "---\ntitle: A title\ndate: 2024-05-06\nother: [x]\n---\n"
    raw = front + "# Chips & C#\n\nSome **bold** [words](http://x.example) here.\n\n## Next ##\n\nMore.\n"
    found = reader.read_bytes(raw.encode(), "a.md")
    assert (found.title, found.date, found.language, found.media_type) == ("A title", "2024-05-06", "en", "text/markdown")
    assert sections(found) == [("Chips & C#", "Some bold words here."), ("Next", "More.")]
    assert found.notes == ()


def test_markdown_without_front_matter_takes_its_first_heading_for_a_title(reader):
    found = reader.read_bytes(b"Intro.\n\nA title\n=======\nText.\n\nSub\n---\nEnd.\n\n```\n# code\n```\n<!-- hidden -->\n", "a.md")
    assert found.title == "A title"
    assert found.date == ""
    assert sections(found) == [("", "Intro."), ("A title", "Text."), ("Sub", "End.\n\n```\n# code\n```")]


@pytest.mark.parametrize(
    ("front", "note"), [("title: [", "no valid YAML"), ("date: soon", "none like 2026-07-01"), ("date: 2024-13-45", "no valid YAML")]
)
def test_front_matter_that_cannot_be_used_is_said(reader, front, note):
    found = reader.read_bytes(f"---\n{front}\n---\nText.\n".encode(), "a.md")
    assert (found.title, found.date, found.text) == ("", "", "Text.\n")
    assert note in found.notes[0]


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_simplified_chinese_is_read_in_every_encoding(reader, name):
    text = MIXED + "\n2024 年 5 月，DeepSeek 发布了新模型。\n"
    found = reader.read_bytes(text.encode(name), "a.txt")
    assert (found.text, found.language) == (text, "zh")


@pytest.mark.parametrize("name", ["big5", "cp950", "utf-8", "utf-16", "gb18030"])
def test_traditional_chinese_is_read_in_every_encoding(reader, name):
    assert reader.read_bytes(TRADITIONAL.encode(name), "a.txt").text == TRADITIONAL + "\n"


def test_short_chinese_tables_are_told_apart(reader):
    assert reader.read_bytes("城市,人口\n深圳,1700\n".encode("gbk"), "a.csv").text == "城市: 深圳; 人口: 1700.\n"
    assert reader.read_bytes("縣市,面積\n臺北市,271\n高雄市,2951\n".encode("big5"), "a.csv").text.startswith("縣市: 臺北市; 面積: 271.")


def test_western_encodings_are_read(reader):
    text = "Les modèles français ont été publiés à l'été; l'université les a évalués. Über das Ergebnis wird später berichtet."
    assert reader.read_bytes(text.encode("cp1252"), "a.txt").text == text + "\n"


def test_a_text_holds_no_control_characters_and_no_invisible_ones(reader):
    raw = "A\u00adb\u200bc\ufeff d\u202ee\x07f\r\ng\u2028h\u00a0i\ud7ff"
    assert reader.read_bytes(raw.encode(), "a.txt").text == "Abc def\ng\nh i\ud7ff\n"


def test_a_language_other_than_the_two_is_said(reader):
    found = reader.read_bytes("Искусственный интеллект развивается быстро.".encode(), "a.txt")
    assert "neither English nor Chinese" in found.notes[0]


def test_html_gives_the_main_content(reader):
    found = reader.read_bytes(files.LONG_PAGE.encode(), "a.html")
    assert (found.date, found.media_type) == ("2024-02-03", "text/html")
    assert found.title in ("A page of news", "Chips and models")
    assert [h for h, _ in sections(found)] == ["Chips and models", "Figures"]
    assert "Country: China; Papers: 120." in found.text
    assert "- first item\n- second item" in found.text
    assert "About us" not in found.text
    assert "Imprint" not in found.text


def test_html_in_gb2312_is_read_by_its_declaration(reader):
    page = f"<html><head><meta charset=gb2312><title>标题</title></head><body><p>{MIXED * 10}</p></body></html>"
    found = reader.read_bytes(page.encode("gb2312"), "a.htm")
    assert (found.title, found.language) == ("标题", "zh")
    assert MIXED in found.text


def test_pdf_pages_are_kept_and_no_passage_crosses_one(reader):
    pages = [
        [("Findings of the year", 20, 72, 800), *files.column(["The laboratory in Beijing trained its largest model so far on chips made at home."])],
        [],
        files.column([MIXED]),
    ]
    found = reader.read_bytes(files.pdf(pages, info="/CreationDate (D:20240102030405Z)"), "a.pdf")
    assert [p.number for p in found.pages] == [1, 3]
    assert [found.text[p.start : p.end].strip().splitlines()[-1] for p in found.pages] == [
        "The laboratory in Beijing trained its largest model so far on chips made at home.",
        MIXED,
    ]
    assert sections(found)[0][0] == "Findings of the year"
    assert (found.title, found.date) == ("Findings of the year", "2024-01-02")
    assert any("page 2" in note for note in found.notes)
    document = Document(id="d", title="t", language="en", topic="", as_of="", text=found.text, sections=found.sections, pages=found.pages)
    for passage in chunk(document, lambda texts: [len(t) for t in texts], 10_000):
        assert document.page_at(passage.start) == document.page_at(passage.end - 1) in (1, 3)


def test_pdf_lines_become_paragraphs(reader):
    lines = [
        "The laboratory in Beijing trained its largest model so far on chips that were made",
        "at home, which took several months and much power for the whole of the intelli-",
        "gence program. It was published in spring.",
        "A new paragraph begins here and it is also long enough to fill the line of the page",
        "to the end.",
    ]
    found = reader.read_bytes(files.pdf([files.column(lines)]), "a.pdf")
    first, second = found.text.strip().split("\n\n")
    assert "were made at home, which" in first
    assert "the intelligence program. It was" in first
    assert second.endswith("of the page to the end.")


def test_pdf_running_heads_and_page_numbers_are_left_out(reader):
    pages = [[("Journal of Chips", 9, 72, 820), *files.column([f"The text of page {n} is here."]), (str(n), 9, 300, 30)] for n in range(1, 5)]
    found = reader.read_bytes(files.pdf(pages, info="/Title (Microsoft Word - draft.doc)"), "a.pdf")
    assert found.text.split("\n\n")[0] == "The text of page 1 is here."
    assert "Journal" not in found.text
    assert any("Running heads" in note for note in found.notes)
    assert found.title == ""


def test_scanned_and_encrypted_pdfs_are_refused(reader):
    with pytest.raises(UnreadableFile, match=r"scan\.pdf holds pictures .* run OCR"):
        reader.read_bytes(files.pdf([[], []]), "scan.pdf")
    with pytest.raises(UnreadableFile, match="is encrypted; save it without a password"):
        reader.read_bytes(files.pdf([files.column(["Text."])], encrypt=True), "a.pdf")


def test_a_page_of_a_pdf_is_drawn(tmp_path):
    from PIL import Image

    path = tmp_path / "a.pdf"
    path.write_bytes(files.pdf([files.column(["Some words."]), []]))
    picture = Image.open(io.BytesIO(page_image(path, 1, 600)))
    assert picture.format == "PNG"
    assert abs(picture.width - 600) <= 1
    dark, light = picture.convert("L").getextrema()
    assert dark < 128 < light
    assert Image.open(io.BytesIO(page_image(path, 1, 1_000_000))).width <= 2001
    with pytest.raises(UnreadableFile, match="has no page 3; it has 2"):
        page_image(path, 3)
    other = tmp_path / "b.txt"
    other.write_text("text")
    with pytest.raises(UnreadableFile, match="is no PDF"):
        page_image(other, 1)


def test_docx_gives_headings_lists_and_tables(reader):
    found = reader.read_bytes(files.docx(), "a.docx")
    assert (found.title, found.date) == ("Report on chips", "2024-05-06")
    assert sections(found) == [
        ("Findings", "The laboratory trained a model. It has seven parts.\n\n- first item\n\nCountry: China; Papers: 7."),
        ("结论", "芯片进步很快。"),
    ]


def test_docx_tells_no_date_of_a_template(reader):
    import docx

    document = docx.Document()
    document.add_paragraph("Text.")
    out = io.BytesIO()
    document.save(out)
    assert (reader.read_bytes(out.getvalue(), "a.docx").date, reader.read_bytes(files.pptx(), "a.pptx").date) == ("", "")


def test_pptx_slides_are_sections(reader):
    found = reader.read_bytes(files.pptx(), "a.pptx")
    assert sections(found) == [
        ("Slide 1: Overview", "Overview\n\nChips are made at home.\nModels are trained."),
        ("Slide 2: Outlook", "Outlook\n\nMore will follow.\n\nA spoken remark."),
    ]
    assert found.title == "Overview"


def test_xlsx_rows_carry_their_headers(reader):
    found = reader.read_bytes(files.xlsx(), "a.xlsx")
    assert sections(found) == [("Shares, rows 2–3", "Country: China; Year: 2024; Share: 25%.\nCountry: US; Year: 2023; Share: 50%.")]


def test_csv_rows_carry_their_headers_in_groups(reader):
    rows = "".join(f"City {n};{n}\n" for n in range(45))
    found = reader.read_bytes(("Survey of cities\n\nCity;Rank\n" + rows).encode(), "a.csv")
    assert [h for h, _ in sections(found)] == ["rows 1–22", "rows 23–42", "rows 43–48"]
    assert sections(found)[0][1].startswith("Survey of cities\nCity: City 0; Rank: 0.\nCity: City 1; Rank: 1.")


def test_csv_without_headers_and_in_big5(reader):
    found = reader.read_bytes("臺灣,2024,我們的人工智慧在發展\n美國,2023,他們也有這個\n".encode("big5"), "a.csv")
    assert found.text == "臺灣; 2024; 我們的人工智慧在發展。\n美國; 2023; 他們也有這個。\n"


def test_each_row_is_a_sentence_of_its_own(reader):
    long = "a rather long value with many words in it to go past a short line of text"
    found = reader.read_bytes(f"Name\tText\nA\t{long}\nB\t{long}\n".encode(), "a.tsv")
    document = Document(id="d", title="t", language="en", topic="", as_of="", text=found.text, sections=found.sections)
    assert [found.text[a:b] for a, b in document.sentences] == [f"Name: A; Text: {long}.", f"Name: B; Text: {long}."]


def test_epub_chapters_are_sections(reader):
    found = reader.read_bytes(files.epub(), "a.epub")
    assert (found.title, found.date) == ("A small book", "2020-01-02")
    assert sections(found) == [("Chapter one", "It began in spring."), ("Two", "It went on.")]


def test_a_protected_epub_is_refused(reader):
    listed = "<encryption xmlns:e='http://www.w3.org/2001/04/xmlenc#'><e:CipherReference URI='OEBPS/one.xhtml'/></encryption>"
    with pytest.raises(UnreadableFile, match="is protected"):
        reader.read_bytes(files.epub(**{"META-INF/encryption.xml": listed}), "a.epub")


def test_json_lines_objects_are_lines_or_sections(reader):
    long = "A sentence of the text. " * 10
    raw = f'{{"title": "One", "date": "2024", "text": "{long}"}}\n{{"n": 1, "tags": ["a", "b"], "o": {{"p": true}}, "none": null}}\n'
    found = reader.read_bytes(raw.encode(), "a.jsonl")
    assert sections(found) == [("One", f"date: 2024.\n\n{long.strip()}"), ("from line 2", "n: 1; tags: a, b; o.p: true.")]


@pytest.mark.parametrize("raw", [b'{"a": 1}\n{"b": \n', b'{"a": 1}\n[1]\n', b'{"a": 1}\n' + b"[" * 100_000])
def test_json_lines_name_the_line_that_is_none(reader, raw):
    with pytest.raises(UnreadableFile, match=r"a\.ndjson has no JSON.* on line 2"):
        reader.read_bytes(raw, "a.ndjson")


def test_content_counts_more_than_the_suffix(reader):
    found = reader.read_bytes(files.LONG_PAGE.encode(), "a.pdf")
    assert found.media_type == "text/html"
    assert "content is HTML" in found.notes[0]
    assert reader.read_bytes(files.docx(), "a.txt").media_type.endswith("wordprocessingml.document")
    assert reader.read_bytes(b"Just text.", "a.docx").media_type == "text/plain"
    assert reader.read_bytes(b"Just text.", "README").media_type == "text/plain"


@pytest.mark.parametrize(
    ("raw", "name", "message"),
    [
        (b"", "a.txt", "is empty"),
        (b" \n\t\n", "a.txt", "holds no text"),
        (b"x = 1", "a.py", "suffix .py, which is not read; supported are Markdown"),
        (bytes(range(256)) * 40, "a.txt", "is no text"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * 50, "a.png", "is a picture"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 50, "a.docx", "old or encrypted Office file"),
        (b"\x1f\x8b\x08" + b"0" * 50, "a.gz", "is an archive"),
        (b"{\\rtf1 text}", "a.doc", "is RTF"),
        (b"PK\x03\x04 damaged", "a.docx", "damaged packed file"),
        (b"%PDF-1.4 damaged", "a.pdf", "damaged PDF"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(reader, raw, name, message):
    with pytest.raises(UnreadableFile, match=message) as refusal:
        reader.read_bytes(raw, name)
    assert str(refusal.value).startswith(name)
    assert "\n" not in str(refusal.value)


def test_a_name_is_only_a_name(tmp_path):
    path = tmp_path / "stored"
    path.write_bytes(b"# Title\n\nText.\n")
    assert read_file(path, name="../../etc/passwd.md").title == "Title"
    with pytest.raises(UnreadableFile, match=r"^a\?b\.xyz has the suffix"):
        read_file(path, name="/x/a\nb.xyz")
    with pytest.raises(UnreadableFile, match="is no file"):
        read_file(tmp_path)
    with pytest.raises(UnreadableFile, match="is no file"):
        read_file(Path(tmp_path / "missing.md"))


def test_suffixes_are_those_of_the_formats():
    assert {".md", ".txt", ".html", ".pdf", ".docx", ".pptx", ".xlsx", ".csv", ".tsv", ".epub", ".jsonl"} <= SUFFIXES
    assert ".zip" not in SUFFIXES


def test_every_seed_is_read_with_sections_inside_pages(reader):
    for name, make in files.SEEDS.items():
        found = reader.read_bytes(make(), name)
        assert found.sections, name
        position = 0
        for section in found.sections:
            assert position <= section.start < section.end <= len(found.text)
            position = section.end
        for page in found.pages:
            assert all(s.end <= page.start or s.start >= page.end or (page.start <= s.start and s.end <= page.end) for s in found.sections)


def test_the_readers_load_no_format_library_here():
    import subprocess

    heavy = {"lxml", "pypdfium2", "docx", "openpyxl", "trafilatura", "urllib3"}
    code = f"import sys, qa.documents.readers; sys.exit(','.join({heavy} & set(sys.modules)) or None)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
