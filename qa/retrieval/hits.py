"""A retrieved passage with its rank and the signals behind it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Hit(BaseModel):
    """One row of a search result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(description="1 is best")
    passage_id: str
    document_id: str
    title: str
    section: str
    language: str
    start: int
    end: int
    text: str = Field(description="the passage, an exact slice of the document's text")
    as_of: str
    score: float = Field(description="fused score, 0 to 1; higher is better")
    signals: dict[str, float] = Field(description="each signal's own score, before fusion")
