"""Starting reading processes, handing them files, and ending them when they take too long."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import ValidationError

import qa
from qa.documents.readers.extracted import Extracted, ReadLimits
from qa.errors import UnreadableFile

# -I keeps the working folder and the environment out of the import path; the package's own folder is put back.
_START = "import sys; sys.path.append(sys.argv[1]); from qa.documents.readers.worker import main; main()"
_ROOT = str(Path(qa.__file__).resolve().parent.parent)
_KEPT = ("PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TEMP")
_STARTUP_SECONDS = 30.0
_MAX_IMAGE_WIDTH = 2_000


class Reader:
    """Reads files in a process of its own, started at the first file and kept for the next ones.

    After a crash, a time-out or a reply that is none, the process is ended and the next file gets a
    new one. Not for several threads at once; use it in a ``with`` block.
    """

    def __init__(self, limits: ReadLimits | None = None) -> None:
        self._limits = limits or ReadLimits()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def read(self, path: Path, name: str | None = None) -> Extracted:
        """Read a file.

        Args:
            path: the file.
            name: what it is called, if other than the path says; the suffix and the messages come from it.

        Raises:
            UnreadableFile: the message names the file and says what to do.
        """
        name = name or path.name
        return self.read_bytes(self._content(path, name), name)

    def read_bytes(self, data: bytes, name: str) -> Extracted:
        """Read a file's content. Raises as ``read``."""
        reply = self._ask({"action": "read", "name": name}, data, name)
        try:
            return Extracted.model_validate(reply)
        except ValidationError as error:
            self.close()
            raise UnreadableFile(f"{_short(name)} could not be read: its reader gave no valid reply; save it again or leave it out") from error

    def page_image(self, path: Path, page: int, width: int, name: str | None = None) -> bytes:
        """Return a page of a PDF as PNG, up to 2,000 pixels wide.

        Raises:
            UnreadableFile: no PDF, or no such page.
        """
        name = name or path.name
        data = self._content(path, name)
        if b"%PDF-" not in data[:1024]:
            raise UnreadableFile(f"{_short(name)} is no PDF; only pages of PDFs can be shown as pictures")
        width = max(1, min(width, _MAX_IMAGE_WIDTH))
        reply = self._ask({"action": "image", "page": page, "width": width}, data, name)
        return base64.b64decode(reply)

    def close(self) -> None:
        """End the process with all that it may have started."""
        process, self._process = self._process, None
        if process is None:
            return
        if sys.platform == "win32":
            process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was not yet sent needs not be sent
                    stream.close()

    def _content(self, path: Path, name: str) -> bytes:
        try:
            if not path.is_file():
                raise UnreadableFile(f"{_short(name)} is no file; give the path of one")
            with path.open("rb") as file:
                data = file.read(self._limits.file_bytes + 1)
        except OSError as error:
            raise UnreadableFile(f"{_short(name)} cannot be opened: {error.strerror}") from error
        return data

    def _ask(self, request: dict[str, Any], data: bytes, name: str) -> Any:
        short = _short(name)
        if len(data) > self._limits.file_bytes:
            raise UnreadableFile(f"{short} is larger than {self._limits.file_bytes / 1024**2:,.0f} MiB; split it into smaller files")
        if not data:
            raise UnreadableFile(f"{short} is empty; add a file that holds text")
        header = json.dumps({**request, "size": len(data), "limits": self._limits.model_dump(mode="json")})
        line = self._exchange(header.encode("ascii") + b"\n", data, short)
        try:
            reply = json.loads(line)
        except ValueError as error:
            self.close()
            raise UnreadableFile(f"{short} could not be read: its reader gave no valid reply; save it again or leave it out") from error
        if "error" in reply:
            raise UnreadableFile(f"{short} {reply['error']}")
        return reply["result"]

    def _exchange(self, header: bytes, data: bytes, short: str) -> bytes:
        fresh = self._process is None
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        lines: list[bytes] = []
        # A character of text takes up to 12 bytes of ASCII JSON; sections, pages and a picture take some more.
        most = 13 * self._limits.text_chars + 64 * 1024 * 1024
        stdin, stdout = process.stdin, process.stdout

        def write() -> None:
            with contextlib.suppress(OSError, ValueError):  # the process died: its reply is missing and says so
                stdin.write(header)
                stdin.write(data)
                stdin.flush()

        def receive() -> None:
            with contextlib.suppress(OSError, ValueError):
                lines.append(stdout.readline(most))

        threads = [threading.Thread(target=target, daemon=True) for target in (write, receive)]
        for thread in threads:
            thread.start()
        threads[1].join(self._limits.seconds + (_STARTUP_SECONDS if fresh else 0))
        timed_out = threads[1].is_alive()
        if timed_out or not lines or not lines[0].endswith(b"\n"):
            status = None if timed_out else _status(process)
            self.close()
            for thread in threads:
                thread.join()
            raise UnreadableFile(_failure(short, timed_out, status, self._limits))
        threads[0].join()
        return lines[0]

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
        return subprocess.Popen(
            # No byte code is written: the process may write no file.
            [sys.executable, "-I", "-B", "-c", _START, _ROOT, str(self._limits.memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )


def read_file(path: Path, *, name: str | None = None, limits: ReadLimits | None = None) -> Extracted:
    """Read one file in a process of its own; for several files a ``Reader`` starts it once.

    Args:
        path: the file.
        name: what it is called, if other than the path says.
        limits: how much it may ask for.

    Raises:
        UnreadableFile: the message names the file and says what to do.
    """
    with Reader(limits) as reader:
        return reader.read(path, name)


def page_image(path: Path, page: int, width: int = 900, *, name: str | None = None, limits: ReadLimits | None = None) -> bytes:
    """Return a page of a PDF as PNG, up to 2,000 pixels wide, drawn in a process of its own.

    Raises:
        UnreadableFile: no PDF, or no such page.
    """
    with Reader(limits) as reader:
        return reader.page_image(path, page, width, name)


def _short(name: str) -> str:
    """Return how messages name a file: its last part, on one line, not too long."""
    plain = "".join(c if c.isprintable() else "?" for c in name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1])
    return plain if len(plain) <= 80 else plain[:77] + "..."


def _status(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(timeout=5)
    except subprocess.TimeoutExpired:  # alive, with a reply that is too long
        return None


def _failure(short: str, timed_out: bool, status: int | None, limits: ReadLimits) -> str:
    if timed_out or status == -getattr(signal, "SIGXCPU", 24):
        return f"{short} took longer than {limits.seconds:g} s to read; split it into smaller files"
    if status == -signal.SIGKILL:
        return f"{short} needs more memory or time than reading may take; split it into smaller files"
    return f"{short} could not be read: it broke its reader or needs more than {limits.memory_bytes // 1024**2:,} MiB; save it again or leave it out"
