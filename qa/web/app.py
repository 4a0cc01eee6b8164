"""The web application: the page, its files, health checks, log-in and changes, all behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from qa.settings import Settings
from qa.web.accounts import Accounts, Sessions
from qa.web.changes import Changes
from qa.web.engine import Engine
from qa.web.exposure import is_loopback
from qa.web.guard import Guard
from qa.web.handlers import Handlers
from qa.web.login import login_routes
from qa.web.page import HEAD, STATIC, build
from qa.web.store import Store, data_folder


def create_app(settings: Settings, engine: Engine | None = None) -> FastAPI:
    """Make the application.

    Args:
        settings: what the assistant is opened with.
        engine: another engine, in tests.

    Raises:
        OSError: the folder for conversations cannot be written.
        SettingsError: the file of users cannot be read.
    """
    engine = engine or Engine(settings)
    accounts = Accounts(settings.auth) if settings.auth else None
    sessions = Sessions(accounts, settings.session_hours * 3600) if accounts else None
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

    app.include_router(login_routes(settings, accounts, sessions))
    app.include_router(Changes(engine).routes())
    app.mount("/page", StaticFiles(directory=STATIC), name="page")
    app.add_middleware(Guard, settings=settings, loopback=is_loopback(settings.host), sessions=sessions)
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
        max_file_size=1024,  # uploads have a route of their own, and Guard closes Gradio's
    )
    return mounted

