"""What an assistant can do with the user's documents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from qa.documents.files import document_paths
from qa.errors import LibraryProblem
from qa.index.snapshot import Snapshot, current_generation, read_manifest
from qa.library.library import Library
from qa.library.results import CORPUS, Added, Collection, Progress, Synced
from qa.settings import Settings


class OwnDocuments(ABC):
    """Adds, removes and shows the user's documents; every change is followed by ``reload``."""

    settings: Settings

    @property
    @abstractmethod
    def snapshot(self) -> Snapshot:
        """The generations of the indexes that the next question is asked of."""

    @property
    @abstractmethod
    def _library(self) -> Library: ...

    @abstractmethod
    def reload(self) -> bool:
        """Switch to the newest generations."""

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
        """Add files, folders (with all below them) and addresses to the user's documents.

        A file whose name is known in the collection replaces its earlier version; one whose content
        is known there is not indexed twice. What cannot be read is refused and does not stop the rest.

        Args:
            sources: paths and addresses.
            collection: where to; made if it is new.
            names: one for each source, for files that lie under another name than their own.
            title, language, date: of a single file, where the file does not say so rightly;
                "en" or "zh", and YYYY-MM-DD.
            progress: called with passages done, their total (0 while files are read) and a note.

        Returns:
            What became of each file and address.

        Raises:
            LibraryProblem, IndexProblem: see ``qa.errors``.
        """
        results = self._library.add(
            sources, collection=collection, names=names, title=title, language=language, date=date, progress=progress
        )
        self.reload()
        return results

    def remove(self, ids: Sequence[str], progress: Progress | None = None) -> list[str]:
        """Remove documents of the user with all that was made of them, and return their ids.

        Raises:
            UnknownDocument: an id is unknown; then nothing is removed.
            LibraryProblem: a document belongs to the corpus, or the library cannot be written.
        """
        corpus = [i for i in ids if i in self.snapshot.documents and self.snapshot.documents[i].collection == CORPUS]
        if corpus:
            raise LibraryProblem(f"{corpus[0]!r} belongs to the corpus; only your own documents can be removed")
        removed = self._library.remove(ids, progress)
        self.reload()
        return removed

    def sync(self, folder: str | Path, *, collection: str = "library", progress: Progress | None = None) -> Synced:
        """Make a collection follow a folder: add what is new, re-read what has changed, remove what is gone.

        Only documents that came from this folder are removed.

        Raises:
            LibraryProblem, IndexProblem: see ``qa.errors``.
        """
        result = self._library.sync(folder, collection=collection, progress=progress)
        self.reload()
        return result

    def collections(self) -> tuple[Collection, ...]:
        """Return the corpus and the user's collections, by name."""
        corpus = read_manifest(self.settings.index, current_generation(self.settings.index))
        size = sum(path.stat().st_size for path in document_paths(self.settings.corpus))
        first = Collection(name=CORPUS, documents=corpus.documents, passages=corpus.passages, bytes=size)
        return (first, *self._library.collections())

    def original(self, document_id: str) -> Path:
        """Return the stored copy of the file of a user's document.

        Raises:
            UnknownDocument: there is no such document of the user.
            LibraryProblem: the copy is gone.
        """
        return self._library.original(document_id)

    def page_image(self, document_id: str, page: int, width: int = 900) -> bytes:
        """Return a page of a user's PDF as a PNG picture.

        Args:
            document_id: of the document.
            page: its number, from 1.
            width: of the picture in pixels.

        Raises:
            UnknownDocument: there is no such document of the user.
            UnreadableFile: it is no PDF, or has no such page.
        """
        return self._library.page_image(document_id, page, width)
