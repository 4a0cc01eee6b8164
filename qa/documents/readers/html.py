"""HTML: the main content by trafilatura, and the walk over marked-up trees that EPUB shares."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from qa.documents.readers.builder import TextBuilder, iso_date, one_line
from qa.documents.readers.encodings import decode
from qa.documents.readers.kinds import Kind
from qa.documents.readers.tables import lines_of

_CHARSET = re.compile(rb"""<(?:meta|\?xml)\b[^>]{0,300}?(?:charset|encoding)\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_CHROME = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "object", "head", "nav", "header", "footer", "aside", "form"})
_SILENT = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "object", "title"})
# The second word of each pair is trafilatura's own name.
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "head"})
_ITEMS = frozenset({"li", "item"})
_ROWS, _CELLS, _BREAKS = ("tr", "row"), ("td", "th", "cell"), frozenset({"br", "lb", "hr"})
_BLOCKS = frozenset(
    "address article blockquote body caption center dd details div dl dt fieldset figcaption figure footer form header legend list main "
    "nav ol p pre quote section summary table tbody td th thead tr ul row cell".split()
) | _ITEMS
_LITTLE = 200  # characters; main content shorter than this is compared with the whole page
_LONG_CELL = 1000  # characters; tables with longer cells lay out a page


def read(data: bytes, kind: Kind, builder: TextBuilder) -> None:
    """Read the main content of a page, or the whole page where it cannot be told apart."""
    import trafilatura

    declared = _CHARSET.search(data[:4096])
    text, _ = decode(data, declared.group(1).decode("ascii") if declared else "")
    found = trafilatura.bare_extraction(
        text,
        include_comments=False,
        include_tables=True,
        include_links=False,
        with_metadata=True,
        # Only what the page states as its date: no guesses from addresses or dates in the text.
        date_extraction_params={"extensive_search": False, "original_date": True},
    )
    page = parse(text)
    body = getattr(found, "body", None)
    main = "" if body is None else one_line("".join(body.itertext()))
    if len(main) < _LITTLE:
        whole = TextBuilder(builder.limits)
        walk(page, whole, _CHROME)
        if whole.length > 2 * len(main):
            builder.note("The main content of the page could not be told apart; all of its text was taken.")
            body = None
    builder.title = one_line(getattr(found, "title", None) or "".join(page.xpath("(//title)[1]//text()")))
    builder.date = iso_date(getattr(found, "date", None) or "")
    if body is None:
        walk(page, builder, _CHROME)
    else:
        walk(body, builder, _SILENT)


def parse(text: str) -> Any:
    """Return the tree of a page; nothing is loaded from outside, and entities of its own are not expanded."""
    parser = lxml_html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)
    return lxml_html.document_fromstring(text.replace("\0", "").encode("utf-8", "replace") or b"<p></p>", parser=parser, ensure_head_body=True)


def walk(root: Any, builder: TextBuilder, skipped: frozenset[str] = _SILENT) -> None:
    """Write the text of a tree: headings begin sections, blocks are paragraphs, tables lines with headers."""
    pending: list[str] = []

    def flush(item: bool = False) -> None:
        words = "\n".join(one_line(line) for line in "".join(pending).split("\v"))
        pending.clear()
        if item and words.strip():
            builder.line("- " + words.strip())
        elif words.strip():
            builder.block(words)

    walker = etree.iterwalk(root, events=("start", "end"))
    passed: Any = None  # the element whose inside is skipped
    for event, element in walker:
        tag = str(element.tag).rpartition("}")[2].lower() if isinstance(element.tag, str) else ""
        if event == "start":
            if (tag in _HEADINGS and tag not in skipped) or tag in _BLOCKS or tag in ("table", "head"):
                flush()
            if tag in skipped or not tag:
                walker.skip_subtree()
                passed = element
            elif tag == "table" and _is_data(element):
                for _, line in lines_of(enumerate(_rows(element), start=1)):
                    builder.line(line)
                builder.gap()
                walker.skip_subtree()
                passed = element
            else:
                pending.append("\v" if tag in _BREAKS else element.text or "")
            continue
        if element is not passed:
            if tag in _HEADINGS:
                words = one_line("".join(pending))
                pending.clear()
                builder.gap()
                builder.heading(words)
            elif tag in _BLOCKS:
                flush(item=tag in _ITEMS)
            if tag in ("ul", "ol", "list"):
                builder.gap()
        if element is not root:
            pending.append(element.tail or "")
    flush()


def _is_data(table: Any) -> bool:
    """Tell a table of data from one that lays out a page."""
    rows = _rows(table)
    nested = any(True for e in table.iterdescendants() if str(e.tag).rpartition("}")[2].lower() == "table")
    return not nested and max(map(len, rows), default=0) >= 2 and all(len(cell) <= _LONG_CELL for row in rows for cell in row)


def _rows(table: Any) -> list[list[str]]:
    names = {e: str(e.tag).rpartition("}")[2].lower() for e in table.iterdescendants() if isinstance(e.tag, str)}
    rows = [e for e, name in names.items() if name in _ROWS]
    return [[one_line("".join(cell.itertext())) for cell in row if names.get(cell) in _CELLS] for row in rows]
