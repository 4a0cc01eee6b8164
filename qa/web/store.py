"""Conversations and feedback in SQLite, so that they survive a restart of the server."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import platformdirs

MAX_TITLE_CHARS = 120
MAX_REASON_CHARS = 2000
LISTED = 200  # conversations shown in the list, newest first

_SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL);
CREATE INDEX IF NOT EXISTS conversations_owner ON conversations (owner, updated);
CREATE TABLE IF NOT EXISTS turns (
    id TEXT PRIMARY KEY, conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    created REAL NOT NULL, turn TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS turns_conversation ON turns (conversation, created);
CREATE TABLE IF NOT EXISTS feedback (
    turn TEXT NOT NULL, owner TEXT NOT NULL, vote INTEGER NOT NULL, reason TEXT NOT NULL, question TEXT NOT NULL,
    answer TEXT NOT NULL, created REAL NOT NULL, PRIMARY KEY (turn, owner));
"""

Turn = dict[str, Any]


def data_folder() -> Path:
    """Return the folder of the user's data: ``QA_DATA``, else the system's place for it."""
    return Path(os.environ.get("QA_DATA") or platformdirs.user_data_dir("qa", appauthor=False))


class Store:
    """One SQLite file. Every method checks the owner, a random name kept in the browser's cookie.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._changing = threading.Lock()
        with self._open() as database:
            database.executescript(_SCHEMA)
            database.execute("PRAGMA journal_mode = WAL")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # A connection for each call: handlers run in many threads, and opening takes microseconds.
        with closing(sqlite3.connect(self.path, timeout=10)) as database:
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("PRAGMA synchronous = NORMAL")  # with WAL the file stays whole; a power cut may cost the last turn
            with database:
                yield database

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        # One after the other: SQLite lets those who wait try again at random, and under load one could wait in vain.
        with self._changing, self._open() as database:
            yield database

    def conversations(self, owner: str) -> list[dict[str, Any]]:
        """Return id, title and time of the owner's conversations, newest first."""
        with self._open() as database:
            rows = database.execute(
                "SELECT id, title, updated FROM conversations WHERE owner = ? ORDER BY updated DESC, id LIMIT ?",
                (owner, LISTED),
            ).fetchall()
        return [{"id": i, "title": title, "updated": updated} for i, title, updated in rows]

    def turns(self, owner: str, conversation: str) -> list[Turn]:
        """Return the turns of a conversation, oldest first; none if it is not the owner's."""
        with self._open() as database:
            rows = database.execute(
                "SELECT turn FROM turns JOIN conversations c ON c.id = conversation "
                "WHERE c.owner = ? AND conversation = ? ORDER BY turns.created, turns.rowid",
                (owner, conversation),
            ).fetchall()
        return [json.loads(turn) for (turn,) in rows]

    def add_turn(self, owner: str, conversation: str, turn: Turn) -> str:
        """Append a turn, making the conversation where there is none of the owner's.

        Returns:
            The id of the conversation.
        """
        now = time.time()
        with self._change() as database:
            known = database.execute("SELECT 1 FROM conversations WHERE id = ? AND owner = ?", (conversation, owner)).fetchone()
            if not known:
                conversation = secrets.token_hex(8)
                title = turn["question"][:MAX_TITLE_CHARS]
                database.execute("INSERT INTO conversations VALUES (?, ?, ?, ?, ?)", (conversation, owner, title, now, now))
            turn = {**turn, "conversation": conversation}
            database.execute(
                "INSERT INTO turns VALUES (?, ?, ?, ?)", (turn["id"], conversation, now, json.dumps(turn, ensure_ascii=False))
            )
            database.execute("UPDATE conversations SET updated = ? WHERE id = ?", (now, conversation))
        return conversation

    def cut(self, owner: str, conversation: str, turn_id: str) -> None:
        """Remove a turn and all after it, as an edited question does."""
        with self._change() as database:
            database.execute(
                "DELETE FROM turns WHERE conversation = (SELECT id FROM conversations WHERE id = ? AND owner = ?) "
                "AND rowid >= (SELECT rowid FROM turns WHERE id = ? AND conversation = ?)",
                (conversation, owner, turn_id, conversation),
            )

    def rename(self, owner: str, conversation: str, title: str) -> None:
        """Give a conversation another title; an empty one changes nothing."""
        clean = " ".join(title.split())[:MAX_TITLE_CHARS]
        if clean:
            with self._change() as database:
                database.execute("UPDATE conversations SET title = ? WHERE id = ? AND owner = ?", (clean, conversation, owner))

    def delete(self, owner: str, conversation: str) -> None:
        """Remove a conversation with its turns and their feedback."""
        with self._change() as database:
            database.execute(
                "DELETE FROM feedback WHERE turn IN (SELECT t.id FROM turns t JOIN conversations c ON c.id = t.conversation "
                "WHERE c.id = ? AND c.owner = ?)",
                (conversation, owner),
            )
            database.execute("DELETE FROM conversations WHERE id = ? AND owner = ?", (conversation, owner))

    def vote(self, owner: str, turn: Turn, vote: int, reason: str) -> None:
        """Keep a thumb up (1) or down (-1) with its reason; 0 takes it back."""
        with self._change() as database:
            database.execute("DELETE FROM feedback WHERE turn = ? AND owner = ?", (turn["id"], owner))
            if vote:
                about = (turn["question"], turn["text"], time.time())
                row = (turn["id"], owner, 1 if vote > 0 else -1, reason[:MAX_REASON_CHARS], *about)
                database.execute("INSERT INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def votes(self, owner: str, conversation: str) -> dict[str, int]:
        """Return the owner's votes in a conversation by turn."""
        with self._open() as database:
            rows = database.execute(
                "SELECT turn, vote FROM feedback WHERE owner = ? AND turn IN (SELECT id FROM turns WHERE conversation = ?)",
                (owner, conversation),
            ).fetchall()
        return dict(rows)
