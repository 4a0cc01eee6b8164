"""Errors as problem JSON (RFC 9457): the one sentence that the package's errors are."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from qa.errors import BadQuestion, LanguageModelError, MissingExtra, QAError, SettingsError, UnknownDocument
from qa.web.engine import Busy

MEDIA_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (BadQuestion, 422),
    (UnknownDocument, 404),
    (SettingsError, 422),
    (MissingExtra, 501),
    (LanguageModelError, 502),
    (QAError, 500),
)


class Problem(BaseModel):
    """What an error is answered with."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="one sentence that says what to do next")

    @classmethod
    def of(cls, status: int, detail: str) -> Problem:
        """Return the problem of a status; its title is the status's name."""
        return cls(title=HTTPStatus(status).phrase, status=status, detail=detail)


class NotReady(QAError):
    """The assistant is still being opened."""


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as a response."""
    return JSONResponse(Problem.of(status, detail).model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def status_of(error: Exception) -> int:
    """Return the status of one of the package's errors."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def answer_errors(app: FastAPI) -> None:
    """Let an application answer every error as problem JSON."""

    @app.exception_handler(QAError)
    async def known(_: Request, error: QAError) -> Response:
        if isinstance(error, NotReady):
            return problem(503, str(error), {"Retry-After": "2"})
        return problem(status_of(error), str(error))

    @app.exception_handler(Busy)
    async def busy(_: Request, error: Busy) -> Response:
        return problem(503, "too many questions are being answered; try again in a moment", {"Retry-After": "2"})

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first: Any = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
        return problem(422, f"{where}: {first['msg']}; see /api/v1/openapi.json")

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> Response:
        words = {404: "there is nothing here; see /api/v1/openapi.json", 405: "this method is not taken here; see /api/v1/openapi.json"}
        return problem(error.status_code, words.get(error.status_code, str(error.detail)), error.headers)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> Response:
        return problem(500, "something went wrong here; the server's log says what")
