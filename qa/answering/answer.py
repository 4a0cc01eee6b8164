"""The answer as other programs see it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from qa.documents.model import Source
from qa.retrieval.hits import Hit


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Citation(_Value):
    """A numbered quote: ``assistant.document(document_id).text[start:end] == quote``."""

    number: int
    quote: str
    document_id: str
    title: str
    section: str
    start: int
    end: int
    as_of: str = Field(description="date that the quote speaks for, else the document's as_of")
    sources: tuple[Source, ...] = Field(description="the publications that this very sentence rests on")
    score: float = Field(description="how well the quote fits the question, 0 to 1")
    collection: str = Field(default="corpus", description="'corpus', or the user's collection")
    origin: str = Field(default="", description="file name or address of a user's document")
    page: int | None = Field(default=None, description="page of a user's document that has pages, from 1")


class Sentence(_Value):
    """One sentence of the answer."""

    text: str
    citations: tuple[int, ...]
    support: Literal["supported", "partly", "unsupported"] = Field(
        description="whether every number, date and name of the sentence stands in its quotes; for a model's sentence, its meaning too"
    )
    marks: tuple[tuple[int, int], ...] = Field(default=(), description="spans of the figure, date or name that answers")
    superseded_by: int | None = Field(default=None, description="citation of a newer value of the same quantity; this one is outdated")


class ConflictValue(_Value):
    """One of the values that disagree."""

    value: str = Field(description="as written in the quote")
    unit: str = Field(description="%, pp or a currency; empty for counts and dates")
    date: str
    citation: int
    note: Literal["", "newer", "primary"] = Field(default="", description="newer than the others, or told by the publisher that counted it")


class Conflict(_Value):
    """Sources that give different values for the same thing."""

    what: str
    values: tuple[ConflictValue, ...]


class Side(_Value):
    """One side of a comparison: a name or a time with its figure."""

    name: str
    value: str = Field(description="as written in the quote")
    date: str
    citation: int


class Comparison(_Value):
    """Two values side by side. ``computed`` is our own arithmetic over them, and says so."""

    sides: tuple[Side, ...]
    difference: float = Field(description="greater less smaller value, in plain units")
    computed: str = Field(description="the difference (and ratio) in words of the answer's language, marked as computed")


class Usage(_Value):
    """Tokens of a language model's work on one answer."""

    prompt_tokens: int
    completion_tokens: int = Field(description="reasoning included, where the provider counts it so")
    reasoning_tokens: int = 0


class Answer(_Value):
    """What ``ask`` returns and ``qa ask --json`` prints."""

    question: str
    standalone_question: str = Field(description="the question with references to the conversation resolved")
    text: str = Field(description="the answer with [1] marks")
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...] = Field(description="the retrieved passages, best first")
    abstained: bool
    missing: tuple[str, ...] = Field(description="what the evidence lacks")
    conflicts: tuple[Conflict, ...]
    comparison: Comparison | None = Field(default=None, description="the sides of a comparison, where each has a comparable figure")
    confidence: float = Field(ge=0, le=1, description="calibrated probability that the answer is right")
    language: Literal["en", "zh"]
    mode: str = Field(description="'extractive', or 'llm:NAME'")
    kind: str = Field(description="the kind of question that was recognised")
    timings_ms: dict[str, float]
    usage: Usage | None = Field(default=None, description="what a language model took and wrote, as its server counted")
    notes: tuple[str, ...] = Field(default=(), description="what went otherwise than asked: a model that failed, sentences left out")
