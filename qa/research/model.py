"""The brief as other programs see it, and the steps on the way to it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from qa.answering.answer import Citation, Conflict, Sentence, Usage
from qa.documents.model import Source


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sub(_Value):
    """A sub-question that was asked."""

    question: str
    aspect: str = Field(description="what it is after: 'main', 'cost', 'limits', 'year', 'name', ...")
    round: int = Field(ge=1, description="1 as planned, 2 from gaps and names that the first round left")
    found: int = Field(ge=0, description="how many new sentences it gave the brief")


class Section(_Value):
    """What was found on one aspect, each sentence a quote."""

    aspect: str
    heading: str
    sentences: tuple[Sentence, ...]


class Figure(_Value):
    """A figure of the brief. ``what`` and ``value`` are slices of the quote that it cites."""

    what: str = Field(description="the clause that holds the figure, as written")
    value: str = Field(description="the figure, as written")
    unit: str = Field(description="%, pp, a currency, or what is counted; empty where the quote names none beside it")
    date: str = Field(description="YYYY, YYYY-MM or YYYY-MM-DD: the nearest date in the quote, else the one that it speaks for")
    citation: int


class Dated(_Value):
    """A statement on the timeline."""

    date: str
    statement: str
    citation: int


class Chart(_Value):
    """A series of the corpus that fits the question, with its own sources."""

    slug: str
    title: str
    unit: str
    note: str
    dated: bool = Field(description="whether the points are dates rather than names")
    points: tuple[tuple[str, float], ...]
    sources: tuple[Source, ...]


class Gap(_Value):
    """A sub-question for which no evidence was found."""

    question: str
    missing: tuple[str, ...] = Field(description="what the evidence lacks, where that can be named")


class Brief(_Value):
    """What ``research`` returns and ``qa research --json`` prints.

    Every sentence is a quote of a document (or, with a language model, a summary's sentence that passed
    the checks of answers), and ``references[n - 1]`` is what [n] means.
    """

    question: str
    title: str
    language: Literal["en", "zh"]
    summary: tuple[Sentence, ...]
    sections: tuple[Section, ...]
    figures: tuple[Figure, ...]
    timeline: tuple[Dated, ...]
    charts: tuple[Chart, ...]
    conflicts: tuple[Conflict, ...]
    gaps: tuple[Gap, ...]
    references: tuple[Citation, ...]
    asked: tuple[Sub, ...] = Field(description="the sub-questions in the order in which they were asked")
    evidence_until: str = Field(description="the latest date that a quote speaks for; empty without quotes")
    stopped: bool = Field(description="research was stopped before it was done; what had been found is kept")
    mode: str = Field(description="'extractive', or 'llm:NAME' where a model wrote the summary")
    usage: Usage | None = Field(default=None, description="what a language model took and wrote, as its server counted")
    notes: tuple[str, ...] = Field(default=(), description="what went otherwise than asked")


class Planned(_Value):
    """The sub-questions of a round are chosen; the first event, and again before a second round."""

    event: Literal["planned"] = "planned"
    round: int
    questions: tuple[str, ...]


class Searching(_Value):
    """A sub-question is about to be searched."""

    event: Literal["searching"] = "searching"
    number: int = Field(description="from 1")
    total: int
    question: str


class Looked(_Value):
    """A round is over: what is still missing and what disagrees."""

    event: Literal["looked"] = "looked"
    round: int
    sentences: int = Field(description="collected so far")
    gaps: tuple[str, ...]
    conflicts: int


class Writing(_Value):
    """The brief is being written."""

    event: Literal["writing"] = "writing"
    sentences: int


class Finished(_Value):
    """The brief; the last event."""

    event: Literal["finished"] = "finished"
    brief: Brief


Step = Planned | Searching | Looked | Writing | Finished
Event = Annotated[Step, Field(discriminator="event")]
