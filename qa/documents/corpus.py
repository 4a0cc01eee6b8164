"""The corpus folder: documents in ``en/`` and ``zh/``, series in ``series/``, and the glossary."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from qa.documents.files import document_paths, read_text, relative_name
from qa.documents.markdown import parse_markdown
from qa.documents.model import Document
from qa.documents.series import Series, load_series
from qa.errors import CorpusError
from qa.text.glossary import Glossary

__all__ = ["Corpus", "Series", "corpus_digest", "load_corpus", "load_series"]


@dataclass(frozen=True)
class Corpus:
    """All that a corpus folder holds."""

    folder: Path
    documents: tuple[Document, ...]
    glossary: Glossary
    series: tuple[Series, ...] = field(default=())
    digest: str = ""
    """SHA-256 of the folder's files; empty for a corpus that was made in memory."""


def corpus_digest(folder: Path) -> str:
    """Return the SHA-256 of a corpus folder's documents and glossary, without parsing them."""
    state = hashlib.sha256()
    for path in [*document_paths(folder), folder / "glossary.csv"]:
        if path.is_file():
            state.update(f"{path.relative_to(folder).as_posix()}\0".encode())
            state.update(hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()


def load_corpus(folder: Path) -> Corpus:
    """Read a corpus folder.

    Raises:
        CorpusError: the folder holds no documents, a file is malformed, or an id occurs twice.
    """
    paths = document_paths(folder)
    if not paths:
        raise CorpusError(f"{folder}: no documents; a corpus folder holds en/*.md and zh/*.md")
    documents: dict[str, Document] = {}
    for path in paths:
        name = relative_name(path)
        document = parse_markdown(read_text(path), name)
        if document.id in documents:
            raise CorpusError(f"{name}:1: the id {document.id!r} is used by another file")
        documents[document.id] = document
    glossary = Glossary.load(folder / "glossary.csv")
    return Corpus(folder, tuple(documents.values()), glossary, tuple(load_series(folder / "series")), corpus_digest(folder))
