"""What one question sees from beginning to end: generations of the indexes, and a searcher over them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qa.embedding import Embedder
from qa.errors import IndexMissing, IndexProblem, IndexStale
from qa.index.snapshot import Snapshot, current_generation
from qa.retrieval.pool import FirstStage
from qa.retrieval.search import Searcher
from qa.settings import Settings


@dataclass(frozen=True)
class View:
    """The corpus with the user's documents at one moment.

    Attributes:
        generations: names of the generations that were read; () where a snapshot was handed over.
        snapshot: of all of them.
        searcher: searches it.
    """

    generations: tuple[str, ...]
    snapshot: Snapshot
    searcher: Searcher

    @classmethod
    def open(cls, index: Path, own: Path | None, embedder: Embedder, stage: Callable[[Snapshot], FirstStage | None] | None = None) -> View:
        """Read the current generations, again where one of them was replaced and removed meanwhile.

        Args:
            index: folder of the corpus' index.
            own: folder of the index of the user's documents, which need not be there; None leaves it out.
            embedder: for questions.
            stage: gives what finds the passages of a snapshot; its own files where None.

        Raises:
            IndexProblem: one of them cannot be read, or was built with another model.
        """
        for last in (False, False, True):
            generations = current(index, own)
            try:
                snapshot = Snapshot.load(*[f for f in (index, own) if f is not None][: len(generations)])
                break
            except (IndexProblem, OSError):
                if last or generations == current(index, own):
                    raise
        if snapshot.manifest.model != embedder.identity:
            raise IndexStale(f"the index was built with the model {snapshot.manifest.model}, this program runs {embedder.identity}; start it again")
        return cls(generations, snapshot, Searcher(snapshot, embedder, stage=stage(snapshot) if stage else None))


def stage_of(settings: Settings) -> Callable[[Snapshot], FirstStage | None] | None:
    """Return what gives the first stage of search that the settings name; None for the index's own files."""
    if settings.store == "local":
        return None
    from qa.retrieval.milvus import MilvusStage

    return lambda snapshot: MilvusStage(snapshot, settings.milvus_uri, settings.milvus_token)


def current(index: Path, own: Path | None) -> tuple[str, ...]:
    """Return the names of the current generations: of the corpus, and of the user's documents where there are any.

    Raises:
        IndexMissing: the corpus has none.
        IndexDamaged: one of the folders is no index.
    """
    names = [current_generation(index)]
    if own is not None:
        with contextlib.suppress(IndexMissing):
            names.append(current_generation(own))
    return tuple(names)
