"""Segments: documents with their passages, vectors and postings, in files that never change.

Every file but the documents themselves is a table of numbers, whose rows follow from its size and
the description ``segment.json``; nothing has a header that could lie. A document and its passages
lie in one segment, one after the other.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from qa.chunking import Passage
from qa.documents.model import Document
from qa.errors import IndexDamaged
from qa.index.encodings import KEY, Encoding, context_of
from qa.index.files import FileEntry, Output, Rows, make_folder, sha256_of, sync_folder, write_file
from qa.index.lexical import PARTS, Lengths, Postings, PostingsBuilder, digest_of
from qa.text.tokens import search_tokens

DESCRIPTION = "segment.json"
SEGMENT_PASSAGES = 32_768
"""From this number on a segment takes no further document: about 500 MB, which a removal rewrites in
a second or two, and 31 segments for a million passages, whose words are joined (``qa.index.merged``)."""

RECORD = np.dtype(
    [
        ("key", "<u8"),
        ("digest", "u1", (32,)),
        ("crc", "<u4"),
        ("facet", "<i4"),
        ("passages", "<i4"),
        ("offset", "<i8"),
        ("size", "<i8"),
    ]
)
"""A document: digests of its id and content, CRC-32 of its line of JSON, numbers of its facet and passages, and
where that line stands."""
PASSAGE = np.dtype([(name, "<i4") for name in ("document", "section", "start", "stop", "title", "sentences", "tokens")])
"""A passage: numbers of document and section, span, number of its title, and how many sentences and tokens."""

STREAMS = ("vectors", "sentences", "tokens", "owners", "keys", "documents")
LEXICAL = ("words", "sentence_words", "titles")
TABLES: dict[str, tuple[Any, int | str]] = {
    "vectors": ("<f4", "dim"),
    "sentences": ("<f2", "dim"),
    "tokens": ("<i1", "token_dim"),
    "owners": ("<u2", 0),
    "keys": (KEY, 0),
    "documents": ("u1", 0),
    "records": (RECORD, 0),
    "passages": (PASSAGE, 0),
    "spans": ("<i4", 2),
    "title_keys": ("<u8", 0),
    **{f"{index}.{part}": kind for index in LEXICAL for part, kind in PARTS.items()},
}
"""Each file's type, and its width where rows hold several values."""

_PIECE = 4096  # passages copied at once: some 60 MB


class SegmentInfo(BaseModel):
    """What a segment holds, and what each of its files must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dim: int
    token_dim: int
    documents: int
    passages: int
    sentences: int
    tokens: int
    facets: tuple[dict[str, str], ...]
    lengths: dict[str, dict[str, int]]
    files: dict[str, FileEntry]


class SegmentEntry(BaseModel):
    """A segment as a generation names it: its description's digest, and sizes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str
    documents: int
    passages: int
    sentences: int
    tokens: int
    bytes: int


class Segment:
    """One segment, open for reading.

    Attributes:
        info: what it holds.
        tables: its files by name, each checked block by block when it is first used.
    """

    def __init__(self, path: Path, entry: SegmentEntry, words: bool = True) -> None:
        """Open a segment; its files stay readable after they were removed from the folder.

        Args:
            path: its folder.
            entry: what the generation says of it.
            words: open its word indexes; not needed where they are joined with those of others.

        Raises:
            IndexDamaged: a file is missing, or differs from its description in size.
        """
        self.path, self.entry = path, entry
        description = path / DESCRIPTION
        try:
            content = description.read_bytes()
        except FileNotFoundError as error:
            raise IndexDamaged(f"{description} is missing; run: qa index build") from error
        if sha256_of(content) != entry.sha256:
            raise IndexDamaged(f"{description} has changed since it was built; run: qa index build --force")
        try:
            self.info = SegmentInfo.model_validate_json(content)
        except ValidationError as error:
            raise IndexDamaged(f"{description} cannot be read; run: qa index build --force") from error
        widths = {"dim": self.info.dim, "token_dim": self.info.token_dim}
        self.tables = {
            name: Rows.open(path / name, self.info.files[name], dtype, widths[width] if isinstance(width, str) else width)
            for name, (dtype, width) in TABLES.items()
            if words or "." not in name
        }
        expected = {"vectors": entry.passages, "sentences": entry.sentences, "tokens": entry.tokens, "records": entry.documents}
        for name, count in expected.items():
            if len(self.tables[name]) != count:
                raise IndexDamaged(f"{path / name} holds {len(self.tables[name])} rows instead of {count}; run: qa index build --force")

    def postings(self, name: str) -> Postings:
        """Return one of the word indexes: "words", "sentence_words" or "titles"."""
        return Postings(**{part: self.tables[f"{name}.{part}"] for part in PARTS}, summed=Lengths(**self.info.lengths[name]))

    def whole(self) -> bool:
        """Tell whether every block of every file is as it was written."""
        try:
            for table in self.tables.values():
                table.all()
        except IndexDamaged:
            return False
        return True

    def document(self, number: int) -> Document:
        """Read a document by its number in the segment."""
        record = self.tables["records"][number : number + 1][0]
        offset, size = int(record["offset"]), int(record["size"])
        return Document.model_validate_json(self.tables["documents"][offset : offset + size].tobytes())

    def documents(self) -> Iterable[Document]:
        """Read all documents, in order."""
        return (self.document(number) for number in range(self.entry.documents))


class SegmentWriter:
    """Writes one segment: new documents, or those of other segments without encoding them again."""

    def __init__(self, folder: Path, dim: int, token_dim: int) -> None:
        self.path = make_folder(folder / f"segment-{time.time_ns():020d}")
        self._dim, self._token_dim = dim, token_dim
        self._outputs = {name: Output(self.path / name) for name in STREAMS}
        self._postings = {name: PostingsBuilder() for name in LEXICAL}
        self._titles: dict[int, int] = {}
        self._facets: dict[str, int] = {}
        self._records: list[NDArray[Any]] = []
        self._passages: list[NDArray[Any]] = []
        self._spans: list[NDArray[np.int32]] = []
        self._document: Document | None = None
        self._section = 0
        self.documents = self.passages = 0

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the files; what was encoded stays for the next build."""
        for output in self._outputs.values():
            output.abandon()

    def begin(self, document: Document, passages: int) -> None:
        """Start a document; its passages follow."""
        facet = document.model_dump(include={"language", "topic", "as_of", "collection"})
        body = document.model_dump_json(exclude_computed_fields=True).encode() + b"\n"
        number = self._facets.setdefault(json.dumps(facet, sort_keys=True), len(self._facets))
        digest = np.frombuffer(bytes.fromhex(document.digest), dtype=np.uint8)
        record = (digest_of(document.id), digest, zlib.crc32(body), number, passages, self._outputs["documents"].size, len(body))
        self._records.append(np.asarray([record], dtype=RECORD))
        self._outputs["documents"].write(body)
        self._document, self._section = document, 0
        self.documents += 1

    def add(self, passage: Passage, key: bytes, encoding: Encoding) -> None:
        """Write the next passage of the document that was started."""
        document = self._document
        assert document is not None
        sections = document.sections
        while not sections[self._section].start <= passage.start < sections[self._section].end:
            self._section += 1
        for name, values in zip(STREAMS, encoding.arrays, strict=False):
            self._outputs[name].write(values)
        self._outputs["keys"].write(encoding.record(key))
        title = digest_of(f"{document.title}\n{passage.heading}")
        if title not in self._titles:
            self._titles[title] = len(self._titles)
            self._postings["titles"].add(search_tokens(f"{document.title}\n{passage.heading}"))
        numbers = (
            self.documents - 1,
            self._section,
            passage.start,
            passage.end,
            self._titles[title],
            len(passage.sentences),
            len(encoding.tokens),
        )
        self._passages.append(np.asarray([numbers], dtype=PASSAGE))
        self._spans.append(np.asarray(passage.sentences, dtype=np.int32).reshape(-1, 2))
        text = document.text[passage.start : passage.end]
        self._postings["words"].add(search_tokens(context_of(document, passage)) + search_tokens(text))
        for a, b in passage.sentences:
            self._postings["sentence_words"].add(search_tokens(document.text[a:b]))
        self.passages += 1

    def take(self, segment: Segment, keep: NDArray[np.bool_]) -> None:
        """Copy those documents of a segment that are to be kept."""
        tables = segment.tables
        passages, records = tables["passages"].all(), tables["records"].all()[keep].copy()
        kept = keep[passages["document"]]
        sentence_rows = np.concatenate([[0], np.cumsum(passages["sentences"], dtype=np.int64)])
        token_rows = np.concatenate([[0], np.cumsum(passages["tokens"], dtype=np.int64)])
        for first, last in _runs(kept):
            a, b = int(sentence_rows[first]), int(sentence_rows[last])
            c, d = int(token_rows[first]), int(token_rows[last])
            for name, (begin, end) in zip(STREAMS, ((first, last), (a, b), (c, d), (c, d), (first, last)), strict=False):
                self._outputs[name].write(tables[name][begin:end])
            self._spans.append(tables["spans"][a:b].copy())
        facets = np.zeros(len(segment.info.facets), dtype=np.int32)
        for used in np.unique(records["facet"]).tolist():
            facet = json.dumps(segment.info.facets[used], sort_keys=True)
            facets[used] = self._facets.setdefault(facet, len(self._facets))
        for record in records:
            offset = int(record["offset"])
            record["offset"] = self._outputs["documents"].size
            self._outputs["documents"].write(tables["documents"][offset : offset + int(record["size"])])
        records["facet"] = facets[records["facet"]]
        moved = passages[kept].copy()
        moved["document"] = (np.cumsum(keep) - 1 + self.documents)[moved["document"]]
        moved["title"] = self._take_titles(segment, moved["title"])
        self._records.append(records)
        self._passages.append(moved)
        self._postings["words"].take(segment.postings("words"), kept)
        self._postings["sentence_words"].take(segment.postings("sentence_words"), np.repeat(kept, passages["sentences"]))
        self.documents += len(records)
        self.passages += len(moved)

    def _take_titles(self, segment: Segment, titles: NDArray[np.int32]) -> NDArray[np.int32]:
        """Copy the titles that passages use and that are not here yet; return the passages' new title numbers."""
        keys = segment.tables["title_keys"].all()
        numbers = np.zeros(len(keys), dtype=np.int32)
        fresh = np.zeros(len(keys), dtype=bool)
        for old in np.unique(titles).tolist():
            fresh[old] = int(keys[old]) not in self._titles
            numbers[old] = self._titles.setdefault(int(keys[old]), len(self._titles))
        self._postings["titles"].take(segment.postings("titles"), fresh)
        return numbers[titles]

    def finish(self) -> SegmentEntry:
        """Write the tables and the description, flush everything, and name the segment."""
        passages = np.concatenate([*self._passages, np.zeros(0, PASSAGE)])
        tables: dict[str, NDArray[Any]] = {
            "records": np.concatenate([*self._records, np.zeros(0, RECORD)]),
            "passages": passages,
            "spans": np.concatenate([*self._spans, np.zeros((0, 2), np.int32)]),
            "title_keys": np.fromiter(self._titles, dtype=np.uint64, count=len(self._titles)),
        }
        lengths = {}
        for name, builder in self._postings.items():
            arrays, summed = builder.finish()
            tables |= {f"{name}.{part}": values for part, values in arrays.items()}
            lengths[name] = asdict(summed)
        files = {name: output.close() for name, output in self._outputs.items()}
        for name, values in tables.items():
            with_values = Output(self.path / name)
            with_values.write(values)
            files[name] = with_values.close()
        info = SegmentInfo(
            dim=self._dim,
            token_dim=self._token_dim,
            documents=self.documents,
            passages=self.passages,
            sentences=int(passages["sentences"].sum()),
            tokens=int(passages["tokens"].sum()),
            facets=tuple(json.loads(f) for f in self._facets),
            lengths=lengths,
            files=files,
        )
        described = write_file(self.path / DESCRIPTION, info.model_dump_json())
        sync_folder(self.path)
        return SegmentEntry(
            name=self.path.name,
            sha256=described.sha256,
            documents=info.documents,
            passages=info.passages,
            sentences=info.sentences,
            tokens=info.tokens,
            bytes=sum(f.size for f in files.values()) + described.size,
        )


def _runs(kept: NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
    """Return the spans of neighbours that are kept, in pieces that fit into memory."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2).tolist():
        for begin in range(first, last, _PIECE):
            yield begin, min(last, begin + _PIECE)
