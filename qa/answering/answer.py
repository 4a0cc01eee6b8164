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


class Sentence(_Value):
    """One sentence of the answer."""

    text: str
    citations: tuple[int, ...]
    support: Literal["supported", "partly", "unsupported"] = Field(
        description="whether every number, date and name of the sentence stands in its quotes"
    )
    marks: tuple[tuple[int, int], ...] = Field(default=(), description="spans of the figure, date or name that answers")


class ConflictValue(_Value):
    """One of the values that disagree."""

    value: str = Field(description="as written in the quote")
    unit: str
    date: str
    citation: int


class Conflict(_Value):
    """Sources that give different values for the same thing."""

    what: str
    values: tuple[ConflictValue, ...]


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
    confidence: float = Field(ge=0, le=1, description="calibrated probability that the answer is right")
    language: Literal["en", "zh"]
    mode: str = Field(description="'extractive', or 'llm:NAME'")
    kind: str = Field(description="the kind of question that was recognised")
    timings_ms: dict[str, float]
