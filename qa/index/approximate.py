"""Approximate dense search for large indexes: inverted lists of short codes, ranked again by the vectors themselves.

Which form, and why (``choose``):

- Up to ``FLAT_PASSAGES`` passages every vector is compared. That takes under 3 ms, finds all, and costs no build.
- Above, an inverted file (Jégou et al., "Product Quantization for Nearest Neighbor Search", 2011): vectors lie in
  lists round about 4 sqrt(n) centroids, and a query reads only the lists nearest to it. Codes are of one byte a
  dimension (SQ8) where all of them fit into the memory given, and of one byte for ``PQ_DIMENSIONS`` dimensions (PQ) where they don't.
- HNSW is not chosen: at equal recall it is no faster here than IVF-SQ8, needs four times the memory (vectors and links, all
  at random places), cannot be mapped from a file in parts, and a removed passage would have to stay in it.

Codes only choose: the best ``RERANKED`` are compared again by their whole vectors, which stay memory-mapped, so scores
are exact cosines whatever the form. How many lists a query reads is measured at build time on vectors of the index itself
(``RECALL`` of the ten nearest that exact search finds); where no setting reaches that, no file is written and search stays exact.

A folder ``dense-...`` holds tables of numbers as the segments do: sizes follow from its description, every block has a
checksum that is compared when a query first reads it. It names the segments that it covers; those that came later are
compared exactly until the next build takes them in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qa.errors import IndexDamaged
from qa.index.files import FileEntry, Output, Rows, make_folder, sha256_of, sync_folder, write_file

Floats = NDArray[np.float32]
Kind = Literal["flat", "ivf-sq8", "ivf-pq"]

FLAT_PASSAGES = 32_768
"""One whole segment; an exact search of so many takes about 2 ms on one core."""
MEMORY = 600_000_000  # bytes of codes that stay in memory, of the 1.5 GB that a serving process may have
RECALL = 0.98
MARGIN = 0.005  # above RECALL, since questions lie a little farther from the passages than passages do
PQ_DIMENSIONS = 4
RERANKED = {"flat": 0, "ivf-sq8": 2, "ivf-pq": 10}  # codes compared again by their vectors, as a multiple of k
LEAST_RERANKED = 100
TRAINED = 64  # vectors a centroid from which it is placed
ROUNDS = 8
SAMPLE = 256  # vectors that measure the recall
PROBES = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
_PIECE = 65_536
DESCRIPTION = "dense.json"
TABLES = {"centroids": "<f4", "codec": "<f4", "sizes": "<i8", "lists": "u1"}


class Covered(BaseModel):
    """A segment whose vectors are in the lists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    passages: int = Field(ge=0)


class DenseInfo(BaseModel):
    """What a folder of lists holds, and what each of its files must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["ivf-sq8", "ivf-pq"]
    dim: int = Field(ge=1)
    code: int = Field(ge=1, description="bytes of one code")
    probes: int = Field(ge=1, description="lists that a query reads")
    recall: float = Field(description="share of the ten nearest that were found, measured on vectors of the index")
    trained: int = Field(description="passages of the index when its centroids were placed")
    segments: tuple[Covered, ...]
    files: dict[str, FileEntry]


class DenseEntry(BaseModel):
    """Approximate search as a generation names it; ``kind`` "flat" says that exact search was kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    name: str = ""
    sha256: str = ""
    recall: float = 1.0
    probes: int = 0
    seconds: float = 0.0
    bytes: int = 0


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
    import faiss

    gather = Gather([t.vectors for t in tables])
    rng = np.random.default_rng(total)
    lists = 1 << int(np.log2(4 * np.sqrt(total)))
    sample = gather.take(np.sort(rng.choice(total, min(total, TRAINED * lists), replace=False)))
    kmeans = faiss.Kmeans(dim, lists, niter=ROUNDS, spherical=True, seed=1, max_points_per_centroid=TRAINED)
    kmeans.train(sample)
    index = _empty(kind, kmeans.centroids)
    index.train(sample)
    del sample
    assigned = np.concatenate([_nearest(index, piece) for piece in gather.pieces()])
    written = _Lists(folder, kind, index, assigned, gather)
    probes, recall = _settle(written.open(), gather, rng)
    if not probes:
        written.discard()
        return DenseEntry(kind="flat", recall=1.0, seconds=round(time.perf_counter() - began, 2))
    covered = tuple(Covered(name=t.name, passages=len(t.vectors)) for t in tables)
    return written.describe(probes, recall, total, covered, began)


def _empty(kind: Kind, centroids: Floats) -> Any:
    """Return a FAISS index with its centroids and no vectors."""
    import faiss

    dim = centroids.shape[1]
    quantizer = faiss.IndexFlatIP(dim)
    quantizer.add(np.ascontiguousarray(centroids, dtype=np.float32))
    lists = len(centroids)
    if kind == "ivf-sq8":
        index = faiss.IndexIVFScalarQuantizer(quantizer, dim, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT, False)
    else:
        index = faiss.IndexIVFPQ(quantizer, dim, lists, dim // PQ_DIMENSIONS, 8, faiss.METRIC_INNER_PRODUCT)
        index.by_residual = False
        index.cp.max_points_per_centroid = 256
    quantizer.this.disown()
    index.own_fields = True
    return index


def _nearest(index: Any, vectors: Floats) -> NDArray[np.int32]:
    found = index.quantizer.search(np.ascontiguousarray(vectors), 1)[1]
    return np.asarray(found[:, 0], dtype=np.int32)


def _codec(index: Any, kind: Kind) -> Floats:
    """Return the numbers that codes are read with: ranges of the dimensions, or the centroids of their groups."""
    import faiss

    return np.asarray(faiss.vector_to_array(index.sq.trained if kind == "ivf-sq8" else index.pq.centroids), dtype=np.float32)


class Gather:
    """The vectors of several segments as one table, read in parts."""

    def __init__(self, parts: Sequence[Rows]) -> None:
        self._parts = parts
        self.offsets = np.concatenate([[0], np.cumsum([len(p) for p in parts], dtype=np.int64)])

    def __len__(self) -> int:
        return int(self.offsets[-1])

    def pieces(self) -> Any:
        """Yield all rows in order, some at a time."""
        for part in self._parts:
            for a in range(0, len(part), _PIECE):
                yield part[a : min(a + _PIECE, len(part))]

    def take(self, rows: NDArray[np.int64]) -> Floats:
        """Return some rows in the order asked for."""
        found = np.empty((len(rows), self._parts[0].width), dtype=np.float32)
        part_of = np.searchsorted(self.offsets, rows, side="right") - 1
        for number in np.unique(part_of).tolist():
            here = part_of == number
            found[here] = self._parts[number].take(rows[here] - self.offsets[number])
        return found


class _Lists:
    """A folder of lists while it is written."""

    def __init__(self, folder: Path, kind: Kind, index: Any, assigned: NDArray[np.int32], gather: Gather) -> None:
        self._kind, self._index = kind, index
        self.path = make_folder(folder / f"dense-{time.time_ns():020d}")
        count = index.nlist
        sizes = np.bincount(assigned, minlength=count).astype(np.int64)
        tables = {"centroids": _centroids(index), "codec": _codec(index, kind), "sizes": sizes}
        self.files = {}
        for name, values in tables.items():
            output = Output(self.path / name)
            output.write(np.asarray(values, dtype=TABLES[name]))
            self.files[name] = output.close()
        order = np.argsort(assigned, kind="stable")
        ends = np.cumsum(sizes)
        output = Output(self.path / "lists")
        first = 0
        while first < count:
            # Whole lists, as many as fit into one piece, at least one.
            begin = int(ends[first] - sizes[first])
            last = max(first + 1, int(np.searchsorted(ends, begin + _PIECE, side="right")))
            rows = order[begin : int(ends[last - 1])]
            codes = encode(index, gather.take(rows), kind)
            at = 0
            for size in sizes[first:last].tolist():
                output.write(codes[at : at + size])
                output.write(rows[at : at + size].astype("<i8"))
                at += size
            first = last
        self.files["lists"] = output.close()

    def open(self) -> Lists:
        """Return the lists for a first measurement."""
        return Lists(self.path, self._kind, self._index.d, self._index.code_size, self.files)

    def discard(self) -> None:
        """Remove the folder."""
        from qa.index.files import remove

        remove(self.path)

    def describe(self, probes: int, recall: float, trained: int, covered: tuple[Covered, ...], began: float) -> DenseEntry:
        """Write the description and flush everything."""
        info = DenseInfo(
            kind=self._kind,  # type: ignore[arg-type]
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


class Lists:
    """Inverted lists, open for searching; FAISS reads the codes from the mapped file."""

    def __init__(self, path: Path, kind: Kind, dim: int, code: int, files: dict[str, FileEntry]) -> None:
        """Map the files.

        Raises:
            IndexDamaged: one is missing, or its size is not what the others say.
        """
        import faiss

        self.kind, self._path = kind, path
        widths = {"centroids": dim}
        tables = {name: Rows.open(path / name, files[name], dtype, widths.get(name, 0)) for name, dtype in TABLES.items()}
        self._centroids = np.ascontiguousarray(tables["centroids"].all())
        sizes, codec = tables["sizes"].all(), tables["codec"].all()
        self._bytes = tables["lists"]
        count = len(self._centroids)
        row = code + 8
        expected = {"ivf-sq8": (dim, 2 * dim), "ivf-pq": (dim // PQ_DIMENSIONS, 256 * dim)}[kind]
        bad_sizes = len(sizes) != count or not count or int(sizes.min()) < 0 or int(sizes.sum()) * row != len(self._bytes)
        if bad_sizes or (code, len(codec)) != expected:
            raise IndexDamaged(f"{path} has tables that do not fit each other; run: qa index build --force")
        self._ends = np.cumsum(sizes) * row
        self._begins = self._ends - sizes * row
        self._index = index = _empty(kind, self._centroids)
        faiss.copy_array_to_vector(codec, index.sq.trained if kind == "ivf-sq8" else index.pq.centroids)
        if kind == "ivf-pq":
            index.use_precomputed_table = 0
        index.is_trained = True
        index.ntotal = self.size = int(sizes.sum())
        if self.size:
            lists = faiss.OnDiskInvertedLists()
            lists.nlist, lists.code_size = count, code
            lists.filename, lists.totsize, lists.read_only = str(path / "lists"), len(self._bytes), True
            lists.lists.resize(count)
            # One list after the other, each its codes and then its numbers: the layout that ``_Lists`` writes.
            lists.set_all_lists_sizes(faiss.swig_ptr(np.ascontiguousarray(sizes.astype(np.uint64))))
            lists.do_mmap()
            index.replace_invlists(lists, False)
            self._lists = lists  # FAISS keeps no reference of its own
        self._seen = np.zeros(count, dtype=bool)

    @property
    def count(self) -> int:
        """How many lists there are."""
        return len(self._centroids)

    def search(self, query: Floats, k: int, probes: int, admitted: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Return the numbers of about k nearest vectors by their codes, best first.

        Args:
            query: unit vector.
            k: how many.
            probes: lists to read.
            admitted: (size,) those that count; all where None.

        Raises:
            IndexDamaged: a block of the file differs from its checksum.
        """
        import faiss

        near = self._centroids @ query
        probes = min(probes, self.count)
        chosen = np.argpartition(-near, probes - 1)[:probes]
        for number in chosen[~self._seen[chosen]].tolist():
            _ = self._bytes[int(self._begins[number]) : int(self._ends[number])]
            self._seen[number] = True
        bits = np.packbits(admitted, bitorder="little") if admitted is not None else np.zeros(0, np.uint8)
        selector = {"sel": faiss.IDSelectorBitmap(bits)} if admitted is not None else {}
        numbers, cosines = np.empty(k, np.int64), np.empty(k, np.float32)
        asked = (np.ascontiguousarray(query), chosen.astype(np.int64), near[chosen], cosines, numbers)
        vector, keys, distances, out, labels = map(faiss.swig_ptr, asked)
        params = faiss.SearchParametersIVF(nprobe=probes, **selector)
        # The wrapper of this method in Python takes no parameters, so the method under it is called.
        self._index.search_preassigned_c(1, vector, k, keys, distances, out, labels, False, params)
        rows = numbers[numbers >= 0]
        return rows


def _settle(lists: Lists, gather: Gather, rng: np.random.Generator) -> tuple[int, float]:
    """Return the fewest probes that reach the recall, and what they reach; 0 where none do."""
    rows = np.sort(rng.choice(len(gather), min(SAMPLE, len(gather)), replace=False))
    queries = gather.take(rows)
    truth = exact(gather, queries, 11)
    reached = 0.0
    for probes in PROBES:
        if probes > lists.count // 4:
            break
        reached = recall_of(lambda query, p=probes: nearest(lists, gather, query, 11, p)[0], queries, truth, rows)
        if reached >= RECALL + MARGIN:
            return probes, round(reached, 4)
    return 0, round(reached, 4)


def recall_of(
    search: Callable[[Floats], NDArray[np.int64]], queries: Floats, truth: NDArray[np.int64], own: NDArray[np.int64] | None = None
) -> float:
    """Return the share of the ten nearest that a search finds; a query's own row counts as neither."""
    hits = 0
    for number, query in enumerate(queries):
        itself = {int(own[number])} if own is not None else set()
        right = [r for r in truth[number].tolist() if r not in itself][:10]
        found = [r for r in search(query).tolist() if r not in itself][:10]
        hits += len(set(right) & set(found))
    return hits / (10 * len(queries))


def exact(gather: Gather, queries: Floats, k: int) -> NDArray[np.int64]:
    """Return the rows of the k nearest vectors of each query, best first, by comparing all."""
    import faiss

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


def nearest(
    lists: Lists, gather: Gather, query: Floats, k: int, probes: int, admitted: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], Floats]:
    """Return the rows of about k nearest vectors and their exact cosines, best first."""
    wanted = max(LEAST_RERANKED, RERANKED[lists.kind] * k)
    rows = lists.search(query, wanted, probes, admitted)
    cosines = gather.take(rows) @ query
    order = np.lexsort((rows, -cosines))[:k]
    return rows[order], cosines[order]


def open_lists(folder: Path, entry: DenseEntry) -> tuple[DenseInfo, Lists]:
    """Open the lists that a generation names.

    Raises:
        IndexDamaged: a file is missing, or differs from its description.
    """
    path = folder / entry.name
    try:
        content = (path / DESCRIPTION).read_bytes()
    except FileNotFoundError as error:
        raise IndexDamaged(f"{path / DESCRIPTION} is missing; run: qa index build") from error
    if sha256_of(content) != entry.sha256:
        raise IndexDamaged(f"{path / DESCRIPTION} has changed since it was built; run: qa index build --force")
    try:
        info = DenseInfo.model_validate_json(content)
    except ValidationError as error:
        raise IndexDamaged(f"{path / DESCRIPTION} cannot be read; run: qa index build --force") from error
    lists = Lists(path, info.kind, info.dim, info.code, info.files)
    if lists.size != sum(s.passages for s in info.segments):
        raise IndexDamaged(f"{path} does not hold the vectors of its segments; run: qa index build --force")
    return info, lists
