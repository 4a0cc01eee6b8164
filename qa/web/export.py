"""A conversation as Markdown, JSON or BibTeX."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from qa.research import Brief, to_html, to_markdown

Turn = dict[str, Any]

TYPES = {"markdown": "md", "json": "json", "bibtex": "bib"}
_WORDS = {
    "en": {
        "older": "older figure, see [{}]", "partly": "partly supported", "unsupported": "not supported", "conflict": "Sources disagree",
        "newer": "newer", "primary": "primary source", "comparison": "Side by side", "written": "Written by {}",
        "tokens": "{} tokens read, {} written",
    },
    "zh": {
        "older": "旧数据，见[{}]", "partly": "部分支持", "unsupported": "缺乏支持", "conflict": "来源说法不一",
        "newer": "较新", "primary": "一手来源", "comparison": "对照", "written": "由{}撰写",
        "tokens": "读取{}个词元，写出{}个",
    },
}  # fmt: skip


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


def brief_file(turn: Turn, form: str) -> dict[str, str]:
    """Return the brief of a research turn as a file: ``{"name", "text"}`` in "markdown" or "html".

    Raises:
        ValueError: the form is unknown.
    """
    brief = Brief.model_validate(turn["whole"])
    if form == "markdown":
        return {"name": "brief.md", "text": to_markdown(brief)}
    if form == "html":
        return {"name": "brief.html", "text": to_html(brief)}
    raise ValueError(f"unknown form of a brief {form!r}; use markdown or html")


def _markdown(turn: Turn) -> str:
    if "whole" in turn:  # one level down, as the questions of a conversation stand
        return re.sub(r"^#(?=#* )", "##", to_markdown(Brief.model_validate(turn["whole"])).rstrip(), flags=re.MULTILINE)
    words = _WORDS["zh" if turn.get("language") == "zh" else "en"]
    lines = [f"## {_plain(turn['question'])}", ""]
    if turn["standalone"] != turn["question"]:
        lines += [f"*{_plain(turn['standalone'])}*", ""]
    lines += [_said(turn, words), "", *_beside(turn, words)]
    for citation in turn["citations"]:
        lines.append(f"{citation['number']}. “{_plain(citation['quote'])}” ({_plain(_place(citation))})")
        for source in citation["sources"]:
            link = f" <{source['url']}>" if source["url"] else ""
            lines.append(f"   - {_plain(source['publisher'])}, “{_plain(source['title'])}”, {source['date']}.{link}")
    return "\n".join(lines).rstrip()


def _said(turn: Turn, words: dict[str, str]) -> str:
    """Return the answer with its marks, and what is to be said of a sentence behind it."""
    if turn["abstained"] or not turn["sentences"]:
        return _plain(turn["text"])
    said = []
    for sentence in turn["sentences"]:
        text = _plain("".join(text for text, _ in sentence["segments"]))
        doubts = [words[sentence["support"]]] if sentence["support"] != "supported" else []
        if sentence.get("superseded_by"):
            doubts.append(words["older"].format(sentence["superseded_by"]))
        said.append(f"{text} {''.join(f'[{n}]' for n in sentence['citations'])}" + (f" ({'; '.join(doubts)})" if doubts else ""))
    return " ".join(said)


def _beside(turn: Turn, words: dict[str, str]) -> list[str]:
    """Return what stands beside an answer: conflicts, a comparison, who wrote it, notes. Turns of earlier versions lack some."""
    lines = []
    for conflict in turn["conflicts"]:
        lines.append(f"**{words['conflict']}**: {_plain(conflict['what'])}")
        for value in conflict["values"]:
            note = f", {words[value['note']]}" if value.get("note") else ""
            lines.append(f"- {_plain(value['value'])} ({value['date']}{note}) [{value['citation']}]")
        lines.append("")
    if comparison := turn["comparison"]:
        lines.append(f"**{words['comparison']}**")
        lines += [f"- {_plain(r['side'])}: {_plain(r['figure'])} ({r['as_of']}) [{r['citation']}]" for r in comparison["rows"]]
        computed = "".join(text for text, _ in comparison.get("computed", ()))
        lines += [f"- {_plain(computed)}"] if computed else []
        lines.append("")
    if turn["mode"].startswith("llm:"):
        usage = turn.get("usage")
        tokens = f" ({words['tokens'].format(usage['prompt_tokens'], usage['completion_tokens'])})" if usage else ""
        lines += [f"*{_plain(words['written'].format(turn['mode'].removeprefix('llm:')))}{tokens}*", ""]
    for note in turn.get("notes", ()):
        lines += [f"> {_plain(note)}", ""]
    return lines


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
