"""The routes of /api/v1."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

import qa
from qa.answering.answer import Answer
from qa.api.bodies import AskBody, Collections, Documents, Health, Hits, ResearchBody, SearchBody, listed
from qa.api.problems import MEDIA_TYPE, NotReady, Problem
from qa.api.stream import event_stream
from qa.assistant import Assistant, check_question
from qa.documents.model import Document
from qa.errors import SettingsError
from qa.research import Brief
from qa.settings import Settings
from qa.web.engine import Engine

T = TypeVar("T")
_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Steps"}}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {s: {"model": Problem, "content": {MEDIA_TYPE: {"schema": schema}}} for s in (*statuses, 401, 403, 421, 429, 503)}


def routes(engine: Engine, settings: Settings) -> APIRouter:
    """Return the routes.

    Args:
        engine: opens and lends the assistant.
        settings: which language models clients may name.
    """
    router = APIRouter(prefix="/api/v1")

    def assistant() -> Assistant:
        status = engine.status
        if status.state != "ready":
            raise NotReady(status.error or "the assistant is still loading; try again in a moment")
        return engine.assistant

    async def working(call: Callable[[], T]) -> T:
        async with engine.slot():
            return await asyncio.to_thread(call)

    def allowed(llm: str | None) -> str | None:
        if llm is not None and llm not in settings.api_llm:
            known = ", ".join(settings.api_llm) or "none"
            raise SettingsError(f"this server lends no language model {llm!r}; it lends: {known}")
        return llm

    @router.get("/health", responses=_problems(), summary="Whether questions are answered")
    async def health() -> Health:
        status = engine.status
        count = len(engine.assistant.snapshot.documents) if status.state == "ready" else 0
        return Health(status=status.state, detail=status.error, version=qa.__version__, documents=count)

    @router.post("/ask", responses=_problems(413, 422), summary="Answer a question with cited quotes")
    async def ask(body: AskBody) -> Answer:
        one, llm = assistant(), allowed(body.llm)
        return await working(lambda: one.ask(body.question, history=body.history, filters=body.filters, llm=llm, strict=body.strict))

    @router.post("/ask/stream", responses=_problems(413, 422) | _STREAM, summary="The same, step by step")
    async def ask_stream(body: AskBody) -> StreamingResponse:
        one, llm = assistant(), allowed(body.llm)
        check_question(body.question, one.settings.max_question_chars)

        def make(_: Callable[[], bool]) -> Generator[Any, None, None]:
            return one.stream(body.question, history=body.history, filters=body.filters, llm=llm, strict=body.strict)

        return event_stream(make, engine.slot())

    @router.post("/search", responses=_problems(413, 422), summary="List the best passages")
    async def search(body: SearchBody) -> Hits:
        one = assistant()
        return Hits(hits=tuple(await working(lambda: one.search(body.query, body.k, body.filters))))

    @router.post("/research", responses=_problems(413, 422), summary="Write a cited brief")
    async def research(body: ResearchBody) -> Brief:
        one, llm = assistant(), allowed(body.llm)
        return await working(lambda: one.research(body.question, filters=body.filters, llm=llm, max_questions=body.max_questions))

    @router.post("/research/stream", responses=_problems(413, 422) | _STREAM, summary="The same, step by step")
    async def research_stream(body: ResearchBody) -> StreamingResponse:
        one, llm = assistant(), allowed(body.llm)
        check_question(body.question, one.settings.max_question_chars)

        def make(left: Callable[[], bool]) -> Generator[Any, None, None]:
            return one.stream_research(body.question, filters=body.filters, llm=llm, stop=left, max_questions=body.max_questions)

        return event_stream(make, engine.slot())

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

    @router.get("/documents/{document_id}", responses=_problems(404, 422), summary="One document, whole")
    async def document(document_id: Annotated[str, Path(max_length=300)]) -> Document:
        one = assistant()
        return await working(lambda: one.document(document_id))

    @router.get("/collections", responses=_problems(), summary="List collections")
    async def collections() -> Collections:
        one = assistant()
        return Collections(collections=await working(one.collections))

    return router
