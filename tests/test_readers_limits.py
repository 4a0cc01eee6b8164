"""Files made to do harm: each ends in one clear refusal, soon, and the reader goes on with the next."""

import os
import sys
import time
import zlib

import pytest
import reader_files as files

from qa.documents.readers import Reader, ReadLimits, read_file
from qa.documents.readers import process as processes
from qa.errors import UnreadableFile

MIB = 1024 * 1024
BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha ha ha ha ha ha ha ha ha ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
OOXML = "http://schemas.openxmlformats.org"
WORD = f"<w:document xmlns:w='{OOXML}/wordprocessingml/2006/main'><w:body><w:p><w:r><w:t>x&i;</w:t></w:r></w:p></w:body></w:document>"
SHEET = (
    f"<worksheet xmlns='{OOXML}/spreadsheetml/2006/main'><sheetData><row><c t='inlineStr'><is><t>x&i;</t></is></c></row></sheetData></worksheet>"
)
EXTERNAL = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY i SYSTEM "file://{path}">]>'


@pytest.fixture(scope="module")
def reader():
    with Reader() as one:
        yield one


@pytest.fixture(autouse=True)
def _soon():
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 15


def refused(data, name, match, reader=None, **limits):
    with Reader(ReadLimits(**limits)) as own, pytest.raises(UnreadableFile, match=match) as refusal:
        (reader or own).read_bytes(data, name)
    assert str(refusal.value).startswith(name)
    assert len(str(refusal.value)) < 300


MEMBERS = [
    ("a.docx", "word/document.xml", files.docx),
    ("a.xlsx", "xl/worksheets/sheet1.xml", files.xlsx),
    ("a.pptx", "ppt/presentation.xml", files.pptx),
    ("a.epub", "OEBPS/one.xhtml", files.epub),
]


@pytest.mark.parametrize(("name", "member", "around"), MEMBERS, ids=[m[0] for m in MEMBERS])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(reader, name, member, around):
    refused(files.bomb(member, 40 * MIB, around()), name, "times its size, as no document does", reader)
    refused(files.bomb(member, 12 * MIB, around()), name, "would unpack to 12 MiB, over the limit of 11", unpacked_bytes=11 * MIB)


@pytest.mark.parametrize(("name", "member", "around"), MEMBERS, ids=[m[0] for m in MEMBERS])
def test_a_bomb_that_lies_about_its_size_unpacks_no_further(reader, name, member, around):
    refused(files.lying_bomb(member, 40 * MIB, around()), name, "damaged", reader)


def test_an_archive_of_archives_is_refused(reader):
    inner = files.packed({"zeros": b"0" * MIB})
    for _ in range(5):
        inner = files.packed({f"{n}.zip": inner for n in range(10)})
    for name in ("a.zip", "a.docx", "a.epub", "a.xlsx"):
        refused(inner, name, "is an archive; unpack it", reader)
    within = files.epub(**{"OEBPS/more.zip": inner})
    assert reader.read_bytes(within, "a.epub").title == "A small book"


def test_too_many_members_are_refused(reader):
    refused(files.epub(**{f"{n}": b"" for n in range(10_001)}), "a.epub", "packs 10,0.. files, over the limit of 10,000", reader)


def test_an_encrypted_archive_is_refused(reader):
    data = bytearray(files.docx())
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 8] |= 1
        at = data.find(b"PK\x01\x02", at + 4)
    refused(bytes(data), "a.docx", "is encrypted", reader)


def test_a_pdf_bomb_is_refused():
    for content in (b" ", b"q "):
        twice = zlib.compress(files.zeros(192 * MIB, content), 9)
        data = files.pdf([[]], filters=(twice, b"/Filter [/FlateDecode /FlateDecode]"))
        assert len(data) < 20_000
        refused(data, "a.pdf", "needs more than 256 MiB|holds pictures|took longer", memory_bytes=256 * MIB, seconds=5)


def test_a_pdf_of_too_many_pages_is_refused(reader):
    refused(files.pdf([[]] * 30), "a.pdf", "has 30 pages, over the limit of 20", pages=20)


def test_ten_million_rows_are_refused():
    refused(b"a,b\n" * 10_000_000, "a.csv", "has more than 200,000 rows")
    refused(b'{"a": 1}\n' * 250_000, "a.jsonl", "has more than 200,000 objects")


def test_a_sheet_of_ten_million_rows_is_refused():
    head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    foot = b"</sheetData></worksheet>"
    empty = files.repacked(files.xlsx(), {"xl/worksheets/sheet1.xml": head + b"<row/>" * 10_000_000 + foot})
    refused(empty, "a.xlsx", "times its size, as no document does")
    filled = b'<row><c t="inlineStr"><is><t>x</t></is></c></row>' * 20_000
    refused(files.repacked(files.xlsx(), {"xl/worksheets/sheet1.xml": head + filled + foot}), "a.xlsx", "has more than 5,000 rows", rows=5_000)
    far = head + b'<row r="10000000"><c r="A10000000" t="n"><v>1</v></c></row></sheetData></worksheet>'
    refused(files.repacked(files.xlsx(), {"xl/worksheets/sheet1.xml": far}), "a.xlsx", "a sheet of more than 1,048,576 rows")


@pytest.mark.parametrize(
    ("name", "member", "around", "root"),
    [
        ("a.docx", "word/document.xml", files.docx, WORD),
        ("a.pptx", "ppt/slides/slide1.xml", files.pptx, f"<p:sld xmlns:p='{OOXML}/presentationml/2006/main'>&i;</p:sld>"),
        ("a.xlsx", "xl/worksheets/sheet1.xml", files.xlsx, SHEET),
        ("a.epub", "OEBPS/one.xhtml", files.epub, "<html><body><p>x&i;</p></body></html>"),
        ("b.epub", "OEBPS/book.opf", files.epub, "<package>&i;</package>"),
        ("b.docx", "docProps/core.xml", files.docx, "<coreProperties>&i;</coreProperties>"),
    ],
)
@pytest.mark.parametrize("declaration", [BILLION_LAUGHS, EXTERNAL], ids=["entities", "external"])
def test_xml_entities_are_neither_expanded_nor_loaded(reader, tmp_path, name, member, around, root, declaration):
    secret = tmp_path / "secret.txt"
    secret.write_text("a-secret-of-this-machine")
    data = files.repacked(around(), {member: declaration.replace("{path}", str(secret)) + root})
    try:
        found = reader.read_bytes(data, name)
    except UnreadableFile:
        return
    assert "a-secret" not in found.model_dump_json()
    assert "ha ha ha" not in found.model_dump_json()


def test_size_and_text_are_limited(tmp_path, reader):
    path = tmp_path / "a.txt"
    path.write_bytes(b"word " * 300)
    with pytest.raises(UnreadableFile, match=r"a\.txt is larger than"):
        read_file(path, limits=ReadLimits(file_bytes=1_000))
    for data, name in ((b"word " * 300, "a.txt"), (files.pdf([files.column(["word " * 15])] * 30), "a.pdf"), (files.epub(), "a.epub")):
        refused(data, name, "holds more than 30 characters of text", text_chars=30)


def test_a_reader_that_hangs_is_ended_and_the_next_file_is_read(monkeypatch):
    # The process sleeps instead of reading, as a parser in an endless loop would.
    monkeypatch.setattr(processes, "_START", "import time; time.sleep(60)")
    monkeypatch.setattr(processes, "_STARTUP_SECONDS", 0.0)
    with Reader(ReadLimits(seconds=0.5)) as reader:
        start = time.monotonic()
        with pytest.raises(UnreadableFile, match=r"a\.txt took longer than 0\.5 s"):
            reader.read_bytes(b"text", "a.txt")
        assert time.monotonic() - start < 5
        monkeypatch.undo()
        assert reader.read_bytes(b"text", "a.txt").text == "text\n"


WRONG_SPAN = (
    "print('{\"result\": {\"text\": \"a\", \"language\": \"en\", \"media_type\": \"x\", "
    "\"sections\": [{\"heading\": \"\", \"start\": 0, \"end\": 9}]}}')"
)
BROKEN = (
    WRONG_SPAN,
    "import os; os.abort()",
    "print('no JSON', flush=True)",
    "import sys; sys.stdout.write('x' * 10**6)",
    "print('{\"result\": {}}')",
)


@pytest.mark.parametrize("code", BROKEN)
def test_a_reader_that_breaks_is_one_refusal(monkeypatch, code):
    monkeypatch.setattr(processes, "_START", code)
    with Reader() as reader:
        with pytest.raises(UnreadableFile, match=r"a\.txt could not be read"):
            reader.read_bytes(b"text", "a.txt")
        monkeypatch.undo()
        assert reader.read_bytes(b"text", "a.txt").text == "text\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_the_reading_process_can_write_no_file_and_ends_with_its_reader(tmp_path, monkeypatch):
    target = tmp_path / "written"
    probe = f"""
import sys; sys.path.append(sys.argv[1])
from qa.documents.readers.worker import limit_process
import resource
limit_process(int(sys.argv[-1]))
try:
    with open({str(target)!r}, "w") as file:
        file.write("x" * 10)
except OSError as error:
    print('{{"error": "wrote nothing: ' + type(error).__name__ + ", memory " + str(resource.getrlimit(resource.RLIMIT_AS)[0]) + '"}}', flush=True)
sys.stdin.read()
"""
    monkeypatch.setattr(processes, "_START", probe)
    with Reader(ReadLimits(memory_bytes=512 * MIB)) as reader:
        with pytest.raises(UnreadableFile, match=f"wrote nothing: OSError, memory {512 * MIB}"):
            reader.read_bytes(b"text", "a.txt")
        process = reader._process
    assert target.read_bytes() == b"" if target.exists() else True
    assert process.poll() is not None
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "![" * 100_000),
        ("a.md", "[a](" * 100_000),
        ("a.md", "<!--" * 100_000),
        ("a.md", "#" + " " * 200_000 + "x"),
        ("a.html", "<!---->" * 580 + "<p>text</p>"),
        ("a.html", "<html><body>" + "<div>" * 50_000 + "text"),
        ("a.csv", '"' * 200_001),
        ("a.jsonl", '{"a":' * 50_000),
    ],
)
def test_patterns_take_no_time_on_hostile_text(reader, name, text):
    start = time.monotonic()
    try:
        assert reader.read_bytes(text.encode(), name).text
    except UnreadableFile as refusal:
        assert "took longer" not in str(refusal)  # noqa: PT017
    assert time.monotonic() - start < 5
