"""Find a port and run the application on it."""

from __future__ import annotations

import socket
import sys

import uvicorn

from qa.errors import SettingsError
from qa.settings import Settings
from qa.web.app import create_app
from qa.web.exposure import check_exposure, is_loopback

PORTS_TRIED = 50


def run(settings: Settings, host: str, port: int) -> None:
    """Serve on the first free port and print the address.

    Raises:
        SettingsError: the host is unknown or no port is free, or other machines could reach the page without a log-in.
        OSError: the folder for conversations cannot be written.
    """
    check_exposure(settings, host)
    app = create_app(settings.model_copy(update={"host": host}))
    listener = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}"
    sys.stdout.write(f"The page is at {address} (Ctrl+C stops it)\n")
    sys.stdout.flush()
    if settings.auth is not None and not is_loopback(host):
        sys.stderr.write("notice: passwords reach this server unencrypted unless a proxy with TLS stands before it\n")
    # No access log: questions and file names are nobody's business.
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


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
