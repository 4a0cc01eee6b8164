"""What requests and answers of the HTTP interface hold, beside ``Answer``, ``Brief`` and ``Document``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from qa.documents.model import Document
from qa.library.results import Collection
from qa.research.face import MOST_QUESTIONS, QUESTIONS
from qa.retrieval.filters import Filters
from qa.retrieval.hits import Hit

LONGEST = 20_000
"""No question is longer, whatever the settings say; a shorter limit of theirs is told by its own error."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AskBody(_Body):
    """A question, with what was asked before it."""

    question: str = Field(min_length=1, max_length=LONGEST, examples=["How small is the MMLU gap between US and Chinese models?"])
    history: tuple[str, ...] = Field(default=(), max_length=50, description="earlier questions of the conversation, oldest first")
    filters: Filters = Filters()
    llm: str | None = Field(default=None, max_length=100, description="a language model that the server allows; it writes, and is checked")
    strict: bool = Field(default=False, description="with llm: only sentences that the evidence supports")


class SearchBody(_Body):
    """A search for passages."""

    query: str = Field(min_length=1, max_length=LONGEST, examples=["H20 export licences"])
    k: int = Field(default=10, ge=1, le=100)
    filters: Filters = Filters()


class ResearchBody(_Body):
    """A question to be looked at from many sides."""

    question: str = Field(min_length=1, max_length=LONGEST, examples=["What has DeepSeek achieved?"])
    filters: Filters = Filters()
    max_questions: int = Field(default=QUESTIONS, ge=1, le=MOST_QUESTIONS)
    llm: str | None = Field(default=None, max_length=100, description="a language model that the server allows; it plans and writes the summary")


class Hits(_Body):
    """Passages, best first."""

    hits: tuple[Hit, ...]


class Listed(_Body):
    """A document without its text."""

    id: str
    title: str
    language: Literal["en", "zh"]
    topic: str
    as_of: str
    collection: str
    characters: int
    sources: int = Field(description="how many publications it rests on")


class Documents(_Body):
    """A part of the list of documents, by id."""

    total: int = Field(description="how many there are in all")
    documents: tuple[Listed, ...]


class Collections(_Body):
    """The corpus and the user's collections."""

    collections: tuple[Collection, ...]


class Health(_Body):
    """How far the assistant is."""

    status: Literal["ready", "loading", "building", "failed"]
    detail: str = Field(default="", description="why it failed")
    version: str
    documents: int = Field(default=0, description="of the corpus and of the user")


def listed(document: Document) -> Listed:
    """Return the line of a document in a list."""
    return Listed(
        id=document.id,
        title=document.title,
        language=document.language,
        topic=document.topic,
        as_of=document.as_of,
        collection=document.collection,
        characters=len(document.text),
        sources=len(document.sources),
    )
