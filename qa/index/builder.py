"""Build a generation: encode what is new, write everything, switch ``CURRENT`` last."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import io
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from qa.chunking import Passage, chunk
from qa.documents.corpus import Corpus
from qa.documents.model import Document
from qa.embedding import Embedder, Encoded, file_sha256
from qa.errors import CorpusError, IndexBusy, IndexDamaged, IndexProblem
from qa.index.lexical import LexicalIndex
from qa.index.snapshot import CURRENT, FORMAT, MANIFEST, Manifest, current_generation
from qa.index.store import passage_titles, write_store
from qa.text.tokens import search_tokens

Progress = Callable[[int, int], None]
CACHE = "cache.sqlite"


def context_of(document: Document, passage: Passage) -> str:
    """Return what is put before a passage when it is encoded: title and heading."""
    parts = [document.title.strip(), passage.heading.strip()]
    return " > ".join(p for p in parts if p)


def build_index(
    corpus: Corpus,
    folder: Path,
    embedder: Embedder,
    max_tokens: int,
    progress: Progress | None = None,
    *,
    fresh: bool = False,
) -> str:
    """Build a new generation and make it current.

    Encodings are cached by content and model, so only new passages are encoded. A build that is
    killed leaves the old generation current; the next build removes what it left.

    Args:
        corpus: documents and glossary.
        folder: the index folder; made if missing.
        embedder: the model.
        max_tokens: upper size of a passage.
        progress: called with passages done and their total.
        fresh: forget the cached encodings and encode everything anew.

    Returns:
        The new generation's name.

    Raises:
        IndexBusy: another process is building here.
        IndexDamaged: the folder cannot be written.
    """
    began = time.perf_counter()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder):
            _remove_leftovers(folder)
            if fresh:
                (folder / CACHE).unlink(missing_ok=True)
            passages = [p for d in corpus.documents for p in chunk(d, embedder.count_tokens, max_tokens)]
            if not passages:
                raise CorpusError(f"{corpus.folder}: the documents hold no text; add some and build again")
            parts = list(_encode(corpus, passages, folder, embedder, progress))
            return _write(corpus, passages, parts, folder, embedder, max_tokens, began)
    except OSError as error:
        raise IndexDamaged(
            f"the index folder {folder} cannot be written: {error.strerror}; choose another with QA_INDEX or --index"
        ) from error
    except sqlite3.Error as error:  # a full disk, mostly
        raise IndexDamaged(
            f"the index folder {folder} cannot be written: {error}; free some space, or choose another with QA_INDEX or --index"
        ) from error


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IndexBusy(f"another process is building in {folder}; wait for it, then try again") from error
        yield


def _remove_leftovers(folder: Path) -> None:
    """Remove generations that are neither current nor complete."""
    try:
        current = current_generation(folder)
    except IndexProblem:  # nothing built yet, or CURRENT is broken: then this build replaces it
        current = ""
    for path in folder.glob("generation-*"):
        if path.name != current and not (path / MANIFEST).exists():
            shutil.rmtree(path)


def _encode(
    corpus: Corpus, passages: Sequence[Passage], folder: Path, embedder: Embedder, progress: Progress | None
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float16], NDArray[np.int8], NDArray[np.int32]]]:
    """Yield for each passage: pooled vector, sentence vectors, token vectors, sentence of each token."""
    documents = {d.id: d for d in corpus.documents}
    cache = _Cache(folder / CACHE)
    keys, texts, prefixes = [], [], []
    for passage in passages:
        document = documents[passage.document_id]
        prefix = context_of(document, passage)
        prefix = prefix + "\n" if prefix else ""
        text = prefix + document.text[passage.start : passage.end]
        inside = [(a - passage.start, b - passage.start) for a, b in passage.sentences]
        keys.append(hashlib.sha256(f"{embedder.identity}\0{text}\0{inside}".encode()).digest())
        texts.append(text)
        prefixes.append(len(prefix))
    known = cache.known(keys)
    fresh = [i for i, key in enumerate(keys) if key not in known]
    done = len(passages) - len(fresh)
    if progress:
        progress(done, len(passages))
    for i, encoded in zip(fresh, embedder.encode([texts[i] for i in fresh]), strict=True):
        cache.put(keys[i], _pack(encoded, passages[i], prefixes[i]))
        done += 1
        if progress:
            progress(done, len(passages))
    cache.commit()
    for key in keys:
        yield cache.get(key)
    cache.keep_only(keys)
    cache.close()


def _pack(
    encoded: Encoded, passage: Passage, prefix: int
) -> tuple[NDArray[np.float32], NDArray[np.float16], NDArray[np.int8], NDArray[np.int32]]:
    """Keep the tokens of the passage itself, each with the sentence that it stands in."""
    middle = (encoded.offsets[:, 0] + encoded.offsets[:, 1]) // 2 - prefix + passage.start
    starts = np.asarray([a for a, _ in passage.sentences])
    sentence = np.searchsorted(starts, middle, side="right") - 1
    inside = (encoded.offsets[:, 0] >= prefix) & (sentence >= 0)
    owner = sentence[inside].astype(np.int32)
    hidden = encoded.hidden[inside]
    sums = np.zeros((len(starts), hidden.shape[1]), dtype=np.float32)
    np.add.at(sums, owner, hidden)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    # A sentence cut off by the model's limit has no tokens; its passage speaks for it.
    sentences = np.where(norms > 0, sums / np.maximum(norms, 1e-9), encoded.pooled)
    tokens = np.rint(encoded.tokens[inside] * 127).astype(np.int8)
    return encoded.pooled, sentences.astype(np.float16), tokens, owner


class _Cache:
    """Encodings by content and model in SQLite; committed in steps, so that a stop loses little."""

    def __init__(self, path: Path) -> None:
        try:
            self._connection = self._connect(path)
        except sqlite3.DatabaseError:  # not a database, or a damaged one: it can be filled again
            path.unlink()
            self._connection = self._connect(path)
        self._pending = 0

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path)
        try:
            connection.execute("CREATE TABLE IF NOT EXISTS encodings (key BLOB PRIMARY KEY, body BLOB) WITHOUT ROWID")
            # Reads every page, so that damage shows here and not in the middle of a build.
            if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged")
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return the keys that are there."""
        wanted = set(keys)
        return {key for (key,) in self._connection.execute("SELECT key FROM encodings") if key in wanted}

    def put(self, key: bytes, arrays: Sequence[NDArray[np.generic]]) -> None:
        """Store the arrays of a passage."""
        buffer = io.BytesIO()
        for array in arrays:
            np.save(buffer, array, allow_pickle=False)
        self._connection.execute("INSERT OR REPLACE INTO encodings VALUES (?, ?)", (key, buffer.getvalue()))
        self._pending += 1
        if self._pending >= 256:
            self.commit()

    def get(self, key: bytes) -> tuple[NDArray[np.float32], NDArray[np.float16], NDArray[np.int8], NDArray[np.int32]]:
        """Return the arrays of a passage."""
        (body,) = self._connection.execute("SELECT body FROM encodings WHERE key = ?", (key,)).fetchone()
        buffer = io.BytesIO(body)
        pooled, sentences, tokens, owner = (np.load(buffer, allow_pickle=False) for _ in range(4))
        return pooled, sentences, tokens, owner

    def keep_only(self, keys: Sequence[bytes]) -> None:
        """Forget every passage that is no longer in the corpus."""
        keep = set(keys)
        gone = [(key,) for (key,) in self._connection.execute("SELECT key FROM encodings") if key not in keep]
        self._connection.executemany("DELETE FROM encodings WHERE key = ?", gone)
        self.commit()

    def commit(self) -> None:
        """Make what was put permanent."""
        self._connection.commit()
        self._pending = 0

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def _write(
    corpus: Corpus,
    passages: Sequence[Passage],
    parts: Sequence[tuple[NDArray[np.float32], NDArray[np.float16], NDArray[np.int8], NDArray[np.int32]]],
    folder: Path,
    embedder: Embedder,
    max_tokens: int,
    began: float,
) -> str:
    documents = {d.id: d for d in corpus.documents}
    now = datetime.datetime.now(datetime.UTC)
    name = f"generation-{now:%Y%m%dT%H%M%S%f}"
    path = folder / name
    path.mkdir()
    vectors = faiss.IndexFlatIP(embedder.dim)
    vectors.add(np.stack([p[0] for p in parts]))
    faiss.write_index(vectors, str(path / "passages.faiss"))
    sentence_counts = [len(p[1]) for p in parts]
    sentence_rows = np.concatenate([[0], np.cumsum(sentence_counts)]).astype(np.int64)
    np.save(path / "sentence_vectors.npy", np.concatenate([p[1] for p in parts]))
    np.save(path / "sentence_rows.npy", sentence_rows)
    np.save(path / "tokens.npy", np.concatenate([p[2] for p in parts]))
    np.save(path / "token_rows.npy", np.concatenate([[0], np.cumsum([len(p[2]) for p in parts])]).astype(np.int64))
    np.save(
        path / "token_sentences.npy",
        np.concatenate([p[3] + row for p, row in zip(parts, sentence_rows[:-1], strict=True)]).astype(np.int32),
    )
    context_tokens = [search_tokens(context_of(documents[p.document_id], p)) for p in passages]
    texts = [search_tokens(documents[p.document_id].text[p.start : p.end]) for p in passages]
    LexicalIndex.build([search_tokens(t) for t in dict.fromkeys(passage_titles(documents, passages))]).save(path, "titles")
    LexicalIndex.build([c + t for c, t in zip(context_tokens, texts, strict=True)]).save(path, "words")
    LexicalIndex.build(
        [search_tokens(documents[p.document_id].text[a:b]) for p in passages for a, b in p.sentences]
    ).save(path, "sentence_words")
    entries = [(e.en, e.zh, e.aliases, e.kind) for e in corpus.glossary.entries]
    (path / "glossary.json").write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    write_store(path, corpus.documents, passages)
    manifest = Manifest(
        format=FORMAT,
        model=embedder.identity,
        dim=embedder.dim,
        token_dim=embedder.token_dim,
        max_tokens=max_tokens,
        corpus=corpus.digest,
        documents=len(documents),
        passages=len(passages),
        sentences=int(sentence_rows[-1]),
        tokens=sum(len(p[2]) for p in parts),
        built=now.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - began, 2),
        files={f.name: file_sha256(f) for f in sorted(path.iterdir())},
    )
    (path / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    for file in (*path.iterdir(), path):
        _sync(file)
    pointer = folder / f".{CURRENT}.new"
    pointer.write_text(name + "\n", encoding="utf-8")
    _sync(pointer)
    pointer.replace(folder / CURRENT)
    _sync(folder)
    collect(folder)
    return name


def collect(folder: Path) -> list[str]:
    """Remove every generation but the current one and the one before it, which a reader may hold."""
    current = current_generation(folder)
    old = sorted(p.name for p in folder.glob("generation-*") if p.name != current)
    for name in old[:-1]:
        shutil.rmtree(folder / name)
    return old[:-1]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
