"""A brief as Markdown: readable as plain text, with footnote-like numbers and a list of references."""

from __future__ import annotations

import re
from collections.abc import Iterable

from qa.answering.answer import Citation, Sentence
from qa.research.figures import flat
from qa.research.model import Brief, Chart
from qa.research.words import WORDS

_SPECIAL = re.compile(r"[\\`*_<>#|~\[\]]|^(?=[-+]\s|\d+[.)]\s)|(?<=&)(?=#?\w+;)")


def to_markdown(brief: Brief) -> str:
    """Return a brief as Markdown. Text of documents is escaped: none of it becomes markup."""
    words = WORDS[brief.language]
    out = [f"# {plain(brief.title)}", "", f"*{plain(byline(brief))}*", ""]
    for note in brief.notes:
        out += [f"> {plain(note)}", ""]
    if not brief.references:
        out += [words["nothing"], ""]
    if brief.summary:
        out += [f"## {words['summary']}", "", *(f"- {_sentence(s, words)}" for s in brief.summary), ""]
    for section in brief.sections:
        out += [f"## {plain(section.heading)}", "", *(f"- {_sentence(s, words)}" for s in section.sentences), ""]
    if brief.figures:
        rows = ((f.what, f.value, f.unit, f.date, f"[{f.citation}]") for f in brief.figures)
        out += [f"## {words['figures']}", "", *_table([words[k] for k in ("what", "value", "unit", "date", "source")], rows), ""]
    if brief.timeline:
        out += [f"## {words['timeline']}", "", *(f"- **{d.date}** {plain(d.statement)} [{d.citation}]" for d in brief.timeline), ""]
    if brief.charts:
        out += [f"## {words['charts']}", ""]
    for chart in brief.charts:
        out += _chart(chart, words)
    out += _conflicts(brief, words) + _gaps(brief, words)
    if brief.references:
        out += [f"## {words['references']}", ""]
    for reference in brief.references:
        out += _reference(reference, words)
    out += [f"## {words['asked']}", ""]
    for sub in brief.asked:
        found = words["found"].format(sub.found) if sub.found else words["none"]
        out.append(f"- {plain(sub.question)} ({words['round'].format(sub.round)}, {found})")
    return "\n".join(out) + "\n"


def _conflicts(brief: Brief, words: dict[str, str]) -> list[str]:
    out = [f"## {words['conflicts']}", ""] if brief.conflicts else []
    for conflict in brief.conflicts:
        out += [f"- {plain(conflict.what)}"]
        for value in conflict.values:
            note = f", {words[value.note]}" if value.note else ""
            out.append(f"  - {plain(value.value)} ({value.date}{note}) [{value.citation}]")
        out += [""]
    return out


def _gaps(brief: Brief, words: dict[str, str]) -> list[str]:
    out = [f"## {words['gaps']}", ""] if brief.gaps else []
    for gap in brief.gaps:
        lacks = f" ({words['missing'].format(words['join'].join(gap.missing))})" if gap.missing else ""
        out.append(f"- {plain(gap.question + lacks)}")
    return [*out, ""] if out else []


def byline(brief: Brief) -> str:
    """Return what stands below the title: how the brief was made, and from how much."""
    words = WORDS[brief.language]
    how = words["extractive"] if brief.mode == "extractive" else words["by model"].format(brief.mode.removeprefix("llm:"))
    counts = words["counts"].format(len(brief.asked), len(brief.references), len(brief.gaps))
    until = words["until"].format(brief.evidence_until) if brief.evidence_until else ""
    return (" " if brief.language == "en" else "").join(part for part in (until, counts, how) if part)


def place(citation: Citation, words: dict[str, str]) -> str:
    """Return where a quote stands: title, section, file, page and date."""
    origin = citation.origin if citation.origin != citation.title else ""
    page = words["page"].format(citation.page) if citation.page else ""
    until = f"{words['as of']} {citation.as_of}" if citation.as_of else ""
    return ", ".join(part for part in (citation.title, citation.section, origin, page, until) if part)


def plain(text: str) -> str:
    """Put text on one line, with what Markdown or HTML would read as markup escaped."""
    return _SPECIAL.sub(lambda m: "\\" + m.group() if m.group() else "\\", flat(text))


def _sentence(sentence: Sentence, words: dict[str, str]) -> str:
    marks = "".join(f"[{n}]" for n in sentence.citations)
    doubt = f" ({words['partly']})" if sentence.support != "supported" else ""
    return f"{plain(sentence.text)} {marks}{doubt}"


def _chart(chart: Chart, words: dict[str, str]) -> list[str]:
    rows = ((key, number(value)) for key, value in chart.points)
    out = [f"### {plain(chart.title)}", "", *_table([words["date"] if chart.dated else words["what"], chart.unit], rows), ""]
    if chart.note:
        out += [plain(chart.note), ""]
    for source in chart.sources:
        out.append(f"- {plain(f'{source.publisher}, “{source.title}”, {source.date}')}{_link(source.url)}")
    return [*out, ""]


def _reference(citation: Citation, words: dict[str, str]) -> list[str]:
    out = [f"{citation.number}. “{plain(citation.quote)}” ({plain(place(citation, words))})"]
    for source in citation.sources:
        out.append(f"   - {plain(f'{source.publisher}, “{source.title}”, {source.date}')}{_link(source.url)}")
    return [*out, ""]


def _link(url: str) -> str:
    return f" <{url}>" if re.fullmatch(r"https?://[^\s<>]+", url) else ""


def _table(head: list[str], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(map(plain, head)) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(plain(cell) if not re.fullmatch(r"\[\d+\]", cell) else cell for cell in row) + " |" for row in rows]


def number(value: float) -> str:
    """Write a value without needless digits."""
    return f"{value:,.4f}".rstrip("0").rstrip(".")
