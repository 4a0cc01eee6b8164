"""What changes the library from the page: uploads, addresses and removal; and PDF pages as pictures.

The names of uploaded files are shown and kept, but never become paths: a file lies under a number in
a folder of its own until it has been read, and the folder is deleted in any case.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
import tempfile
import threading
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from qa.assistant import Assistant
from qa.documents.readers import SUFFIXES
from qa.errors import LibraryProblem, QAError, UnknownDocument
from qa.library.results import Added
from qa.library.sources import check_collection
from qa.web.engine import Engine
from qa.web.reasons import reason

log = logging.getLogger(__name__)

LONGEST_NAME = 200
TOLD_EVERY_S = 0.15
PICTURES_AT_ONCE = 2
READ_ONLY = "documents cannot be added or removed here: the server runs with --read-only"
MB = 1_000_000

Tell = Callable[[dict[str, Any]], None]


class _Wish(BaseModel):
    """What the page sends to add an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(min_length=8, max_length=2000, pattern=r"^https?://\S+$")
    collection: str


class _Removal(BaseModel):
    """What the page sends to remove documents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ids: tuple[str, ...] = Field(min_length=1, max_length=1000)


@dataclass(frozen=True)
class _Sent:
    """An uploaded file before it is read; where it is refused already, ``reason`` and ``problem`` say why."""

    name: str
    path: Path | None
    reason: str = ""
    problem: str = ""


class Changes:
    """Adds and removes, a few uploads at a time and one change after the other.

    Args:
        engine: holds the assistant and the settings with the limits.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.settings = engine.settings
        self._places = threading.Semaphore(engine.settings.uploads_at_once)
        self._one_by_one = threading.Lock()
        self._pictures = asyncio.Semaphore(PICTURES_AT_ONCE)

    def routes(self) -> APIRouter:
        """Return the routes below ``/library``; Guard has checked the request before."""
        router = APIRouter(prefix="/library")
        router.add_api_route("/files", self.add_files, methods=["POST"], response_model=None)
        router.add_api_route("/address", self.add_address, methods=["POST"], response_model=None)
        router.add_api_route("/remove", self.remove, methods=["POST"], response_model=None)
        router.add_api_route("/picture", self.picture, methods=["GET"], response_model=None)
        return router

    async def add_files(self, request: Request) -> Response:
        """Take files as ``multipart/form-data`` and answer with lines of JSON while they are read.

        Each line has a ``step``: waiting, progress (``done``, ``total``, ``note``), done (``results``) or failed (``error``).
        """
        refusal = self._closed()
        if refusal is not None:
            return refusal
        collection = request.query_params.get("collection", "library")
        if problem := _collection_problem(collection):
            return _error(422, problem)
        if not self._places.acquire(blocking=False):
            return _crowded()
        folder = Path(tempfile.mkdtemp(prefix="qa-upload-"))
        try:
            sent = await self._receive(request, folder)
        except HTTPException as error:
            self._drop(folder)
            return _error(413 if "Too many" in str(error.detail) else 422, self._form_problem(str(error.detail)))
        except BaseException:
            self._drop(folder)
            raise
        return self._stream(lambda tell: self._add(sent, collection, tell), lambda: self._drop(folder))

    def _drop(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._places.release()

    def _form_problem(self, detail: str) -> str:
        if "Too many" in detail:
            return f"an upload holds at most {self.settings.max_files} files; send the others after it"
        return "the upload could not be read; send it again"

    async def _receive(self, request: Request, folder: Path) -> list[_Sent]:
        sent: list[_Sent] = []
        async with request.form(max_files=self.settings.max_files, max_fields=1) as form:
            for value in form.getlist("files"):
                if isinstance(value, UploadFile):
                    sent.append(await asyncio.to_thread(self._store, value.filename or "", value.size or 0, value.file, folder, len(sent)))
        if not sent:
            raise HTTPException(422, "no file")
        return sent

    def _store(self, filename: str, size: int, file: BinaryIO, folder: Path, number: int) -> _Sent:
        name = shown_name(filename)
        suffix = Path(name).suffix.lower()
        if suffix not in SUFFIXES:
            return _Sent(name, None, "format", f"this format cannot be read; use one of {', '.join(sorted(SUFFIXES))}")
        if size > self.settings.max_file_mb * MB:
            return _Sent(name, None, "size", f"has {size / MB:,.1f} MB; the limit is {self.settings.max_file_mb} MB: split it")
        if size == 0:
            return _Sent(name, None, "empty", "is empty; choose another file")
        path = folder / f"{number}{suffix}"
        with path.open("xb") as copy:
            shutil.copyfileobj(file, copy)
        return _Sent(name, path)

    def _add(self, sent: Sequence[_Sent], collection: str, tell: Tell) -> list[dict[str, Any]]:
        """Add what can be added, in one step, and return a result for each file in the order of sending."""
        if not self._one_by_one.acquire(blocking=False):
            tell({"step": "waiting"})
            self._one_by_one.acquire()
        try:
            assistant = self.engine.assistant
            left = self.settings.max_library_mb * MB - library_bytes(assistant)
            fitting: list[_Sent] = []
            results: dict[int, dict[str, Any]] = {}
            for number, one in enumerate(sent):
                size = one.path.stat().st_size if one.path else 0
                if one.path is None:
                    results[number] = _result(one.name, "refused", one.problem, one.reason)
                elif size > left:
                    results[number] = self._full(one.name)
                else:
                    left -= size
                    fitting.append(one)
            if fitting:
                paths = [one.path for one in fitting if one.path]
                names = [one.name for one in fitting]
                left_over = list(assistant.add(paths, names=names, collection=collection, progress=_progress(tell)))
                for number, one in enumerate(sent):
                    if number not in results:  # two files of one name have two results of that name
                        match = next(added for added in left_over if added.source == one.name)
                        left_over.remove(match)
                        results[number] = _added(assistant, one.name, match)
            return [results[number] for number in range(len(sent))]
        finally:
            self._one_by_one.release()

    def _full(self, name: str) -> dict[str, Any]:
        return _result(name, "refused", f"the library is full: it holds at most {self.settings.max_library_mb:,} MB; remove something first", "full")

    async def add_address(self, request: Request) -> Response:
        """Fetch a web page or file and add it; answers as ``add_files``."""
        refusal = self._closed()
        if refusal is not None:
            return refusal
        try:
            wish = _Wish.model_validate_json(await request.body())
        except ValidationError:
            return _error(422, "an address begins with http:// or https:// and has no spaces")
        if problem := _collection_problem(wish.collection):
            return _error(422, problem)
        if not self._places.acquire(blocking=False):
            return _crowded()

        def add(tell: Tell) -> list[dict[str, Any]]:
            with self._one_by_one:
                assistant = self.engine.assistant
                if library_bytes(assistant) >= self.settings.max_library_mb * MB:
                    return [self._full(wish.url)]
                added = assistant.add([wish.url], collection=wish.collection, progress=_progress(tell))
                return [_added(assistant, wish.url, one) for one in added]

        return self._stream(add, self._places.release)

    async def remove(self, request: Request) -> Response:
        """Remove documents of the user's; answers with the ids that are gone."""
        refusal = self._closed()
        if refusal is not None:
            return refusal
        try:
            wanted = _Removal.model_validate_json(await request.body())
        except ValidationError:
            return _error(422, "the request could not be read")

        def remove() -> list[str]:
            with self._one_by_one:
                return list(self.engine.assistant.remove(wanted.ids))

        try:
            return JSONResponse({"removed": await asyncio.to_thread(remove)})
        except UnknownDocument as error:
            return _error(404, str(error))
        except QAError as error:
            return _error(409, str(error))

    async def picture(self, request: Request) -> Response:
        """Return a page of a PDF as PNG: ``id``, ``page`` and ``width`` in pixels."""
        query = request.query_params
        try:
            page, width = int(query.get("page", "")), min(max(int(query.get("width", "900")), 100), 2000)
        except ValueError:
            return _error(422, "page and width are whole numbers")
        try:
            document = self.engine.assistant.document(query.get("id", ""))
            if page not in {one.number for one in document.pages}:
                return _error(404, "the document has no such page")
            async with self._pictures:
                picture = await asyncio.to_thread(self.engine.assistant.page_image, document.id, page, width)
        except QAError as error:
            return _error(404, str(error))
        return Response(picture, media_type="image/png")

    def _closed(self) -> Response | None:
        if self.settings.read_only:
            return _error(403, READ_ONLY)
        if self.engine.status.state != "ready":
            return _error(503, "the assistant is still loading; try again in a moment")
        return None

    def _stream(self, work: Callable[[Tell], list[dict[str, Any]]], after: Callable[[], None]) -> StreamingResponse:
        """Run work in a thread and send what it tells; it goes on to its end even if nobody listens any more."""
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

        def tell(step: dict[str, Any] | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(told.put_nowait, step)

        def run() -> None:
            try:
                tell({"step": "done", "results": work(tell)})
            except QAError as error:
                tell({"step": "failed", "error": str(error)})
            except Exception:  # the page must hear of it
                log.exception("documents could not be added")
                tell({"step": "failed", "error": ""})
            finally:
                after()
                tell(None)

        loop.run_in_executor(None, run)

        async def lines() -> AsyncIterator[bytes]:
            while (step := await told.get()) is not None:
                yield json.dumps(step, ensure_ascii=False).encode() + b"\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson", headers={"X-Accel-Buffering": "no"})


def shown_name(filename: str) -> str:
    """Return the last part of a file name without control and formatting characters, its end kept if it is too long."""
    last = re.split(r"[/\\]", filename)[-1]
    clean = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C")
    clean = " ".join(clean.split())
    if len(clean) > LONGEST_NAME:
        clean = clean[: LONGEST_NAME - 40] + "…" + clean[-39:]
    return clean or "unnamed"


def library_bytes(assistant: Assistant) -> int:
    """Return the size of all files that users have added."""
    return sum(one.bytes for one in assistant.collections() if one.name != "corpus")


def _collection_problem(name: str) -> str:
    try:
        check_collection(name)
    except LibraryProblem as error:
        return str(error)
    return ""


def _progress(tell: Tell) -> Callable[[int, int, str], None]:
    last = 0.0

    def progress(done: int, total: int, note: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= TOLD_EVERY_S or done == total:
            last = now
            tell({"step": "progress", "done": done, "total": total, "note": note})

    return progress


def _added(assistant: Assistant, name: str, one: Added) -> dict[str, Any]:
    title = one.title
    if one.document_id and not title:
        try:
            title = assistant.document(one.document_id).title
        except UnknownDocument:  # removed meanwhile
            title = one.document_id
    words = one.message.removeprefix(f"{name}: ")
    why = reason(one.message) if one.status == "refused" else ""
    return {**_result(name, one.status, words, why), "document": one.document_id or "", "title": title, "passages": one.passages}


def _result(name: str, status: str, message: str = "", reason: str = "") -> dict[str, Any]:
    """Return what the page shows of one file; it has words of its own for a ``reason``."""
    return {"name": name, "status": status, "document": "", "title": "", "passages": 0, "message": message, "reason": reason}


def _crowded() -> JSONResponse:
    return _error(429, "other uploads are under way; please try again in a moment")


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)
