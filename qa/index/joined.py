"""Tables of several segments read as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        if not len(wanted) or len(self._parts) == 1:
            return self._take(0, wanted) if len(wanted) else self[0:0]
        part_of = np.searchsorted(self.offsets, wanted, side="right") - 1
        numbers = np.unique(part_of).tolist()
        if len(numbers) == 1:
            return self._take(numbers[0], wanted - self._offsets[numbers[0]])
        first = self._parts[0][0:0]
        found = np.empty((len(wanted), *first.shape[1:]), dtype=first.dtype)
        places = [(n, here, wanted[here] - self._offsets[n]) for n in numbers for here in [np.flatnonzero(part_of == n)]]
        for number, _, local in places:
            self._parts[number].expect(local, local + 1)
        for number, here, local in places:
            found[here] = self._take(number, local)
        return found

    def runs(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows of some spans, none of which crosses from one table to the next, one span after the other.

        Raises:
            IndexDamaged: a block of a file differs from its checksum.
        """
        if len(self._parts) == 1 and len(starts):
            return self._parts[0].runs(starts, stops)
        part_of = np.minimum(np.searchsorted(self.offsets, starts, side="right"), len(self._parts)) - 1
        begin = np.concatenate([[0], np.cumsum(stops - starts)])
        first = self._parts[0][0:0] if self._parts else self[0:0]
        found = np.empty((int(begin[-1]), *first.shape[1:]), dtype=first.dtype)
        places = [(n, here, starts[here] - self._offsets[n], stops[here] - self._offsets[n])
                  for n in np.unique(part_of).tolist() for here in [np.flatnonzero(part_of == n)]]  # fmt: skip
        for number, _, a, b in places:
            self._parts[number].expect(a, b)
        for number, here, a, b in places:
            rows, at = self._parts[number].runs(a, b), 0
            for k, size in zip(here.tolist(), (b - a).tolist(), strict=True):
                found[begin[k] : begin[k] + size] = rows[at : at + size]
                at += size
        return found

    def _take(self, number: int, local: NDArray[np.int64]) -> NDArray[Any]:
        found = self._parts[number].take(local)
        return found + self._shifts[number] if self._shifts is not None and self._shifts[number] else found

    def pieces(self) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, some at a time."""
        for part in self._parts:
            for begin in range(0, len(part), PIECE):
                yield part[begin : min(begin + PIECE, len(part))]
