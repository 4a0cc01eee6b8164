"""Inverted lists of short codes, open for searching: see ``qa.index.approximate`` for how they come about.

A folder ``dense-...`` holds tables of numbers as the segments do: sizes follow from its description, every block has a
checksum that is compared when a query first reads it. FAISS scans the codes in the mapped file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qa.errors import IndexDamaged
from qa.index.files import FileEntry, Rows, sha256_of
from qa.index.joined import Joined

Floats = NDArray[np.float32]
Kind = Literal["flat", "ivf-sq8", "ivf-pq"]
PQ_DIMENSIONS = 4
RERANKED = {"flat": 0, "ivf-sq8": 2, "ivf-pq": 10}  # codes compared again by their vectors, as a multiple of k
LEAST_RERANKED = 100
DESCRIPTION = "dense.json"
TABLES = {"centroids": "<f4", "codec": "<f4", "sizes": "<i8", "lists": "u1"}
Blocks = Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]


def library() -> Any:
    """Return FAISS, imported when it is first needed; its type stubs lack half of what is used here."""
    import faiss

    return faiss


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
    passages: int = Field(default=0, description="of the index when it was measured")
    recall: float = 1.0
    probes: int = 0
    seconds: float = 0.0
    bytes: int = 0


class Lists:
    """Inverted lists, open for searching; FAISS reads the codes from the mapped file."""

    def __init__(self, path: Path, kind: Kind, dim: int, code: int, files: dict[str, FileEntry]) -> None:
        """Map the files.

        Raises:
            IndexDamaged: one is missing, or its size is not what the others say.
        """
        faiss = library()

        self.kind, self._code = kind, code
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
        self.index = index = empty(kind, self._centroids)
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
            # One list after the other, each its codes and then its numbers: the layout that ``_Writer`` writes.
            unsigned = sizes.astype(np.uint64)  # must outlive the call: FAISS is handed its address
            lists.set_all_lists_sizes(faiss.swig_ptr(unsigned))
            lists.do_mmap()
            index.replace_invlists(lists, False)
            self._lists = lists  # FAISS keeps no reference of its own
        self._seen = np.zeros(count, dtype=bool)

    @property
    def count(self) -> int:
        """How many lists there are."""
        return len(self._centroids)

    def blocks(self) -> Blocks:
        """Yield each list's codes and row numbers, in order."""
        for begin, end in zip(self._begins.tolist(), self._ends.tolist(), strict=True):
            raw = self._bytes[begin:end]
            count = len(raw) // (self._code + 8)
            yield raw[: count * self._code].reshape(count, self._code), np.frombuffer(raw[count * self._code :].tobytes(), dtype="<i8")

    def search(self, query: Floats, k: int, probes: int, admitted: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.int64], Floats]:
        """Return the numbers of about k nearest vectors by their codes, best first, and the cosines of the codes.

        Args:
            query: unit vector.
            k: how many.
            probes: lists to read.
            admitted: (size,) those that count; all where None.

        Raises:
            IndexDamaged: a block of the file differs from its checksum.
        """
        faiss = library()

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
        self.index.search_preassigned_c(1, vector, k, keys, distances, out, labels, False, params)
        there = numbers >= 0
        return numbers[there], cosines[there]


def empty(kind: Kind, centroids: Floats) -> Any:
    """Return a FAISS index with its centroids and no vectors."""
    faiss = library()

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


def nearest(
    lists: Lists, gather: Joined, query: Floats, k: int, probes: int, admitted: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], Floats]:
    """Return the rows of about k nearest vectors and their exact cosines, best first."""
    wanted = max(LEAST_RERANKED, RERANKED[lists.kind] * k)
    rows, _ = lists.search(query, wanted, probes, admitted)
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
