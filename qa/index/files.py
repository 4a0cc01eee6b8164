"""Files of the index: written once, flushed, checked block by block when they are read.

How a changed byte is found before an answer rests on it: ``CURRENT`` holds the digest of the
generation's manifest, the manifest that of each segment's description, and a description the size,
the SHA-256 and the CRC-32 of every block of each file. The small files are checked when an index is
opened. The large ones are memory-mapped, and a block is compared with its checksum the first time
that a row in it is asked for, so that opening costs the same however large the index is.

Every change of the disk goes through this module, one ``step`` each; tests kill the process or fill
the disk at any of them.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import shutil
import weakref
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from qa.errors import IndexDamaged
from qa.index.resident import announce, read_at_random, register

BLOCK = 1 << 16
"""Bytes under one checksum. A search in a large index reads some hundred places in files of gigabytes: blocks of 64 kB
cost it 0.02 ms each at first touch, where 1 MB cost 0.3 ms and drew the whole index into memory."""

SMALL = 1 << 16  # digests of a table that is searched as a whole

on_step: Callable[[str, Path], None] | None = None
"""Called before every change of the disk with its kind and path; for tests."""


def step(kind: str, path: Path) -> None:
    """Announce a change of the disk."""
    if on_step is not None:
        on_step(kind, path)


class FileEntry(BaseModel):
    """What a file must be: bytes, SHA-256 of the whole, CRC-32 of each block of some bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str
    blocks: tuple[int, ...]
    block: int = Field(default=1 << 20, ge=4096)


class Output:
    """A file that grows at its end.

    Writes are not buffered: what was written before a kill is there after it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        step("create", path)
        self._file = path.open("xb", buffering=0)
        self._digest = hashlib.sha256()
        self.blocks: list[int] = []
        self._sum = 0
        self.size = 0

    def write(self, data: bytes | NDArray[Any]) -> None:
        """Append bytes, or the values of an array."""
        flat: Any = data if isinstance(data, bytes) else np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        view = memoryview(flat)
        step("write", self.path)
        written = 0
        while written < len(view):  # a system call may write less than it was given
            written += self._file.write(view[written:])
        self._digest.update(view)
        at = 0
        while at < len(view):
            take = min(BLOCK - self.size % BLOCK, len(view) - at)
            self._sum = zlib.crc32(view[at : at + take], self._sum)
            self.size += take
            at += take
            if self.size % BLOCK == 0:
                self.blocks.append(self._sum)
                self._sum = 0

    def close(self) -> FileEntry:
        """Flush the file to the disk and describe it."""
        step("sync", self.path)
        os.fsync(self._file.fileno())
        self._file.close()
        blocks = [*self.blocks, self._sum] if self.size % BLOCK else self.blocks
        return FileEntry(size=self.size, sha256=self._digest.hexdigest(), blocks=tuple(blocks), block=BLOCK)

    def abandon(self) -> None:
        """Close the file without a promise about its content."""
        self._file.close()


def write_file(path: Path, content: str) -> FileEntry:
    """Write a whole text file and flush it."""
    output = Output(path)
    output.write(content.encode())
    return output.close()


def make_folder(path: Path) -> Path:
    """Make a folder that is not there yet."""
    step("mkdir", path)
    path.mkdir()
    return path


def replace(source: Path, target: Path) -> None:
    """Put a file in the place of another in one step that a crash leaves done or undone."""
    step("rename", target)
    source.replace(target)
    sync_folder(target.parent)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that it holds."""
    step("remove", path)
    if path.is_dir():
        for inner in path.iterdir():
            remove(inner)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    """Copy a file and flush it."""
    step("copy", target)
    shutil.copyfile(source, target)
    sync_folder(target)


def sync_folder(path: Path) -> None:
    """Flush a folder's (or file's) entry to the disk."""
    step("sync", path)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


class Rows:
    """The rows of one file, checked block by block on first use; or of an array in memory."""

    def __init__(self, array: NDArray[Any], path: Path | None = None, blocks: Sequence[int] = (), block: int = BLOCK) -> None:
        self._array, self._path = array, path
        self._bytes: Any = array.view(np.uint8).reshape(-1) if blocks else None
        self.row = array.strides[0] if array.ndim and len(array) else 1
        self._sums, self.block, self.blocks = blocks, block, -(-array.nbytes // block)
        self._unseen = np.ones(len(blocks), dtype=bool)
        self.left = len(blocks)  # blocks that were not checked yet
        self.file = -1

    @classmethod
    def open(cls, path: Path, entry: FileEntry, dtype: DTypeLike, width: int = 0) -> Rows:
        """Map a file.

        Args:
            path: the file.
            entry: what it must be.
            dtype: of one value.
            width: values of a row; 0 for rows that are single values.

        Raises:
            IndexDamaged: it is missing, or its size is not the one that it had.
        """
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size != entry.size or len(entry.blocks) != -(-size // entry.block) or size % (np.dtype(dtype).itemsize * max(1, width)):
                    raise _changed(path)
                # An empty file cannot be mapped.
                raw: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
                own = os.dup(file.fileno()) if size >= _LARGE else -1
        except FileNotFoundError as error:
            raise IndexDamaged(f"{path} is missing; run: qa index build") from error
        array = np.frombuffer(raw, dtype=dtype)
        rows = cls(array.reshape(-1, width) if width else array, path, entry.blocks, entry.block)
        if size:
            register(raw)
        if size >= _LARGE:
            rows.file = own
            weakref.finalize(rows, os.close, own)
            read_at_random(raw, own)
        return rows

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, span: slice) -> NDArray[Any]:
        """Return the rows of a span (with start and stop), after its blocks were checked.

        Raises:
            IndexDamaged: a block differs from its checksum.
        """
        if self.left and span.stop > span.start:
            first, last = span.start * self.row // self.block, (span.stop * self.row - 1) // self.block + 1
            if last - first > 1 or self._unseen[first]:
                if last - first > 1:
                    self._announce(first, last)
                self._check(first, last)
        elif self.file >= 0 and (span.stop - span.start) * self.row > 2 * self.block:
            self._announce(span.start * self.row // self.block, (span.stop * self.row - 1) // self.block + 1)
        return self._array[span]

    def _announce(self, first: int, last: int) -> None:
        """Let the system read some blocks ahead."""
        if self.file >= 0:
            announce(self.file, first * self.block, (last - first) * self.block)

    def _unchecked(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> list[int]:
        """Return the blocks of some short spans that were not checked yet."""
        first, last = begins * self.row // self.block, np.maximum(ends * self.row - 1, 0) // self.block
        short = last - first <= 1
        blocks = [first[short], last[short], *(np.arange(a, b + 1) for a, b in zip(first[~short].tolist(), last[~short].tolist(), strict=True))]
        every = np.concatenate(blocks)
        return np.unique(every[self._unseen[every]]).tolist() if len(self._unseen) else []

    def expect(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        """Let the system read the blocks of some spans ahead that were not checked yet."""
        for block in self._unchecked(begins, ends) if self.file >= 0 else ():
            self._announce(block, block + 1)

    def check(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        """Check the blocks of some spans that were not checked yet; raises IndexDamaged."""
        for block in self._unchecked(begins, ends):
            self._check(block, block + 1)

    def content(self, begin: int, end: int) -> bytes:
        """Return the bytes of some rows, whose blocks were checked.

        Those of a large file are read: a mapped page would count as this process's memory, together with fifteen neighbours.
        """
        if self.file >= 0:
            return os.pread(self.file, (end - begin) * self.row, begin * self.row)
        return self._array[begin:end].tobytes()

    @property
    def width(self) -> int:
        """Values of a row; 1 for rows that are single values."""
        return self._array.shape[1] if self._array.ndim > 1 else 1

    def take(self, rows: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Return single rows, in the order asked for, after their blocks were checked."""
        begins = rows.astype(np.int64)
        if self.file >= 0:
            return self.runs(begins, begins + 1)
        if self.left and len(rows):
            self.check(begins, begins + 1)
        found: NDArray[Any] = self._array[begins]
        return found

    def runs(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows of some spans, one span after the other, after their blocks were checked."""
        if self.left and len(begins):
            self.check(begins, ends)
        content = b"".join([self.content(a, b) for a, b in zip(begins.tolist(), ends.tolist(), strict=True)])
        return np.frombuffer(content, dtype=self._array.dtype).reshape(-1, *self._array.shape[1:])

    def around(self, digest: np.uint64) -> tuple[int, NDArray[np.uint64]]:
        """Return where a span of a rising table of digests begins, and the span: it holds a digest if the table does.

        Digests are spread evenly, so the place follows from the value but for some square roots of their number: a large
        table is not read, nor compared with its checksums, as a whole.
        """
        count = len(self._array)
        reach = count if count <= SMALL else 2 * math.isqrt(count)
        place = int(digest) * count >> 64
        while True:
            begin, end = max(0, place - reach), min(count, place + reach)
            found = self[begin:end]
            if (not begin or found[0] <= digest) and (end == count or found[-1] >= digest):
                return begin, found
            reach *= 4

    def all(self) -> NDArray[Any]:
        """Return all rows."""
        return self[0 : len(self._array)]

    def _check(self, first: int, last: int) -> None:
        if not self._unseen[first:last].any():
            return
        for block in (np.flatnonzero(self._unseen[first:last]) + first).tolist():
            if zlib.crc32(self._content(block)) != self._sums[block]:
                raise _changed(self._path)
            # Two threads may check the same block; only the count of what is left must not fall too far.
            self._unseen[block] = False
        self.left = int(self._unseen.sum())

    def _content(self, block: int) -> Any:
        at = block * self.block
        return self._bytes[at : at + self.block] if self.file < 0 else os.pread(self.file, self.block, at)


_LARGE = 32 << 20  # bytes of a file whose rows are read one by one


def _changed(path: Path | None) -> IndexDamaged:
    return IndexDamaged(f"{path} has changed since it was built; run: qa index build --force")
