"""How much one client may ask of the server, and how large and slow a request may be."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
import time
from collections.abc import Callable

from starlette.types import Message, Receive, Send

IDLE_S = 30.0
"""A body of which nothing arrives for so long is given up."""


def network(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that one IPv6 line gets."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


class Rate:
    """A token bucket for each client: half a minute's requests at once, and the rest as time goes by.

    Args:
        per_minute: requests that a bucket gains in a minute.
        clock: the time in seconds.
    """

    MOST = 20_000  # clients remembered

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._gain = per_minute / 60
        self._room = max(1.0, per_minute / 2)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, client: str) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        now = self._clock()
        with self._lock:
            tokens, last = self._buckets.pop(client, (self._room, now))
            tokens = min(self._room, tokens + (now - last) * self._gain)
            taken = tokens >= 1
            self._buckets[client] = (tokens - 1 if taken else tokens, now)
            while len(self._buckets) > self.MOST:
                del self._buckets[next(iter(self._buckets))]
            return 0.0 if taken else (1 - tokens) / self._gain


class Body:
    """The body of a request, cut off where it grows beyond a size or stops to arrive.

    The application then sees the client leave, and what it answers is held back, so that the guard
    can say why.

    Args:
        receive: the server's channel.
        most_bytes: the largest body.
    """

    def __init__(self, receive: Receive, most_bytes: int) -> None:
        self._receive = receive
        self._left = most_bytes
        self._whole = False
        self.refused = 0

    async def receive(self) -> Message:
        """Return the next part of the body, or that the client has left."""
        if self.refused:
            return {"type": "http.disconnect"}
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout(IDLE_S):
                message = await self._receive()
        except TimeoutError:
            self.refused = 408
            return {"type": "http.disconnect"}
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._left < 0:
                self.refused = 413
                return {"type": "http.disconnect"}
        return message

    def held_back(self, send: Send) -> Send:
        """Return a way to send that keeps quiet once the body was refused."""

        async def pass_on(message: Message) -> None:
            if not self.refused:
                await send(message)

        return pass_on
