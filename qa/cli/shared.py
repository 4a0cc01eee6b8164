"""What several commands do alike: open the assistant, read a question, print JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from qa.errors import BadQuestion, UnknownDocument

if TYPE_CHECKING:
    from qa.assistant import Assistant
    from qa.retrieval.filters import Filters
    from qa.settings import Settings

CORPUS = "corpus"  # as in qa.library, which --help must not import
LARGEST_INPUT = 8_000_000  # bytes read from stdin; the longest question is far below


def read_question(argument: str, settings: Settings) -> str:
    """Return the question, read from stdin for "-"; checked here, before a model is loaded for it.

    Raises:
        BadQuestion: there is none, or it is not text.
    """
    from qa.answering.question import check_question

    if argument == "-":
        if sys.stdin is None:
            raise BadQuestion("there is no input to read a question from; give it as an argument")
        raw = sys.stdin.buffer.read(LARGEST_INPUT)
        try:
            argument = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if len(raw) < LARGEST_INPUT or error.start < len(raw) - 4:
                raise BadQuestion("the input is not UTF-8 text; give a question in English or Chinese") from error
            argument = raw[: error.start].decode("utf-8-sig")
    return check_question(argument, settings.max_question_chars)


def open_assistant(settings: Settings, filters: Filters | None = None, *, own_documents: bool = True) -> Assistant:
    """Open the assistant, with progress in the terminal where an index is built first.

    Args:
        settings: of the command.
        filters: documents and collections that it names must exist: an unknown one is an error, not an empty result.
        own_documents: False leaves the user's documents out.

    Raises:
        QAError: an index cannot be opened, or a document or a collection is unknown.
    """
    from qa.terminal import progress

    with progress("Opening the index and the model", "Building the index") as advance:
        from qa.assistant import Assistant

        assistant = Assistant.open(settings=settings, progress=advance, own_documents=own_documents)
    for document in filters.documents if filters else ():
        assistant.document(document)
    if filters and filters.collections:
        check_collections(filters.collections, (c.name for c in assistant.collections()))
    return assistant


def check_collections(names: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a collection that holds no document.

    Raises:
        UnknownDocument: the message lists those that there are.
    """
    there = {CORPUS, *known}
    for name in names:
        if name not in there:
            raise UnknownDocument(f"no collection has the name {name!r}; there are: {', '.join(sorted(there))}")


def print_json(value: Any) -> None:
    """Print JSON; characters that the terminal cannot show are escaped, never lost."""
    escape = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(value, ensure_ascii=escape, indent=2) + "\n")
