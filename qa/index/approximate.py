"""Approximate dense search for large indexes: inverted lists of short codes, ranked again by the vectors themselves.

Which form, and why (``choose``):

- Up to ``FLAT_PASSAGES`` passages every vector is compared. That takes under 3 ms, finds all, and costs no build.
- Above, an inverted file (Jégou et al., "Product Quantization for Nearest Neighbor Search", 2011): vectors lie in
  lists round about 4 sqrt(n) centroids, and a query reads only the lists nearest to it. Codes are of one byte a
  dimension (SQ8) where all of them fit into the memory given, and of one byte for ``PQ_DIMENSIONS`` dimensions (PQ) where they don't.
- HNSW is not chosen: at equal recall it is no faster here than IVF-SQ8, needs four times the memory (vectors and links, all
  at random places), cannot be mapped from a file in parts, and a removed passage would have to stay in it.

Codes only choose: the best ``RERANKED`` are compared again by their whole vectors, which stay memory-mapped, so scores
are exact cosines whatever the form. How many lists a query reads is measured at build time on mixtures of the index's
own vectors (``RECALL`` of the ten nearest that exact search finds); where no setting reaches that, no file is written and search stays exact.

A folder ``dense-...`` holds tables of numbers as the segments do: sizes follow from its description, every block has a
checksum that is compared when a query first reads it. It names the segments that it covers; those that came later are
compared exactly until the next build takes them in.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.errors import IndexDamaged
from qa.index.files import FileEntry, Output, Rows, make_folder, remove, sync_folder, write_file
from qa.index.joined import PIECE, Joined
from qa.index.lists import (
    DESCRIPTION,
    TABLES,
    Blocks,
    Covered,
    DenseEntry,
    DenseInfo,
    Kind,
    Lists,
    empty,
    library,
    nearest,
    open_lists,
)

Floats = NDArray[np.float32]

FLAT_PASSAGES = 32_768
"""One whole segment; an exact search of so many takes about 2 ms on one core."""
MEMORY = 600_000_000  # bytes of codes that stay in memory, of the 1.5 GB that a serving process may have
RECALL = 0.985  # asked of mixtures, so that questions find 0.98
MIX = 1.0
"""A passage with this share of another one stands for a question in measuring recall. Passages themselves are found much more
easily than questions, which lie off the passages; equal parts of two are a little harder than questions, at each size: at 32 lists
0.957 of the ten nearest are found of 100,000 passages and 0.983 of a million, for real questions 0.981 and 0.986."""
WAITING = 8192  # passages that are not in the lists, and are compared exactly, before they are taken in
GROWTH = 1.5  # times the passages from which centroids are placed and recall is measured again
TRAINED = 40  # vectors a centroid from which it is placed
ROUNDS = 6
SAMPLE = 400  # queries that measure the recall
PROBES = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


@dataclass(frozen=True)
class Table:
    """The vectors of one segment, by the segment's name."""

    name: str
    vectors: Rows


def choose(passages: int, dim: int, memory: int = MEMORY) -> Kind:
    """Return the form of dense search for a number of passages and the bytes that its codes may take."""
    if passages <= FLAT_PASSAGES:
        return "flat"
    return "ivf-sq8" if passages * (dim + 8) <= memory else "ivf-pq"


def build(folder: Path, tables: Sequence[Table], dim: int, memory: int = MEMORY, kind: Kind | None = None) -> DenseEntry:
    """Write the lists of some segments, with the fewest probes that reach the recall; say so where none do.

    Args:
        folder: the index folder.
        tables: the segments' vectors.
        dim: length of a vector.
        memory: bytes that the codes may take.
        kind: the form; chosen by the rule where None.
    """
    began = time.perf_counter()
    total = sum(len(t.vectors) for t in tables)
    kind = kind or choose(total, dim, memory)
    if kind == "flat":
        return DenseEntry(kind="flat")
    faiss = library()

    gather = Joined([t.vectors for t in tables])
    rng = np.random.default_rng(total)
    lists = 1 << round(np.log2(4 * np.sqrt(total)))
    sample = gather.take(np.sort(rng.choice(total, min(total, TRAINED * lists), replace=False)))
    kmeans = faiss.Kmeans(dim, lists, niter=ROUNDS, spherical=True, seed=1, max_points_per_centroid=TRAINED)
    kmeans.train(sample)
    index = empty(kind, kmeans.centroids)
    index.train(sample)
    del sample
    assigned = np.concatenate([_nearest(index, piece) for piece in gather.pieces()])
    written = _Writer(folder, kind, index, _blocks(index, kind, assigned, gather))
    probes, recall = _settle(written.open(), gather, rng)
    if not probes:
        written.discard()
        return DenseEntry(kind="flat", passages=total, seconds=round(time.perf_counter() - began, 2))
    covered = tuple(Covered(name=t.name, passages=len(t.vectors)) for t in tables)
    return written.describe(probes, recall, total, covered, began)


def update(folder: Path, entry: DenseEntry, tables: Sequence[Table], dim: int, memory: int = MEMORY) -> DenseEntry:
    """Return lists that fit the segments of a new generation: those that are there, changed ones, or new ones.

    Lists stay as they are while none of their segments has gone and no more than ``WAITING`` passages are
    not in them. Else the codes of segments that stay are copied and those of new ones added, with the same
    centroids, which takes seconds; nothing is left of a segment that has gone. Where the index has become
    ``GROWTH`` times as large as when they were placed, they are placed anew.

    Args:
        folder: the index folder.
        entry: of the generation before.
        tables: the new generation's vectors.
        dim: length of a vector.
        memory: bytes that the codes may take.
    """
    total = sum(len(t.vectors) for t in tables)
    if not entry.name or choose(total, dim, memory) != entry.kind:
        # Exact search was chosen, or kept because no setting found enough: only a much larger index asks again.
        kept = entry.kind == "flat" and entry.seconds > 0 and total < GROWTH * entry.passages
        return entry if kept else build(folder, tables, dim, memory)
    began = time.perf_counter()
    try:
        info, lists = open_lists(folder, entry)
    except IndexDamaged:
        return build(folder, tables, dim, memory)
    names = {t.name for t in tables}
    covered = {s.name: s for s in info.segments}
    fresh = [t for t in tables if t.name not in covered]
    waiting = sum(len(t.vectors) for t in fresh)
    if names >= set(covered) and waiting <= WAITING:
        return entry
    if total > GROWTH * info.trained:
        return build(folder, tables, dim, memory)
    added = Joined([t.vectors for t in fresh])
    assigned = np.concatenate([np.zeros(0, np.int32), *(_nearest(lists.index, piece) for piece in added.pieces())])
    # Numbers of the old lists' rows in the new ones; -1 where their segment has gone.
    moved, at, stay = [], 0, []
    for segment in info.segments:
        inside = segment.name in names
        moved.append(np.arange(at, at + segment.passages) if inside else np.full(segment.passages, -1))
        at += segment.passages if inside else 0
        stay += [segment] if inside else []
    numbers = np.concatenate(moved)

    def blocks() -> Blocks:
        for (codes, rows), (more, new) in zip(lists.blocks(), _blocks(lists.index, info.kind, assigned, added), strict=True):
            now = numbers[rows]
            yield np.concatenate([codes[now >= 0], more]), np.concatenate([now[now >= 0], new + at])

    written = _Writer(folder, info.kind, lists.index, blocks())
    segments = (*stay, *(Covered(name=t.name, passages=len(t.vectors)) for t in fresh))
    return written.describe(info.probes, info.recall, info.trained, segments, began)


def _nearest(index: Any, vectors: Floats) -> NDArray[np.int32]:
    found = index.quantizer.search(np.ascontiguousarray(vectors), 1)[1]
    return np.asarray(found[:, 0], dtype=np.int32)


def _codec(index: Any, kind: Kind) -> Floats:
    """Return the numbers that codes are read with: ranges of the dimensions, or the centroids of their groups."""
    faiss = library()

    return np.asarray(faiss.vector_to_array(index.sq.trained if kind == "ivf-sq8" else index.pq.centroids), dtype=np.float32)


def _blocks(index: Any, kind: Kind, assigned: NDArray[np.int32], vectors: Joined) -> Blocks:
    """Yield each list's codes and row numbers, in order."""
    sizes = np.bincount(assigned, minlength=index.nlist)
    order = np.argsort(assigned, kind="stable")
    ends = np.cumsum(sizes)
    first = 0
    while first < len(sizes):
        # Whole lists, as many as fit into one piece, at least one.
        begin = int(ends[first] - sizes[first])
        last = max(first + 1, int(np.searchsorted(ends, begin + PIECE, side="right")))
        rows = order[begin : int(ends[last - 1])]
        codes = encode(index, vectors.take(rows), kind)
        cuts = np.cumsum(sizes[first:last])[:-1]
        yield from zip(np.split(codes, cuts), np.split(rows, cuts), strict=True)
        first = last


class _Writer:
    """A folder of lists while it is written."""

    def __init__(self, folder: Path, kind: Kind, index: Any, blocks: Blocks) -> None:
        self._kind, self._index = kind, index
        self.path = make_folder(folder / f"dense-{time.time_ns():020d}")
        self.files: dict[str, FileEntry] = {}
        output, sizes = Output(self.path / "lists"), []
        for codes, rows in blocks:
            output.write(codes)
            output.write(rows.astype("<i8"))
            sizes.append(len(rows))
        self.files["lists"] = output.close()
        tables = {"centroids": _centroids(index), "codec": _codec(index, kind), "sizes": np.asarray(sizes)}
        for name, values in tables.items():
            output = Output(self.path / name)
            output.write(np.asarray(values, dtype=TABLES[name]))
            self.files[name] = output.close()

    def open(self) -> Lists:
        """Return the lists for a first measurement."""
        return Lists(self.path, self._kind, self._index.d, self._index.code_size, self.files)

    def discard(self) -> None:
        """Remove the folder."""
        remove(self.path)

    def describe(self, probes: int, recall: float, trained: int, covered: tuple[Covered, ...], began: float) -> DenseEntry:
        """Write the description and flush everything."""
        info = DenseInfo(
            kind=self._kind,
            dim=self._index.d,
            code=self._index.code_size,
            probes=probes,
            recall=recall,
            trained=trained,
            segments=covered,
            files=self.files,
        )
        described = write_file(self.path / DESCRIPTION, info.model_dump_json())
        sync_folder(self.path)
        return DenseEntry(
            kind=self._kind,
            name=self.path.name,
            sha256=described.sha256,
            passages=trained,
            recall=recall,
            probes=probes,
            seconds=round(time.perf_counter() - began, 2),
            bytes=sum(f.size for f in self.files.values()) + described.size,
        )


def _centroids(index: Any) -> Floats:
    return np.asarray(index.quantizer.reconstruct_n(0, index.nlist), dtype=np.float32)


def encode(index: Any, vectors: Floats, kind: Kind) -> NDArray[np.uint8]:
    """Return the codes of vectors, (n, code) bytes."""
    coder = index.sq if kind == "ivf-sq8" else index.pq
    return np.asarray(coder.compute_codes(np.ascontiguousarray(vectors)), dtype=np.uint8)


def _settle(lists: Lists, vectors: Joined, rng: np.random.Generator) -> tuple[int, float]:
    """Return the fewest probes that reach the recall, and what they reach; 0 where none do."""
    one, other = (vectors.take(rng.choice(len(vectors), SAMPLE)) for _ in range(2))
    queries = one + np.float32(MIX) * other
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    truth = exact(vectors, queries, 10)
    reached = 0.0
    for probes in PROBES:
        if probes > lists.count // 2:
            break
        found = [nearest(lists, vectors, query, 10, probes)[0] for query in queries]
        reached = recall(truth, found)
        if reached >= RECALL:
            return probes, round(reached, 4)
    return 0, round(reached, 4)


def recall(truth: NDArray[np.int64], found: Sequence[NDArray[np.int64]]) -> float:
    """Return the share of what is right, (n, k), that was found."""
    return sum(len(set(a.tolist()) & set(b.tolist())) for a, b in zip(truth, found, strict=True)) / truth.size


def exact(gather: Joined, queries: Floats, k: int) -> NDArray[np.int64]:
    """Return the rows of the k nearest vectors of each query, best first, by comparing all."""
    faiss = library()

    best = np.full((len(queries), k), -2.0, dtype=np.float32)
    rows = np.full((len(queries), k), -1, dtype=np.int64)
    begin = 0
    for piece in gather.pieces():
        near, numbers = faiss.knn(queries, np.ascontiguousarray(piece), min(k, len(piece)), metric=faiss.METRIC_INNER_PRODUCT)
        near, numbers = np.concatenate([best, near], axis=1), np.concatenate([rows, numbers + begin], axis=1)
        order = np.argsort(-near, axis=1, kind="stable")[:, :k]
        best, rows = np.take_along_axis(near, order, 1), np.take_along_axis(numbers, order, 1)
        begin += len(piece)
    return rows
