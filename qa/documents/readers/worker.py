"""The reading process: parses what it is handed on standard input, under limits that it sets for itself first.

A request is one line of JSON and then the file's bytes; a reply is one line of JSON. Nothing is
pickled, no file is opened by name, and the process can write no file.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import os
import sys
from typing import IO, Any

from qa.documents.readers.builder import TextBuilder
from qa.documents.readers.extracted import Extracted, ReadLimits
from qa.documents.readers.kinds import Kind, kind_of
from qa.errors import UnreadableFile

_PROSE = frozenset({"prose", "html"})  # their readers need no limits beyond those of the text


def read(data: bytes, name: str, limits: ReadLimits) -> Extracted:
    """Read a file in this very process; callers outside the worker want ``readers.read_file``.

    Raises:
        UnreadableFile: with a message that lacks the file's name.
    """
    kind, notes = kind_of(data, name)
    builder = TextBuilder(limits)
    for note in notes:
        builder.note(note)
    try:
        _run(data, kind, builder, limits)
        return builder.extracted(kind.media_types[0])
    except (UnreadableFile, MemoryError):
        raise
    except Exception as error:
        # Parsers of damaged files raise whatever they stumble over; that is one outcome here, not many.
        message = f"cannot be read as {kind.name} ({type(error).__name__}); it may be damaged: open it, save it again and add that"
        raise UnreadableFile(message) from error


def _run(data: bytes, kind: Kind, builder: TextBuilder, limits: ReadLimits) -> None:
    reader = importlib.import_module(f"qa.documents.readers.{kind.module}")
    if kind.module in _PROSE:
        reader.read(data, kind, builder)
    else:
        reader.read(data, kind, builder, limits)


def reply_to(request: dict[str, Any], data: bytes) -> dict[str, Any]:
    """Return what is sent back for a request: ``result`` or ``error``."""
    limits = ReadLimits.model_validate(request["limits"])
    _limit_time(limits.seconds)
    try:
        if request["action"] == "image":
            from qa.documents.readers.pdf import page_image

            return {"result": base64.b64encode(page_image(data, request["page"], request["width"])).decode("ascii")}
        return {"result": read(data, request["name"], limits).model_dump(mode="json")}
    except UnreadableFile as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "needs more memory than reading may take; split it into smaller files"}


def limit_process(memory_bytes: int) -> None:
    """Bound this process for good: memory, open files, no written files, no core dumps."""
    if sys.platform == "win32":  # has no such limits; time and output are still bounded from outside
        return
    import resource

    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some of them
            resource.setrlimit(kind, (bound, bound))


def _limit_time(seconds: float) -> None:
    """Give this process that much more processor time; the system ends it beyond."""
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    while header := requests.readline():
        request = json.loads(header)
        data = requests.read(request["size"])
        replies.write(json.dumps(reply_to(request, data)).encode("ascii") + b"\n")
        replies.flush()


def main() -> None:
    """Run the process; the argument is the memory limit in bytes."""
    limit_process(int(sys.argv[-1]))
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no reply
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
