"""What the Library tab shows: the documents and the state of the index."""

from __future__ import annotations

from collections import Counter
from typing import Any

from qa.assistant import Assistant


def rows(assistant: Assistant) -> list[dict[str, Any]]:
    """Return one row a document, with its numbers of sources and passages."""
    passages = Counter(p.document_id for p in assistant.snapshot.passages)
    return [
        {
            "id": d.id,
            "title": d.title,
            "topic": d.topic,
            "language": d.language,
            "as_of": d.as_of,
            "sources": len(d.sources),
            "passages": passages[d.id],
        }
        for d in assistant.documents
    ]


def topics(assistant: Assistant) -> list[dict[str, Any]]:
    """Return the topics with their numbers of documents, the largest first."""
    counts = Counter(d.topic for d in assistant.documents)
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
