"""What every request passes before anything else sees it: host, origin, log-in, rate and size.

The order matters: a request that fails a check never reaches the next, and no body is read before all
have passed.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.settings import Settings
from qa.web.accounts import Sessions
from qa.web.limits import Body, Rate, network

OWNER_COOKIE = "qa_owner"
SESSION_COOKIE = "qa_session"
OWNER_SECONDS = 2 * 365 * 24 * 3600

# Gradio's own scripts are inline and make functions from strings; addresses stay on this host.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    ]
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with "no-referrer" a browser would send our own forms with the origin "null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

OPEN = frozenset(["/healthz", "/login", "/page/base.css", "/page/login.css", "/page/theme.js", "/page/icon.svg"])
"""What is there without a log-in: the log-in page itself, and that the server is up."""
FILES = ("/page/", "/assets/", "/static/", "/svelte/", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/pwa_icon")
"""Files of the page: the same for everyone, and not counted as requests."""
CALLS = re.compile(
    r"/|/healthz|/readyz|/config/?|/login|/logout|/session|/library/(?:files|address|remove|picture)"
    r"|/gradio_api/(?:queue/join|queue/data|component_server/?|cancel|reset|heartbeat/\w+)"
)
"""All else that is answered. Gradio's further routes (uploads, files, its own log-in, ...) are closed."""

SMALL_BODY = 300_000  # the longest question that the settings allow, escaped, and the rest of its request
UPLOADS = "/library/files"


class Guard:
    """Checks requests and adds the security headers and the owner's cookie.

    Args:
        app: what it guards.
        settings: limits, and the address that is served.
        loopback: only this machine can reach the server.
        sessions: the log-ins; None lets everyone in.
    """

    def __init__(self, app: ASGIApp, settings: Settings, loopback: bool, sessions: Sessions | None) -> None:
        self.app = app
        self.settings = settings
        self.sessions = sessions
        self._rate = Rate(settings.requests_per_minute)
        own = {"127.0.0.1", "localhost", "::1"} if loopback else set()
        self._hosts = own | {host.lower() for host in settings.allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or say why not."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page uses no sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = Headers(scope=scope)
        cookies = _cookies(headers)
        user = self.sessions.user(cookies.get(SESSION_COOKIE, "")) if self.sessions else ""
        send = self._with_headers(scope, send, new_owner=self.sessions is None and OWNER_COOKIE not in cookies)
        refusal = self._refusal(scope, headers, user)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        scope["qa"] = {"user": user, "session": cookies.get(SESSION_COOKIE, "")}
        if self.sessions is not None:
            _own_cookies(scope, cookies, user)
        await self._bounded(scope, receive, send)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noticing(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        body = Body(receive, self._most_bytes(scope["path"]))
        try:
            await self.app(scope, body.receive, body.held_back(noticing))
        except ClientDisconnect:
            if not body.refused:
                raise
        if body.refused and not started:
            await _refused(body.refused, _WORDS[body.refused], {"Connection": "close"})(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers, user: str) -> Response | None:
        """Return the answer to a request that is not let in, else None."""
        path: str = scope["path"]
        if self._hosts and _host(headers.get("host", "")) not in self._hosts:
            return _refused(421, "this server does not answer to that name; open it as http://127.0.0.1")
        if _foreign(scope["method"], headers):
            return _refused(403, "the request came from another site")
        is_file = path.startswith(FILES)
        if not is_file and CALLS.fullmatch(path) is None:
            return _refused(404, "there is nothing here")
        if not is_file:
            wait = self._rate.take(user or network(scope["client"][0] if scope.get("client") else ""))
            if wait > 0:
                return _refused(429, "that was a little fast; please wait a moment and go on", {"Retry-After": str(int(wait) + 1)})
        if self.sessions is not None and not user and path not in OPEN:
            if path == "/" and scope["method"] == "GET":
                query = scope["query_string"].decode("latin-1")
                return RedirectResponse("/login" + (f"?next={quote('/?' + query, safe='')}" if query else ""), 303)
            return _refused(401, "log in first")
        if path.startswith("/gradio_api/") and scope["method"] == "POST" and not headers.get("content-type", "").startswith("application/json"):
            return _refused(415, "only JSON is taken here")  # a form could carry files
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._most_bytes(path):
            return _refused(413, _WORDS[413], {"Connection": "close"})
        return None

    def _most_bytes(self, path: str) -> int:
        if path != UPLOADS:
            return SMALL_BODY
        return min(self.settings.max_file_mb * self.settings.max_files, self.settings.max_library_mb) * 1_000_000 + SMALL_BODY

    def _with_headers(self, scope: Scope, send: Send, new_owner: bool) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                for name in [name for name in headers if name.startswith("access-control-")]:
                    del headers[name]  # Gradio lets other sites read what it answers
                if scope["path"].startswith("/page/"):
                    headers["Cache-Control"] = "no-cache"
                elif self.sessions is not None and not scope["path"].startswith(FILES):
                    headers["Cache-Control"] = "no-store"
                if new_owner and scope["path"] == "/" and message["status"] == 200:
                    headers.append("Set-Cookie", cookie(scope, OWNER_COOKIE, secrets.token_hex(16), OWNER_SECONDS))
            await send(message)

        return send_with_headers


_WORDS = {413: "that is larger than this server takes", 408: "nothing more arrived, so the request was given up"}


def cookie(scope: Scope, name: str, value: str, seconds: int) -> str:
    """Return a Set-Cookie header; no script can read it, and over TLS it never leaves TLS.

    SameSite is Lax, not Strict: a link from elsewhere must find the reader's own conversations. What
    changes something is checked for its origin besides.
    """
    secure = "; Secure" if scope["scheme"] == "https" else ""
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def _refused(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def _cookies(headers: Headers) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _own_cookies(scope: MutableMapping[str, Any], cookies: Mapping[str, str], user: str) -> None:
    """Make the owner of conversations the user, whatever the browser sent, and keep the session's cookie back."""
    kept = {name: value for name, value in cookies.items() if name not in (OWNER_COOKIE, SESSION_COOKIE)}
    if user:
        kept[OWNER_COOKIE] = hashlib.sha256(f"user {user}".encode()).hexdigest()[:32]
    raw = "; ".join(f"{name}={value}" for name, value in kept.items()).encode("latin-1", "ignore")
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"cookie"] + [(b"cookie", raw)]


def _host(value: str) -> str:
    """Return the name in a Host header, without port and brackets."""
    try:
        return (urlsplit(f"//{value}").hostname or "").lower()
    except ValueError:
        return ""


def _foreign(method: str, headers: Headers) -> bool:
    """Tell whether a page of another site makes a browser send this.

    A browser says so in Sec-Fetch-Site, and names the site in Origin when something may be changed;
    programs send neither. Following a link is allowed: it is a GET, and none changes anything.
    """
    if headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
        return not (method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate")
    origin = headers.get("origin")
    if origin is None or (method in ("GET", "HEAD") and origin != "null"):
        return False
    return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
