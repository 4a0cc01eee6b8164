"""Steps of a generator as server-sent events."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, cast

from pydantic import BaseModel
from starlette.responses import StreamingResponse

from qa.api.problems import Problem, status_of
from qa.errors import QAError
from qa.web.engine import Busy
from qa.web.work import in_thread

log = logging.getLogger(__name__)

Make = Callable[[Callable[[], bool]], Generator[Any, None, None]]
"""Makes a generator of steps; gets a function that says whether the reader has left."""


def event_stream(make: Make, slot: AbstractAsyncContextManager[None]) -> StreamingResponse:
    """Return steps as server-sent events: the step's ``event`` as its name, the step as its data; an error as "problem".

    Args:
        make: of the steps, which are pydantic models; the generator is closed at its next step when the reader leaves.
        slot: a place among the questions under way, entered before the first step.
    """

    async def body() -> AsyncIterator[str]:
        try:
            async with slot, aclosing(cast("AsyncGenerator[Any, None]", in_thread(lambda gone: make(gone.is_set)))) as steps:
                async for step in steps:
                    yield _event(step.event, step)
        except Busy:
            yield _problem(503, "too many questions are being answered; try again in a moment")
        except QAError as error:
            yield _problem(status_of(error), str(error))
        except Exception:
            log.exception("a stream broke off")
            yield _problem(500, "something went wrong here; the server's log says what")

    return StreamingResponse(body(), media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def _problem(status: int, detail: str) -> str:
    return _event("problem", Problem.of(status, detail))


def _event(name: str, value: BaseModel) -> str:
    return f"event: {name}\ndata: {json.dumps(value.model_dump(mode='json'), ensure_ascii=False)}\n\n"
