"""Tables of several segments read as one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.index.files import Rows

PIECE = 65_536  # rows that are read at once


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

    @property
    def width(self) -> int:
        """Values of a row."""
        return self._parts[0].width

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
        """Return some rows, in the order in which they are asked for.

        Raises:
            IndexDamaged: a block of a file differs from its checksum.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        if len(self._parts) == 1 and len(wanted):
            return self._take(0, wanted)
        return self._gather(wanted, wanted + 1)

    def runs(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows of some spans, none of which crosses from one table to the next, one span after the other.

        Raises:
            IndexDamaged: a block of a file differs from its checksum.
        """
        if len(self._parts) == 1 and len(starts):
            return self._parts[0].runs(starts, stops)
        return self._gather(starts, stops)

    def _gather(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[Any]:
        if not len(starts):
            return self[0:0]
        part_of = np.minimum(np.searchsorted(self.offsets, starts, side="right"), len(self._parts)) - 1
        begins, ends = starts - self.offsets[part_of], stops - self.offsets[part_of]
        self._check(part_of, begins, ends)
        parts, like, row = self._parts, self._parts[0][0:0], self._row
        places = zip(part_of.tolist(), self._files[part_of].tolist(), begins.tolist(), ends.tolist(), strict=True)
        # As ``content`` does, without a call for each of some hundred rows.
        content = [os.pread(f, (b - a) * row, a * row) if f >= 0 else parts[n].content(a, b) for n, f, a, b in places]
        return np.frombuffer(b"".join(content), dtype=like.dtype).reshape(-1, *like.shape[1:])

    def _check(self, part_of: NDArray[np.int64], begins: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        """Check spans that may lie in blocks that were not; all that a span touches counts as checked where its ends do."""
        row, block, base = self._row, self._blocks[part_of], self._bases[part_of]
        first, last = base + begins * row // block, base + np.maximum(ends * row - 1, 0) // block
        fresh = ~(self._checked[first] & self._checked[last]) | (last - first > 1)
        if not fresh.any():
            return
        spans = [(self._parts[n], begins[here], ends[here]) for n in np.unique(part_of[fresh]).tolist() for here in [fresh & (part_of == n)]]
        for part, a, b in spans:
            part.expect(a, b)
        for part, a, b in spans:
            part.check(a, b)
        self._checked[first], self._checked[last] = True, True

    @cached_property
    def _row(self) -> int:
        return max(p.row for p in self._parts)

    @cached_property
    def _files(self) -> NDArray[np.int64]:
        return np.asarray([p.file for p in self._parts], dtype=np.int64)

    @cached_property
    def _blocks(self) -> NDArray[np.int64]:
        return np.asarray([p.block for p in self._parts], dtype=np.int64)

    @cached_property
    def _bases(self) -> NDArray[np.int64]:
        """Number of each table's first block, with one more for the end."""
        return np.concatenate([[0], np.cumsum([p.blocks + 1 for p in self._parts], dtype=np.int64)])

    @cached_property
    def _checked(self) -> NDArray[np.bool_]:
        return np.zeros(int(self._bases[-1]) + 1, dtype=bool)

    def _take(self, number: int, local: NDArray[np.int64]) -> NDArray[Any]:
        found = self._parts[number].take(local)
        return found + self._shifts[number] if self._shifts is not None and self._shifts[number] else found

    def pieces(self) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, some at a time."""
        for part in self._parts:
            for begin in range(0, len(part), PIECE):
                yield part[begin : min(begin + PIECE, len(part))]
