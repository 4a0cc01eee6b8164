"""From one file or address to a stored document."""

from __future__ import annotations

import datetime
import errno
import io
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from qa.documents.model import Document, Origin
from qa.documents.readers import SUFFIXES, Extracted, Reader, ReadLimits, fetch
from qa.errors import AddressRefused, LibraryProblem, UnreadableFile
from qa.library.results import Added, Status
from qa.library.sources import Item, document_id
from qa.library.store import Entry, Store, copy_in

# The library's own folder is in trouble, not the file that is read.
_OURS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})


@dataclass(frozen=True)
class Told:
    """What the user says about a document; "" leaves it to the file."""

    title: str = ""
    language: Literal["en", "zh", ""] = ""
    date: str = ""

    def __post_init__(self) -> None:
        if self.language not in ("en", "zh", ""):
            raise LibraryProblem(f"{self.language!r} is not a language that can be asked in; use en or zh")
        if self.date:
            try:
                if len(self.date) != len("2025-01-31"):
                    raise ValueError
                datetime.date.fromisoformat(self.date)
            except ValueError:
                raise LibraryProblem(f"{self.date!r} is not a date like 2025-03-31") from None


class Intake:
    """Takes items into a collection, one after the other. Use as a context manager: it holds a reading process."""

    def __init__(self, store: Store, collection: str, told: Told) -> None:
        self._store = store
        self._collection = collection
        self._told = told
        self._limits = ReadLimits()
        self._reader = Reader(self._limits)
        self._entries = store.entries()
        self._by_content = {(e.collection, e.content): e.id for e in self._entries.values()}

    def __enter__(self) -> Intake:
        return self

    def __exit__(self, *raised: object) -> None:
        self._reader.close()
        self._store.incoming().unlink(missing_ok=True)

    def known(self, item: Item) -> bool:
        """Tell whether an earlier version of an item is in the collection."""
        return document_id(self._collection, item.name) in self._entries

    def take(self, item: Item) -> Added:
        """Read an item and keep it; whatever is wrong with it is told in the result.

        Raises:
            LibraryDamaged: the library itself cannot be written.
        """
        try:
            if item.problem:
                raise UnreadableFile(item.problem)
            return self._take(item)
        except (UnreadableFile, AddressRefused) as error:
            before = self._entries.get(document_id(self._collection, item.name))
            if before is None:
                return Added(source=item.name, status="refused", message=str(error))
            return Added(source=item.name, status="refused", document_id=before.id, message=f"{error}; the earlier version stays")

    def _take(self, item: Item) -> Added:
        key = document_id(self._collection, item.name)
        before = self._entries.get(key)
        if before is not None and before.root != item.root and before.root and item.root:
            raise UnreadableFile(f"{item.name}: a file of {before.root} has this name already; add this folder to another collection")
        content, file_name, url = self._copy(item)
        same = before is not None and before.content == content
        if same and self._told == Told():
            return Added(source=item.name, status="unchanged", document_id=key)
        twin = self._by_content.get((self._collection, content))
        if twin is not None and twin != key:
            return self._duplicate(item, before, self._entries[twin])
        extracted = self._reader.read(self._store.incoming(), file_name)
        document = self._document(key, item.name, content, extracted, url)
        suffix = PurePosixPath(file_name).suffix.lower()
        entry = Entry(
            key, self._collection, item.name, item.root, suffix if suffix in SUFFIXES else "", content, document.digest
        )
        status: Status = "added" if before is None else "unchanged" if before.digest == entry.digest else "updated"
        replaced = f"replaces the version of {self._date_of(key)}" if status == "updated" else ""
        if status != "unchanged":
            self._store.keep(self._store.incoming(), entry)
            self._store.put(entry, document)
            self._remember(entry, before)
        message = " ".join(filter(None, (replaced, *extracted.notes)))
        return Added(source=item.name, status=status, document_id=key, title=document.title, message=message)

    def _copy(self, item: Item) -> tuple[str, str, str]:
        """Copy an item's bytes into the library; return their digest, the name to read them by, and the address."""
        target = self._store.incoming()
        if item.path is None:
            fetched = fetch(item.url)
            return copy_in(io.BytesIO(fetched.content), item.name, target, self._store.folder, self._limits.file_bytes), fetched.name, fetched.url
        try:
            with item.path.open("rb") as source:
                return copy_in(source, item.name, target, self._store.folder, self._limits.file_bytes), item.name, ""
        except OSError as error:
            if error.errno in _OURS:
                raise
            raise UnreadableFile(f"{item.name}: cannot be read: {error.strerror or error}; correct that and add it again") from error

    def _duplicate(self, item: Item, before: Entry | None, twin: Entry) -> Added:
        message = f"duplicate of {twin.id} ({twin.name})"
        if before is not None:
            self._store.delete([before.id])
            self._remember(None, before)
            message += "; the earlier version under this name was removed"
        return Added(source=item.name, status="duplicate", document_id=twin.id, message=message)

    def _document(self, key: str, name: str, content: str, extracted: Extracted, url: str) -> Document:
        if not extracted.text.strip():
            raise UnreadableFile(f"{name}: holds no text; add a file that does")
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return Document(
            id=key,
            title=self._told.title or extracted.title or PurePosixPath(name).name or name,
            language=self._told.language or extracted.language,
            topic="",
            as_of=self._told.date or extracted.date,
            text=extracted.text,
            sections=extracted.sections,
            collection=self._collection,
            origin=Origin(name=name, media_type=extracted.media_type, digest=content, added=now, url=url),
            pages=extracted.pages,
        )

    def _date_of(self, key: str) -> str:
        """Return the date of a stored version: its own where it is known, else when it was added."""
        (document,) = self._store.documents([key])
        return document.as_of or (document.origin.added[:10] if document.origin else "")

    def _remember(self, entry: Entry | None, before: Entry | None) -> None:
        if before is not None:
            self._entries.pop(before.id)
            self._by_content.pop((before.collection, before.content), None)
        if entry is not None:
            self._entries[entry.id] = entry
            self._by_content[entry.collection, entry.content] = entry.id
