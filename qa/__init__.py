"""Cited answers to questions about China's AI progress.

>>> import qa
>>> answer = qa.ask("How small is the MMLU gap between US and Chinese models?")  # doctest: +SKIP
>>> print(answer.text)                                                          # doctest: +SKIP

Importing this package loads no model library; the first question does.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qa.answering.answer import Answer, Citation, Conflict, ConflictValue, Sentence
    from qa.assistant import Assistant
    from qa.documents.model import Document, Source
    from qa.errors import QAError
    from qa.retrieval.filters import Filters
    from qa.retrieval.hits import Hit
    from qa.settings import Settings

__all__ = [
    "Answer",
    "Assistant",
    "Citation",
    "Conflict",
    "ConflictValue",
    "Document",
    "Filters",
    "Hit",
    "QAError",
    "Sentence",
    "Settings",
    "Source",
    "__version__",
    "ask",
]
__version__ = "0.1.0"

_HOMES = {
    "Answer": "qa.answering.answer",
    "Assistant": "qa.assistant",
    "Citation": "qa.answering.answer",
    "Conflict": "qa.answering.answer",
    "ConflictValue": "qa.answering.answer",
    "Document": "qa.documents.model",
    "Filters": "qa.retrieval.filters",
    "Hit": "qa.retrieval.hits",
    "QAError": "qa.errors",
    "Sentence": "qa.answering.answer",
    "Settings": "qa.settings",
    "Source": "qa.documents.model",
}
_assistant: Assistant | None = None

logging.getLogger(__name__).addHandler(logging.NullHandler())


def ask(question: str, **options: Any) -> Answer:
    """Answer a question with the default settings; the index is opened once and kept.

    Args:
        question: in English or Chinese.
        options: ``history`` and ``filters``, as in ``Assistant.ask``.

    Raises:
        QAError: see ``qa.errors``.
    """
    global _assistant
    if _assistant is None:
        from qa.assistant import Assistant

        _assistant = Assistant.open()
    return _assistant.ask(question, **options)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import qa`` stays light."""
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
