"""The application for other programs, alone or beside the page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

import qa
from qa.api.gate import Gate
from qa.api.mcp import http_app
from qa.api.problems import answer_errors
from qa.api.routes import routes
from qa.api.tokens import Tokens
from qa.errors import SettingsError
from qa.settings import Settings
from qa.web.engine import Engine
from qa.web.exposure import is_loopback

OPENAPI = "/api/v1/openapi.json"
_PATHS = re.compile(r"/api(?:/.*)?|/mcp/?")


class Interface:
    """The HTTP interface, and the MCP server where it is wanted, behind one gate.

    Args:
        settings: limits, tokens, and the address that is served.
        engine: opens and lends the assistant.
        rest: whether /api/v1 is served.
        mcp: whether /mcp is served.

    Raises:
        SettingsError: the tokens cannot be read.
        MissingExtra: MCP is wanted and its package is not installed.
    """

    def __init__(self, settings: Settings, engine: Engine, *, rest: bool = True, mcp: bool = False) -> None:
        self.tokens = Tokens.read(settings)
        self.engine = engine
        self._apps: list[FastAPI | Starlette] = []
        served: list[Mount | Route] = []
        if mcp:
            tools = http_app(engine)
            self._apps.append(tools)
            served += [route for route in tools.routes if isinstance(route, Mount | Route)]
        if rest:
            api = api_app(engine, settings)
            self._apps.append(api)
            served.append(Mount("/", api))
        self.app: ASGIApp = Gate(Starlette(routes=served), settings, self.tokens, is_loopback(settings.host))

    @asynccontextmanager
    async def lifespan(self, _: Any = None) -> AsyncIterator[None]:
        """Run what the applications need while requests are served."""
        async with AsyncExitStack() as stack:
            for app in self._apps:
                await stack.enter_async_context(app.router.lifespan_context(app))
            self.engine.start()
            yield


def api_app(engine: Engine, settings: Settings) -> FastAPI:
    """Return /api/v1 with its description, without the gate."""
    app = FastAPI(
        title="china-ai-qa",
        version=qa.__version__,
        description="Cited answers to questions about China's AI progress. Every statement is a verbatim quote with its publication.",
        openapi_url=OPENAPI,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
    )
    app.include_router(routes(engine, settings))
    answer_errors(app)
    return app


def alone(interface: Interface) -> ASGIApp:
    """Return an application of the interface and nothing else."""
    return Starlette(routes=[Mount("/", interface.app)], lifespan=interface.lifespan)


def beside(page: FastAPI, interface: Interface) -> ASGIApp:
    """Return an application that serves the interface at its own paths and the page, behind its own guard, at all others."""

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with page.router.lifespan_context(page), interface.lifespan():
            yield

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        own = scope["type"] == "http" and _PATHS.fullmatch(scope["path"]) is not None
        await (interface.app if own else page)(scope, receive, send)

    return Starlette(routes=[Mount("/", either)], lifespan=lifespan)


def serves_beside(settings: Settings, tokens: Tokens) -> bool:
    """Tell whether the page may offer the interface: with tokens, or where neither log-in nor network asks for any."""
    return bool(tokens) or (settings.auth is None and is_loopback(settings.host))


def check_api_exposure(settings: Settings, tokens: Tokens, host: str) -> None:
    """Let an interface without tokens be served to this machine only, unless that is spelled out.

    Raises:
        SettingsError: other machines could reach it.
    """
    if not tokens and not settings.insecure and not is_loopback(host):
        raise SettingsError(
            f"other machines could use the interface at {host!r} without a token; make one with qa token add NAME --file FILE "
            "and name the file with --tokens, or spell out --insecure"
        )

