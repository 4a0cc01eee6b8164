"""What adding, removing and synchronising say that they did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Progress = Callable[[int, int, str], None]
"""Called with passages done, their total (0 while files are read), and what is being done."""

CORPUS = "corpus"
"""Name of the shipped documents' collection."""

Status = Literal["added", "updated", "unchanged", "duplicate", "refused"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Added(_Value):
    """What became of one file or address."""

    source: str = Field(description="name of the file, or the address")
    status: Status
    document_id: str | None = Field(default=None, description="the document that holds it; None if refused")
    title: str = ""
    passages: int = 0
    message: str = Field(default="", description="why it was refused, what it is a duplicate of, what was left out in reading")


class Synced(_Value):
    """What became of a folder."""

    folder: str
    added: tuple[Added, ...] = ()
    updated: tuple[Added, ...] = ()
    unchanged: tuple[Added, ...] = ()
    duplicates: tuple[Added, ...] = ()
    refused: tuple[Added, ...] = ()
    removed: tuple[str, ...] = Field(default=(), description="ids of the documents whose file is gone")


class Collection(_Value):
    """A named set of documents; the corpus is one of them."""

    name: str
    documents: int
    passages: int
    bytes: int = Field(description="of the stored copies; of the files for the corpus")
