"""A server on loopback that speaks the OpenAI chat protocol and does what a test scripts."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_BLOCK = re.compile(r'<evidence number="(\d+)"[^>]*>\n(.*?)\n</evidence>', re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: dict

    @property
    def prompt(self) -> str:
        return "\n".join(m["content"] for m in self.body.get("messages", ()))

    @property
    def blocks(self) -> dict[int, str]:
        return {int(n): html.unescape(text) for n, text in _BLOCK.findall(self.prompt)}

    def cite(self, phrase: str) -> str:
        """Return the mark of the first block that holds a phrase."""
        return next(f"[{n}]" for n, text in self.blocks.items() if phrase in text)


Text = str | Callable[[Asked], str]


@dataclass(frozen=True)
class Says:
    """A reply: what to send, how, and how it ends."""

    text: Text = ""
    reasoning: str = ""
    reasoning_field: str = "reasoning_content"
    refusal: str = ""
    size: int = 7  # characters in a chunk
    pause_s: float = 0.0  # before each chunk
    finish: str | None = "stop"
    usage: bool = True
    breaks: str = ""  # "drop", "error", "garbage", "silence": after half of the chunks


@dataclass(frozen=True)
class Fails:
    """A status instead of a reply."""

    status: int
    message: str = "something is wrong"
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""


class Server:
    """Answers requests with the scripted replies in order; the last one is repeated."""

    def __init__(self, models: Sequence[str] = ("test-model",)) -> None:
        self.script: list[Says | Fails] = [Says("ok")]
        self.asked: list[Asked] = []
        self.models = list(models)
        self.stopping = threading.Event()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def says(self, *script: Says | Fails | Text) -> None:
        self.script = [s if isinstance(s, Says | Fails) else Says(s) for s in script]
        self.asked.clear()

    def close(self) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._json(200, {"object": "list", "data": [{"id": m, "object": "model", "created": 1, "owned_by": "test"} for m in self.owner.models]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.owner.asked.append(asked)
        step = self.owner.script.pop(0) if len(self.owner.script) > 1 else self.owner.script[0]
        if isinstance(step, Fails):
            self._fail(step)
        elif self.path != "/v1/chat/completions":
            self._fail(Fails(404, f"no route {self.path}"))
        else:
            self._stream(asked, step)

    def _fail(self, step: Fails) -> None:
        if step.raw:
            self._send(step.status, step.raw, "text/html", step.headers)
        else:
            self._json(step.status, {"error": {"message": step.message, "type": "error", "code": None}}, step.headers)

    def _json(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), "application/json", headers or {})

    def _send(self, status: int, raw: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(raw)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def _stream(self, asked: Asked, step: Says) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        text = step.text(asked) if callable(step.text) else step.text
        deltas = [{"role": "assistant", "content": ""}]
        deltas += [{step.reasoning_field: step.reasoning[i : i + step.size]} for i in range(0, len(step.reasoning), step.size)]
        deltas += [{"content": text[i : i + step.size]} for i in range(0, len(text), step.size)]
        if step.refusal:
            deltas.append({"refusal": step.refusal})
        try:
            for number, delta in enumerate(deltas):
                if step.breaks and number >= max(1, len(deltas) // 2):
                    return self._break(step.breaks)
                if self.owner.stopping.wait(step.pause_s) if step.pause_s else False:
                    return None
                self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
            if step.finish:
                self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": step.finish}]})
            if step.usage and asked.body.get("stream_options", {}).get("include_usage"):
                counts = {"prompt_tokens": len(asked.prompt) // 4, "completion_tokens": len(text) // 4, "total_tokens": 0}
                self._event({"choices": [], "usage": counts | {"completion_tokens_details": {"reasoning_tokens": len(step.reasoning) // 4}}})
            self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client had enough
        finally:
            self.close_connection = True
        return None

    def _event(self, value: dict) -> None:
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test-model"}
        self.wfile.write(f"data: {json.dumps(base | value)}\n\n".encode())
        self.wfile.flush()

    def _break(self, how: str) -> None:
        if how == "error":
            self.wfile.write(b'data: {"error": {"message": "the engine is overloaded", "type": "server_error"}}\n\n')
        elif how == "garbage":
            self.wfile.write(b'data: {"choices": [{"index": 0, "delta": {"content"\n\n')
        elif how == "silence":
            self.owner.stopping.wait(5)
        elif how == "drop":
            self.connection.shutdown(2)
