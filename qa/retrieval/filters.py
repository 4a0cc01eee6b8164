"""Which documents a search may use."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from qa.documents.model import Document


class Filters(BaseModel):
    """A scope; empty fields don't restrict.

    ``since`` and ``until`` compare with the document's ``as_of`` (YYYY, YYYY-MM or YYYY-MM-DD); a
    document without a date is outside of every such scope.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    topics: tuple[str, ...] = ()
    languages: tuple[Literal["en", "zh"], ...] = ()
    documents: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    since: str | None = Field(default=None, pattern=r"^\d{4}(-\d\d){0,2}$")
    until: str | None = Field(default=None, pattern=r"^\d{4}(-\d\d){0,2}$")

    @property
    def empty(self) -> bool:
        """Whether nothing is restricted."""
        return self == Filters()

    def admits(self, document: Document) -> bool:
        """Tell whether a document is inside the scope."""
        return (
            (not self.topics or document.topic in self.topics)
            and (not self.languages or document.language in self.languages)
            and (not self.documents or document.id in self.documents)
            and (not self.collections or document.collection in self.collections)
            and (self.since is None or document.as_of >= self.since)
            and (self.until is None or "" < document.as_of[: len(self.until)] <= self.until)
        )
