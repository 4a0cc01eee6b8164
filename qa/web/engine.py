"""The assistant behind the page: opened in the background, and asked by a limited number at once."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from qa.assistant import Assistant
from qa.errors import QAError
from qa.settings import Settings

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Questions that are worked on at the same time; further ones wait."""
LONG_AT_ONCE = 8
"""Pieces of work that last: what a model writes, and research. They have places of their own, so that answers need not wait."""
WAITING = 60
"""Questions that may wait; beyond them the page says kindly that it is busy."""

State = Literal["loading", "building", "ready", "failed"]
T = TypeVar("T")


@dataclass(frozen=True)
class Status:
    """How far the assistant is: while building, ``done`` of ``total`` passages are embedded."""

    state: State
    done: int = 0
    total: int = 0
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the status for the page."""
        return {"state": self.state, "done": self.done, "total": self.total, "error": self.error}


class Busy(Exception):
    """Too many questions are waiting already."""


class Engine:
    """Opens the assistant in a thread and hands it out.

    Args:
        settings: what to open.
        opener: makes the assistant; ``Assistant.open`` except in tests.
    """

    def __init__(self, settings: Settings, opener: Callable[..., Assistant] = Assistant.open) -> None:
        self.settings = settings
        self._opener = opener
        self._status = Status("loading")
        self._assistant: Assistant | None = None
        self._finished = threading.Event()
        self._started = threading.Lock()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._long_slots = asyncio.Semaphore(LONG_AT_ONCE)
        self._admitted = 0

    def start(self) -> None:
        """Begin to open the assistant; a second call does nothing."""
        if self._started.acquire(blocking=False):
            threading.Thread(target=self._open, name="open-assistant", daemon=True).start()

    def _open(self) -> None:
        def progress(done: int, total: int) -> None:
            self._status = Status("building", done, total)

        try:
            self._assistant = self._opener(settings=self.settings, progress=progress)
            self._status = Status("ready")
        except QAError as error:
            self._status = Status("failed", error=str(error))
        except Exception as error:  # the page must say so rather than load for ever
            log.exception("the assistant could not be opened")
            self._status = Status("failed", error=f"The assistant could not be opened: {type(error).__name__}: {error}")
        finally:
            self._finished.set()

    @property
    def status(self) -> Status:
        """How far the assistant is."""
        return self._status

    @property
    def assistant(self) -> Assistant:
        """The assistant, once it is there.

        Raises:
            QAError: it is still loading or could not be opened.
        """
        if self._assistant is None:
            raise QAError(self._status.error or "the assistant is still loading; try again in a moment")
        return self._assistant

    @asynccontextmanager
    async def slot(self, *, long: bool = False) -> AsyncIterator[None]:
        """Hold one of the places for a question, waiting for it if all are taken.

        Args:
            long: a place for work that lasts.

        Raises:
            Busy: too many wait already.
        """
        if self._admitted >= AT_ONCE + WAITING:
            raise Busy
        self._admitted += 1
        try:
            async with self._long_slots if long else self._slots:
                yield
        finally:
            self._admitted -= 1

    async def ready(self, poll_s: float = 0.25) -> AsyncIterator[Status]:
        """Yield the status again and again until the assistant is ready or has failed, that one last."""
        while not self._finished.is_set():
            yield self._status
            await asyncio.sleep(poll_s)
        yield self._status
