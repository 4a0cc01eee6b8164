"""Question sets: JSON Lines with expected patterns and documents."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from qa.errors import EvaluationError

SETS = ("dev", "test")
Kind = Literal[
    "number", "date", "entity", "yesno", "definition", "list", "comparison", "change", "temporal", "why",
    "conflict", "followup", "unanswerable",
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(Kind)


class Question(BaseModel):
    """One question with what a right answer must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    language: Literal["en", "zh"]
    kind: Kind
    question: str = Field(min_length=1)
    history: tuple[str, ...] = Field(default=(), description="earlier questions of the conversation, oldest first")
    expect: tuple[str, ...] = Field(description="patterns that must all be found in the answer's text; none for an unanswerable question")
    documents: tuple[str, ...] = Field(description="documents that answer; none for an unanswerable question")
    cross_lingual: bool = Field(default=False, description="only documents in the other language answer")
    near_miss: bool = Field(default=False, description="unanswerable, though the corpus speaks of the very subject")

    @field_validator("expect")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"the pattern {pattern!r} is not a regular expression: {error}") from error
        return patterns

    @model_validator(mode="after")
    def _consistent(self) -> Question:
        if self.answerable and not (self.expect and self.documents):
            raise ValueError("an answerable question needs at least one pattern in expect and one document")
        if not self.answerable and (self.expect or self.documents):
            raise ValueError("an unanswerable question has no patterns in expect and no documents")
        if self.near_miss and self.answerable:
            raise ValueError("near_miss is for unanswerable questions")
        if self.kind == "followup" and not self.history:
            raise ValueError("a follow-up needs a history")
        return self

    @property
    def answerable(self) -> bool:
        """Whether the corpus holds the answer."""
        return self.kind != "unanswerable"

    def met_by(self, text: str) -> bool:
        """Tell whether every expected pattern is found in a text; case does not matter."""
        return all(re.search(pattern, text, re.IGNORECASE) for pattern in self.expect)


def load_questions(name: str) -> list[Question]:
    """Read a shipped set ("dev" or "test") or a JSON Lines file.

    Raises:
        EvaluationError: there is no such set or file, or a line is malformed; names the line.
    """
    if name in SETS:
        text = (resources.files("qa.evaluation") / "data" / f"{name}.jsonl").read_text(encoding="utf-8")
    else:
        path = Path(name)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise EvaluationError(f"{name}: cannot be read as a question file; give dev, test or a JSON Lines file") from error
    questions: dict[str, Question] = {}
    for number, line in enumerate(text.split("\n"), 1):  # splitlines would cut at U+2028 inside a string
        if not line.strip():
            continue
        try:
            question = Question.model_validate(json.loads(line))
        except (json.JSONDecodeError, ValidationError) as error:
            raise EvaluationError(f"{name}:{number}: not a question: {_problem(error)}; see qa/evaluation/data/README.md") from error
        if question.id in questions:
            raise EvaluationError(f"{name}:{number}: the id {question.id!r} stands twice; give each question its own")
        questions[question.id] = question
    if not questions:
        raise EvaluationError(f"{name}: holds no questions; see qa/evaluation/data/README.md")
    return list(questions.values())


def _problem(error: json.JSONDecodeError | ValidationError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON ({error.msg} at column {error.colno})"
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
