"""Damaging files, and checking what a reader made of them; for tests/test_fuzz_readers.py and benchmarks/fuzz.py."""

import io
import random
import re
import zipfile

import reader_files as files

from qa.chunking import chunk
from qa.documents import Document
from qa.documents.readers import Reader, ReadLimits
from qa.errors import UnreadableFile

HANG_SECONDS = 10
LIMITS = ReadLimits(seconds=HANG_SECONDS, memory_bytes=1 << 30)
_BROKE = "broke its reader"
_HUNG = "took longer than"
_TOKENS = (
    b"\0", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"<", b">", b"&", b"]]>", b"<!--", b"-->", b"<!DOCTYPE x [", b"&#0;", b"&#55296;",
    b"{", b"}", b"[", b"]", b'"', b"\\u0000",
    b"\\ud800", b"---\n", b"\n", b"\r", b"\x0c", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80",
    b"0", b"-1", b"99999999999999999999", b"1e999", b"stream\n",
    b"endobj", b"/Length 0", b"<< ", b" >>", b"%PDF-1.7", b"PK\x03\x04", b"<table>", b"</table>", b"<head>", b"\xb0\xa1", b"\xa4\xa4",
)  # fmt: skip


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return a file with some bytes changed; of a packed one more often a member's than the archive's."""
    if data.startswith(b"PK") and rng.random() < 0.7:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = rng.choice(sorted(members))
        return files.packed(members | {name: _damaged(members[name], rng)})
    return _damaged(data, rng)


def _damaged(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(out) + 1)
        end = min(len(out), at + rng.choice((1, 2, 8, 64)))
        kind = rng.randrange(7)
        if kind == 0 and at < len(out):
            out[at] = rng.randrange(256)
        elif kind == 1 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del out[at:end]
        elif kind == 3:
            out[at:at] = rng.choice(_TOKENS) * rng.choice((1, 1, 1, 50))
        elif kind == 4:
            out[at:at] = out[at:end] * rng.choice((1, 3, 200))
        elif kind == 5:
            del out[at:]
        else:  # a number in the file becomes another
            numbers = list(re.finditer(rb"\d+", out))
            if numbers:
                chosen = rng.choice(numbers)
                out[chosen.start() : chosen.end()] = rng.choice((b"0", b"-1", b"1", b"65536", b"4294967295", b"99999999999"))
    return bytes(out)


def read_damaged(reader: Reader, data: bytes, name: str) -> str:
    """Read a damaged file and name what came of it: read, refused, broke (the process, which was contained) or hung.

    Raises:
        AssertionError: an offset is wrong.
        Exception: anything but a refusal is a defect.
    """
    try:
        found = reader.read_bytes(data, name)
    except UnreadableFile as refusal:
        message = str(refusal)
    else:
        check(found)
        return "read"
    assert message.startswith(name)
    assert "\n" not in message
    return "hung" if _HUNG in message else "broke" if _BROKE in message else "refused"


def check(found) -> None:
    """Assert that sections, pages and passages are where they say."""
    text = found.text
    assert text.strip()
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text)
    position = 0
    for section in found.sections:
        assert position <= section.start < section.end <= len(text)
        position = section.end
    position = 0
    for page in found.pages:
        assert position <= page.start < page.end <= len(text)
        position = page.end
    document = Document(
        id="d", title=found.title, language=found.language, topic="", as_of=found.date, text=text, sections=found.sections, pages=found.pages
    )
    for passage in chunk(document, lambda texts: [len(t) // 4 + 1 for t in texts], 200):
        assert passage.sentences[0][0] == passage.start < passage.end == passage.sentences[-1][1]
        assert text[passage.start : passage.end].strip() == text[passage.start : passage.end]
        assert document.page_at(passage.start) == document.page_at(passage.end - 1)
        if found.pages:
            assert document.page_at(passage.start) is not None
