"""What the Library tab shows: the documents and the state of the index."""

from __future__ import annotations

from collections import Counter
from typing import Any

from qa.assistant import Assistant
from qa.documents.model import Document, Origin

CORPUS = "corpus"
"""The collection of the documents that are shipped."""


def rows(assistant: Assistant) -> list[dict[str, Any]]:
    """Return one row a document, with its numbers of sources and passages; a user's has its file too."""
    passages = Counter(p.document_id for p in assistant.snapshot.passages)
    sizes = assistant.sizes()
    return [
        {
            "id": d.id,
            "title": d.title,
            "topic": d.topic,
            "language": d.language,
            "as_of": d.as_of,
            "sources": len(d.sources),
            "passages": passages[d.id],
            "collection": d.collection,
            **(_file(d, d.origin, sizes.get(d.id, 0)) if d.origin else {}),
        }
        for d in assistant.documents
    ]


def _file(document: Document, origin: Origin, size: int) -> dict[str, Any]:
    return {"file": origin.name, "url": origin.url, "added": origin.added, "pages": len(document.pages), "bytes": size}


def collections(assistant: Assistant) -> list[dict[str, Any]]:
    """Return the user's collections, by name."""
    found = [{"name": c.name, "documents": c.documents, "bytes": c.bytes} for c in assistant.collections() if c.name != CORPUS]
    return sorted(found, key=lambda c: str(c["name"]))


def topics(assistant: Assistant) -> list[dict[str, Any]]:
    """Return the topics with their numbers of documents, the largest first."""
    counts = Counter(d.topic for d in assistant.documents if d.topic)
    return [{"topic": topic, "documents": count} for topic, count in sorted(counts.items(), key=lambda i: (-i[1], i[0]))]


def index_status(assistant: Assistant) -> dict[str, Any]:
    """Return which generation is served and what it was built from."""
    manifest = assistant.snapshot.manifest
    return {
        "generation": assistant.snapshot.generation,
        "model": manifest.model,
        "documents": manifest.documents,
        "passages": manifest.passages,
        "sentences": manifest.sentences,
        "built": manifest.built,
        "seconds": manifest.seconds,
        "folder": str(assistant.settings.index),
    }
