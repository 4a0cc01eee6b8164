"""Question sets: JSON Lines with expected patterns and documents."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from qa.errors import EvaluationError

SETS = ("dev", "test")


class Question(BaseModel):
    """One question with what a right answer must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    language: Literal["en", "zh"]
    kind: str
    question: str
    history: tuple[str, ...] = ()
    expect: tuple[str, ...] = Field(description="patterns that must all be found in the answer's text")
    documents: tuple[str, ...] = Field(description="documents that answer; empty for an unanswerable question")
    cross_lingual: bool = False
    near_miss: bool = False

    @field_validator("expect")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            re.compile(pattern)
        return patterns

    @property
    def answerable(self) -> bool:
        """Whether the corpus holds the answer."""
        return self.kind != "unanswerable"

    def met_by(self, text: str) -> bool:
        """Tell whether every expected pattern is found in a text."""
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
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise EvaluationError(f"{name}: cannot be read as a question file; give dev, test or a JSON Lines file") from error
    questions = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            questions.append(Question.model_validate(json.loads(line)))
        except (json.JSONDecodeError, ValidationError, re.error) as error:
            problem = str(error).splitlines()[0]
            raise EvaluationError(f"{name}:{number}: not a question: {problem}; see qa/evaluation/data/README.md") from error
    if not questions:
        raise EvaluationError(f"{name}: holds no questions")
    return questions
