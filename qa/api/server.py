"""Serve the interface by itself."""

from __future__ import annotations

from qa.api.app import Interface, alone, check_api_exposure
from qa.settings import Settings
from qa.web.engine import Engine
from qa.web.server import serve_app


def run(settings: Settings, *, rest: bool = True, mcp: bool = False) -> None:
    """Serve /api/v1, /mcp or both until interrupted, and print the address.

    Raises:
        SettingsError: the host is unknown, no port is free, the tokens cannot be read, or other machines could
            use the interface without a token.
        MissingExtra: MCP is wanted and its package is not installed.
    """
    interface = Interface(settings, Engine(settings), rest=rest, mcp=mcp)
    check_api_exposure(settings, interface.tokens, settings.host)
    what = "The interface" if rest else "The MCP server"
    serve_app(alone(interface), settings.host, settings.port, what, "tokens" if interface.tokens else "")
