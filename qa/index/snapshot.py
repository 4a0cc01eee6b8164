"""Generations of the index: immutable folders, a manifest in each, and ``CURRENT`` to name one."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from qa.chunking import Passage
from qa.documents.model import Document
from qa.embedding import file_sha256
from qa.errors import IndexDamaged, IndexMissing, IndexStale
from qa.index.lexical import LexicalIndex
from qa.index.store import read_store
from qa.text.glossary import Entry, Glossary

FORMAT = 4
CURRENT = "CURRENT"
MANIFEST = "manifest.json"


class Manifest(BaseModel):
    """What a generation was built from, and the digest of each of its files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    model: str
    dim: int
    token_dim: int
    max_tokens: int
    corpus: str
    documents: int
    passages: int
    sentences: int
    tokens: int
    built: str
    seconds: float
    files: dict[str, str]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One generation in memory.

    Attributes:
        generation: the folder's name.
        documents: by id.
        passages: by number.
        vectors: FAISS inner-product index of the passages' unit vectors.
        sentence_vectors: (n_sentences, dim) float16, unit vectors of sentences in context.
        sentence_rows: (n_passages + 1,) first sentence of each passage.
        tokens: (n_tokens, token_dim) int8, unit vectors times 127.
        token_rows: (n_passages + 1,) first token of each passage.
        token_sentences: (n_tokens,) number of the sentence that holds a token.
        words, sentence_words: BM25 over passages and over sentences.
        titles: BM25 over the distinct titles with headings, in order of first appearance.
    """

    generation: str
    manifest: Manifest
    documents: dict[str, Document]
    passages: list[Passage]
    glossary: Glossary
    vectors: faiss.Index
    sentence_vectors: NDArray[np.float16]
    sentence_rows: NDArray[np.int64]
    tokens: NDArray[np.int8]
    token_rows: NDArray[np.int64]
    token_sentences: NDArray[np.int32]
    words: LexicalIndex
    sentence_words: LexicalIndex
    titles: LexicalIndex

    @classmethod
    def load(cls, folder: Path) -> Snapshot:
        """Read the current generation of an index folder, checking every file's digest.

        Raises:
            IndexMissing: nothing has been built there.
            IndexStale: it has a format that this version does not read.
            IndexDamaged: a file is missing or differs from its digest.
        """
        generation = current_generation(folder)
        manifest = read_manifest(folder, generation)
        path = folder / generation
        for name, digest in manifest.files.items():
            file = path / name
            if not file.is_file():
                raise IndexDamaged(f"{file} is missing; run: qa index build")
            if file_sha256(file) != digest:
                raise IndexDamaged(f"{file} has changed since it was built; run: qa index build --force")
        documents, passages = read_store(path)
        entries = json.loads((path / "glossary.json").read_text(encoding="utf-8"))

        def array(name: str) -> Any:
            return np.load(path / f"{name}.npy", mmap_mode="r", allow_pickle=False)

        return cls(
            generation,
            manifest,
            documents,
            passages,
            Glossary(Entry(en, zh, tuple(aliases), kind) for en, zh, aliases, kind in entries),
            faiss.read_index(str(path / "passages.faiss")),
            array("sentence_vectors"),
            array("sentence_rows"),
            array("tokens"),
            array("token_rows"),
            array("token_sentences"),
            LexicalIndex.load(path, "words"),
            LexicalIndex.load(path, "sentence_words"),
            LexicalIndex.load(path, "titles"),
        )


def current_generation(folder: Path) -> str:
    """Return the name of the current generation.

    Raises:
        IndexMissing: there is none.
        IndexDamaged: CURRENT names a folder that is not there, or the folder is not an index.
    """
    pointer = folder / CURRENT
    if not pointer.is_file():
        foreign = [p.name for p in folder.iterdir() if p.name != "README.md"] if folder.is_dir() else []
        if foreign and not any(p.startswith("generation-") or p.startswith(".") or p == "cache.sqlite" for p in foreign):
            raise IndexDamaged(f"{folder} holds other files and no index (found {foreign[0]}); choose another folder")
        raise IndexMissing(f"no index in {folder}; run: qa index build")
    name = pointer.read_text(encoding="utf-8", errors="replace").strip()
    if not name.startswith("generation-") or os.sep in name or not (folder / name).is_dir():
        raise IndexDamaged(f"{pointer} names {name[:40]!r}, which is not there; run: qa index build")
    return name


def read_manifest(folder: Path, generation: str) -> Manifest:
    """Read a generation's manifest.

    Raises:
        IndexDamaged: it is missing or half-written.
        IndexStale: it has another format.
    """
    path = folder / generation / MANIFEST
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(raw, dict) and raw.get("format") != FORMAT:
            raise IndexStale(f"{path} has format {raw.get('format')}, this version reads {FORMAT}; run: qa index build")
        return Manifest.model_validate(raw)
    except FileNotFoundError as error:
        raise IndexDamaged(f"{path} is missing; run: qa index build") from error
    except (json.JSONDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise IndexDamaged(f"{path} cannot be read; run: qa index build") from error
