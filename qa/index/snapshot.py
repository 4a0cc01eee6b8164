"""Generations of the index: a manifest that names segments, and ``CURRENT`` that names a generation."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from qa.documents.model import Document
from qa.errors import IndexDamaged, IndexMissing, IndexStale
from qa.index.files import sha256_of
from qa.index.joined import Joined
from qa.index.lexical import LexicalIndex, Postings
from qa.index.lists import DenseEntry, open_lists
from qa.index.merged import Words, WordsEntry, joined_postings
from qa.index.segment import LEXICAL, Segment, SegmentEntry
from qa.index.store import Documents, Passages
from qa.index.vectors import Cover, SentenceVectors, Vectors, cover
from qa.text.glossary import Entry, Glossary

FORMAT = 5
CURRENT = "CURRENT"
MANIFEST = "manifest.json"
GLOSSARY = "glossary.json"


class Manifest(BaseModel):
    """What a generation was built from, its segments, and the digest of each other file."""

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
    segments: tuple[SegmentEntry, ...]
    dense: DenseEntry = DenseEntry(kind="flat")
    words: WordsEntry = WordsEntry()

    @property
    def bytes(self) -> int:
        """Size of all segments, of the lists for dense search and of joined words."""
        return sum(s.bytes for s in self.segments) + self.dense.bytes + self.words.bytes


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One generation of one index folder, or of several read as one.

    It stays as it is while newer generations are built: its files were opened when it was loaded.

    Attributes:
        generation: the folder's name; several are joined by "+".
        manifest: of the first folder, with the sizes of all.
        documents: by id.
        passages: by number.
        document_numbers: (n_passages,) number of each passage's document.
        chinese: (n_passages,) whether its document is in Chinese.
        follows: (n_passages,) whether the passage before it is of the same document.
        vectors: unit vectors of the passages.
        sentence_vectors: (n_sentences, dim) float16, unit vectors of sentences in context.
        sentence_rows: (n_passages + 1,) first sentence of each passage.
        tokens: (n_tokens, token_dim) int8, unit vectors times 127.
        token_rows: (n_passages + 1,) first token of each passage.
        owners: (n_tokens,) which sentence of its passage holds a token.
        words, sentence_words: BM25 over passages and over sentences.
        titles: BM25 over titles with headings; one that stands in several segments counts once.
        title_of: (n_passages,) number of each passage's title.
    """

    generation: str
    manifest: Manifest
    documents: Documents
    passages: Passages
    glossary: Glossary
    document_numbers: NDArray[np.int32]
    chinese: NDArray[np.bool_]
    follows: NDArray[np.bool_]
    vectors: Vectors
    sentence_vectors: SentenceVectors
    sentence_rows: NDArray[np.int64]
    tokens: Joined
    token_rows: NDArray[np.int64]
    owners: Joined
    words: LexicalIndex
    sentence_words: LexicalIndex
    titles: LexicalIndex
    title_of: NDArray[np.int64]

    def document_of(self, passage: int) -> Document:
        """Return the document of a passage."""
        return self.documents.at(int(self.document_numbers[passage]))

    def token_sentences(self, passage: int) -> NDArray[np.int64]:
        """Return the number of the sentence that holds each token of a passage, (n_tokens,)."""
        owners = self.owners[int(self.token_rows[passage]) : int(self.token_rows[passage + 1])]
        numbers: NDArray[np.int64] = owners.astype(np.int64) + self.sentence_rows[passage]
        return numbers

    @classmethod
    def load(cls, folder: Path, *more: Path) -> Snapshot:
        """Open the current generation of an index folder, together with those of others.

        The glossary is the first folder's. A further folder without an index adds nothing. How a
        damaged file is found, now or when it is first used: see ``qa.index.files``.

        Raises:
            IndexMissing: nothing has been built there.
            IndexStale: it has a format that this version does not read, or another model than the first.
            IndexDamaged: a file is missing or differs from its digest.
        """
        opened = [_open(folder)]
        for other in more:
            if (other / CURRENT).is_file():
                opened.append(_open(other))
        generations = "+".join(g for g, *_ in opened)
        manifests = [m for _, m, *_ in opened]
        for path, manifest in zip(more, manifests[1:], strict=False):
            if manifest.model != manifests[0].model:
                raise IndexStale(f"{path} was built with the model {manifest.model}, {folder} with {manifests[0].model}; build both with one")
        sizes = {name: sum(getattr(m, name) for m in manifests) for name in ("documents", "passages", "sentences", "tokens")}
        segments = [s for _, _, _, found, _ in opened for s in found]
        every = manifests[0].model_copy(update={**sizes, "segments": tuple(s.entry for s in segments)})
        names = [s.entry.name for s in segments]
        folders = [folder, *(f for f in more if (f / CURRENT).is_file())]
        covers = [cover(*open_lists(f, m.dense), names) for f, m in zip(folders, manifests, strict=True) if m.dense.name]
        postings = {
            name: [p for _, _, _, own, words in opened for p in joined_postings(name, own, words)] for name in LEXICAL
        }
        return cls._join(generations, every, opened[0][2], segments, covers, postings)

    @classmethod
    def _join(
        cls, generation: str, manifest: Manifest, glossary: Glossary, segments: Sequence[Segment], covers: Sequence[Cover],
        postings: Mapping[str, Sequence[Postings]],
    ) -> Snapshot:
        documents = Documents(segments)
        passages = Passages(segments, documents)
        numbers = passages.document_numbers
        chinese = np.asarray([f.language == "zh" for f in documents.facets], dtype=bool)
        title_of, counted = _number_titles(segments, passages)
        first = np.cumsum([0, *(s.entry.passages for s in segments)])
        of_segments = [passages.sentence_rows[a:b] - passages.sentence_rows[a] for a, b in itertools.pairwise(first)]
        return cls(
            generation,
            manifest,
            documents,
            passages,
            glossary,
            numbers,
            chinese[documents.facet_of[numbers]],
            np.concatenate([[False], numbers[1:] == numbers[:-1]])[: len(numbers)],
            Vectors([s.tables["vectors"] for s in segments], covers),
            SentenceVectors([s.tables["sentences"] for s in segments], of_segments),
            passages.sentence_rows,
            Joined([s.tables["tokens"] for s in segments]),
            passages.token_rows,
            Joined([s.tables["owners"] for s in segments]),
            LexicalIndex(postings["words"]),
            LexicalIndex(postings["sentence_words"]),
            LexicalIndex(postings["titles"], counted=counted),
            title_of,
        )


def _number_titles(segments: Sequence[Segment], passages: Passages) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
    """Return each passage's title number, and which titles count where one stands in several segments."""
    keys = [s.tables["title_keys"].all() for s in segments]
    shift = np.concatenate([[0], np.cumsum([len(k) for k in keys], dtype=np.int64)])
    title_of = passages.table["title"] + np.repeat(shift[:-1], [s.entry.passages for s in segments])
    if len(segments) < 2:
        return title_of.astype(np.int64), None
    first = np.unique(np.concatenate(keys), return_index=True)[1]
    counted = np.zeros(shift[-1], dtype=bool)
    counted[first] = True
    return title_of.astype(np.int64), None if counted.all() else counted


def _open(folder: Path) -> tuple[str, Manifest, Glossary, list[Segment], Words | None]:
    """Open the current generation; a newer one takes its place where it goes while it is read."""
    while True:
        generation = current_generation(folder)
        try:
            manifest = read_manifest(folder, generation)
            glossary = read_glossary(folder / generation, manifest)
            words = Words(folder, manifest.words) if manifest.words.name else None
            covered = set(words.covered) if words else set()
            segments = [Segment(folder / entry.name, entry, entry.name not in covered) for entry in manifest.segments]
            return generation, manifest, glossary, segments, words
        except (IndexDamaged, OSError):
            if current_generation(folder) == generation:
                raise


def read_glossary(generation: Path, manifest: Manifest) -> Glossary:
    """Read the glossary of a generation's folder.

    Raises:
        IndexDamaged: it is missing or has changed.
    """
    path = generation / GLOSSARY
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise IndexDamaged(f"{path} is missing; run: qa index build") from error
    if sha256_of(content) != manifest.files[GLOSSARY]:
        raise IndexDamaged(f"{path} has changed since it was built; run: qa index build --force")
    return Glossary(Entry(en, zh, tuple(aliases), kind) for en, zh, aliases, kind in json.loads(content))


def refuse_other_files(folder: Path) -> None:
    """Leave a folder alone that holds something else than an index.

    Raises:
        IndexDamaged: it does.
    """
    found = sorted(p.name for p in folder.iterdir() if p.name != "README.md") if folder.is_dir() else []
    if found and not any(p.startswith(("generation-", "segment-", "dense-", "words-", ".")) or p in (CURRENT, "cache.sqlite") for p in found):
        raise IndexDamaged(f"{folder} holds other files and no index (found {found[0]}); choose another folder")


def _pointer(folder: Path) -> tuple[str, str]:
    """Return what CURRENT says: the generation's name and its manifest's digest ("" before format 5)."""
    pointer = folder / CURRENT
    if not pointer.is_file():
        refuse_other_files(folder)
        raise IndexMissing(f"no index in {folder}; run: qa index build")
    words = pointer.read_text(encoding="utf-8", errors="replace").split()
    name, digest = (*words, "", "")[:2]
    if not name.startswith("generation-") or os.sep in name or not (folder / name).is_dir():
        raise IndexDamaged(f"{pointer} names {name[:40]!r}, which is not there; run: qa index build")
    return name, digest


def current_generation(folder: Path) -> str:
    """Return the name of the current generation.

    Raises:
        IndexMissing: there is none.
        IndexDamaged: CURRENT names a folder that is not there, or the folder is not an index.
    """
    return _pointer(folder)[0]


def read_manifest(folder: Path, generation: str) -> Manifest:
    """Read the current generation's manifest.

    Raises:
        IndexDamaged: it is missing, half-written, or not the one that CURRENT names.
        IndexStale: it has another format.
    """
    path = folder / generation / MANIFEST
    try:
        content = path.read_bytes()
        raw = json.loads(content)
        if isinstance(raw, dict) and raw.get("format") != FORMAT:
            raise IndexStale(f"{path} has format {raw.get('format')}, this version reads {FORMAT}; run: qa index build")
        manifest = Manifest.model_validate(raw)
    except FileNotFoundError as error:
        raise IndexDamaged(f"{path} is missing; run: qa index build") from error
    except (json.JSONDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise IndexDamaged(f"{path} cannot be read; run: qa index build") from error
    name, digest = _pointer(folder)
    if name == generation and sha256_of(content) != digest:
        raise IndexDamaged(f"{path} has changed since it was built; run: qa index build --force")
    return manifest
