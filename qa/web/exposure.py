"""Who can reach an address, and whether that needs a log-in."""

from __future__ import annotations

import ipaddress
import socket

from qa.errors import SettingsError
from qa.settings import Settings


def check_exposure(settings: Settings, host: str) -> None:
    """Let a page without log-in be served to this machine only, unless that is spelled out.

    Raises:
        SettingsError: other machines could reach it.
    """
    if settings.auth is None and not settings.insecure and not is_loopback(host):
        raise SettingsError(
            f"other machines could use the page at {host!r} without a log-in; name a file of users with --auth, or spell out --insecure"
        )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches the address; a name must lead nowhere else."""
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in found)
