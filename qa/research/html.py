"""A brief as one HTML file: no scripts, no addresses fetched, every text escaped, ready to print."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path

from qa.answering.answer import Citation, ConflictValue, Sentence
from qa.documents.model import Source
from qa.research.figures import flat
from qa.research.markdown import byline, place
from qa.research.model import Brief, Chart
from qa.research.picture import picture
from qa.research.words import WORDS

# Nothing may be loaded, run or sent, even if a text slipped through as markup.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_LANGUAGES = {"en": "en", "zh": "zh-Hans"}


@lru_cache(maxsize=1)
def _style() -> str:
    return Path(__file__).with_name("brief.css").read_text(encoding="utf-8")


def to_html(brief: Brief) -> str:
    """Return a brief as a whole HTML document."""
    words = WORDS[brief.language]
    quotes = {c.number: flat(c.quote) for c in brief.references}
    parts: list[tuple[str, str, str]] = []  # anchor, heading, what stands below it

    def add(heading: str, body: str) -> None:
        parts.append((f"part-{len(parts) + 1}", heading, body))

    for section in brief.sections:
        add(section.heading, _said(section.sentences, quotes, words))
    if brief.figures:
        head = "".join(f"<th scope=col>{escape(words[k])}</th>" for k in ("what", "value", "unit", "date", "source"))
        rows = "".join(
            f'<tr><td>{_t(f.what)}</td><td class="n">{_t(f.value)}</td><td>{_t(f.unit)}</td><td class="d">{_t(f.date)}</td>'
            f"<td>{_cite(f.citation, quotes)}</td></tr>"
            for f in brief.figures
        )
        add(words["figures"], f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>')
    if brief.timeline:
        rows = "".join(f'<li><span class="date">{_t(d.date)}</span>{_t(d.statement)} {_cite(d.citation, quotes)}</li>' for d in brief.timeline)
        add(words["timeline"], f'<ol class="times">{rows}</ol>')
    if brief.charts:
        add(words["charts"], "".join(_figure(c) for c in brief.charts))
    if brief.conflicts:
        add(words["conflicts"], "".join(_conflict(c.what, _values(c.values, quotes, words)) for c in brief.conflicts))
    if brief.gaps:
        lines = (g.question + (f" ({words['missing'].format(words['join'].join(g.missing))})" if g.missing else "") for g in brief.gaps)
        add(words["gaps"], _list(lines))
    if brief.references:
        add(words["references"], f'<ol class="refs">{"".join(_reference(c, words) for c in brief.references)}</ol>')
    add(words["asked"], _list(_asked(brief, words)))
    body = "".join(f'<section id="{anchor}"><h2>{_t(heading)}</h2>{text}</section>' for anchor, heading, text in parts)
    links = "".join(f'<a href="#{anchor}">{_t(heading)}</a> ' for anchor, heading, _ in parts)
    notes = "".join(f'<p class="note">{_t(note)}</p>' for note in brief.notes)
    nothing = "" if brief.references else f'<p class="note">{_t(words["nothing"])}</p>'
    summary = f'<div class="summary"><h2>{_t(words["summary"])}</h2>{_said(brief.summary, quotes, words)}</div>' if brief.summary else ""
    return (
        f'<!doctype html>\n<html lang="{_LANGUAGES[brief.language]}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="referrer" content="no-referrer"><title>{_t(brief.title)}</title><style>\n{_style()}</style></head>\n'
        f'<body><main><header><p class="kind">{_t(words["brief"])}</p><h1>{_t(brief.title)}</h1>'
        f'<p class="by">{_t(byline(brief))}</p>{notes}{nothing}</header>\n'
        f"{summary}<nav>{links}</nav>\n{body}</main></body></html>\n"
    )


def _t(text: str) -> str:
    return escape(flat(text), quote=True)


def _cite(number: int, quotes: dict[int, str]) -> str:
    return f'<a class="cite" href="#ref-{number}" title="{escape(quotes.get(number, ""), quote=True)}">{number}</a>'


def _said(sentences: Sequence[Sentence], quotes: dict[int, str], words: dict[str, str]) -> str:
    rows = []
    for sentence in sentences:
        doubt = f' <span class="small">({_t(words["partly"])})</span>' if sentence.support != "supported" else ""
        rows.append(f"<li>{_t(sentence.text)} {''.join(_cite(n, quotes) for n in sentence.citations)}{doubt}</li>")
    return f'<ul class="said">{"".join(rows)}</ul>'


def _list(lines: Iterable[str]) -> str:
    return f'<ul class="plain">{"".join(f"<li>{_t(line)}</li>" for line in lines)}</ul>'


def _asked(brief: Brief, words: dict[str, str]) -> Iterable[str]:
    for sub in brief.asked:
        found = words["found"].format(sub.found) if sub.found else words["none"]
        yield f"{sub.question} ({words['round'].format(sub.round)}, {found})"


def _values(values: Iterable[ConflictValue], quotes: dict[int, str], words: dict[str, str]) -> str:
    rows = []
    for value in values:
        note = f", {words[value.note]}" if value.note else ""
        rows.append(f"<li>{_t(f'{value.value} ({value.date}{note})')} {_cite(value.citation, quotes)}</li>")
    return f"<ul>{''.join(rows)}</ul>"


def _conflict(what: str, values: str) -> str:
    return f'<div class="conflict"><p>{_t(what)}</p>{values}</div>'


def _figure(chart: Chart) -> str:
    note = f'<p class="small">{_t(chart.note)}</p>' if chart.note else ""
    sources = "".join(f'<p class="small">{_source(s)}</p>' for s in chart.sources)
    return f"<figure><figcaption><strong>{_t(chart.title)}</strong>{_t(chart.unit)}</figcaption>{picture(chart)}{note}{sources}</figure>"


def _reference(citation: Citation, words: dict[str, str]) -> str:
    sources = "".join(f'<p class="small">{_source(s)}</p>' for s in citation.sources)
    quote = f"<p><q>{_t(citation.quote)}</q></p>"
    return f'<li id="ref-{citation.number}"><b>{citation.number}</b><div>{quote}<p class="small">{_t(place(citation, words))}</p>{sources}</div></li>'


def _source(source: Source) -> str:
    text = _t(f"{source.publisher}, “{source.title}”, {source.date}")
    if re.fullmatch(r"https?://[^\s<>\"']+", source.url):
        return f'{text} <a href="{escape(source.url, quote=True)}" rel="noreferrer noopener">{escape(source.url)}</a>'
    return text
