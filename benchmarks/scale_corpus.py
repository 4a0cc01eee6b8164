"""A large corpus made from a small real one: real passages varied, and their real encodings perturbed.

``base`` builds an index of real texts. ``grow`` writes one of any size from it: each new passage is a
real one with a part of its words exchanged, and its vectors lie between those of two real neighbours
with noise added. So lengths, word frequencies and the neighbourhoods of vectors are those of real
text, and nothing has to be encoded; but no figure for the quality of answers follows from it.
"""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from qa.chunking import Passage
from qa.documents.model import Document, Section
from qa.embedding import Embedder
from qa.index import build_index
from qa.index.change import Change
from qa.index.encodings import Encoding
from qa.index.segment import SEGMENT_PASSAGES, SegmentEntry, SegmentWriter
from qa.index.snapshot import Snapshot
from qa.text.language import has_cjk

PER_DOCUMENT = 5  # passages of a document
EXCHANGED = 0.15  # share of words that are exchanged
RARE = 0.03  # share of words that become one of very many: names, numbers, typing errors
RARE_WORDS = 2_000_000
NEIGHBOURS = 16  # from which the second parent of a vector is drawn
NOISE = 0.45  # length of the noise that is added to a unit vector


class Texts:
    """Documents in the place of a corpus."""

    def __init__(self, files: Sequence[Path], documents: Sequence[Document], glossary: Any) -> None:
        found = [*documents]
        for file in files:
            lines = [line for line in file.read_text(encoding="utf-8").splitlines() if len(line) > 40]
            for number in range(0, len(lines), PER_DOCUMENT):
                found.append(document(f"{file.stem}-{number}", f"{file.stem.title()} {number}", lines[number : number + PER_DOCUMENT])[0])
        self.folder, self.documents, self.glossary = Path(), tuple(found), glossary
        self.digest = hashlib.sha256("".join(d.digest for d in found).encode()).hexdigest()


def document(name: str, title: str, texts: Sequence[str]) -> tuple[Document, list[int]]:
    """Return a document of paragraphs, and where each begins."""
    starts = [0, *itertools.accumulate(len(t) + 2 for t in texts)][:-1]
    text = "\n\n".join(texts)
    language = "zh" if has_cjk(text) else "en"
    sections = (Section(heading="", start=0, end=len(text)),)
    return Document(id=name, title=title, language=language, topic="", as_of="", text=text, sections=sections), starts


def base(files: Sequence[Path], folder: Path, corpus: Any, embedder: Embedder, max_tokens: int) -> None:
    """Build the index of the real texts: a corpus, and files of one text a line."""
    build_index(Texts(files, corpus.documents, corpus.glossary), folder, embedder, max_tokens)  # type: ignore[arg-type]


class Grower:
    """Makes passages from real ones."""

    def __init__(self, source: Path, seed: int) -> None:
        self.snapshot = snapshot = Snapshot.load(source)
        self._rng = np.random.default_rng(seed)
        self.vectors = snapshot.vectors[0 : len(snapshot.vectors)]
        self._near = faiss.knn(self.vectors, self.vectors, NEIGHBOURS + 1, metric=faiss.METRIC_INNER_PRODUCT)[1]
        self._words: list[list[list[str]]] = []
        self._languages: list[bool] = []
        pool: dict[bool, list[str]] = {False: [], True: []}
        for passage in snapshot.passages:
            text = snapshot.documents[passage.document_id].text
            chinese = has_cjk(text[passage.start : passage.end])
            sentences = [list(text[a:b]) if chinese else text[a:b].split() for a, b in passage.sentences]
            self._words.append(sentences)
            self._languages.append(chinese)
            pool[chinese] += [w for s in sentences for w in s]
        self._pool = {chinese: np.asarray(words or [""], dtype=object) for chinese, words in pool.items()}
        self._of_language = {c: np.flatnonzero(np.asarray(self._languages) == c) for c in (False, True)}

    def parents(self) -> Sequence[int]:
        """Return real passages of one language for a document."""
        first = int(self._rng.integers(len(self._words)))
        return [first, *self._rng.choice(self._of_language[self._languages[first]], PER_DOCUMENT - 1).tolist()]

    def text(self, parent: int) -> tuple[str, list[tuple[int, int]]]:
        """Return a variation of a real passage, and the spans of its sentences."""
        chinese = self._languages[parent]
        pool, parts, spans, at = self._pool[chinese], [], [], 0
        for sentence in self._words[parent]:
            words = list(sentence)
            draws = self._rng.random(len(words))
            for i in np.flatnonzero(draws < EXCHANGED).tolist():
                rare = draws[i] < RARE and not chinese
                words[i] = f"n{int(self._rng.zipf(1.3)) % RARE_WORDS}" if rare else str(pool[int(self._rng.integers(len(pool)))])
            text = ("" if chinese else " ").join(words) or "."
            parts.append(text)
            spans.append((at, at + len(text)))
            at += len(text) + 1
        return " ".join(parts), spans

    def encoding(self, parent: int) -> Encoding:
        """Return encodings between those of a real passage and a neighbour of it, with noise."""
        snapshot, rng = self.snapshot, self._rng
        other = int(self._near[parent, int(rng.integers(1, NEIGHBOURS + 1))])
        noise = rng.standard_normal(self.vectors.shape[1]).astype(np.float32)
        noise *= NOISE / np.linalg.norm(noise)
        share = float(rng.random()) * 0.5
        shift = share * (self.vectors[other] - self.vectors[parent]) + noise
        sentences = snapshot.sentence_vectors[int(snapshot.sentence_rows[parent]) : int(snapshot.sentence_rows[parent + 1])].astype(np.float32)
        a, b = int(snapshot.token_rows[parent]), int(snapshot.token_rows[parent + 1])
        return Encoding(
            _unit(self.vectors[parent] + shift),
            _unit(sentences + shift).astype(np.float16),
            np.asarray(snapshot.tokens[a:b]),
            np.asarray(snapshot.owners[a:b]),
        )


def _unit(rows: np.ndarray) -> np.ndarray:
    found: np.ndarray = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return found


def _segment(task: tuple[Path, Path, int, int, int]) -> SegmentEntry:
    """Write one segment; in a process of its own."""
    source, folder, number, passages, first = task
    os.nice(5)
    grower = Grower(source, number)
    manifest = grower.snapshot.manifest
    with SegmentWriter(folder, manifest.dim, manifest.token_dim) as writer:
        while writer.passages < passages:
            parents = grower.parents()
            made = [grower.text(p) for p in parents]
            name = f"report-{first + writer.documents}"
            whole, starts = document(name, f"Report {first + writer.documents}", [text for text, _ in made])
            writer.begin(whole, len(parents))
            for parent, (text, spans), start in zip(parents, made, starts, strict=True):
                place = tuple((start + a, start + b) for a, b in spans)
                passage = Passage(f"{name}:{start}", name, start, start + len(text), "", place)
                key = hashlib.sha256(f"{name} {start}".encode()).digest()
                writer.add(passage, key, grower.encoding(parent))
        return writer.finish()


def grow(source: Path, folder: Path, passages: int, embedder: Embedder, processes: int = 2) -> None:
    """Write an index of some number of passages made from the real ones of another index."""
    folder.mkdir(parents=True)
    sizes = [SEGMENT_PASSAGES] * (passages // SEGMENT_PASSAGES) + ([passages % SEGMENT_PASSAGES] if passages % SEGMENT_PASSAGES else [])
    firsts = [0, *itertools.accumulate(sizes)]
    tasks = [(source, folder, number, size, firsts[number]) for number, size in enumerate(sizes)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        entries = pool.map(_segment, tasks, chunksize=1)
    snapshot = Snapshot.load(source)
    change = Change(folder, embedder, snapshot.manifest.max_tokens, None)
    change.glossary, change.corpus = snapshot.glossary, "grown"
    change._new = entries
    change.commit()
