"""Questions worth asking next: examples by topic, offered only where the corpus answers them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from qa.answering.answer import Answer
from qa.assistant import Assistant
from qa.retrieval.filters import Filters
from qa.text.tokens import search_tokens

SUGGESTED = 3
CHECKED = 6
"""At most so many candidates are asked for one set of suggestions, to keep the processor free."""

REMEMBERED = 5000
"""Answers kept; every change of the library brings new ones."""


@dataclass(frozen=True)
class Example:
    """A question of ``examples.yaml``."""

    topic: str
    language: str
    question: str


@cache
def examples() -> tuple[Example, ...]:
    """Return all examples in the order of the file."""
    raw = yaml.safe_load((Path(__file__).parent / "examples.yaml").read_text(encoding="utf-8"))
    return tuple(
        Example(topic, language, question)
        for topic, languages in raw.items()
        for language, questions in languages.items()
        for question in questions
    )


class Suggester:
    """Finds suggestions and remembers which questions the assistant answers."""

    def __init__(self) -> None:
        self._answered: dict[tuple[str, str], bool] = {}
        self._lock = threading.Lock()

    def answers(self, assistant: Assistant, question: str, filters: Filters | None = None) -> bool:
        """Tell whether the assistant answers a question; each is asked once for each scope."""
        filters = filters or Filters()
        key = (question, f"{assistant.snapshot.generation}{filters.model_dump_json()}")
        known = self._answered.get(key)
        if known is None:
            with self._lock:  # one at a time: suggestions must not slow down answers
                known = not assistant.ask(question, filters=filters).abstained
                if len(self._answered) >= REMEMBERED:
                    self._answered.clear()
                self._answered[key] = known
        return known

    def follow_ups(self, assistant: Assistant, answer: Answer, filters: Filters, asked: Sequence[str]) -> list[str]:
        """Return up to three questions near to an answer that the corpus answers in the same scope."""
        near: dict[str, float] = {}
        cited = {c.document_id for c in answer.citations}
        for hit in answer.hits:
            topic = assistant.document(hit.document_id).topic
            near[topic] = near.get(topic, 0.0) + hit.score * (2.0 if hit.document_id in cited else 1.0)
        words = frozenset(search_tokens(answer.standalone_question + " " + " ".join(h.title for h in answer.hits[:3])))
        known = {*asked, answer.question, answer.standalone_question}
        pool = [e for e in examples() if e.language == answer.language and e.question not in known]
        total = sum(near.values()) or 1.0
        shares = {topic: score / total for topic, score in near.items()}

        def closeness(example: Example) -> float:
            own = frozenset(search_tokens(example.question))
            return shares.get(example.topic, 0.0) + len(own & words) / (len(own) or 1)

        pool.sort(key=lambda e: -closeness(e))
        found: list[str] = []
        for example in pool[:CHECKED]:
            if len(found) < SUGGESTED and self.answers(assistant, example.question, filters):
                found.append(example.question)
        return found
