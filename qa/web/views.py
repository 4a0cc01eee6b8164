"""Answers as the page shows them: plain values ready for JSON, with text already cut into segments.

Offsets count characters in Python and UTF-16 units in JavaScript, so no offset crosses the border:
text to be marked is sent as segments ``[text, kind]``, where kind is "" for plain text.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from qa.answering.answer import Answer, Citation, Comparison, Sentence
from qa.assistant import Assistant
from qa.documents.model import Document, Source
from qa.errors import UnknownDocument
from qa.research import Brief
from qa.retrieval.filters import Filters
from qa.retrieval.hits import Hit
from qa.text.sentences import Span
from qa.web.figures import development

View = dict[str, Any]
Segment = tuple[str, str]

SENTENCES_AROUND = 1
"""A card shows so many sentences before and after its quote; the reader has the rest."""
NEAREST = 3
PDF = "application/pdf"


def segments(text: str, spans: Sequence[Span], kind: str) -> list[Segment]:
    """Cut a text at spans: ``segments("a 5 b", [(2, 3)], "figure")`` is ``[("a ", ""), ("5", "figure"), (" b", "")]``.

    Spans that overlap an earlier one or lie outside the text are left out.
    """
    cut: list[Segment] = []
    position = 0
    for start, end in sorted(spans):
        if position <= start < end <= len(text):
            cut += [(text[position:start], ""), (text[start:end], kind)]
            position = end
    cut.append((text[position:], ""))
    return [segment for segment in cut if segment[0]]


def turn_view(assistant: Assistant, answer: Answer, filters: Filters) -> View:
    """Return one question with its answer, all its evidence and the cards that go with it."""
    return {
        **_begun(answer.question, answer.standalone_question, filters),
        "text": answer.text,
        "sentences": [sentence_view(s) for s in answer.sentences],
        "citations": [citation_view(assistant, c, answer.hits) for c in answer.citations],
        "abstained": answer.abstained,
        "missing": answer.missing,
        "nearest": [nearest_view(hit) for hit in answer.hits[:NEAREST]] if answer.abstained else [],
        "conflicts": [conflict.model_dump() for conflict in answer.conflicts],
        "comparison": comparison_view(answer.comparison),
        "chart": development(answer),
        "confidence": answer.confidence,
        "language": answer.language,
        "kind": answer.kind,
        "mode": answer.mode,
        "usage": answer.usage.model_dump() if answer.usage else None,
        "notes": answer.notes,
        "steps": [{"name": name, "ms": ms} for name, ms in answer.timings_ms.items()],
        "searched": {"passages": assistant.snapshot.manifest.passages, "hits": len(answer.hits)},
    }


def _begun(question: str, standalone: str, filters: Filters) -> View:
    return {
        "id": secrets.token_hex(8),
        "conversation": "",
        "asked": time.time(),
        "question": question,
        "standalone": standalone,
        "scope": filters.model_dump(mode="json"),
    }


def sentence_view(sentence: Sentence) -> View:
    """Return a sentence in segments, the figures, dates and names that answer marked."""
    return {
        "segments": segments(sentence.text, sentence.marks, "figure"),
        "citations": sentence.citations,
        "support": sentence.support,
        "superseded_by": sentence.superseded_by,
    }


def comparison_view(comparison: Comparison | None) -> View | None:
    """Return the sides of a comparison as rows, and in segments the line computed from them, with "cite:N" for a mark.

    The marks of that line are put in accordance with the sides: a model's answer numbers its quotes anew.
    """
    if comparison is None:
        return None
    rows = [{"side": s.name, "figure": s.value, "as_of": s.date, "citation": s.citation} for s in comparison.sides]
    numbers = list(dict.fromkeys(s.citation for s in comparison.sides))
    computed: list[Segment] = []
    for part in re.split(r"(\[\d+\])", comparison.computed):
        if re.fullmatch(r"\[\d+\]", part) and numbers:
            number = numbers.pop(0)
            computed.append((f"[{number}]", f"cite:{number}"))
        elif part:
            computed.append((part, ""))
    return {"rows": rows, "computed": computed}


def brief_view(assistant: Assistant, brief: Brief, filters: Filters) -> View:
    """Return research as a turn: the keys of ``turn_view``, and ``brief`` with what only a brief has.

    ``whole`` holds the brief itself, for files; it stays on the server.
    """
    return {
        **_begun(brief.question, brief.question, filters),
        "text": " ".join(f"{s.text} {''.join(f'[{n}]' for n in s.citations)}" for s in brief.summary),
        "sentences": [sentence_view(s) for s in brief.summary],
        "citations": [citation_view(assistant, c, ()) for c in brief.references],
        "abstained": not brief.references,
        "missing": (),
        "nearest": [],
        "conflicts": [conflict.model_dump() for conflict in brief.conflicts],
        "comparison": None,
        "chart": None,
        "confidence": 0.0,
        "language": brief.language,
        "kind": "research",
        "mode": brief.mode,
        "usage": brief.usage.model_dump() if brief.usage else None,
        "notes": brief.notes,
        "steps": [],
        "searched": {"passages": assistant.snapshot.manifest.passages, "hits": len(brief.references)},
        "brief": {
            "title": brief.title,
            "sections": [{"heading": s.heading, "sentences": [sentence_view(one) for one in s.sentences]} for s in brief.sections],
            "figures": [f.model_dump() for f in brief.figures],
            "timeline": [d.model_dump() for d in brief.timeline],
            "charts": [{**c.model_dump(exclude={"sources"}), "sources": [source_view(s) for s in c.sources]} for c in brief.charts],
            "gaps": [gap.model_dump() for gap in brief.gaps],
            "asked": [sub.model_dump() for sub in brief.asked],
            "until": brief.evidence_until,
            "stopped": brief.stopped,
        },
        "whole": brief.model_dump(mode="json"),
    }


def for_page(turn: View) -> View:
    """Return a turn without what stays on the server."""
    return {key: value for key, value in turn.items() if key != "whole"}


def citation_view(assistant: Assistant, citation: Citation, hits: Sequence[Hit]) -> View:
    """Return a citation with the passage around its quote and the signals of the hit that holds it."""
    hit = next(
        (h for h in hits if h.document_id == citation.document_id and h.start <= citation.start and citation.end <= h.end), None
    )
    try:
        document = assistant.document(citation.document_id)
        same = document.text[citation.start : citation.end] == citation.quote
    except UnknownDocument:
        same = False
    # Removed or replaced since: the quote itself is still evidence.
    passage = passage_segments(document, citation, hit) if same else [(citation.quote, "quote")]
    return {
        "number": citation.number,
        "quote": citation.quote,
        "document": citation.document_id,
        "title": citation.title,
        "section": citation.section,
        "start": citation.start,
        "end": citation.end,
        "as_of": citation.as_of,
        "collection": citation.collection,
        "origin": citation.origin,
        "page": citation.page,
        "sources": [source_view(s) for s in citation.sources],
        "score": citation.score,
        "signals": dict(hit.signals) if hit else {},
        "rank": hit.rank if hit else 0,
        "passage": passage,
    }


def passage_segments(document: Document, citation: Citation, hit: Hit | None) -> list[Segment]:
    """Return a quote, as a segment of its own, among the sentences beside it in its passage or section."""
    section = document.section_at(citation.start)
    start, end = (hit.start, hit.end) if hit else (section.start, section.end) if section else (citation.start, citation.end)
    before = [a for a, b in document.sentences if start <= a and b <= citation.start][-SENTENCES_AROUND:]
    after = [b for a, b in document.sentences if citation.end <= a and b <= end][:SENTENCES_AROUND]
    first, last = min([*before, citation.start]), max([*after, citation.end])
    cut = segments(document.text[first:last], [(citation.start - first, citation.end - first)], "quote")
    if document.text[start:first].strip():
        cut.insert(0, ("… ", ""))
    if document.text[last:end].strip():
        cut.append((" …", ""))
    return cut


def hit_view(assistant: Assistant, hit: Hit, number: int) -> View:
    """Return a passage as a numbered piece of evidence, in the form of ``citation_view``."""
    document = assistant.document(hit.document_id)
    origin = document.origin
    return {
        "number": number,
        "quote": hit.text,
        "document": hit.document_id,
        "title": hit.title,
        "section": hit.section,
        "start": hit.start,
        "end": hit.end,
        "as_of": hit.as_of,
        "collection": document.collection,
        "origin": (origin.url or origin.name) if origin else "",
        "page": document.page_at(hit.start),
        "sources": [source_view(s) for s in document.sources_of(hit.start, hit.end)],
        "score": hit.score,
        "signals": dict(hit.signals),
        "rank": hit.rank,
        "passage": [(hit.text, "")],
    }


def nearest_view(hit: Hit) -> View:
    """Return a passage that is near to a question but does not answer it."""
    return {
        "document": hit.document_id,
        "title": hit.title,
        "section": hit.section,
        "start": hit.start,
        "end": hit.end,
        "as_of": hit.as_of,
        "text": hit.text,
        "score": hit.score,
    }


def source_view(source: Source) -> View:
    """Return a source; an address other than http or https is dropped, since it becomes a link."""
    url = source.url if source.url.lower().startswith(("http://", "https://")) else ""
    return {"publisher": source.publisher, "title": source.title, "date": source.date, "url": url}


def document_view(document: Document, start: int = -1, end: int = -1, quote: str = "") -> View:
    """Return a whole document in paragraphs of segments.

    Where a quote is given and no longer stands at its place, it is marked where it stands now;
    "changed" says that it stands nowhere.

    A segment's kind is "", "quote" for what lies in ``[start, end)``, or "source:N" for a
    footnote mark, whose text is its number in ``sources``.
    """
    changed = bool(quote) and document.text[start:end] != quote
    if changed:
        start = document.text.find(quote)
        changed = start < 0
        end = -1 if changed else start + len(quote)
    sections = []
    for section in document.sections:
        paragraphs = []
        position = section.start
        for piece in document.text[section.start : section.end].split("\n"):
            if piece.strip():
                paragraphs.append(_paragraph(document, position, position + len(piece), start, end))
            position += len(piece) + 1
        sections.append({"heading": section.heading, "page": document.page_at(section.start), "paragraphs": paragraphs})
    return {
        "id": document.id,
        "title": document.title,
        "language": document.language,
        "topic": document.topic,
        "as_of": document.as_of,
        "entities": document.entities,
        "sections": sections,
        "sources": [source_view(s) for s in document.sources],
        "collection": document.collection,
        "changed": changed,
        "file": _file_view(document, start),
    }


def _file_view(document: Document, start: int) -> View | None:
    """Return where a user's document came from, and the page that the reader begins at; None for the corpus."""
    origin = document.origin
    if origin is None:
        return None
    return {
        "name": origin.name,
        "url": origin.url if origin.url.startswith(("https://", "http://")) else "",
        "added": origin.added,
        "version": origin.digest[:12],
        "pages": [page.number for page in document.pages],
        "pictures": origin.media_type == PDF and bool(document.pages),
        "page": document.page_at(start) if start >= 0 else None,
    }


def _paragraph(document: Document, first: int, last: int, start: int, end: int) -> list[Segment]:
    references = [r for r in document.references if first < r.offset <= last]
    cuts = sorted({first, last, *(r.offset for r in references), *(p for p in (start, end) if first < p < last)})
    paragraph: list[Segment] = []
    for a, b in pairwise(cuts):
        paragraph.append((document.text[a:b], "quote" if start <= a and b <= end else ""))
        paragraph += [(str(r.source + 1), f"source:{r.source + 1}") for r in references if r.offset == b]
    return paragraph
