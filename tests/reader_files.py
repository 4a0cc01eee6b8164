"""Small files of every format that is read, made in code; no test data lies on disk."""

import io
import struct
import zipfile
import zlib

LONG_PAGE = (
    "<html><head><title>A page of news</title><meta property='article:published_time' content='2024-02-03T10:00:00Z'></head><body>"
    "<nav><a href='/'>Home</a> <a href='/about'>About us</a></nav><article><h1>Chips and models</h1>"
    "<p>" + "The laboratory trained its model on chips made at home. " * 6 + "</p><h2>Figures</h2>"
    "<p>" + "The figures were published in the spring of that year by the office. " * 5 + "</p>"
    "<table><tr><th>Country</th><th>Papers</th></tr><tr><td>China</td><td>120</td></tr></table>"
    "<ul><li>first item</li><li>second item</li></ul></article><footer>Imprint</footer></body></html>"
)


def pdf(pages, *, info="", encrypt=False, filters=None) -> bytes:
    """Write a PDF.

    Args:
        pages: a list of lines for each page: (text, size, x, y). Text beyond Latin-1 is set in a Chinese font.
        info: entries of the information dictionary.
        encrypt: put a password on it that nobody knows.
        filters: a ready content stream and its filter names, for every page, instead of lines.
    """
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    objects.append(b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [5 0 R] >>")
    objects.append(
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /DW 1000 "
        b"/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> /FontDescriptor 6 0 R >>"
    )
    objects.append(b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>")
    objects.append(f"<< {info} >>".encode("latin-1"))
    objects.append(b"<< /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <" + b"ab" * 32 + b"> /U <" + b"cd" * 32 + b"> >>")
    kids = []
    for lines in pages:
        stream = b"".join(_shown(*line) for line in lines)
        names = b""
        if filters:
            stream, names = filters
        kids.append(len(objects) + 2)
        objects.append(b"<< " + names + b" /Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>"
            % len(objects)
        )
    objects[1] = b"<< /Type /Pages /Kids [" + b" ".join(b"%d 0 R" % kid for kid in kids) + b"] /Count %d >>" % len(kids)
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % place for place in places)
    secret = b"/Encrypt 8 0 R /ID [<00> <00>]" if encrypt else b""
    out += b"trailer << /Size %d /Root 1 0 R /Info 7 0 R %b >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, secret, start)
    return bytes(out)


def _shown(text, size, x, y) -> bytes:
    if text.isascii():
        font, shown = b"/F1", b"(" + text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").encode() + b")"
    else:
        font, shown = b"/F2", b"<" + text.encode("utf-16-be").hex().encode() + b">"
    return b"BT %b %d Tf %d %d Td %b Tj ET\n" % (font, size, x, y, shown)


def column(lines, size=11, x=72, top=760, leading=14):
    """Return lines of a page, one below the other."""
    return [(text, size, x, top - leading * n) for n, text in enumerate(lines)]


def docx() -> bytes:
    import docx as library

    document = library.Document()
    document.core_properties.title = "Report on chips"
    document.core_properties.modified = __import__("datetime").datetime(2024, 5, 6, 7, 8)
    document.add_heading("Findings", 1)
    document.add_paragraph("The laboratory trained a model. It has seven parts.")
    document.add_paragraph("first item", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip([c for row in table.rows for c in row.cells], ["Country", "Papers", "China", "7"], strict=True):
        cell.text = text
    document.add_heading("结论", 2)
    document.add_paragraph("芯片进步很快。")
    return _saved(document)


def pptx() -> bytes:
    import pptx as library

    presentation = library.Presentation()
    for title, body in (("Overview", "Chips are made at home.\nModels are trained."), ("Outlook", "More will follow.")):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
    slide.notes_slide.notes_text_frame.text = "A spoken remark."
    return _saved(presentation)


def xlsx(rows=(("Country", "Year", "Share"), ("China", 2024, 0.25), ("US", 2023, 0.5))) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Shares"
    for row in rows:
        sheet.append(row)
    for cell in sheet["C"][1:]:
        cell.number_format = "0%"
    return _saved(book)


def _saved(thing) -> bytes:
    out = io.BytesIO()
    thing.save(out)
    return out.getvalue()


def epub(chapters=None, **extra) -> bytes:
    """Write a book; ``extra`` names more members, with _ for every dot and slash left as in the name."""
    chapters = chapters or {
        "one.xhtml": "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>One</title></head><body><h1>Chapter one</h1><p>It began in spring.</p></body></html>",
        "two.xhtml": "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>Two</title></head><body><p>It went on.</p></body></html>",
    }
    items = "".join(f"<item id='c{n}' href='{name}' media-type='application/xhtml+xml'/>" for n, name in enumerate(chapters))
    spine = "".join(f"<itemref idref='c{n}'/>" for n in range(len(chapters)))
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": "<container xmlns='urn:oasis:names:tc:opendocument:xmlns:container'><rootfiles>"
        "<rootfile full-path='OEBPS/book.opf'/></rootfiles></container>",
        "OEBPS/book.opf": "<package xmlns='http://www.idpf.org/2007/opf'><metadata xmlns:dc='http://purl.org/dc/elements/1.1/'>"
        f"<dc:title>A small book</dc:title><dc:date>2020-01-02</dc:date></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>",
        **{f"OEBPS/{name}": text for name, text in chapters.items()},
        **extra,
    }
    return packed(members)


def packed(members) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def repacked(data: bytes, changes) -> bytes:
    """Return an archive with some members replaced."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return packed(members | changes)


def zeros(size: int, byte: bytes = b" ") -> bytes:
    """Return the deflated form of ``size`` equal bytes without ever holding them."""
    squeeze = zlib.compressobj(9)
    block = byte * (1 << 20)
    parts = [squeeze.compress(block) for _ in range(size >> 20)]
    return b"".join([*parts, squeeze.flush()])


def bomb(name: str, size: int, around: bytes) -> bytes:
    """Return an archive in which one member is replaced by one that unpacks to ``size`` bytes."""
    return repacked(around, {name: b" " * size})


def lying_bomb(name: str, size: int, around: bytes) -> bytes:
    """Return such an archive whose directory says that the member unpacks to 100 bytes."""
    data = bytearray(bomb(name, size, around))
    true = struct.pack("<I", size)
    at = data.find(true)
    while at >= 0:
        data[at : at + 4] = struct.pack("<I", 100)
        at = data.find(true, at + 4)
    return bytes(data)


SEEDS = {
    "seed.md": lambda: "---\ntitle: Seed\ndate: 2024-05-06\n---\n# Chips\n\nSome **bold** [words](http://x.example).\n\n- one\n- two\n\n## Next\n\n人工智能很快。\n".encode(),
    "seed.txt": lambda: "人工智能的发展在中国很快。我们研究了这个问题。\nAnd a line of English.\n".encode("gb18030"),
    "seed.html": lambda: LONG_PAGE.encode(),
    "seed.pdf": lambda: pdf([[("Findings", 20, 72, 800), *column(["The model was trained at", "home. It is large."])], column(["第二页的内容。"])]),
    "seed.docx": docx,
    "seed.pptx": pptx,
    "seed.xlsx": xlsx,
    "seed.csv": lambda: b'Country,Year,Papers\nChina,2024,12\nUS,2024,"1,300"\n',
    "seed.tsv": lambda: b"Country\tYear\nChina\t2024\n",
    "seed.epub": epub,
    "seed.jsonl": lambda: b'{"title": "A", "text": "' + b"word " * 60 + b'", "n": 1}\n{"k": [1, 2], "o": {"p": "q"}}\n',
}
