"""What the MCP tools return: the same facts as the HTTP interface, without what only a page needs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from qa.answering.answer import Answer, Citation, Conflict
from qa.documents.model import Document, Source
from qa.research import Brief
from qa.retrieval.hits import Hit

PIECE = 20_000
"""Longest piece of a document that one call returns, in characters."""
SNIPPET = 600


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Quote(_Value):
    """A numbered quote with the publications that it rests on."""

    number: int
    quote: str
    document_id: str
    title: str
    section: str
    start: int
    end: int
    as_of: str
    sources: tuple[Source, ...]


class AskResult(_Value):
    """A cited answer, or what was not found."""

    answer: str = Field(description="with [n] marks")
    abstained: bool
    confidence: float
    missing: tuple[str, ...]
    quotes: tuple[Quote, ...]
    conflicts: tuple[Conflict, ...]
    notes: tuple[str, ...]
    nearest: tuple[str, ...] = Field(description="ids of documents that come nearest, where there is no answer")


class Found(_Value):
    """A passage."""

    rank: int
    document_id: str
    title: str
    section: str
    as_of: str
    start: int
    end: int
    text: str


class SearchResult(_Value):
    """Passages, best first."""

    passages: tuple[Found, ...]


class DocumentResult(_Value):
    """A piece of a document."""

    id: str
    title: str
    language: Literal["en", "zh"]
    topic: str
    as_of: str
    collection: str
    text: str = Field(description="from start to end")
    start: int
    end: int
    characters: int = Field(description="of the whole document")
    sources: tuple[Source, ...]


class ResearchResult(_Value):
    """A brief as Markdown, and its parts that programs use."""

    markdown: str
    quotes: tuple[Quote, ...]
    gaps: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    questions: tuple[str, ...]


def quote_of(citation: Citation) -> Quote:
    """Return a citation without its score and place in a user's file."""
    return Quote.model_validate({name: getattr(citation, name) for name in Quote.model_fields})


def ask_result(answer: Answer) -> AskResult:
    """Return an answer for a program that reads text."""
    nearest = tuple(dict.fromkeys(h.document_id for h in answer.hits))[:3] if answer.abstained else ()
    return AskResult(
        answer=answer.text,
        abstained=answer.abstained,
        confidence=answer.confidence,
        missing=answer.missing,
        quotes=tuple(map(quote_of, answer.citations)),
        conflicts=answer.conflicts,
        notes=answer.notes,
        nearest=nearest,
    )


def ask_text(result: AskResult) -> str:
    """Write an answer with its quotes and sources."""
    lines = [result.answer]
    for quote in result.quotes:
        lines += ["", f"[{quote.number}] “{' '.join(quote.quote.split())}”", f"    {quote.title}, as of {quote.as_of} (document {quote.document_id})"]
        lines += [f"    {s.publisher}, “{s.title}”, {s.date} {s.url}".rstrip() for s in quote.sources]
    for conflict in result.conflicts:
        lines += ["", "Sources disagree: " + "; ".join(f"{v.value} ({v.date}) [{v.citation}]" for v in conflict.values)]
    lines += [f"\nNote: {note}" for note in result.notes]
    if result.nearest:
        lines += ["", "Nearest documents: " + ", ".join(result.nearest)]
    return "\n".join(lines)


def search_result(hits: list[Hit]) -> SearchResult:
    """Return passages without their signals."""
    return SearchResult(passages=tuple(Found.model_validate({n: getattr(h, n) for n in Found.model_fields}) for h in hits))


def search_text(result: SearchResult) -> str:
    """Write passages as a list."""
    if not result.passages:
        return "no passage matches; search with other words or a wider scope"
    lines = []
    for p in result.passages:
        text = " ".join(p.text.split())
        shown = text if len(text) <= SNIPPET else text[:SNIPPET] + "…"
        lines.append(f"{p.rank}. {p.title} > {p.section} (document {p.document_id}, as of {p.as_of})\n   {shown}")
    return "\n".join(lines)


def document_result(document: Document, start: int, length: int) -> DocumentResult:
    """Return a piece of a document with its sources."""
    end = min(len(document.text), start + length)
    return DocumentResult(
        id=document.id,
        title=document.title,
        language=document.language,
        topic=document.topic,
        as_of=document.as_of,
        collection=document.collection,
        text=document.text[start:end],
        start=min(start, end),
        end=end,
        characters=len(document.text),
        sources=document.sources,
    )


def document_text(result: DocumentResult) -> str:
    """Write a piece of a document, its sources after it."""
    more = f"\n\n(characters {result.start} to {result.end} of {result.characters})" if result.end - result.start < result.characters else ""
    sources = "\n".join(f"- {s.publisher}, “{s.title}”, {s.date} {s.url}".rstrip() for s in result.sources)
    return f"# {result.title}\nas of {result.as_of}\n\n{result.text}{more}\n\nSources:\n{sources}"


def research_result(brief: Brief, markdown: str) -> ResearchResult:
    """Return a brief for a program that reads text."""
    return ResearchResult(
        markdown=markdown,
        quotes=tuple(map(quote_of, brief.references)),
        gaps=tuple(g.question for g in brief.gaps),
        conflicts=brief.conflicts,
        questions=tuple(s.question for s in brief.asked),
    )
