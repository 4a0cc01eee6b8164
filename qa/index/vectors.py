"""Vectors of all segments read as one table: of passages, of sentences in context, of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.errors import IndexDamaged
from qa.index.files import Rows
from qa.index.joined import Joined
from qa.index.lists import LEAST_RERANKED, RERANKED, DenseInfo, Lists

Floats = NDArray[np.float32]

_IN_MEMORY = 256_000_000  # bytes of sentence vectors that are kept as float32
_PIECE = 65_536  # rows converted at once where they aren't
FEW = 4096  # admitted passages up to which each is compared, whatever the size of the index: about 3 ms
MOST_MORE_PROBES = 8  # times as many lists are read for a narrow scope


class Vectors(Joined):
    """Unit vectors of passages, (n_passages, dim) float32: dense search by inner product."""

    def __init__(self, parts: Sequence[Rows], covers: Sequence[Cover] = ()) -> None:
        """Join tables.

        Args:
            parts: the tables.
            covers: lists for approximate search over some of them.
        """
        super().__init__(parts)
        self._covers = covers
        covered = {number for cover in covers for number in cover.parts}
        self._plain = [n for n in range(len(parts)) if n not in covered]

    @property
    def exact(self) -> bool:
        """Whether every vector is compared with a query, which takes time in proportion to their number."""
        return not self._covers

    def scores(self, query: Floats) -> Floats:
        """Return the cosine of every passage with a unit vector, (n_passages,)."""
        if len(self._parts) == 1:
            found: Floats = self._parts[0].all() @ query
            return found
        total = np.empty(len(self), dtype=np.float32)
        for part, begin, end in zip(self._parts, self._offsets, self._offsets[1:], strict=False):
            np.matmul(part.all(), query, out=total[begin:end])
        return total

    def search(
        self, query: Floats, k: int, admitted: NDArray[np.bool_] | None = None, by_codes: bool = False
    ) -> tuple[NDArray[np.int64], Floats]:
        """Return the k nearest passages that are admitted, and their cosines, best first.

        All of them where there are no lists; else those that the lists give, with exact cosines. ``by_codes``: with
        those of their codes where a code has a byte a dimension, which reads no vector and is off by a thousandth.
        """
        count = len(self) if admitted is None else int(np.count_nonzero(admitted))
        if admitted is not None and self._covers and count <= FEW:
            rows = np.flatnonzero(admitted)
            return _best(rows, self.take(rows) @ query, k)
        found = [self._search_part(number, query, k, admitted) for number in self._plain]
        share = count / (len(self) or 1)
        for cover in self._covers:
            final = by_codes and cover.lists.kind == "ivf-sq8"
            wanted = k if final else max(LEAST_RERANKED, RERANKED[cover.lists.kind] * k)
            inside = None
            if admitted is not None and count < len(self):
                inside = np.concatenate([admitted[self._offsets[n] : self._offsets[n + 1]] for n in cover.parts])
            # Where few are admitted, the nearest of them lie farther away, in more lists.
            probes = int(np.ceil(cover.probes * min(MOST_MORE_PROBES, 1 / (share or 1))))
            local, cosines = cover.lists.search(query, wanted, probes, inside)
            at = np.searchsorted(cover.first, local, side="right") - 1
            rows = local - cover.first[at] + np.asarray(self._offsets)[np.asarray(cover.parts)[at]]
            found.append((rows, cosines if final or not len(rows) else self.take(rows) @ query))
        rows = np.concatenate([np.zeros(0, np.int64), *(r for r, _ in found)])
        return _best(rows, np.concatenate([np.zeros(0, np.float32), *(v for _, v in found)]), k)

    def _search_part(
        self, number: int, query: Floats, k: int, admitted: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], Floats]:
        """Search one table exactly, by FAISS."""
        import faiss  # only where it is used: a plain question needs every passage's score

        part, begin = self._parts[number], self._offsets[number]
        inside = np.arange(len(part)) if admitted is None else np.flatnonzero(admitted[begin : begin + len(part)])
        matrix = part.all() if admitted is None else part.all()[inside]
        near, numbers = faiss.knn(query[None], matrix, min(k, len(inside)), metric=faiss.METRIC_INNER_PRODUCT)
        return inside[numbers[0]] + begin, near[0]


def _best(rows: NDArray[np.int64], values: Floats, k: int) -> tuple[NDArray[np.int64], Floats]:
    order = np.lexsort((rows, -values))[:k]
    return rows[order], values[order]


@dataclass(frozen=True, eq=False)
class Cover:
    """Lists for approximate search, and the tables whose vectors they hold.

    Attributes:
        lists: the lists.
        parts: numbers of the tables, in the order in which the lists number their rows.
        first: the lists' number of the first row of each.
        probes: lists that a query reads.
    """

    lists: Lists
    parts: tuple[int, ...]
    first: NDArray[np.int64]
    probes: int


def cover(info: DenseInfo, lists: Lists, names: Sequence[str]) -> Cover:
    """Join lists to the tables that they cover.

    Args:
        info, lists: as ``open_lists`` returns them.
        names: the segments of all tables, in order.

    Raises:
        IndexDamaged: they cover a segment that is not there.
    """
    number = {name: n for n, name in enumerate(names)}
    if missing := [s.name for s in info.segments if s.name not in number]:
        raise IndexDamaged(f"the lists for dense search cover {missing[0]}, which is not in the index; run: qa index build --force")
    first = np.concatenate([[0], np.cumsum([s.passages for s in info.segments], dtype=np.int64)])[:-1]
    return Cover(lists, tuple(number[s.name] for s in info.segments), first, info.probes)


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

    def best_at(self, query: Floats, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> Floats:
        """Return the same for some passages, given by their first sentence and the one after their last."""
        if not len(starts):
            return np.zeros(0, np.float32)
        begin = np.concatenate([[0], np.cumsum(stops - starts)])
        cosines = self.runs(starts, stops).astype(np.float32) @ query
        best: Floats = np.maximum.reduceat(cosines, begin[:-1])
        return best

    def _compare(self, number: int, query: Floats) -> Floats:
        if number not in self._copies and self.offsets[-1] * len(query) * 4 <= _IN_MEMORY:
            self._copies[number] = self._parts[number].all().astype(np.float32)
        if number in self._copies:
            whole: Floats = self._copies[number] @ query
            return whole
        part = self._parts[number]
        pieces = [part[a : min(a + _PIECE, len(part))].astype(np.float32) @ query for a in range(0, len(part), _PIECE)]
        return np.concatenate(pieces)
