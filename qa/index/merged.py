"""The word indexes of many segments as one, for large indexes.

A question has some ten to a hundred terms, and each segment has to be asked for each of them: at a million passages
that were 31 segments, and most of a search's time. So a generation of more than ``SMALL`` passages has, beside its
segments, a folder ``words-...`` with their postings joined: one run of texts a term, numbered through in the order
of the segments. Scores are the same whether a text is read there or in its segment.

The folder names the segments that it covers, the first of the generation. Those that came later are read one by one until
``WAITING`` passages or ``MOST_SEGMENTS`` are not covered; then, or when a covered segment has gone, all is joined anew,
so nothing is left of a document that was removed. Its files have checksums as those of a segment.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qa.errors import IndexDamaged
from qa.index.files import FileEntry, Output, Rows, make_folder, sha256_of, sync_folder, write_file
from qa.index.lexical import PARTS, Lengths, Postings
from qa.index.segment import LEXICAL, Segment

SMALL = 32_768  # passages up to which the segments are read one by one; one whole segment
WAITING = 8192  # passages of segments that are not covered
MOST_SEGMENTS = 16  # segments that are not covered
DESCRIPTION = "words.json"
_AT_ONCE = 4_000_000  # postings joined at once: some 150 MB
_DIGESTS = 1 << 64


class CoveredWords(BaseModel):
    """A segment whose words are in the folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    passages: int = Field(ge=0)


class WordsInfo(BaseModel):
    """What a folder of joined words holds, and what each of its files must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segments: tuple[CoveredWords, ...]
    lengths: dict[str, dict[str, int]]
    files: dict[str, FileEntry]


class WordsEntry(BaseModel):
    """Joined words as a generation names them; no name where it has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    sha256: str = ""
    seconds: float = 0.0
    bytes: int = 0


class Words:
    """A folder of joined words, open for reading.

    Attributes:
        covered: the segments' names, in the order in which texts are numbered.
        tables: its files by name.
    """

    def __init__(self, folder: Path, entry: WordsEntry) -> None:
        """Map the files.

        Raises:
            IndexDamaged: one is missing, or differs from its description.
        """
        self.path = path = folder / entry.name
        try:
            content = (path / DESCRIPTION).read_bytes()
        except FileNotFoundError as error:
            raise IndexDamaged(f"{path / DESCRIPTION} is missing; run: qa index build") from error
        if sha256_of(content) != entry.sha256:
            raise IndexDamaged(f"{path / DESCRIPTION} has changed since it was built; run: qa index build --force")
        try:
            self.info = WordsInfo.model_validate_json(content)
        except ValidationError as error:
            raise IndexDamaged(f"{path / DESCRIPTION} cannot be read; run: qa index build --force") from error
        self.covered = [s.name for s in self.info.segments]
        self.tables = {
            f"{index}.{part}": Rows.open(path / f"{index}.{part}", self.info.files[f"{index}.{part}"], *kind)
            for index in LEXICAL
            for part, kind in PARTS.items()
        }

    def postings(self, name: str) -> Postings:
        """Return one of the word indexes: "words", "sentence_words" or "titles"."""
        return Postings(**{part: self.tables[f"{name}.{part}"] for part in PARTS}, summed=Lengths(**self.info.lengths[name]))


def joined_postings(name: str, segments: Sequence[Segment], words: Words | None) -> list[Postings]:
    """Return the postings of segments in their order: joined ones for those that are covered, then one for each of the others.

    Raises:
        IndexDamaged: the joined words cover other segments than the first of these.
    """
    if words is None:
        return [s.postings(name) for s in segments]
    covered = len(words.covered)
    if [s.entry.name for s in segments[:covered]] != words.covered:
        raise IndexDamaged(f"{words.path} does not cover the first segments of the index; run: qa index build --force")
    return [words.postings(name), *(s.postings(name) for s in segments[covered:])]


def update_words(folder: Path, entry: WordsEntry, segments: Sequence[Segment]) -> WordsEntry:
    """Return joined words that fit the segments of a new generation: those that are there, new ones, or none.

    Args:
        folder: the index folder.
        entry: of the generation before.
        segments: of the new one, in order.
    """
    if sum(s.entry.passages for s in segments) <= SMALL or len(segments) < 2:
        return WordsEntry()
    if entry.name and _fits(folder, entry, segments):
        return entry
    return _build(folder, segments)


def _fits(folder: Path, entry: WordsEntry, segments: Sequence[Segment]) -> bool:
    """Tell whether joined words cover the first of some segments, and all but a few passages."""
    try:
        covered = Words(folder, entry).covered
    except IndexDamaged:
        return False
    others = segments[len(covered) :]
    small = len(others) <= MOST_SEGMENTS and sum(s.entry.passages for s in others) <= WAITING
    return small and [s.entry.name for s in segments[: len(covered)]] == covered


def _build(folder: Path, segments: Sequence[Segment]) -> WordsEntry:
    began = time.perf_counter()
    path = make_folder(folder / f"words-{time.time_ns():020d}")
    files: dict[str, FileEntry] = {}
    lengths: dict[str, dict[str, int]] = {}
    for index in LEXICAL:
        parts = [s.postings(index) for s in segments]
        outputs = {part: Output(path / f"{index}.{part}") for part in PARTS}
        summed = Lengths(*(sum(values) for values in zip(*(asdict(p.summed).values() for p in parts), strict=True)))
        for part in parts:
            outputs["lengths"].write(part.lengths.all())
        for name, values in _merge(parts):
            outputs[name].write(np.asarray(values, dtype=PARTS[name][0]))
        files |= {f"{index}.{part}": output.close() for part, output in outputs.items()}
        lengths[index] = asdict(summed)
    covered = tuple(CoveredWords(name=s.entry.name, passages=s.entry.passages) for s in segments)
    described = write_file(path / DESCRIPTION, WordsInfo(segments=covered, lengths=lengths, files=files).model_dump_json())
    sync_folder(path)
    size = sum(f.size for f in files.values()) + described.size
    return WordsEntry(name=path.name, sha256=described.sha256, seconds=round(time.perf_counter() - began, 2), bytes=size)


def _merge(parts: Sequence[Postings]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield pieces of the joined terms, starts, rows and counts, each with its table's name.

    Digests are spread evenly, so ranges of them hold about equally many postings, and one range is joined at a time.
    """
    offsets = np.concatenate([[0], np.cumsum([p.summed.texts for p in parts], dtype=np.int64)])
    terms, starts = [p.terms.all() for p in parts], [p.starts.all() for p in parts]
    ranges = max(1, -(-sum(len(p.rows) for p in parts) // _AT_ONCE))
    edges = np.asarray([i * _DIGESTS // ranges for i in range(1, ranges)], dtype=np.uint64)
    cuts = [[0, *np.searchsorted(t, edges).tolist(), len(t)] for t in terms]
    written = 0
    for number in range(ranges):
        spans = [(c[number], c[number + 1]) for c in cuts]
        found = np.concatenate([t[a:b] for t, (a, b) in zip(terms, spans, strict=True)])
        sizes = np.concatenate([np.diff(s[a : b + 1]) for s, (a, b) in zip(starts, spans, strict=True)])
        places = [(int(s[a]), int(s[b])) for s, (a, b) in zip(starts, spans, strict=True)]
        rows = np.concatenate([p.rows[a:b] + np.uint32(offset) for p, (a, b), offset in zip(parts, places, offsets.tolist(), strict=False)])
        counts = np.concatenate([p.counts[a:b] for p, (a, b) in zip(parts, places, strict=True)])
        # Runs of one term come together; a stable order leaves those of earlier segments first, so texts keep rising.
        order = np.argsort(found, kind="stable")
        begins, lengths = (np.cumsum(sizes) - sizes)[order], sizes[order]
        take = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths) + np.arange(len(rows))
        distinct, first = np.unique(found[order], return_index=True)
        yield "terms", distinct
        yield "starts", written + (np.cumsum(lengths) - lengths)[first]
        yield "rows", rows[take]
        yield "counts", counts[take]
        written += len(rows)
    yield "starts", np.asarray([written])
