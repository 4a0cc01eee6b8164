"""The web application: the page, its files, health checks and the headers that keep it local."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import CookieError, SimpleCookie

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.settings import Settings
from qa.web.engine import Engine
from qa.web.handlers import OWNER_COOKIE, Handlers
from qa.web.page import HEAD, STATIC, build
from qa.web.store import Store, data_folder

# Gradio's own scripts are inline and make functions from strings; addresses stay on this host.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    ]
)
COOKIE_SECONDS = 2 * 365 * 24 * 3600


def create_app(settings: Settings, engine: Engine | None = None) -> FastAPI:
    """Make the application.

    Args:
        settings: what the assistant is opened with.
        engine: another engine, in tests.

    Raises:
        OSError: the folder for conversations cannot be written.
    """
    engine = engine or Engine(settings)
    handlers = Handlers(engine, Store(data_folder() / "web.sqlite"))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield

    app = FastAPI(title="china-ai-qa", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.handlers = handlers

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        status = engine.status
        return JSONResponse(status.as_dict(), status_code=200 if status.state == "ready" else 503)

    app.mount("/page", StaticFiles(directory=STATIC), name="page")
    app.add_middleware(Guard)
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        build(handlers),
        path="",
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        head=HEAD,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        show_error=False,
        max_file_size=1024,  # nothing can be uploaded here
    )
    return mounted


class Guard:
    """Adds the security headers to every response, and the owner's cookie to the page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, adding to the headers of its response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        new_owner = scope["path"] == "/" and not _has_owner(Headers(scope=scope))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                if scope["path"].startswith("/page/"):
                    headers["Cache-Control"] = "no-cache"
                if new_owner:
                    # Lax, not strict: a link from elsewhere must find the reader's own conversations.
                    headers.append(
                        "Set-Cookie",
                        f"{OWNER_COOKIE}={secrets.token_hex(16)}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax",
                    )
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _has_owner(headers: Headers) -> bool:
    try:
        return OWNER_COOKIE in SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return False
