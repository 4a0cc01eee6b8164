"""EPUB: the chapters in reading order."""

from __future__ import annotations

import io
import posixpath
import zipfile
from urllib.parse import unquote

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from qa.documents.readers.builder import TextBuilder, iso_date, one_line
from qa.documents.readers.encodings import decode
from qa.documents.readers.extracted import ReadLimits
from qa.documents.readers.html import parse, walk
from qa.documents.readers.kinds import Kind
from qa.documents.readers.packed import check_packed
from qa.errors import UnreadableFile

_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_OPF = "{http://www.idpf.org/2007/opf}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_ENC = "{http://www.w3.org/2001/04/xmlenc#}"
_CHAPTERS = ("application/xhtml+xml", "text/html")


def read(data: bytes, kind: Kind, builder: TextBuilder, limits: ReadLimits) -> None:
    """Read the chapters of a book; each is a section, and so is each heading in it."""
    check_packed(data, limits)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _book(archive, builder)
    except DefusedXmlException as error:
        raise UnreadableFile("declares XML entities, as no book needs to; it was not read") from error


def _book(archive: zipfile.ZipFile, builder: TextBuilder) -> None:
    container = ElementTree.fromstring(archive.read("META-INF/container.xml"))
    rootfile = container.find(f".//{_CONTAINER}rootfile")
    opf = "" if rootfile is None else rootfile.get("full-path", "")
    names = set(archive.namelist())
    if opf not in names:
        raise UnreadableFile("is an EPUB without its table of contents; save or download it again")
    package = ElementTree.fromstring(archive.read(opf))
    builder.title = one_line(package.findtext(f".//{_DC}title") or "")
    builder.date = iso_date(package.findtext(f".//{_DC}date") or "")
    files = {item.get("id"): item for item in package.iter(f"{_OPF}item")}
    encrypted = _encrypted(archive, names)
    missing = 0
    for reference in package.iter(f"{_OPF}itemref"):
        item = files.get(reference.get("idref"))
        if item is None or item.get("media-type") not in _CHAPTERS or "nav" in (item.get("properties") or "").split():
            continue
        member = posixpath.normpath(posixpath.join(posixpath.dirname(opf), unquote(item.get("href") or "").partition("#")[0]))
        if member in encrypted:
            raise UnreadableFile("is protected (DRM); add a copy without protection")
        if member not in names:
            missing += 1
            continue
        _chapter(archive.read(member), builder)
    if missing:
        builder.note(f"{missing} chapters that the book lists are not in the file.")


def _chapter(data: bytes, builder: TextBuilder) -> None:
    page = parse(decode(data)[0])
    name = one_line("".join(page.xpath("(//title)[1]//text()")))
    builder.gap()
    builder.section("" if name == builder.title else name)
    walk(page, builder)


def _encrypted(archive: zipfile.ZipFile, names: set[str]) -> set[str]:
    if "META-INF/encryption.xml" not in names:
        return set()
    listed = ElementTree.fromstring(archive.read("META-INF/encryption.xml"))
    return {unquote(e.get("URI") or "") for e in listed.iter(f"{_ENC}CipherReference")}
