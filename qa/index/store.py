"""Documents and passages in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from qa.chunking import Passage
from qa.documents.model import Document

FILE = "store.sqlite"


def write_store(folder: Path, documents: Iterable[Document], passages: Iterable[Passage]) -> None:
    """Write documents and passages into a new database in a folder."""
    connection = sqlite3.connect(folder / FILE)
    with connection:
        connection.execute("CREATE TABLE documents (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID")
        connection.execute(
            "CREATE TABLE passages (number INTEGER PRIMARY KEY, id TEXT UNIQUE, document_id TEXT NOT NULL, "
            "start INTEGER, stop INTEGER, heading TEXT, sentences TEXT)"
        )
        connection.executemany(
            "INSERT INTO documents VALUES (?, ?)", ((d.id, d.model_dump_json(exclude_computed_fields=True)) for d in documents)
        )
        connection.executemany(
            "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (n, p.id, p.document_id, p.start, p.end, p.heading, json.dumps(p.sentences))
                for n, p in enumerate(passages)
            ),
        )
    connection.close()


def read_store(folder: Path) -> tuple[dict[str, Document], list[Passage]]:
    """Read all documents (by id) and passages (by number)."""
    connection = sqlite3.connect(f"file:{folder / FILE}?mode=ro&immutable=1", uri=True)
    try:
        documents = {
            i: Document.model_validate_json(body) for i, body in connection.execute("SELECT id, body FROM documents ORDER BY id")
        }
        rows = connection.execute("SELECT id, document_id, start, stop, heading, sentences FROM passages ORDER BY number")
        passages = [Passage(i, d, a, b, h, tuple((x, y) for x, y in json.loads(s))) for i, d, a, b, h, s in rows]
    finally:
        connection.close()
    return documents, passages


def passage_titles(documents: Mapping[str, Document], passages: Iterable[Passage]) -> list[str]:
    """Return each passage's title and heading; many passages share one."""
    return [f"{documents[p.document_id].title}\n{p.heading}" for p in passages]
