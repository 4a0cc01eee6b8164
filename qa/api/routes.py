"""The routes of /api/v1."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Generator
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

import qa
from qa.answering.answer import Answer
from qa.answering.question import check_question
from qa.api.bodies import AskBody, Collections, Documents, Health, Hits, ResearchBody, SearchBody, listed
from qa.api.problems import MEDIA_TYPE, NotReady, Problem
from qa.api.stream import event_stream
from qa.assistant import Assistant
from qa.documents.model import Document
from qa.errors import QAError, SettingsError
from qa.research import Brief
from qa.settings import Settings
from qa.web.engine import Engine

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
T = TypeVar("T")
_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Steps"}}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {s: {"model": Problem, "content": {MEDIA_TYPE: {"schema": schema}}} for s in (*statuses, 401, 403, 421, 429, 503)}


class Lender:
    """Lends the assistant to requests.

    Args:
        engine: opens it.
        settings: which language models clients may name.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine = engine
        self._models = settings.api_llm
        self._look_again = 0.0

    def assistant(self) -> Assistant:
        """Return the assistant.

        Raises:
            NotReady: it is still being opened, or could not be.
        """
        status = self.engine.status
        if status.state != "ready":
            raise NotReady(status.error or "the assistant is still loading; try again in a moment")
        return self.engine.assistant

    async def working(self, call: Callable[[], T], *, long: bool = False) -> T:
        """Return what a call gives, made in a thread when there is a place for it.

        Args:
            call: asks the assistant.
            long: it takes its time, and has places of its own.
        """
        async with self.engine.slot(long=long):
            return await asyncio.to_thread(lambda: self.newest(call))

    def newest(self, call: Callable[[], T]) -> T:
        """Take up, now and then, what the commands have added or removed meanwhile; then make a call."""
        if time.monotonic() >= self._look_again:
            self._look_again = time.monotonic() + LOOK_EVERY_S
            try:
                self.engine.assistant.reload()
            except QAError as error:  # the documents that are loaded still answer
                log.warning("changed documents could not be loaded: %s", error)
        return call()

    def allowed(self, llm: str | None) -> str | None:
        """Return the name of a language model that the server lends.

        Raises:
            SettingsError: it lends no such model.
        """
        if llm is not None and llm not in self._models:
            raise SettingsError(f"this server lends no language model {llm!r}; it lends: {', '.join(self._models) or 'none'}")
        return llm


def routes(engine: Engine, settings: Settings) -> APIRouter:
    """Return the routes.

    Args:
        engine: opens and lends the assistant.
        settings: which language models clients may name.
    """
    router = APIRouter(prefix="/api/v1")
    lender = Lender(engine, settings)
    _reading(router, lender)
    _asking(router, lender)
    return router


def _asking(router: APIRouter, lender: Lender) -> None:
    assistant, working, allowed, engine = lender.assistant, lender.working, lender.allowed, lender.engine

    @router.get("/health", responses=_problems(), summary="Whether questions are answered")
    async def health() -> Health:
        status = engine.status
        count = len(engine.assistant.snapshot.documents) if status.state == "ready" else 0
        return Health(status=status.state, detail=status.error, version=qa.__version__, documents=count)

    @router.post("/ask", responses=_problems(413, 422), summary="Answer a question with cited quotes")
    async def ask(body: AskBody) -> Answer:
        one, llm = assistant(), allowed(body.llm)
        call = functools.partial(one.ask, body.question, history=body.history, filters=body.filters, llm=llm, strict=body.strict)
        return await working(call, long=llm is not None)

    @router.post("/ask/stream", responses=_problems(413, 422) | _STREAM, summary="The same, step by step")
    async def ask_stream(body: AskBody) -> StreamingResponse:
        one, llm = assistant(), allowed(body.llm)
        check_question(body.question, one.settings.max_question_chars)

        def make(_: Callable[[], bool]) -> Generator[Any, None, None]:
            return lender.newest(lambda: one.stream(body.question, history=body.history, filters=body.filters, llm=llm, strict=body.strict))

        return event_stream(make, engine.slot(long=llm is not None))

    @router.post("/search", responses=_problems(413, 422), summary="List the best passages")
    async def search(body: SearchBody) -> Hits:
        one = assistant()
        return Hits(hits=tuple(await working(lambda: one.search(body.query, body.k, body.filters))))

    @router.post("/research", responses=_problems(413, 422), summary="Write a cited brief")
    async def research(body: ResearchBody) -> Brief:
        one, llm = assistant(), allowed(body.llm)
        call = functools.partial(one.research, body.question, filters=body.filters, llm=llm, max_questions=body.max_questions)
        return await working(call, long=True)

    @router.post("/research/stream", responses=_problems(413, 422) | _STREAM, summary="The same, step by step")
    async def research_stream(body: ResearchBody) -> StreamingResponse:
        one, llm = assistant(), allowed(body.llm)
        check_question(body.question, one.settings.max_question_chars)

        def make(left: Callable[[], bool]) -> Generator[Any, None, None]:
            return lender.newest(
                lambda: one.stream_research(body.question, filters=body.filters, llm=llm, stop=left, max_questions=body.max_questions)
            )

        return event_stream(make, engine.slot(long=True))


def _reading(router: APIRouter, lender: Lender) -> None:
    assistant, working = lender.assistant, lender.working

    @router.get("/documents", responses=_problems(422), summary="List documents")
    async def documents(
        collection: Annotated[str | None, Query(max_length=100)] = None,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Documents:
        one = assistant()

        def part() -> Documents:
            chosen = [d for d in one.documents if collection is None or d.collection == collection]
            return Documents(total=len(chosen), documents=tuple(listed(d) for d in chosen[offset : offset + limit]))

        return await working(part)

    @router.get("/documents/{document_id:path}", responses=_problems(404, 422), summary="One document, whole")
    async def document(document_id: Annotated[str, Path(max_length=300)]) -> Document:
        one = assistant()
        return await working(lambda: one.document(document_id))

    @router.get("/collections", responses=_problems(), summary="List collections")
    async def collections() -> Collections:
        one = assistant()
        return Collections(collections=await working(one.collections))
