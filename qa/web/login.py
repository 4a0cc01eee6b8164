"""The log-in page, logging out, and what the page may know about its own session."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from qa.settings import Settings
from qa.web.accounts import Accounts, Sessions, Throttle
from qa.web.guard import SESSION_COOKIE, cookie
from qa.web.limits import network

log = logging.getLogger(__name__)

LONGEST_FORM = 4_000  # bytes; a name and a password
_PAGE = Path(__file__).parent / "static" / "login.html"


def session_view(request: Request, settings: Settings) -> dict[str, object]:
    """Return who is logged in ("" without log-in), and what the page may offer."""
    return {
        "user": request.scope["qa"]["user"],
        "read_only": settings.read_only,
        "max_files": settings.max_files,
        "max_file_mb": settings.max_file_mb,
    }


def login_routes(settings: Settings, accounts: Accounts | None, sessions: Sessions | None) -> APIRouter:
    """Return the routes; without accounts only ``/session``."""
    router = APIRouter()

    @router.get("/session")
    async def session(request: Request) -> JSONResponse:
        return JSONResponse(session_view(request, settings))

    if accounts is None or sessions is None:
        return router
    throttle = Throttle()

    @router.get("/login")
    async def form(request: Request) -> Response:
        return RedirectResponse("/", 303) if request.scope["qa"]["user"] else _form()

    @router.post("/login")
    async def login(request: Request) -> Response:
        raw = bytearray()
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > LONGEST_FORM:
                return _form("wrong", 413)
        sent = parse_qs(raw.decode("utf-8", "replace"), max_num_fields=10)
        name, password = (sent.get(field, [""])[0] for field in ("name", "password"))
        address = network(request.client.host if request.client else "")
        wait = throttle.begin(address, name)
        if wait > 0:
            log.warning("log-in from %s held back for %.0f s", address, wait)
            return _form("wait", 429, {"Retry-After": str(int(wait) + 1)})
        if not await asyncio.to_thread(accounts.admits, name, password):
            log.warning("log-in from %s failed", address)
            return _form("wrong", 401)
        throttle.succeeded(address, name)
        sessions.end(request.scope["qa"]["session"])
        response = RedirectResponse(_next(request), 303)
        response.headers.append("Set-Cookie", cookie(request.scope, SESSION_COOKIE, sessions.begin(name), int(sessions.seconds)))
        return response

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        sessions.end(request.scope["qa"]["session"])
        response = RedirectResponse("/login", 303)
        response.headers.append("Set-Cookie", cookie(request.scope, SESSION_COOKIE, "", 0))
        return response

    return router


def _next(request: Request) -> str:
    """Return where to go after logging in: the page with its query, and nowhere else."""
    wanted = request.query_params.get("next", "")
    return wanted if re.fullmatch(r"/\?[!-~]*", wanted) else "/"


def _form(problem: str = "", status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    """Return the page with one of its own messages shown; nothing that was sent stands in it."""
    html = _PAGE.read_text(encoding="utf-8").replace('data-problem=""', f'data-problem="{problem}"')
    return HTMLResponse(html, status, headers)
