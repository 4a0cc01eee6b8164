"""What every request of another program passes first: host, origin, token, rate and size."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.api.problems import problem
from qa.api.tokens import Tokens
from qa.settings import Settings
from qa.web.limits import Body, Rate, network

SMALL_BODY = 300_000  # the longest question that the settings allow, escaped, and a long conversation before it
OPEN = frozenset(["/api/v1/health"])
"""What is answered without a token."""
_WORDS = {413: "that is larger than this server takes", 408: "nothing more arrived, so the request was given up"}


class Gate:
    """Checks requests before the application sees them; no body is read before all checks have passed.

    Args:
        app: what it guards.
        settings: limits, and the names under which the server is reached.
        tokens: who may pass; everyone where there are none.
        loopback: only this machine can reach the server.
    """

    def __init__(self, app: ASGIApp, settings: Settings, tokens: Tokens, loopback: bool) -> None:
        self.app = app
        self.tokens = tokens
        self._rate = Rate(settings.requests_per_minute)
        own = {"127.0.0.1", "localhost", "::1"} if loopback else set()
        self._hosts = own | {host.lower() for host in settings.allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or say why not."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        send = _with_headers(send)
        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        started = False

        async def noticing(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        body = Body(receive, SMALL_BODY)
        try:
            await self.app(scope, body.receive, body.held_back(noticing))
        except ClientDisconnect:
            if not body.refused:
                raise
        if body.refused and not started:
            await problem(body.refused, _WORDS[body.refused], {"Connection": "close"})(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the answer to a request that is not let in, else None."""
        host = headers.get("host", "")
        if self._hosts and _name(host) not in self._hosts:
            # A page elsewhere may have made its own name lead to this machine.
            return problem(421, "this server does not answer to that name; use http://127.0.0.1 or name it with --allow-host")
        origin = headers.get("origin")
        elsewhere = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
        if elsewhere or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return problem(403, "the request came from a page of another site")
        holder = self.tokens.holder(headers.get("authorization", "")) if self.tokens else ""
        client = holder or network(scope["client"][0] if scope.get("client") else "")
        wait = self._rate.take(client)
        if wait > 0:
            return problem(429, "that was too fast; wait as long as Retry-After says", {"Retry-After": str(int(wait) + 1)})
        if self.tokens and not holder and scope["path"] not in OPEN:
            return problem(401, "send a token: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > SMALL_BODY:
            return problem(413, _WORDS[413], {"Connection": "close"})
        return None


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return send_with_headers


def _name(host: str) -> str:
    """Return the name in a Host header, without port and brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
