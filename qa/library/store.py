"""The library's folder: documents in SQLite, and a stored copy of each file under its digest.

``documents.sqlite`` holds the extracted documents and, in the table ``indexed``, which of them the
current generation of the index holds. ``originals/`` holds the files as they came. A change is first
made here and then in the index, so that a process killed at any moment loses nothing: whoever opens
the library next brings the index in line.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from qa.documents.model import Document
from qa.errors import LibraryBusy, LibraryDamaged, UnreadableFile

DATABASE = "documents.sqlite"
ORIGINALS = "originals"
INDEX = "index"
FORMAT = 1
_INCOMING = ".incoming"
_OWN = re.compile(rf"[0-9a-f]{{64}}|{re.escape(_INCOMING)}-")  # names of files that this module makes in ORIGINALS
_COPIES, _REST = "copies", "rest"  # what a change may leave: stored copies; rests of rows in the database as well
_WAIT_S = 5.0  # for another process; a change in the same process is waited for as long as it takes
_TABLES = """
CREATE TABLE documents (
    id TEXT PRIMARY KEY, collection TEXT NOT NULL, name TEXT NOT NULL, root TEXT NOT NULL, suffix TEXT NOT NULL,
    content TEXT NOT NULL, digest TEXT NOT NULL, body TEXT NOT NULL
);
CREATE TABLE indexed (id TEXT PRIMARY KEY, digest TEXT NOT NULL, passages INTEGER NOT NULL);
CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

_changing: dict[Path, threading.RLock] = {}
_changing_guard = threading.Lock()


@dataclass(frozen=True)
class Entry:
    """A document of the library without its text.

    Attributes:
        name: the file's name or the address; a new version keeps it.
        root: the folder that it was found in; "" for a single file.
        suffix: of the stored copy, such as ".pdf"; "" if unknown.
        content: SHA-256 of the file.
        digest: SHA-256 of the document that was read from it.
    """

    id: str
    collection: str
    name: str
    root: str
    suffix: str
    content: str
    digest: str


@dataclass(frozen=True)
class Indexed:
    """A document as the index holds it: its digest, and how many passages it has."""

    digest: str
    passages: int


class Store:
    """The opened database and the folder of originals. Use as a context manager."""

    def __init__(self, folder: Path, *, write: bool = False) -> None:
        """Open the library of a folder.

        Args:
            folder: must hold a library unless ``write`` is set, which makes one.
            write: open it for changes; hold ``locked(folder)`` meanwhile.

        Raises:
            LibraryDamaged: the database cannot be read or written.
        """
        self.folder = folder
        path = folder / DATABASE
        with damage(folder):
            if write:
                _refuse_foreign(folder)
                (folder / ORIGINALS).mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(path, timeout=_WAIT_S)
                self._connection.execute("PRAGMA secure_delete = ON")
            else:
                # No parameter can make SQLite read while a killed change waits to be undone, but a writable connection.
                self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=_WAIT_S)
            self._check_format(write)

    def _check_format(self, write: bool) -> None:
        (found,) = self._connection.execute("PRAGMA user_version").fetchone()
        if found == 0 and write:
            with self._connection:
                self._connection.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {FORMAT};COMMIT;")
        elif found != FORMAT:
            raise LibraryDamaged(f"{self.folder / DATABASE} has format {found}, this version reads {FORMAT}; choose another folder with QA_LIBRARY")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *raised: object) -> None:
        self._connection.close()

    def entries(self) -> dict[str, Entry]:
        """Return all documents without their text, by id."""
        rows = self._rows("SELECT id, collection, name, root, suffix, content, digest FROM documents ORDER BY id")
        return {row[0]: Entry(*row) for row in rows}

    def documents(self, ids: Collection[str] | None = None) -> Iterator[Document]:
        """Yield documents by id; all where no ids are given."""
        for document_id in sorted(self.entries() if ids is None else ids):
            for (body,) in self._rows("SELECT body FROM documents WHERE id = ?", document_id):
                yield Document.model_validate_json(body)

    def put(self, entry: Entry, document: Document) -> None:
        """Keep a document; one of the same id is replaced."""
        body = document.model_dump_json(exclude_computed_fields=True)
        with damage(self.folder), self._connection:
            if self._connection.execute("SELECT 1 FROM documents WHERE id = ?", (entry.id,)).fetchone():
                self._note("unclean", _REST)
            self._connection.execute(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (entry.id, entry.collection, entry.name, entry.root, entry.suffix, entry.content, entry.digest, body),
            )

    def delete(self, ids: Collection[str]) -> None:
        """Forget documents."""
        with damage(self.folder), self._connection:
            self._connection.executemany("DELETE FROM documents WHERE id = ?", [(i,) for i in ids])
            self._note("unclean", _REST)

    def begin(self) -> None:
        """Note that a change begins, until ``clean`` ends it."""
        if not self.unclean:
            with damage(self.folder), self._connection:
                self._note("unclean", _COPIES)

    def indexed(self) -> tuple[str, dict[str, Indexed]]:
        """Return which generation of the index was written last, and what it holds by id."""
        rows = self._rows("SELECT id, digest, passages FROM indexed")
        return self._value("generation"), {row[0]: Indexed(row[1], row[2]) for row in rows}

    def note_indexed(self, generation: str, held: Mapping[str, Indexed]) -> None:
        """Note what a generation of the index holds."""
        with damage(self.folder), self._connection:
            self._connection.execute("DELETE FROM indexed")
            self._connection.executemany("INSERT INTO indexed VALUES (?, ?, ?)", ((i, h.digest, h.passages) for i, h in held.items()))
            self._note("generation", generation)

    def clean(self) -> None:
        """Remove what no document needs any more: stored copies, and what deleted rows left in the database."""
        with damage(self.folder):
            used = {f"{e.content}{e.suffix}" for e in self.entries().values()}
            for path in (self.folder / ORIGINALS).iterdir():
                if path.name not in used and _OWN.match(path.name):
                    path.unlink()
            if self._value("unclean") == _REST:
                # secure_delete zeroes rows, but pages that were split before may hold copies of their parts.
                self._connection.execute("VACUUM")
            with self._connection:
                self._connection.execute("DELETE FROM state WHERE name = 'unclean'")

    @property
    def unclean(self) -> bool:
        """Whether a change is under way, or was cut off before what it left was removed."""
        return bool(self._value("unclean"))

    def original(self, entry: Entry) -> Path:
        """Return the path of a document's stored copy."""
        return self.folder / ORIGINALS / f"{entry.content}{entry.suffix}"

    def incoming(self) -> Path:
        """Return the path for a file on its way into the library."""
        return self.folder / ORIGINALS / f"{_INCOMING}-{os.getpid()}"

    def keep(self, incoming: Path, entry: Entry) -> None:
        """Give a file that came in the name of its content."""
        with damage(self.folder):
            incoming.replace(self.original(entry))
            sync_to_disk(self.folder / ORIGINALS)

    def _rows(self, statement: str, *values: str) -> list[Any]:
        with damage(self.folder):
            return self._connection.execute(statement, values).fetchall()

    def _value(self, name: str) -> str:
        rows = self._rows("SELECT value FROM state WHERE name = ?", name)
        return str(rows[0][0]) if rows else ""

    def _note(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, value))


def _refuse_foreign(folder: Path) -> None:
    """Refuse to make a library among other files: what is not needed in one is removed."""
    if folder.is_dir() and not (folder / DATABASE).exists():
        foreign = sorted(p.name for p in folder.iterdir() if p.name not in (".lock", ORIGINALS) or (p.is_dir() and any(p.iterdir())))
        if foreign:
            raise LibraryDamaged(f"{folder} holds other files and no library (found {foreign[0]}); choose another folder with QA_LIBRARY")


@contextlib.contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the library for a change; yields whether it is held.

    Args:
        folder: of the library; made if missing.
        wait: False yields False at once where somebody else changes it.

    Raises:
        LibraryBusy: another process holds it for longer than some seconds.
        LibraryDamaged: the folder cannot be written.
    """
    with _changing_guard:
        own = _changing.setdefault(folder.resolve(), threading.RLock())
    if not own.acquire(blocking=wait):
        yield False
        return
    try:
        with damage(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = (folder / ".lock").open("w")
        with file:
            held = _flock(file.fileno(), wait)
            if wait and not held:
                raise LibraryBusy(f"another process is changing the library in {folder}; wait for it, then try again")
            yield held
    finally:
        own.release()


def _flock(descriptor: int, wait: bool) -> bool:
    until = time.monotonic() + (_WAIT_S if wait else 0)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.05)


@contextlib.contextmanager
def damage(folder: Path) -> Iterator[None]:
    """Turn errors of the system and of SQLite into one sentence about the library."""
    try:
        yield
    except OSError as error:
        todo = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "correct that"
        raise LibraryDamaged(
            f"the library in {folder} cannot be written: {error.strerror or error}; {todo} or choose another folder with QA_LIBRARY"
        ) from error
    except sqlite3.Error as error:
        raise LibraryDamaged(
            f"the library in {folder} cannot be used: {error}; free some space, or restore {DATABASE} from a copy, "
            "or choose another folder with QA_LIBRARY"
        ) from error


def copy_in(source: BinaryIO, name: str, target: Path, folder: Path, largest: int) -> str:
    """Copy a file into the library and return the SHA-256 of what was copied.

    Args:
        source: where to read from.
        name: what to call it in an error.
        target: path of the copy.
        folder: of the library.
        largest: bytes at most.

    Raises:
        UnreadableFile: it cannot be read, or is larger than that.
        LibraryDamaged: the copy cannot be written.
    """
    state, size = hashlib.sha256(), 0
    with damage(folder), target.open("wb") as copy:
        while True:
            try:
                block = source.read(1 << 20)
            except OSError as error:
                raise UnreadableFile(f"{name}: cannot be read: {error.strerror or error}") from error
            if not block:
                break
            size += len(block)
            if size > largest:
                raise UnreadableFile(f"{name}: is larger than {largest // 1_000_000} MB; split it or add its text alone")
            state.update(block)
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    return state.hexdigest()


def sync_to_disk(path: Path) -> None:
    """Wait until a folder's entries are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
