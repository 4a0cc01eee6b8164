"""Vectors of all segments read as one table: of passages, of sentences in context, of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.index.files import Rows

Floats = NDArray[np.float32]

_IN_MEMORY = 256_000_000  # bytes of sentence vectors that are kept as float32
_PIECE = 65_536  # rows converted at once where they aren't


class Joined:
    """Tables of several segments, numbered through in their order."""

    def __init__(self, parts: Sequence[Rows], shifts: Sequence[int] | None = None) -> None:
        """Join tables.

        Args:
            parts: the tables.
            shifts: added to the values of each, where they count something in their segment.
        """
        self._parts, self._shifts = parts, shifts
        self.offsets = np.concatenate([[0], np.cumsum([len(p) for p in parts], dtype=np.int64)])
        self._offsets: list[int] = self.offsets.tolist()

    def __len__(self) -> int:
        return self._offsets[-1]

    def _part(self, row: int) -> int:
        return 0 if len(self._parts) == 1 else int(np.searchsorted(self.offsets, row, side="right")) - 1

    def __getitem__(self, key: int | slice) -> NDArray[Any]:
        """Return one row, or the rows from ``start`` to ``stop``.

        Raises:
            IndexDamaged: a block of the file differs from its checksum.
        """
        if not isinstance(key, slice):
            return np.asarray(self[int(key) : int(key) + 1][0])
        start, stop, _ = key.indices(len(self))
        if not self._parts:
            return np.zeros(0, dtype=np.float32)
        pieces: list[NDArray[Any]] = []
        while start < stop or not pieces:
            number = min(self._part(start), len(self._parts) - 1)
            begin = self._offsets[number]
            last = min(stop, self._offsets[number + 1])
            rows = self._parts[number][start - begin : last - begin]
            pieces.append(rows + self._shifts[number] if self._shifts is not None and self._shifts[number] else rows)
            if last <= start:
                break
            start = last
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def take(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Return some rows, in the order in which they are asked for."""
        if not len(rows):
            return self[0:0]
        return np.stack([self[int(row)] for row in rows])


class Vectors(Joined):
    """Unit vectors of passages, (n_passages, dim) float32: dense search by inner product."""

    def scores(self, query: Floats) -> Floats:
        """Return the cosine of every passage with a unit vector, (n_passages,)."""
        if len(self._parts) == 1:
            found: Floats = self._parts[0].all() @ query
            return found
        total = np.empty(len(self), dtype=np.float32)
        for part, begin, end in zip(self._parts, self._offsets, self._offsets[1:], strict=False):
            np.matmul(part.all(), query, out=total[begin:end])
        return total

    def search(self, query: Floats, k: int, admitted: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.int64], Floats]:
        """Return the k nearest passages that are admitted, and their cosines, best first (exact, by FAISS)."""
        import faiss  # only where it is used: a plain question needs every passage's score

        rows: list[NDArray[np.int64]] = []
        scores: list[Floats] = []
        for part, begin in zip(self._parts, self._offsets, strict=False):
            inside = np.arange(len(part)) if admitted is None else np.flatnonzero(admitted[begin : begin + len(part)])
            matrix = part.all() if admitted is None else part.all()[inside]
            near, numbers = faiss.knn(query[None], matrix, min(k, len(inside)), metric=faiss.METRIC_INNER_PRODUCT)
            rows.append(inside[numbers[0]] + begin)
            scores.append(near[0])
        every, values = np.concatenate([*rows, np.zeros(0, np.int64)]), np.concatenate([*scores, np.zeros(0, np.float32)])
        order = np.lexsort((every, -values))[:k]
        return every[order], values[order]


class SentenceVectors(Joined):
    """Unit vectors of sentences in context, (n_sentences, dim) float16.

    A passage's score is that of its best sentence. All sentences are compared at once; float32 is
    twice as fast as float16 here, so they are kept as such where they are few.
    """

    def __init__(self, parts: Sequence[Rows], passages: Sequence[NDArray[np.int64]]) -> None:
        """Join tables.

        Args:
            parts: the tables.
            passages: of each table, the first sentence of each passage.
        """
        super().__init__(parts)
        self._first = passages
        self._copies: dict[int, Floats] = {}

    def best(self, query: Floats) -> Floats:
        """Return the cosine of each passage's best sentence with a unit vector, (n_passages,)."""
        found = [
            np.maximum.reduceat(self._compare(number, query), first) if len(first) else np.zeros(0, np.float32)
            for number, first in enumerate(self._first)
        ]
        return found[0] if len(found) == 1 else np.concatenate([*found, np.zeros(0, np.float32)])

    def _compare(self, number: int, query: Floats) -> Floats:
        if number not in self._copies and self.offsets[-1] * len(query) * 4 <= _IN_MEMORY:
            self._copies[number] = self._parts[number].all().astype(np.float32)
        if number in self._copies:
            whole: Floats = self._copies[number] @ query
            return whole
        part = self._parts[number]
        pieces = [part[a : min(a + _PIECE, len(part))].astype(np.float32) @ query for a in range(0, len(part), _PIECE)]
        return np.concatenate(pieces)
