"""Get one file from an address on the public internet, and from nowhere else.

The host's name is resolved once for each request; every address that it has must be public, and the
connection goes to the very address that was checked, under the name that was asked for (SNI, Host,
certificate). Redirects are followed by hand and each is checked like the first address. Proxies
that the environment names are not used.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from pydantic import BaseModel, ConfigDict, Field

from qa.documents.readers.addresses import IPAddress, Target, is_public, parse_url, resolve
from qa.documents.readers.extracted import MIB
from qa.documents.readers.kinds import BY_MEDIA_TYPE, BY_SUFFIX, SUPPORTED
from qa.errors import AddressRefused, UnreadableFile

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection
    from urllib3.response import BaseHTTPResponse

AGENT = "china-ai-qa"
_UNDECLARED = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_ROBOTS_BYTES = 500 * 1024  # what RFC 9309 asks a crawler to read at least
_CHUNK = 64 * 1024

Resolver = Callable[[str, int], list[str]]
Allow = Callable[[IPAddress], bool]


class FetchLimits(BaseModel):
    """How much an address may ask for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int = Field(default=50 * MIB, ge=1, description="size of what is fetched, sent and unpacked")
    redirects: int = Field(default=5, ge=0, le=20)
    connect_seconds: float = Field(default=10, gt=0)
    read_seconds: float = Field(default=20, gt=0, description="longest silence")
    total_seconds: float = Field(default=60, gt=0, description="for everything, robots.txt and redirects included")


class Fetched(BaseModel):
    """What an address gave.

    Attributes:
        content: the bytes, unpacked if they were sent compressed.
        media_type: as the server names it, without parameters.
        url: the address after redirects.
        name: a file name with a fitting suffix, made from the address; safe letters only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    content: bytes
    media_type: str
    url: str
    name: str


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: dict[str, str]
    content: bytes


class Fetcher:
    """Fetches files.

    Args:
        limits: sizes and times.
        resolver: returns the numeric addresses of a host; raises OSError.
        allow: tells whether an address may be connected to.
    """

    def __init__(self, limits: FetchLimits | None = None, *, resolver: Resolver = resolve, allow: Allow = is_public) -> None:
        self._limits = limits or FetchLimits()
        self._resolver = resolver
        self._allow = allow
        self._robots: dict[str, RobotFileParser] = {}

    def fetch(self, url: str) -> Fetched:
        """Get the file at an address.

        Raises:
            AddressRefused: the address, one that it redirects to, or robots.txt forbids it, or it is no supported format.
            UnreadableFile: the server cannot be reached, answers with an error, or sends too much or too slowly.
        """
        # The system's resolver has time limits of its own, some seconds, which come on top.
        deadline = time.monotonic() + self._limits.total_seconds
        target = parse_url(url)
        for _ in range(self._limits.redirects + 1):
            self._check_robots(target, deadline)
            reply = self._get(target, deadline, self._limits.bytes, check_type=True)
            if reply.status not in (301, 302, 303, 307, 308):
                break
            target = self._redirected(target, reply)
        else:
            raise AddressRefused(f"{url[:80]} redirects more than {self._limits.redirects} times; give the address that it ends at")
        if reply.status != 200:
            raise UnreadableFile(f"{target.url[:200]} answered with status {reply.status}; check the address in a browser")
        media_type = _media_type(reply.headers)
        return Fetched(content=reply.content, media_type=media_type, url=target.url, name=_name(target, media_type))

    def _redirected(self, target: Target, reply: _Reply) -> Target:
        location = reply.headers.get("location", "")
        if not location:
            raise UnreadableFile(f"{target.url[:200]} redirects to nowhere; check the address in a browser")
        moved = parse_url(urljoin(target.url, location))
        if target.scheme == "https" and moved.scheme == "http":
            raise AddressRefused(f"{target.url[:200]} redirects from https to plain http; give an https address")
        return moved

    def _check_robots(self, target: Target, deadline: float) -> None:
        origin = f"{target.scheme}://{target.authority}"
        if origin not in self._robots:
            self._robots[origin] = self._read_robots(target, deadline)
        if not self._robots[origin].can_fetch(AGENT, target.url):
            raise AddressRefused(f"{target.url[:200]} may not be fetched by programs, says the site's robots.txt; save the page and add the file")

    def _read_robots(self, target: Target, deadline: float) -> RobotFileParser:
        """Read a site's rules as RFC 9309 says: none if there is no file, everything forbidden while the server fails."""
        rules = RobotFileParser()
        place = Target(target.scheme, target.host, target.port, "/robots.txt")
        for _ in range(self._limits.redirects + 1):
            reply = self._get(place, deadline, _ROBOTS_BYTES, check_type=False)
            if reply.status not in (301, 302, 303, 307, 308):
                break
            place = self._redirected(place, reply)
        if reply.status >= 500 or reply.status == 429:
            raise UnreadableFile(f"{target.host} cannot say now whether its pages may be fetched (status {reply.status}); try again later")
        rules.parse(reply.content.decode("utf-8", "replace").splitlines() if reply.status == 200 else [])
        return rules

    def _addresses(self, target: Target) -> list[str]:
        try:
            found = self._resolver(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise UnreadableFile(f"{target.host} is not known; check the address") from error
        if not found:
            raise UnreadableFile(f"{target.host} is not known; check the address")
        # One address that is not public condemns them all: a name that mixes them is made to reach inside.
        for address in found:
            if not self._allow(ipaddress.ip_address(address)):
                raise AddressRefused(f"{target.host} is at {address}, which is not on the public internet; download the file and add that")
        return found

    def _get(self, target: Target, deadline: float, most: int, check_type: bool) -> _Reply:
        import urllib3.exceptions

        try:
            connection = self._connect(target, deadline)
            # http.client lets go of the socket while the last of a reply is still being read, so it is held here.
            sock = connection.sock
            try:
                with _cut_at(deadline, lambda: sock):
                    return self._exchange(connection, target, deadline, most, check_type)
            finally:
                connection.close()
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            if time.monotonic() >= deadline:
                raise self._too_slow(target) from error
            raise UnreadableFile(f"{target.url[:200]} could not be fetched ({type(error).__name__}); check the address and try again") from error

    def _connect(self, target: Target, deadline: float) -> HTTPConnection:
        from urllib3.connection import HTTPConnection, HTTPSConnection

        failure: Exception = OSError("no address")
        for address in self._addresses(target):
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._too_slow(target)
            options: dict[str, Any] = {"timeout": min(self._limits.connect_seconds, left)}
            connection: HTTPConnection
            if target.scheme == "https":
                import certifi

                # The address is connected to; the name is what the certificate must be for.
                connection = HTTPSConnection(
                    address,
                    target.port,
                    server_hostname=target.host,
                    assert_hostname=target.host,
                    cert_reqs="CERT_REQUIRED",
                    ca_certs=certifi.where(),
                    **options,
                )
            else:
                connection = HTTPConnection(address, target.port, **options)
            try:
                with _cut_at(deadline, partial(getattr, connection, "sock")):
                    connection.connect()
            except Exception as error:  # urllib3 and ssl each have their own; the next address may do better
                connection.close()
                failure = error
                continue
            return connection
        raise UnreadableFile(f"{target.host} cannot be reached ({type(failure).__name__}); check the address and try again") from failure

    def _exchange(self, connection: HTTPConnection, target: Target, deadline: float, most: int, check_type: bool) -> _Reply:
        connection.timeout = self._limits.read_seconds  # until here that of connecting
        if connection.sock is not None:
            connection.sock.settimeout(self._limits.read_seconds)
        headers = {"Host": target.authority, "User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
        connection.request("GET", target.path, headers=headers, preload_content=False, decode_content=True)
        response = connection.getresponse()
        found = {key.lower(): value for key, value in response.headers.items()}
        if response.status != 200:
            return _Reply(response.status, found, b"")
        if check_type:
            _check_type(target, _media_type(found))
        length = found.get("content-length", "")
        if check_type and length.isdecimal() and int(length) > most:
            raise self._too_large(target, most)
        return _Reply(response.status, found, self._content(response, target, deadline, most, cut=not check_type))

    def _content(self, response: BaseHTTPResponse, target: Target, deadline: float, most: int, cut: bool) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in response.stream(_CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > most:
                if cut:  # a robots.txt counts as far as it must be read
                    break
                raise self._too_large(target, most)
        if time.monotonic() >= deadline:  # a connection that was cut may look like one that ended
            raise self._too_slow(target)
        return b"".join(parts)[:most]

    def _too_slow(self, target: Target) -> UnreadableFile:
        return UnreadableFile(f"{target.url[:200]} took longer than {self._limits.total_seconds:g} s; try again or download the file and add that")

    def _too_large(self, target: Target, most: int) -> UnreadableFile:
        return UnreadableFile(f"{target.url[:200]} is larger than {most / MIB:,.0f} MiB; add a smaller file")


def fetch(url: str, limits: FetchLimits | None = None) -> Fetched:
    """Get the file at an address on the public internet. See ``Fetcher.fetch``."""
    return Fetcher(limits).fetch(url)


@contextlib.contextmanager
def _cut_at(deadline: float, find: Callable[[], socket.socket | None]) -> Iterator[None]:
    """End a connection at the deadline from another thread: what waits for it then fails, however often it is fed a byte."""

    def cut() -> None:
        sock = find()
        if sock is not None:
            with contextlib.suppress(OSError, ValueError):
                sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(deadline - time.monotonic(), 0.001), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _media_type(headers: dict[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_type(target: Target, media_type: str) -> None:
    suffix = PurePosixPath(urlsplit(target.path).path).suffix.lower()
    if media_type not in BY_MEDIA_TYPE and not (media_type in _UNDECLARED and suffix in BY_SUFFIX):
        named = media_type[:80] or "nothing that the server names"
        raise AddressRefused(f"{target.url[:200]} is {named}, which is not read; supported are {SUPPORTED}")


def _name(target: Target, media_type: str) -> str:
    """Return a file name for what an address gave: the last part of its path, or the host."""
    last = unquote(urlsplit(target.path).path.rstrip("/").rpartition("/")[2])
    stem = re.sub(r"[^\w.-]+", "-", last).strip(".-")[:80] or target.host.replace(":", "-")
    kind = BY_MEDIA_TYPE.get(media_type)
    found = BY_SUFFIX.get(PurePosixPath(stem).suffix.lower())
    # Plain text is what servers call Markdown, CSV and JSON Lines too, so the address's own suffix counts then.
    if kind is None or found is kind or (found is not None and media_type == "text/plain"):
        return stem
    return stem + kind.suffixes[0]
