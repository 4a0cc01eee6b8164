"""A conversation as Markdown, JSON or BibTeX."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

Turn = dict[str, Any]

TYPES = {"markdown": "md", "json": "json", "bibtex": "bib"}


def export(turns: Sequence[Turn], form: str) -> str:
    """Write turns, oldest first, in one of the forms of ``TYPES``.

    Raises:
        ValueError: the form is unknown.
    """
    if form == "markdown":
        return "\n\n".join(_markdown(turn) for turn in turns) + "\n"
    if form == "json":
        return json.dumps(list(turns), ensure_ascii=False, indent=2) + "\n"
    if form == "bibtex":
        return _bibtex(turns)
    raise ValueError(f"unknown export form {form!r}; use one of {', '.join(TYPES)}")


def _markdown(turn: Turn) -> str:
    lines = [f"## {_plain(turn['question'])}", ""]
    if turn["standalone"] != turn["question"]:
        lines += [f"*{_plain(turn['standalone'])}*", ""]
    lines += [_plain(turn["text"])]
    if turn["citations"]:
        lines += [""]
    for citation in turn["citations"]:
        lines.append(f"{citation['number']}. “{_plain(citation['quote'])}” ({_plain(_place(citation))})")
        for source in citation["sources"]:
            link = f" <{source['url']}>" if source["url"] else ""
            lines.append(f"   - {_plain(source['publisher'])}, “{_plain(source['title'])}”, {source['date']}.{link}")
    return "\n".join(lines)


def _place(citation: dict[str, Any]) -> str:
    """Return where a quote stands: its document, the file and page of a user's own, and the date."""
    origin = citation.get("origin", "")  # turns of earlier versions have none
    page = f"p. {citation['page']}" if citation.get("page") else ""
    return ", ".join(part for part in (citation["title"], origin if origin != citation["title"] else "", page, citation["as_of"]) if part)


def _plain(text: str) -> str:
    """Put text on one line, with what Markdown or HTML would read as markup escaped."""
    return re.sub(r"([\\`*_<>#|]|!\[|\]\()", lambda m: "".join("\\" + c for c in m.group()), " ".join(text.split()))


def _bibtex(turns: Sequence[Turn]) -> str:
    entries: dict[tuple[str, str], str] = {}
    for turn in turns:
        for citation in turn["citations"]:
            for source in citation["sources"]:
                identity = (source["url"], source["title"])
                if identity not in entries:
                    entries[identity] = _entry(source, len(entries) + 1)
    return "\n\n".join(entries.values()) + ("\n" if entries else "")


def _entry(source: dict[str, str], number: int) -> str:
    stem = re.sub(r"[^a-z0-9]", "", source["publisher"].lower())[:20] or "source"
    year = source["date"][:4] if source["date"][:4].isdigit() else "nd"
    fields = {
        "title": "{" + _tex(source["title"]) + "}",
        "author": "{" + _tex(source["publisher"]) + "}",
        "year": year if year != "nd" else "",
        "date": source["date"] if year != "nd" else "",
        "url": re.sub(r"[{}\\\s]", "", source["url"]),
    }
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@online{{{stem}{year}-{number},\n{body}\n}}"


_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {c: f"\\{c}" for c in "&%$#_{}"}


def _tex(text: str) -> str:
    return "".join(_TEX.get(c, c) for c in " ".join(text.split()))
