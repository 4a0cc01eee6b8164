"""The MCP server over standard input and output, and as an application for HTTP."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from qa.errors import MissingExtra
from qa.web.engine import Engine

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer
    from starlette.applications import Starlette

PATH = "/mcp"


def make_server(engine: Engine) -> MCPServer:
    """Return a server with the tools ask, search, document and research.

    Args:
        engine: opens and lends the assistant; a call waits until it is open.

    Raises:
        MissingExtra: the package "mcp" is not installed.
    """
    check_installed()
    from qa.api.tools import make_server as make

    return make(engine)


def check_installed() -> None:
    """Refuse where the package is missing, before anything is opened.

    Raises:
        MissingExtra: the package "mcp" is not installed.
    """
    if importlib.util.find_spec("mcp") is None:
        raise MissingExtra('the MCP server needs the package mcp; run: pip install "china-ai-qa[mcp]"')


def run_stdio(engine: Engine) -> None:
    """Serve one program over standard input and output until it closes them.

    Raises:
        MissingExtra: the package "mcp" is not installed.
    """
    server = make_server(engine)
    engine.start()
    server.run("stdio")


def http_app(engine: Engine) -> Starlette:
    """Return an application that speaks streamable HTTP at /mcp; its lifespan must be run.

    Host and origin are checked by the gate before it, so the package's own check is off.

    Raises:
        MissingExtra: the package "mcp" is not installed.
    """
    server = make_server(engine)
    from mcp.server.transport_security import TransportSecuritySettings

    return server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        max_request_body_size=300_000,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
