"""Which reader a file gets: by its content where that tells, by its suffix where all are text."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import PurePath

from qa.errors import UnreadableFile


@dataclass(frozen=True)
class Kind:
    """A format: its suffixes, its media types (the first is the usual one), and the module whose ``read`` reads it."""

    name: str
    suffixes: tuple[str, ...]
    media_types: tuple[str, ...]
    module: str


_OFFICE = "application/vnd.openxmlformats-officedocument."
KINDS = (
    Kind("Markdown", (".md", ".markdown"), ("text/markdown", "text/x-markdown"), "prose"),
    Kind("plain text", (".txt", ".text"), ("text/plain",), "prose"),
    Kind("HTML", (".html", ".htm", ".xhtml"), ("text/html", "application/xhtml+xml"), "html"),
    Kind("PDF", (".pdf",), ("application/pdf", "application/x-pdf"), "pdf"),
    Kind("DOCX", (".docx",), (f"{_OFFICE}wordprocessingml.document",), "docx"),
    Kind("PPTX", (".pptx",), (f"{_OFFICE}presentationml.presentation",), "pptx"),
    Kind("XLSX", (".xlsx",), (f"{_OFFICE}spreadsheetml.sheet",), "sheets"),
    Kind("CSV", (".csv",), ("text/csv", "application/csv"), "sheets"),
    Kind("TSV", (".tsv",), ("text/tab-separated-values",), "sheets"),
    Kind("EPUB", (".epub",), ("application/epub+zip",), "epub"),
    Kind("JSON Lines", (".jsonl", ".ndjson"), ("application/jsonl", "application/x-ndjson", "application/x-jsonlines"), "jsonlines"),
)
SUFFIXES = frozenset(suffix for kind in KINDS for suffix in kind.suffixes)
_BY_NAME = {kind.name: kind for kind in KINDS}
BY_SUFFIX = {suffix: kind for kind in KINDS for suffix in kind.suffixes}
BY_MEDIA_TYPE = {media_type: kind for kind in KINDS for media_type in kind.media_types}
_AS_TEXT = frozenset({"Markdown", "plain text", "CSV", "TSV", "JSON Lines", "HTML"})
SUPPORTED = ", ".join(kind.name for kind in KINDS)

# First bytes of formats that are not read, each with what to do about it.
_OTHERS = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old or encrypted Office file; save it without a password as DOCX, XLSX or PPTX"),
    (b"{\\rtf", "is RTF, which is not read; save it as DOCX or text"),
    (b"\x1f\x8b", "is an archive; unpack it and add the files in it"),
    (b"7z\xbc\xaf\x27\x1c", "is an archive; unpack it and add the files in it"),
    (b"Rar!", "is an archive; unpack it and add the files in it"),
    (b"BZh", "is an archive; unpack it and add the files in it"),
    (b"\xfd7zXZ", "is an archive; unpack it and add the files in it"),
    (b"\x89PNG", "is a picture; add a file that holds text, such as the output of OCR"),
    (b"\xff\xd8\xff", "is a picture; add a file that holds text, such as the output of OCR"),
    (b"GIF8", "is a picture; add a file that holds text, such as the output of OCR"),
    (b"II*\x00", "is a picture; add a file that holds text, such as the output of OCR"),
    (b"MM\x00*", "is a picture; add a file that holds text, such as the output of OCR"),
)
_PACKED = (("word/document.xml", "DOCX"), ("ppt/presentation.xml", "PPTX"), ("xl/workbook.xml", "XLSX"), ("META-INF/container.xml", "EPUB"))
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_HEAD_BYTES = 4096  # in which HTML must have begun


def kind_of(data: bytes, name: str) -> tuple[Kind, tuple[str, ...]]:
    """Choose the reader of a file.

    Args:
        data: the file's bytes.
        name: its name, of which only the suffix counts.

    Returns:
        The kind, and a note if the suffix says otherwise.

    Raises:
        UnreadableFile: the format is not supported.
    """
    suffix = PurePath(name).suffix.lower()
    said = BY_SUFFIX.get(suffix)
    found = _by_content(data)
    if found is not None:
        kind = found
    elif said is not None:
        kind = said if said.name in _AS_TEXT else _BY_NAME["plain text"]
    elif not suffix:
        kind = _BY_NAME["plain text"]
    else:
        raise UnreadableFile(f"has the suffix {suffix[:20]}, which is not read; supported are {SUPPORTED}")
    differs = said is not None and said is not kind
    return kind, ((f"The name ends in {suffix}, but the content is {kind.name}; it was read as that.",) if differs else ())


def _by_content(data: bytes) -> Kind | None:
    """Return the kind that the content shows, or None for text without signs of its own."""
    for magic, message in _OTHERS:
        if data.startswith(magic):
            raise UnreadableFile(message)
    if data.startswith(b"PK\x03\x04") or data.startswith(b"PK\x05\x06"):
        return _BY_NAME[_packed(data)]
    if b"%PDF-" in data[:1024]:
        return _BY_NAME["PDF"]
    return _BY_NAME["HTML"] if _HTML.match(_after_prologue(data[:_HEAD_BYTES])) else None


def _after_prologue(head: bytes) -> bytes:
    """Return what follows white space, an XML declaration and comments."""
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for opening, closing in ((b"<?xml", b"?>"), *[(b"<!--", b"-->")] * 20):
        if head.startswith(opening):
            head = head.partition(closing)[2].lstrip()
    return head


def _packed(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError) as error:
        raise UnreadableFile("is a damaged packed file; save or download it again") from error
    for member, name in _PACKED:
        if member in names:
            return name
    raise UnreadableFile("is an archive; unpack it and add the files in it")
