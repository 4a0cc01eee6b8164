"""Steps of a generator as server-sent events."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

from pydantic import BaseModel
from starlette.responses import StreamingResponse

from qa.api.problems import Problem, status_of
from qa.errors import QAError
from qa.web.engine import Busy

log = logging.getLogger(__name__)

_END = object()


async def steps_in_thread(make: Callable[[Callable[[], bool]], Generator[Any, None, None]]) -> AsyncIterator[Any]:
    """Yield the steps of a generator that runs in a thread of its own.

    Args:
        make: makes the generator; gets a function that says whether the reader has left, in which case the
            generator is closed after the step that it is at.

    Raises:
        Exception: what the generator raises.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Any] = asyncio.Queue()
    left = threading.Event()

    def put(value: Any) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, value)

    def work() -> None:
        try:
            steps = make(left.is_set)
            try:
                for step in steps:
                    put(step)
                    if left.is_set():
                        break
            finally:
                steps.close()
        except Exception as error:  # raised again where the steps are read
            put(error)
        else:
            put(_END)

    thread = asyncio.create_task(asyncio.to_thread(work))
    try:
        while (value := await queue.get()) is not _END:
            if isinstance(value, Exception):
                raise value
            yield value
    finally:
        left.set()
        await asyncio.shield(thread)


def event_stream(make: Callable[[Callable[[], bool]], Generator[Any, None, None]], slot: AbstractAsyncContextManager[None]) -> StreamingResponse:
    """Return steps as server-sent events: the step's ``event`` as its name, the step as its data; an error as "problem".

    Args:
        make: see ``steps_in_thread``; the steps are pydantic models.
        slot: a place among the questions under way, already waited for by nobody.
    """

    async def body() -> AsyncIterator[str]:
        try:
            async with slot, aclosing(steps_in_thread(make)) as steps:
                async for step in steps:
                    yield _event(step.event, step)
        except Busy:
            yield _event("problem", Problem(title="Busy", status=503, detail="too many questions are being answered; try again in a moment"))
        except QAError as error:
            yield _event("problem", Problem(title=type(error).__name__, status=status_of(error), detail=str(error)))
        except Exception as error:
            log.exception("a stream broke off")
            detail = "something went wrong here; the server's log says what"
            yield _event("problem", Problem(title=type(error).__name__, status=500, detail=detail))

    return StreamingResponse(body(), media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def _event(name: str, value: BaseModel) -> str:
    return f"event: {name}\ndata: {json.dumps(value.model_dump(mode='json'), ensure_ascii=False)}\n\n"
