"""Change the index: encode what is new, write segments, switch ``CURRENT`` last.

A generation is a list of segments. A change writes new segments beside those in use, then the
manifest of a new generation, then replaces ``CURRENT``; only after that it removes what no
generation needs. Killed at any moment, it leaves a whole index, and the next change removes what was
left. Readers have opened all files, so removal does not disturb them.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from qa.documents.corpus import Corpus
from qa.documents.model import Document
from qa.embedding import Embedder
from qa.errors import CorpusError, IndexBusy, IndexDamaged
from qa.index.approximate import MEMORY
from qa.index.change import Change, Progress, collect_unlocked
from qa.index.encodings import Encoder
from qa.index.snapshot import current_generation, read_manifest, refuse_other_files


def build_index(
    corpus: Corpus,
    folder: Path,
    embedder: Embedder,
    max_tokens: int,
    progress: Progress | None = None,
    *,
    fresh: bool = False,
    memory: int = MEMORY,
    encoder: Encoder | None = None,
    window: int | None = None,
) -> str:
    """Make the index of a corpus: add what is new or changed, remove what is gone.

    Args:
        corpus: documents and glossary.
        folder: the index folder; made if missing.
        embedder: the model.
        max_tokens: upper size of a passage.
        progress: called with passages done and their total, which is an estimate until all are cut.
        fresh: take nothing of what is there, and encode everything anew.
        memory: bytes that the codes of dense search may take in a large index.
        encoder: encodes elsewhere, such as in several processes; in this process where None.
        window: passages that it is given at once; as many as one process likes where None.

    Returns:
        The new generation's name.

    Raises:
        CorpusError: the documents hold no text.
        IndexBusy: another process is building here.
        IndexDamaged: the folder cannot be written.
    """
    with _writing(folder):
        change = Change(folder, embedder, max_tokens, progress, memory=memory, encoder=encoder, window=window)
        if not fresh:
            change.start_or_begin_anew()
        change.keep_only({d.id for d in corpus.documents})
        change.add(corpus.documents)
        change.corpus, change.glossary = corpus.digest, corpus.glossary
        if not change.passages:
            raise CorpusError(f"{corpus.folder}: the documents hold no text; add some and build again")
        return change.commit()


def update_index(
    folder: Path,
    add: Sequence[Document],
    remove: Collection[str],
    embedder: Embedder,
    max_tokens: int,
    progress: Progress | None = None,
    memory: int = MEMORY,
) -> str:
    """Add and remove documents; the rest of the index is left as it is.

    Only passages that no segment holds yet are encoded. Of a removed document nothing is left in any
    file of the folder.

    Args:
        folder: the index folder; made if missing.
        add: new documents; one whose id is there replaces it.
        remove: ids of documents; those that are not there are passed over.
        embedder: the model.
        max_tokens: upper size of a passage.
        progress: called with passages done and their total.
        memory: bytes that the codes of dense search may take in a large index.

    Returns:
        The new generation's name.

    Raises:
        IndexBusy: another process is building here.
        IndexStale: the index has another model, passage size or format.
        IndexDamaged: a file is damaged, or the folder cannot be written.
    """
    with _writing(folder):
        change = Change(folder, embedder, max_tokens, progress, memory=memory)
        change.start()
        change.drop(remove)
        change.add(add)
        return change.commit()


def rewrite(
    folder: Path,
    keep: Collection[str],
    documents: Sequence[Document],
    embedder: Embedder,
    complete: bool,
    progress: Progress | None = None,
) -> str:
    """Write those segments anew that are not to be kept.

    Args:
        folder: the index folder.
        keep: names of segments that stay.
        documents: what the others held.
        embedder: the model.
        complete: whether the documents are all; else the index counts as stale, so that its corpus is read again.
        progress: called with passages done and their total.

    Returns:
        The new generation's name.
    """
    with _writing(folder):
        manifest = read_manifest(folder, current_generation(folder))
        change = Change(folder, embedder, manifest.max_tokens, progress)
        change.start(keep)
        change.add(documents)
        if not complete:
            change.corpus = ""
        return change.commit()


def collect(folder: Path) -> list[str]:
    """Remove everything that the current generation does not need; return the names of what went.

    Raises:
        IndexBusy: another process is building here.
        IndexProblem: there is no index, or it is damaged.
    """
    current_generation(folder)
    with _writing(folder):
        return collect_unlocked(folder)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, and say in one sentence why it cannot be written."""
    try:
        refuse_other_files(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise IndexBusy(f"another process is building in {folder}; wait for it, then try again") from error
            yield
    except OSError as error:
        advice = "choose another with QA_INDEX or --index"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            advice = f"free some space, or {advice}"
        raise IndexDamaged(f"the index folder {folder} cannot be written: {error.strerror}; {advice}") from error
