"""What happens while a model writes an answer, as values that a page or a program can show."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from qa.answering.answer import Answer
from qa.retrieval.hits import Hit


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Found(_Event):
    """The evidence is there; the first event. ``evidence[n - 1]`` is what [n] means in the pieces that follow."""

    event: Literal["found"] = "found"
    question: str = Field(description="as understood without the conversation")
    evidence: tuple[Hit, ...]


class Thinking(_Event):
    """The model reasons; the reasoning itself is never passed on."""

    event: Literal["thinking"] = "thinking"
    characters: int = Field(description="length of the reasoning so far")


class Piece(_Event):
    """A piece of the model's text as it comes: not yet checked."""

    event: Literal["piece"] = "piece"
    text: str


class Done(_Event):
    """The checked answer; the last event. It takes the place of all pieces."""

    event: Literal["done"] = "done"
    answer: Answer


Event = Annotated[Found | Thinking | Piece | Done, Field(discriminator="event")]
