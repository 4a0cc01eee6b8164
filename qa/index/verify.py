"""Read every byte of an index, say what is wrong, and build damaged segments anew from what is whole."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.documents.model import Document
from qa.embedding import Embedder
from qa.errors import IndexDamaged
from qa.index.builder import rewrite
from qa.index.change import Progress
from qa.index.files import remove
from qa.index.lexical import PARTS, Lengths, Postings, digest_of
from qa.index.lists import open_lists
from qa.index.merged import Words
from qa.index.segment import LEXICAL, RECORD, TABLES, Segment, SegmentEntry
from qa.index.snapshot import Manifest, current_generation, read_glossary, read_manifest
from qa.index.vectors import cover

Sources = Callable[[str], Document | None]
_ID = re.compile(rb'\{"id":("(?:[^"\\]|\\.)*")')
_UNIT = 0.01  # how far from 1 the length of a vector may lie: a float16 keeps three digits


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        generation: the one that was read.
        files, bytes: how many were read.
        problems: a sentence each; none for an intact index.
        repaired: what was done about them, a sentence each.
    """

    generation: str
    files: int
    bytes: int
    problems: tuple[str, ...]
    repaired: tuple[str, ...] = ()


def verify_index(
    folder: Path,
    sources: Sources | None = None,
    repair: bool = False,
    embedder: Embedder | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check every digest, count and offset of the current generation.

    Args:
        folder: the index folder.
        sources: gives a document by its id, for those whose stored text is damaged; None where it has none.
        repair: write the damaged segments anew. Documents are taken from the segment where their
            text is whole, else from ``sources``; their vectors where those are whole, else they are encoded.
        embedder: the model; needed for a repair.
        progress: called with passages done and their total while repairing.

    Returns:
        What was found, and after a repair what was done.

    Raises:
        IndexMissing, IndexStale: there is nothing to check.
        IndexDamaged: CURRENT or the manifest is damaged, so that nothing can be said about the rest.
        IndexBusy: a repair is wanted and another process is building.
    """
    generation = current_generation(folder)
    manifest = read_manifest(folder, generation)
    problems: list[str] = []
    damaged: list[SegmentEntry] = []
    holders: dict[int, str] = {}
    try:
        read_glossary(folder / generation, manifest)
    except IndexDamaged as error:
        problems.append(_sentence(error))
    for entry in manifest.segments:
        found = _examine(folder, entry, manifest, holders)
        problems += found
        if found:
            damaged.append(entry)
    lists, words = _wrong_lists(folder, manifest), _wrong_words(folder, manifest)
    problems += lists + words
    files, size = 2 + (len(TABLES) + 1) * len(manifest.segments), manifest.bytes
    if not problems or not repair:
        return Report(generation, files, size, tuple(problems))
    if embedder is None:
        raise ValueError("a repair needs the model")
    documents: list[Document] = []
    repaired: list[str] = []
    for entry in damaged:
        whole, lost = _recover(folder / entry.name, entry, sources)
        documents += whole
        repaired.append(f"{entry.name} was written anew with {len(whole)} of {entry.documents} documents")
        if lost:
            repaired.append(f"add these again: {', '.join(lost)}")
        elif len(whole) < entry.documents:
            repaired.append("the names of the others cannot be read; add them again")
    # What is damaged must not be copied into what the repair writes, nor kept.
    for name in [manifest.dense.name] * bool(lists) + [manifest.words.name] * bool(words):
        remove(folder / name)
        repaired.append(f"{folder / name} was written anew")
    lost_any = len(documents) < sum(e.documents for e in damaged)
    keep = {e.name for e in manifest.segments} - {e.name for e in damaged}
    rewrite(folder, keep, documents, embedder, not lost_any, progress)
    return Report(generation, files, size, tuple(problems), tuple(repaired))


def _sentence(error: IndexDamaged) -> str:
    return str(error).partition("; ")[0]


def _examine(folder: Path, entry: SegmentEntry, manifest: Manifest, holders: dict[int, str]) -> list[str]:
    """Return what is wrong with a segment; ``holders`` gathers which segment holds which document."""
    try:
        segment = Segment(folder / entry.name, entry)
    except IndexDamaged as error:
        return [_sentence(error)]
    changed = [name for name, e in segment.info.files.items() if _digest(segment.path / name) != e.sha256]
    if changed:
        return [f"{segment.path / name} has changed since it was built" for name in changed]
    problems = [f"{segment.path}: {problem}" for problem in _problems(segment, manifest)]
    for key in segment.tables["records"].all()["key"].tolist():
        if key in holders:
            problems.append(f"{segment.path}: it holds a document that {holders[key]} holds as well")
        holders[key] = entry.name
    return problems


def _wrong_lists(folder: Path, manifest: Manifest) -> list[str]:
    """Return what is wrong with the lists for dense search."""
    if not manifest.dense.name:
        return []
    try:
        info, lists = open_lists(folder, manifest.dense)
        path = folder / manifest.dense.name
        changed = [name for name, e in info.files.items() if _digest(path / name) != e.sha256]
        cover(info, lists, [s.name for s in manifest.segments])
    except IndexDamaged as error:
        return [_sentence(error)]
    return [f"{path / name} has changed since it was built" for name in changed]


def _wrong_words(folder: Path, manifest: Manifest) -> list[str]:
    """Return what is wrong with the joined words."""
    if not manifest.words.name:
        return []
    try:
        words = Words(folder, manifest.words)
    except IndexDamaged as error:
        return [_sentence(error)]
    path = words.path
    if changed := [name for name, e in words.info.files.items() if _digest(path / name) != e.sha256]:
        return [f"{path / name} has changed since it was built" for name in changed]
    sizes = {s.name: s.passages for s in manifest.segments[: len(words.covered)]}
    if sizes != {s.name: s.passages for s in words.info.segments}:
        return [f"{path} does not cover the first segments of the index"]
    found = (_wrong_postings(words.postings(name), name, words.postings(name).summed.texts) for name in LEXICAL)
    return [f"{path}: {problem}" for problems in found for problem in problems]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _problems(segment: Segment, manifest: Manifest) -> Iterator[str]:
    """Yield what is wrong inside a segment whose files are as they were written."""
    entry, tables = segment.entry, {name: rows.all() for name, rows in segment.tables.items() if name in ("passages", "spans", "records")}
    passages, spans, records = tables["passages"], tables["spans"], tables["records"]
    if (segment.info.dim, segment.info.token_dim) != (manifest.dim, manifest.token_dim):
        yield f"its vectors have {segment.info.dim} and {segment.info.token_dim} values instead of {manifest.dim} and {manifest.token_dim}"
        return
    counts = {
        "passages": (len(passages), entry.passages),
        "keys": (len(segment.tables["keys"]), entry.passages),
        "spans": (len(spans), entry.sentences),
        "sentences of passages": (int(passages["sentences"].sum()), entry.sentences),
        "tokens of passages": (int(passages["tokens"].sum()), entry.tokens),
        "owners": (len(segment.tables["owners"]), entry.tokens),
        "passages of documents": (int(records["passages"].sum()), entry.passages),
    }
    wrong = [f"it has {found} {name} instead of {expected}" for name, (found, expected) in counts.items() if found != expected]
    yield from wrong
    if wrong:
        return
    if not np.array_equal(np.repeat(np.arange(len(records)), records["passages"]), passages["document"]):
        yield "passages do not follow their documents"
        return
    yield from _wrong_documents(segment, passages, spans, records)
    yield from _wrong_vectors(segment, passages)
    for name in LEXICAL:
        texts = {"words": entry.passages, "sentence_words": entry.sentences, "titles": len(segment.tables["title_keys"])}[name]
        yield from _wrong_postings(segment.postings(name), name, texts)


def _wrong_documents(segment: Segment, passages: NDArray[Any], spans: NDArray[np.int32], records: NDArray[Any]) -> Iterator[str]:
    """Check spans: sentences inside passages, passages inside sections, and all in order."""
    first = np.concatenate([[0], np.cumsum(passages["sentences"], dtype=np.int64)])
    begin = np.concatenate([[0], np.cumsum(records["passages"], dtype=np.int64)])
    if len(passages) and (int(passages["title"].max()) >= len(segment.tables["title_keys"]) or int(passages["title"].min()) < 0):
        yield "passages name titles that are not there"
    for number, document in enumerate(segment.documents()):
        if bytes(records["digest"][number]).hex() != document.digest or int(records["key"][number]) != digest_of(document.id):
            yield f"the document {document.id} is not the one that was written"
            continue
        position = 0
        for row in range(int(begin[number]), int(begin[number + 1])):
            passage = passages[row]
            start, stop, section = int(passage["start"]), int(passage["stop"]), int(passage["section"])
            own = spans[first[row] : first[row + 1]]
            edges = own.reshape(-1)
            inside = 0 <= section < len(document.sections) and document.sections[section].start <= start < stop <= document.sections[section].end
            if not inside or start < position or stop > len(document.text):
                yield f"the passage of {document.id} at {start} lies outside of its place"
            if not len(own) or (np.diff(edges) < 0).any() or edges[0] < start or edges[-1] > stop:
                yield f"the sentences of the passage of {document.id} at {start} lie outside of it"
            position = stop


def _wrong_vectors(segment: Segment, passages: NDArray[Any]) -> Iterator[str]:
    for name, noun in (("vectors", "passages"), ("sentences", "sentences")):
        rows = segment.tables[name]
        for a in range(0, len(rows), 16_384):
            part = rows[a : min(a + 16_384, len(rows))].astype(np.float32)
            # A comparison with NaN is false, so it is found as well.
            bad = np.flatnonzero(~(np.abs(np.linalg.norm(part, axis=1) - 1) < _UNIT))
            if len(bad):
                yield f"the vectors of {len(bad)} {noun} are not of unit length, the first is number {a + int(bad[0])}"
    owners = segment.tables["owners"].all()
    if (owners >= np.repeat(passages["sentences"], passages["tokens"])).any():
        yield "tokens name sentences that their passage does not have"


def _wrong_postings(postings: Postings, name: str, texts: int) -> Iterator[str]:
    terms, starts, rows, counts, lengths = (getattr(postings, part).all() for part in PARTS)
    if len(lengths) != texts or postings.summed != Lengths.of(lengths):
        yield f"the lengths of {name} do not fit"
    elif len(starts) != len(terms) + 1 or starts[0] != 0 or starts[-1] != len(rows) or (np.diff(starts) <= 0).any() or len(rows) != len(counts):
        yield f"the table of {name} does not fit its postings"
    elif (terms[1:] <= terms[:-1]).any():
        yield f"the terms of {name} are not in order"
    elif len(rows) and (int(rows.max()) >= texts or not counts.all()):
        yield f"postings of {name} name texts that are not there"
    else:
        later = np.ones(len(rows), dtype=bool)
        later[starts[:-1]] = False
        if (np.diff(rows.astype(np.int64), prepend=-1)[later] <= 0).any():
            yield f"the postings of {name} are not in order"
        elif (np.bincount(rows, weights=counts, minlength=texts) > lengths.sum(axis=1)).any():
            yield f"postings of {name} count more words than their texts have"


def _recover(path: Path, entry: SegmentEntry, sources: Sources | None) -> tuple[list[Document], list[str]]:
    """Return a damaged segment's documents, and the ids of those that are lost.

    A stored document is whole where its line has the checksum that its record says, wherever the
    damage is.
    """
    records = path / "records"
    content = records.read_bytes() if records.is_file() else b""
    known = set(np.frombuffer(content[: len(content) // RECORD.itemsize * RECORD.itemsize], dtype=RECORD)["crc"].tolist())
    lines = (path / "documents").read_bytes().splitlines(keepends=True) if (path / "documents").is_file() else []
    whole: dict[str, Document] = {}
    lost: list[str] = []
    for line in lines:
        named = _ID.match(line)
        document_id = json.loads(named[1]) if named else ""
        if zlib.crc32(line) in known:
            document = Document.model_validate_json(line)
            whole[document.id] = document
        elif found := sources(document_id) if sources and document_id else None:
            whole[found.id] = found
        elif document_id:
            lost.append(document_id)
    return list(whole.values()), lost
