"""Documents and passages of all segments, read from their files when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import overload

import numpy as np
from numpy.typing import NDArray

from qa.chunking import Passage
from qa.documents.model import Document
from qa.index.lexical import digest_of
from qa.index.segment import PASSAGE, RECORD, Segment

DOCUMENTS_KEPT = 1024  # parsed documents in memory
PASSAGES_KEPT = 8192


class Documents(Mapping[str, Document]):
    """Documents by id; iterating gives the ids in order.

    Attributes:
        facets: the distinct combinations of language, topic, date and collection, as documents without text.
        facet_of: (n_documents,) number of each document's facet.
        passages: (n_documents,) how many passages each document has.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        tables = [s.tables["records"].all() for s in segments]
        records = np.concatenate([*tables, np.zeros(0, RECORD)])
        self._offsets = np.concatenate([[0], np.cumsum([len(t) for t in tables], dtype=np.int64)])
        self._keys = np.ascontiguousarray(records["key"])
        self._digests = np.ascontiguousarray(records["digest"])
        self._order = np.argsort(self._keys, kind="stable")
        self._sorted = self._keys[self._order]
        self.passages = np.ascontiguousarray(records["passages"])
        shifts = np.cumsum([0, *(len(s.info.facets) for s in segments)])
        self.facets = [Document.model_construct(id="", title="", text="", **f) for s in segments for f in s.info.facets]  # type: ignore[arg-type]
        self.facet_of = records["facet"] + np.repeat(shifts[:-1], [len(t) for t in tables]).astype(np.int64)
        self.at = lru_cache(maxsize=DOCUMENTS_KEPT)(self._read)

    def _read(self, number: int) -> Document:
        segment = int(np.searchsorted(self._offsets, number, side="right")) - 1
        return self._segments[segment].document(number - int(self._offsets[segment]))

    def some(self, count: int) -> Iterator[Document]:
        """Read about so many documents, the first of each segment; all where there are no more."""
        share = min(1.0, count / (len(self) or 1))
        for segment in self._segments:
            yield from (segment.document(n) for n in range(math.ceil(share * segment.entry.documents)))

    def number(self, document_id: str) -> int:
        """Return a document's number, or -1 if there is none with that id."""
        key = np.uint64(digest_of(document_id))
        at = int(np.searchsorted(self._sorted, key))
        while at < len(self._sorted) and self._sorted[at] == key:
            number = int(self._order[at])
            if self.at(number).id == document_id:
                return number
            at += 1
        return -1

    def among(self, ids: Collection[str]) -> NDArray[np.bool_]:
        """Return which documents have one of some ids, (n_documents,)."""
        return np.isin(self._keys, np.fromiter(map(digest_of, ids), dtype=np.uint64, count=len(ids)))

    def digest(self, number: int) -> str:
        """Return the digest of a document's content without reading it."""
        return bytes(self._digests[number]).hex()

    def __getitem__(self, document_id: str) -> Document:
        number = self.number(document_id)
        if number < 0:
            raise KeyError(document_id)
        return self.at(number)

    def __contains__(self, document_id: object) -> bool:
        return isinstance(document_id, str) and self.number(document_id) >= 0

    def __len__(self) -> int:
        return len(self._keys)

    @cached_property
    def _ids(self) -> list[str]:
        return sorted(self.at(number).id for number in range(len(self)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)


class Passages(Sequence[Passage]):
    """Passages by number.

    Attributes:
        table: (n_passages,) rows of ``segment.PASSAGE``; documents are numbered through.
        sentence_rows: (n_passages + 1,) first sentence of each passage.
        token_rows: (n_passages + 1,) first token of each passage.
    """

    def __init__(self, segments: Sequence[Segment], documents: Documents) -> None:
        self._documents = documents
        self._spans = [s.tables["spans"] for s in segments]
        tables = [s.tables["passages"].all() for s in segments]
        self.table = np.concatenate([*tables, np.zeros(0, PASSAGE)])
        self._first = np.concatenate([[0], np.cumsum([len(t) for t in tables], dtype=np.int64)])
        shift = np.concatenate([[0], np.cumsum([s.entry.documents for s in segments], dtype=np.int64)])
        self.table["document"] += np.repeat(shift[:-1], [len(t) for t in tables]).astype(np.int32)
        self.sentence_rows = np.concatenate([[0], np.cumsum(self.table["sentences"], dtype=np.int64)])
        self.token_rows = np.concatenate([[0], np.cumsum(self.table["tokens"], dtype=np.int64)])
        self._read_passage = lru_cache(maxsize=PASSAGES_KEPT)(self._read)

    @cached_property
    def document_numbers(self) -> NDArray[np.int32]:
        """(n_passages,) number of each passage's document."""
        return np.ascontiguousarray(self.table["document"])

    def _read(self, number: int) -> Passage:
        row = self.table[number]
        document = self._documents.at(int(row["document"]))
        segment = int(np.searchsorted(self._first, number, side="right")) - 1
        base = int(self.sentence_rows[self._first[segment]])
        first = int(self.sentence_rows[number]) - base
        spans = self._spans[segment][first : first + int(row["sentences"])]
        start, end = int(row["start"]), int(row["stop"])
        heading = document.sections[int(row["section"])].heading
        return Passage(f"{document.id}:{start}", document.id, start, end, heading, tuple((a, b) for a, b in spans.tolist()))

    @overload
    def __getitem__(self, number: int) -> Passage: ...

    @overload
    def __getitem__(self, number: slice) -> list[Passage]: ...

    def __getitem__(self, number: int | slice) -> Passage | list[Passage]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        return self._read_passage(int(number) % len(self))

    def __len__(self) -> int:
        return len(self.table)
