"""The first stage of search in Milvus, an engine that runs on one machine or many.

One collection holds of every passage its vector, a sparse vector of BM25 weights from this project's own tokens, and what
filters ask for. Milvus finds candidates by both; their scores, re-scoring and texts come from the index's files as
ever, so that answers do not depend on the engine. The collection follows the index: segments that it lacks are written
to it when an index is opened, those that have gone are removed from it. The address is that of a cluster
(``http://host:19530``) or a local folder, which milvus-lite serves within this process.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.errors import MissingExtra, StoreUnreachable
from qa.index.encodings import context_of
from qa.index.lexical import digest_of
from qa.index.snapshot import Snapshot
from qa.retrieval.filters import Filters
from qa.retrieval.pool import Scope
from qa.text.tokens import search_tokens

FORMAT = 1  # in the collection's name: another one begins anew
BATCH = 256  # passages of one request, some 600 kB
TEXT = 512  # longest string of a filter, in bytes
EXACT_PASSAGES = 32_768  # up to here Milvus compares every vector, as the local store does


class MilvusStage:
    """Searches a Milvus collection that holds the passages of a snapshot."""

    def __init__(self, snapshot: Snapshot, uri: str, token: str = "") -> None:
        """Connect, and bring the collection in line with the snapshot.

        Args:
            snapshot: what the collection is to hold.
            uri: address of a cluster, or a local folder.
            token: "user:password" or an API key; "" where none is needed.

        Raises:
            MissingExtra: the extra "milvus" is not installed.
            StoreUnreachable: Milvus does not answer, or refuses.
        """
        try:
            import pymilvus
        except ImportError as error:
            raise MissingExtra('the store "milvus" needs the package pymilvus; run: pip install "china-ai-qa[milvus]"') from error
        self._snapshot, self._uri = snapshot, uri
        self._names = [s.name for s in snapshot.manifest.segments]
        self._first = np.cumsum([0, *(s.passages for s in snapshot.manifest.segments)])
        self._starts = {_number(name): int(first) for name, first in zip(self._names, self._first, strict=False)}
        self._failure = pymilvus.MilvusException
        self._collection = f"qa_{FORMAT}_{digest_of(snapshot.manifest.model):016x}"
        try:
            if "://" not in uri:
                Path(uri).expanduser().parent.mkdir(parents=True, exist_ok=True)
                uri = str(Path(uri).expanduser())
            self._client = pymilvus.MilvusClient(uri, token=token)
            self._bring_in_line()
        except self._failure as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> StoreUnreachable:
        message = " ".join(str(getattr(error, "message", error)).split())[:200]
        return StoreUnreachable(f"Milvus at {self._uri} failed ({message}); check QA_MILVUS_URI and QA_MILVUS_TOKEN, or set QA_STORE=local")

    def dense(self, vector: NDArray[np.float32], k: int, scope: Scope) -> NDArray[np.int64]:
        """Return the numbers of about k passages whose vectors are nearest to a unit vector."""
        return self._search("vector", vector.tolist(), k, scope)

    def lexical(self, terms: Mapping[str, float], k: int, scope: Scope) -> NDArray[np.int64]:
        """Return the numbers of about k passages of the highest BM25 score for terms with factors."""
        words = self._snapshot.words
        weights = {_dimension(t): f * words.idf(t) for t, f in terms.items() if f > 0 and t in words}
        return self._search("words", weights, k, scope) if weights else np.zeros(0, np.int64)

    def _search(self, field: str, query: Any, k: int, scope: Scope) -> NDArray[np.int64]:
        try:
            found = self._client.search(self._collection, [query], filter=expression(scope), limit=k, anns_field=field)[0]
        except self._failure as error:
            raise self._unreachable(error) from error
        ids = np.fromiter((hit["id"] for hit in found), dtype=np.int64, count=len(found))
        firsts = np.fromiter((self._starts[n] for n in (ids >> 32).tolist()), dtype=np.int64, count=len(ids))
        return firsts + (ids & 0xFFFFFFFF)

    def _bring_in_line(self) -> None:
        """Write the segments that the collection lacks or holds in part, and remove those that the index does not have."""
        if not self._client.has_collection(self._collection):
            self._create()
        self._client.load_collection(self._collection)
        held = [self._count(f"segment == {json.dumps(name)}") for name in self._names]
        if self._count("") > sum(held):
            self._client.delete(self._collection, filter=f"segment not in {json.dumps(self._names)}")
        for number, count in enumerate(held):
            if count < self._first[number + 1] - self._first[number]:
                self._write(number)

    def _count(self, condition: str) -> int:
        found = self._client.query(self._collection, filter=condition, output_fields=["count(*)"], consistency_level="Strong")
        return int(found[0]["count(*)"])

    def _create(self) -> None:
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        for name in ("segment", "document", "language", "topic", "collection", "as_of"):
            schema.add_field(name, DataType.VARCHAR, max_length=TEXT)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._snapshot.manifest.dim)
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
        indexes = self._client.prepare_index_params()
        exact = self._first[-1] <= EXACT_PASSAGES
        indexes.add_index("vector", index_type="FLAT" if exact else "AUTOINDEX", metric_type="IP")
        indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
        self._client.create_collection(self._collection, schema=schema, index_params=indexes, consistency_level="Strong")

    def _write(self, number: int) -> None:
        """Write a segment's passages; those that are there already are written over."""
        begin, end = int(self._first[number]), int(self._first[number + 1])
        batch: list[dict[str, Any]] = []
        for row in self._rows(begin, end, self._names[number]):
            batch.append(row)
            if len(batch) == BATCH:
                self._client.upsert(self._collection, batch)
                batch = []
        if batch:
            self._client.upsert(self._collection, batch)

    def _rows(self, begin: int, end: int, segment: str) -> Iterator[dict[str, Any]]:
        snapshot, number = self._snapshot, _number(segment)
        for row in range(begin, end):
            passage = snapshot.passages[row]
            document = snapshot.documents[passage.document_id]
            tokens = Counter(search_tokens(context_of(document, passage)) + search_tokens(document.text[passage.start : passage.end]))
            yield {
                "id": number << 32 | row - begin,
                "segment": segment,
                "document": _cut(document.id),
                "language": document.language,
                "topic": _cut(document.topic),
                "collection": _cut(document.collection),
                "as_of": document.as_of,
                "vector": snapshot.vectors[row].tolist(),
                # A passage without words has no sparse vector of its own; the last dimension is no word's.
                "words": {_dimension(t): w for t, w in snapshot.words.saturations(tokens, row).items()} or {_LAST: 1.0},
            }


_LAST = 0xFFFFFFFE


def _number(segment: str) -> int:
    return digest_of(segment) & 0x7FFFFFFF


def _dimension(term: str) -> int:
    """Return a term's dimension: 32 bits of its digest, so that two of a million terms rarely meet."""
    return digest_of(term) % _LAST


def _cut(text: str) -> str:
    return text.encode()[:TEXT].decode(errors="ignore")


def expression(scope: Scope) -> str:
    """Return a scope as a condition in Milvus' language."""
    filters: Filters = scope.filters
    parts = [f"language == {json.dumps(scope.language)}"]
    for field, values in (("topic", filters.topics), ("collection", filters.collections), ("language", filters.languages)):
        if values:
            parts.append(f"{field} in {json.dumps([_cut(v) for v in values], ensure_ascii=False)}")
    if filters.documents:
        parts.append(f"document in {json.dumps([_cut(d) for d in filters.documents], ensure_ascii=False)}")
    if filters.since is not None:
        parts.append(f"as_of >= {json.dumps(filters.since)}")
    if filters.until is not None:
        # "~" comes after every digit and hyphen: 2025-07-01 lies before "2025-07~".
        parts.append(f'as_of > "" and as_of <= {json.dumps(filters.until + "~")}')
    return " and ".join(parts)
