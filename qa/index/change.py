"""One change of an index folder: which segments stay, which are written, and the switch to them."""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa.chunking import Passage, chunk
from qa.documents.model import Document
from qa.embedding import Embedder
from qa.errors import IndexDamaged, IndexMissing, IndexProblem, IndexStale
from qa.index.approximate import MEMORY, Table, update
from qa.index.encodings import Encoder, Encoding, KnownEncodings, encode, key_of, task_of
from qa.index.files import make_folder, remove, replace, sync_folder, write_file
from qa.index.lists import DenseEntry
from qa.index.merged import WordsEntry, update_words
from qa.index.segment import SEGMENT_PASSAGES, Segment, SegmentEntry, SegmentWriter
from qa.index.snapshot import CURRENT, FORMAT, GLOSSARY, MANIFEST, Manifest, current_generation, read_glossary, read_manifest
from qa.index.store import Documents
from qa.text.glossary import Glossary

Progress = Callable[[int, int], None]

WINDOW = 512  # passages that are cut, looked up and encoded at once
COUNTED = 1000  # sentences whose tokens are counted at once: a whole book would take gigabytes
TIER = 8
"""Segments of about one size from which they are joined into one, eight times as large: then there are
never more than some thirty small ones, and a passage is copied at most five times in its life."""


class Rate:
    """How many passages are done, and how many there will be, judged by the characters cut so far."""

    def __init__(self, characters: int, progress: Progress | None) -> None:
        self._characters, self._progress = characters, progress
        self._cut = self._passages = self._done = 0

    def cut(self, characters: int, passages: int) -> None:
        """Count a document that was cut."""
        self._cut += characters
        self._passages += passages

    def advance(self) -> None:
        """Count a passage that is done."""
        self._done += 1
        if self._progress:
            left = self._characters - self._cut
            self._progress(self._done, self._passages + (round(self._passages * left / self._cut) if left else 0))


class Change:
    """One change of an index folder, from the generation that is there to the next."""

    def __init__(
        self,
        folder: Path,
        embedder: Embedder,
        max_tokens: int,
        progress: Progress | None,
        *,
        memory: int = MEMORY,
        encoder: Encoder | None = None,
        window: int | None = None,
    ) -> None:
        """Prepare a change.

        Args:
            folder: the index folder.
            embedder: the model.
            max_tokens: upper size of a passage.
            progress: called with passages done and their total.
            memory: bytes that the codes of dense search may take.
            encoder: encodes elsewhere; in this process where None.
            window: passages that it is given at once; WINDOW where None.
        """
        self._began = time.perf_counter()
        self._folder, self._embedder, self._max_tokens, self._progress = folder, embedder, max_tokens, progress
        self._encoder, self._window = encoder or functools.partial(encode, embedder), window or WINDOW
        self._memory, self._dense, self._words = memory, DenseEntry(kind="flat"), WordsEntry()
        self.corpus, self.glossary = "", Glossary(())
        self._take_over([])
        self._new: list[SegmentEntry] = []
        self._known = KnownEncodings([], embedder.dim, embedder.token_dim)

    def _take_over(self, segments: list[Segment]) -> None:
        self._segments = segments
        self.documents = Documents(segments)
        self._keep = np.ones(len(self.documents), dtype=bool)

    def start(self, only: Collection[str] | None = None) -> None:
        """Start from the generation that is there, if there is one.

        Args:
            only: names of the segments to take over; all where None.

        Raises:
            IndexStale: it has another model, passage size or format.
            IndexDamaged: files are missing or changed.
        """
        self._known = KnownEncodings(sorted(self._folder.glob("segment-*")), self._embedder.dim, self._embedder.token_dim)
        try:
            generation = current_generation(self._folder)
        except IndexMissing:
            return
        manifest = read_manifest(self._folder, generation)
        own, there = (self._embedder.identity, self._max_tokens), (manifest.model, manifest.max_tokens)
        if own != there:
            raise IndexStale(f"the index in {self._folder} was built with {there[0]} at {there[1]} tokens, not {own[0]} at {own[1]}; build it anew")
        self._dense, self._words = manifest.dense, manifest.words
        try:
            self.corpus, self.glossary = manifest.corpus, read_glossary(self._folder / generation, manifest)
        except IndexDamaged:
            if only is None:
                raise
        self._take_over([Segment(self._folder / e.name, e) for e in manifest.segments if only is None or e.name in only])

    def start_or_begin_anew(self) -> None:
        """Start from what is whole of the generation that is there; from nothing where it does not fit."""
        with contextlib.suppress(IndexProblem):
            self.start()
        self._take_over([s for s in self._segments if s.whole()])

    @property
    def passages(self) -> int:
        """How many passages there will be."""
        return sum(e.passages for e in self._new) + int(self.documents.passages[self._keep].sum())

    def drop(self, ids: Iterable[str]) -> None:
        """Take documents out; an id that is not there is passed over."""
        self._keep[[n for n in map(self.documents.number, ids) if n >= 0]] = False

    def keep_only(self, ids: Collection[str]) -> None:
        """Take out all documents but those with some ids."""
        self._keep &= self.documents.among(ids)

    def add(self, documents: Iterable[Document]) -> None:
        """Take documents in; one that is there already, as it is, stays."""
        fresh: dict[str, Document] = {}
        for document in documents:
            number = self.documents.number(document.id)
            if number >= 0 and self.documents.digest(number) == document.digest and self._keep[number]:
                continue
            if number >= 0:
                self._keep[number] = False
            fresh[document.id] = document
        if not fresh:
            return
        rate = Rate(sum(len(d.text) for d in fresh.values()), self._progress)
        batches = self._cut(fresh.values(), rate)
        more = True
        while more:
            with SegmentWriter(self._folder, self._embedder.dim, self._embedder.token_dim) as writer:
                more = self._fill(writer, batches, rate)
                if writer.documents:
                    self._new.append(writer.finish())

    def _cut(self, documents: Iterable[Document], rate: Rate) -> Iterator[list[tuple[Document, list[Passage]]]]:
        """Cut documents into passages, as many documents at a time as fill a window."""
        batch: list[tuple[Document, list[Passage]]] = []
        for document in documents:
            passages = chunk(document, self._count_tokens, self._max_tokens)
            rate.cut(len(document.text), len(passages))
            batch.append((document, passages))
            if sum(len(p) for _, p in batch) >= self._window:
                yield batch
                batch = []
        yield batch

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count in parts: the sentences of a whole book at once would take gigabytes."""
        parts = (texts[i : i + COUNTED] for i in range(0, len(texts), COUNTED))
        return [count for part in parts for count in self._embedder.count_tokens(part)]

    def _fill(self, writer: SegmentWriter, batches: Iterator[list[tuple[Document, list[Passage]]]], rate: Rate) -> bool:
        """Write documents until the segment is full; tell whether it is, so that there may be more."""
        for batch in batches:
            encodings = self._encode([(document, p) for document, passages in batch for p in passages])
            for document, passages in batch:
                writer.begin(document, len(passages))
                for passage in passages:
                    writer.add(passage, *next(encodings))
                    rate.advance()
            if writer.passages >= SEGMENT_PASSAGES:
                return True
        return False

    def _encode(self, items: Sequence[tuple[Document, Passage]]) -> Iterator[tuple[bytes, Encoding]]:
        """Yield the key and the encoding of each passage, taken from where it is known."""
        for begin in range(0, len(items), self._window):
            window = items[begin : begin + self._window]
            keys = [key_of(self._embedder.identity, *item) for item in window]
            known = [self._known.find(key) for key in keys]
            fresh = self._encoder([task_of(*item) for item, found in zip(window, known, strict=True) if found is None])
            for key, found in zip(keys, known, strict=True):
                yield key, next(fresh) if found is None else found

    def commit(self) -> str:
        """Write what is left to write, switch to the new generation, and remove what it does not need."""
        entries = [self._write(group) for group in self._groups()]
        segments = [Segment(self._folder / e.name, e) for e in entries]
        tables = [Table(s.entry.name, s.tables["vectors"]) for s in segments]
        dense = update(self._folder, self._dense, tables, self._embedder.dim, self._memory)
        words = update_words(self._folder, self._words, segments)
        now = datetime.datetime.now(datetime.UTC)
        path = make_folder(self._folder / f"generation-{now:%Y%m%dT%H%M%S%f}")
        glossary = [(e.en, e.zh, e.aliases, e.kind) for e in self.glossary.entries]
        manifest = Manifest(
            format=FORMAT,
            model=self._embedder.identity,
            dim=self._embedder.dim,
            token_dim=self._embedder.token_dim,
            max_tokens=self._max_tokens,
            corpus=self.corpus,
            documents=sum(e.documents for e in entries),
            passages=sum(e.passages for e in entries),
            sentences=sum(e.sentences for e in entries),
            tokens=sum(e.tokens for e in entries),
            built=now.isoformat(timespec="seconds"),
            seconds=round(time.perf_counter() - self._began, 2),
            files={GLOSSARY: write_file(path / GLOSSARY, json.dumps(glossary, ensure_ascii=False)).sha256},
            segments=tuple(entries),
            dense=dense,
            words=words,
        )
        written = write_file(path / MANIFEST, manifest.model_dump_json(indent=1))
        sync_folder(path)
        sync_folder(self._folder)
        pointer = self._folder / f".{CURRENT}.new"
        remove(pointer)
        write_file(pointer, f"{path.name} {written.sha256}\n")
        replace(pointer, self._folder / CURRENT)
        collect_unlocked(self._folder)
        return path.name

    def _groups(self) -> list[_Group]:
        """Return which segments become one: those that lost a document alone, many small ones together."""
        new = [Segment(self._folder / e.name, e) for e in self._new]
        kept = np.split(self._keep, np.cumsum([s.entry.documents for s in self._segments])[:-1]) if self._segments else []
        sources = [*zip(self._segments, kept, strict=True), *((s, np.ones(s.entry.documents, dtype=bool)) for s in new)]
        groups: list[_Group] = [[source] for source in sources if source[1].any()]
        tier = 0
        while TIER**tier <= SEGMENT_PASSAGES:
            alike = [g for g in groups if TIER**tier <= max(1, _size(g)) < TIER ** (tier + 1)]
            merged: _Group = []
            for group in alike if len(alike) >= TIER else []:
                if _size(merged) + _size(group) <= SEGMENT_PASSAGES:
                    merged += group
                    groups.remove(group)
            if merged:
                groups.append(merged)
            tier += 1
        return groups

    def _write(self, group: _Group) -> SegmentEntry:
        """Return the segment of a group: the one that is there already, or a new one."""
        if len(group) == 1 and group[0][1].all():
            return group[0][0].entry
        with SegmentWriter(self._folder, self._embedder.dim, self._embedder.token_dim) as writer:
            for segment, keep in group:
                writer.take(segment, keep)
            return writer.finish()


_Group = list[tuple[Segment, NDArray[np.bool_]]]


def _size(group: _Group) -> int:
    """Return how many passages are kept of a group of segments."""
    return sum(int(segment.tables["records"].all()["passages"][keep].sum()) for segment, keep in group)


def collect_unlocked(folder: Path) -> list[str]:
    """Remove everything that the current generation does not need, and return its names; the caller holds the lock."""
    generation = current_generation(folder)
    manifest = read_manifest(folder, generation)
    needed = {generation, manifest.dense.name, manifest.words.name, *(s.name for s in manifest.segments)}
    gone = []
    for path in sorted(folder.iterdir()):
        ours = path.name.startswith(("generation-", "segment-", "dense-", "words-", "cache.sqlite")) or path.name == f".{CURRENT}.new"
        if ours and path.name not in needed:
            remove(path)
            gone.append(path.name)
    return gone
