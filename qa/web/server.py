"""Find a port and run the application on it."""

from __future__ import annotations

import inspect
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.types import ASGIApp

from qa.errors import SettingsError
from qa.settings import Settings
from qa.web.engine import Engine
from qa.web.exposure import check_exposure, is_loopback

if TYPE_CHECKING:
    from fastapi import FastAPI

PORTS_TRIED = 50


Wrap = Callable[["FastAPI", Engine], ASGIApp]
"""Makes what is served from the page and the engine behind it."""


def run(settings: Settings, host: str, port: int, wrap: Wrap | None = None) -> None:
    """Serve the page on the first free port and print the address.

    Args:
        settings: what the assistant is opened with.
        host, port: where.
        wrap: puts something beside the page.

    Raises:
        SettingsError: the host is unknown or no port is free, or other machines could reach the page without a log-in.
        OSError: the folder for conversations cannot be written.
    """
    check_exposure(settings, host)
    settings = settings.model_copy(update={"host": host})
    engine = Engine(settings)
    engine.start()  # the assistant is opened while Gradio is imported
    with light_gradio():
        from qa.web.app import create_app  # loads Gradio, which an interface without the page does not need

    page = create_app(settings, engine)
    notice = "passwords" if settings.auth is not None else ""
    serve_app(wrap(page, engine) if wrap else page, host, port, "The page", notice)


@contextmanager
def light_gradio() -> Iterator[None]:
    """Import Gradio in half the time: without its MCP server, and without writing stubs for editors beside its own files.

    Gradio does without either: it takes a source that cannot be found as a component that has none, and a missing
    package as MCP that is not wanted. The package can be imported afterwards.
    """
    find = inspect.getfile

    def hidden(thing: Any) -> str:
        if str(getattr(thing, "__module__", "")).startswith("gradio."):
            raise OSError("not looked for")
        return find(thing)

    before = sys.modules.get("mcp")
    inspect.getfile = hidden  # type: ignore[assignment]
    if before is None:
        sys.modules["mcp"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = find
        if before is None:
            sys.modules.pop("mcp", None)


def serve_app(app: ASGIApp, host: str, port: int, what: str, secrets: str = "") -> None:
    """Serve an application on the first free port and print its address.

    Args:
        app: what is served.
        host, port: where.
        what: it is called.
        secrets: what clients send that nobody else should read, for a notice where the network could.

    Raises:
        SettingsError: the host is unknown or no port is free.
    """
    listener = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}"
    sys.stdout.write(f"{what} is at {address} (Ctrl+C stops it)\n")
    sys.stdout.flush()
    if secrets and not is_loopback(host):
        sys.stderr.write(f"notice: {secrets} reach this server unencrypted unless a proxy with TLS stands before it\n")
    _log_to_stderr()
    # No access log: questions and file names are nobody's business.
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


def _log_to_stderr() -> None:
    """Show the warnings of this package; the page refers to them where something unexpected went wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    package = logging.getLogger("qa")
    package.addHandler(handler)
    package.setLevel(logging.WARNING)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to the first free port from ``port`` on.

    The socket is handed to the server still bound, so no other program can take the port between.

    Raises:
        SettingsError: the host is unknown or no port is free.
    """
    try:
        family, kind, protocol, _, _ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"the host {host!r} is not an address of this machine; use 127.0.0.1") from error
    last = min(port + PORTS_TRIED, 65_536)
    for candidate in range(port, last):
        listener = socket.socket(family, kind, protocol)
        try:
            if sys.platform != "win32":  # there it would allow a second server on the same port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, candidate))
            listener.listen(128)
        except OSError:
            listener.close()
            continue
        return listener
    raise SettingsError(f"no free port from {port} to {last - 1} on {host}; choose another with --port or --host")
