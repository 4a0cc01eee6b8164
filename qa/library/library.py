"""Adding, removing and synchronising documents, and keeping their index in line with them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qa.documents.model import Document
from qa.documents.readers import page_image
from qa.embedding import Embedder
from qa.errors import IndexDamaged, IndexMissing, IndexStale, LibraryProblem, UnknownDocument
from qa.index import Snapshot, collect, current_generation, read_manifest, update_index
from qa.index.approximate import MEMORY
from qa.library.intake import Intake, Told
from qa.library.results import Added, Collection, Progress, Synced
from qa.library.sources import Item, check_collection, expand, files_of
from qa.library.store import DATABASE, INDEX, Entry, Indexed, Store, damage, locked

Encoder = Callable[[int], Embedder]
"""Gives a model for so many characters to encode; called only if there are any."""


class Library:
    """The user's documents in a folder.

    Every change is made under a lock, first in the store and then in the index; ``bring_in_line``
    finishes what a killed process began.
    """

    def __init__(self, folder: Path, model: str, max_tokens: int, encoder: Encoder, memory: int = MEMORY) -> None:
        """Describe a library; nothing is opened or made yet.

        Args:
            folder: where it is or will be.
            model: identity of the model that its index is built with.
            max_tokens: upper size of a passage.
            encoder: gives that model.
            memory: bytes that the codes of dense search may take in a large index.
        """
        self.folder = folder
        self.index = folder / INDEX
        self._model = model
        self._max_tokens = max_tokens
        self._encoder = encoder
        self._memory = memory

    @property
    def exists(self) -> bool:
        """Whether a document was ever added."""
        return (self.folder / DATABASE).is_file()

    def entries(self) -> dict[str, Entry]:
        """Return all documents without their text, by id.

        Raises:
            LibraryDamaged: the database cannot be read.
        """
        if not self.exists:
            return {}
        with Store(self.folder) as store:
            return store.entries()

    def documents(self) -> list[Document]:
        """Return all documents, by id.

        Raises:
            LibraryDamaged: the database cannot be read.
        """
        if not self.exists:
            return []
        with Store(self.folder) as store:
            return list(store.documents())

    def document(self, document_id: str) -> Document | None:
        """Return a document by its id, or None if there is none.

        Raises:
            LibraryDamaged: the database cannot be read.
        """
        if not self.exists:
            return None
        with Store(self.folder) as store:
            return next(store.documents([document_id]), None)

    def add(
        self,
        sources: Sequence[str | Path],
        *,
        collection: str = "library",
        names: Sequence[str] | None = None,
        title: str | None = None,
        language: str | None = None,
        date: str | None = None,
        progress: Progress | None = None,
    ) -> list[Added]:
        """Read files, folders and addresses into a collection; see ``Assistant.add``."""
        check_collection(collection)
        told = Told(title or "", language or "", date or "")  # type: ignore[arg-type]  # checked there
        items = expand(sources, names)
        if told != Told() and (len(items) != 1 or items[0].root):
            raise LibraryProblem("a title, a language or a date can be given for a single file only; add the files one by one")
        with locked(self.folder), Store(self.folder, write=True) as store:
            store.begin()
            results = self._take(store, collection, told, items, progress)
            return self._counted(results, self._settle(store, progress))

    def sync(self, folder: str | Path, *, collection: str = "library", progress: Progress | None = None) -> Synced:
        """Make a collection hold what a folder holds; see ``Assistant.sync``."""
        check_collection(collection)
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise LibraryProblem(f"{folder} is no folder, and nothing was removed; give the folder that holds your documents")
        items = list(files_of(path))
        root, names = str(path.resolve()), {i.name for i in items}
        with locked(self.folder), Store(self.folder, write=True) as store:
            gone = [e.id for e in store.entries().values() if (e.collection, e.root) == (collection, root) and e.name not in names]
            store.begin()
            store.delete(gone)  # first, so that a file that was renamed is no duplicate of itself
            results = self._take(store, collection, Told(), items, progress)
            results = self._counted(results, self._settle(store, progress))
        by_status: dict[str, Any] = {
            field: tuple(r for r in results if r.status == status)
            for field, status in (
                ("added", "added"), ("updated", "updated"), ("unchanged", "unchanged"), ("duplicates", "duplicate"), ("refused", "refused"),
            )
        }  # fmt: skip
        return Synced(folder=root, removed=tuple(gone), **by_status)

    def remove(self, ids: Sequence[str], progress: Progress | None = None) -> list[str]:
        """Remove documents with all that was made of them; see ``Assistant.remove``."""
        wanted = list(dict.fromkeys(ids))
        known = self.entries()
        for document_id in wanted:
            if document_id not in known:
                raise UnknownDocument(f"no document of your own has the id {document_id!r}; list them with: qa documents")
        if wanted:
            with locked(self.folder), Store(self.folder, write=True) as store:
                store.delete(wanted)
                self._settle(store, progress)
        return wanted

    def bring_in_line(self, progress: Progress | None = None, *, change: bool = True) -> None:
        """Finish what a killed process began, and rebuild an index that the settings no longer fit.

        Where another process is changing the library just now, the index is left as it is.

        Args:
            progress: see ``Assistant.add``.
            change: False raises instead of building.

        Raises:
            IndexStale: the index is out of line and must not be built now.
            LibraryDamaged: the store cannot be read or written.
        """
        if not self.exists or not self._out_of_line():
            return
        if not change:
            raise IndexStale(f"the index of your documents in {self.folder} is not up to date; run: qa index build")
        with locked(self.folder, wait=False) as held:
            if held:
                with Store(self.folder, write=True) as store:
                    self._settle(store, progress)

    def rebuild(self, progress: Progress | None = None) -> None:
        """Build the index anew, encoding everything.

        Raises:
            LibraryProblem, IndexProblem: see ``qa.errors``.
        """
        if self.exists:
            with locked(self.folder), Store(self.folder, write=True) as store:
                self._drop_index()
                self._settle(store, progress)

    def original(self, document_id: str) -> Path:
        """Return the stored copy of a document's file.

        Raises:
            UnknownDocument: the library has no such document.
            LibraryDamaged: its copy is gone.
        """
        entry = self._entry(document_id)
        with Store(self.folder) as store:
            path = store.original(entry)
        if not path.is_file():
            raise LibraryProblem(f"the stored copy of {entry.name} is gone from {path.parent}; add the file again")
        return path

    def page_image(self, document_id: str, page: int, width: int) -> bytes:
        """Return a page of a PDF as PNG.

        Raises:
            UnknownDocument: the library has no such document.
            UnreadableFile: it is no PDF, or has no such page.
        """
        return page_image(self.original(document_id), page, width, name=self._entry(document_id).name)

    def collections(self) -> list[Collection]:
        """Return the collections by name, as they stand in the store.

        Raises:
            LibraryDamaged: the database cannot be read.
        """
        if not self.exists:
            return []
        with Store(self.folder) as store:
            entries, (_, held) = store.entries().values(), store.indexed()
        sizes = self.sizes()
        found = []
        for name in sorted({e.collection for e in entries}):
            ids = [e.id for e in entries if e.collection == name]
            passages = sum(held[i].passages for i in ids if i in held)
            found.append(Collection(name=name, documents=len(ids), passages=passages, bytes=sum(sizes.get(i, 0) for i in ids)))
        return found

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each document's stored copy, by id; 0 where it is gone.

        Raises:
            LibraryDamaged: the database cannot be read.
        """
        if not self.exists:
            return {}
        with Store(self.folder) as store:
            paths = {e.id: store.original(e) for e in store.entries().values()}
        return {i: path.stat().st_size if path.is_file() else 0 for i, path in paths.items()}

    def _entry(self, document_id: str) -> Entry:
        entry = self.entries().get(document_id)
        if entry is None:
            raise UnknownDocument(f"no document of your own has the id {document_id!r}; list them with: qa documents")
        return entry

    def _take(self, store: Store, collection: str, told: Told, items: Sequence[Item], progress: Progress | None) -> list[Added]:
        """Read items into the store; the results are in the order of the items."""
        results: dict[int, Added] = {}
        with Intake(store, collection, told) as intake:
            # New versions first: what was a duplicate of an earlier version is none any more.
            order = sorted(range(len(items)), key=lambda n: not intake.known(items[n]))
            for done, number in enumerate(order):
                if progress:
                    progress(0, 0, f"reading {items[number].name} ({done + 1} of {len(items)})")
                results[number] = intake.take(items[number])
        return [results[n] for n in range(len(items))]

    def _settle(self, store: Store, progress: Progress | None) -> Mapping[str, Indexed]:
        """Bring the index in line with the store and remove every trace of what is gone.

        Returns:
            What the index holds then, by id.
        """
        if self._unfit():
            self._drop_index()
        wanted = {e.id: e.digest for e in store.entries().values()}
        held = self._held(store)
        gone = [i for i in held if i not in wanted]
        new = [i for i, digest in wanted.items() if i not in held or held[i].digest != digest]
        if not wanted:
            self._drop_index()
            store.note_indexed("", {})
        elif gone or new:
            documents = list(store.documents(new))
            size = sum(len(d.text) for d in documents)

            def advance(done: int, total: int) -> None:
                if progress:
                    progress(done, total, "building the index")

            generation = update_index(self.index, documents, gone, self._encoder(size), self._max_tokens, advance, self._memory)
            counts = Snapshot.load(self.index).documents
            held = {i: held[i] if i not in new else Indexed(wanted[i], int(counts.passages[counts.number(i)])) for i in wanted}
            store.note_indexed(generation, held)
        else:
            if store.unclean:  # a document may have gone before its index was whole; what was written of it goes as well
                collect(self.index)
            store.note_indexed(current_generation(self.index), held)
        store.clean()
        return {i: h for i, h in held.items() if i in wanted}

    def _held(self, store: Store) -> dict[str, Indexed]:
        """Return what the index holds, by id."""
        try:
            generation = current_generation(self.index)
        except IndexMissing:
            return {}
        noted, held = store.indexed()
        if noted == generation:
            return held
        try:  # whoever switched to this generation was stopped before it could note so
            documents = Snapshot.load(self.index).documents
            numbers = {documents.at(n).id: n for n in range(len(documents))}
            return {i: Indexed(documents.digest(n), int(documents.passages[n])) for i, n in numbers.items()}
        except IndexDamaged:
            self._drop_index()
            return {}

    def _out_of_line(self) -> bool:
        """Tell whether store and index differ, or traces of a change were left, without reading documents."""
        with Store(self.folder) as store:
            wanted = {e.id: e.digest for e in store.entries().values()}
            noted, held = store.indexed()
            if store.unclean or wanted != {i: h.digest for i, h in held.items()}:
                return True
        try:
            return bool(wanted) and (bool(self._unfit()) or noted != current_generation(self.index))
        except IndexMissing:
            return True

    def _unfit(self) -> str:
        """Say why the index must be built anew; "" if it need not, or if there is none."""
        try:
            manifest = read_manifest(self.index, current_generation(self.index))
        except IndexMissing:
            return ""
        except (IndexStale, IndexDamaged) as error:
            return str(error)
        if manifest.model != self._model:
            return f"the index was built with the model {manifest.model}"
        return "" if manifest.max_tokens == self._max_tokens else f"the index has passages of {manifest.max_tokens} tokens"

    def _drop_index(self) -> None:
        with damage(self.folder):
            if self.index.exists():
                shutil.rmtree(self.index)

    @staticmethod
    def _counted(results: Iterable[Added], held: Mapping[str, Indexed]) -> list[Added]:
        counts = {i: h.passages for i, h in held.items()}
        return [r.model_copy(update={"passages": counts.get(r.document_id or "", 0)}) for r in results]
