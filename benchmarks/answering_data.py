"""Questions for fitting the answering weights: written on single sentences of the corpus, apart from the judged sets.

``answering_train.jsonl`` has one question a line: ``language``, ``question``, ``document``, ``sentence`` (the
verbatim sentence that answers, "" where the corpus has no answer; then ``document`` is the nearest one) and
``answers`` (what the answer must hold, as written in that sentence).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from qa.answering.evidence import Candidate
from qa.answering.facts import dates_of, names_entry, quantities_of
from qa.text.glossary import Glossary

FILE = Path(__file__).with_name("answering_train.jsonl")


@dataclass(frozen=True)
class TrainingQuestion:
    """A question with the sentence that answers it; judges like ``qa.evaluation.questions.Question``."""

    id: str
    language: str
    question: str
    document: str
    sentence: str
    answers: tuple[str, ...]
    glossary: Glossary
    history: tuple[str, ...] = ()
    cross_lingual: bool = False

    @property
    def answerable(self) -> bool:
        """Whether the corpus holds the answer."""
        return bool(self.answers)

    def share(self, text: str) -> float:
        """Return the share of the answers that a text holds, in either language."""
        return sum(holds(text, answer, self.glossary) for answer in self.answers) / len(self.answers) if self.answers else 0.0

    def met_by(self, text: str) -> bool:
        """Tell whether a text holds every answer."""
        return self.share(text) == 1.0

    def gain(self, candidate: Candidate) -> float:
        """Return how far a sentence answers: in full in its document or the translation, by half elsewhere."""
        document = candidate.document
        home = self.document in (document.id, document.translation_of)
        return self.share(" ".join(candidate.text.split())) * (1.0 if home else 0.5)


def holds(text: str, answer: str, glossary: Glossary) -> bool:
    """Tell whether a text says an answer: in the same words, as the same figure or date, or as another form of the name."""
    if answer.lower() in text.lower():
        return True
    entries = [m.entry for m in glossary.mentions(answer)]
    if entries and all(names_entry(text, e) for e in entries):
        return True
    days = {d.value for d in dates_of(answer)}
    if days:
        return days <= {d.value for d in dates_of(text)}
    figures = {(q.kind, q.value) for q in quantities_of(answer)}
    return bool(figures) and figures <= {(q.kind, q.value) for q in quantities_of(text)}


def load_training(glossary: Glossary, path: Path = FILE) -> list[TrainingQuestion]:
    """Read the training questions."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        TrainingQuestion(f"train-{n}", r["language"], r["question"], r["document"], r["sentence"], tuple(r["answers"]), glossary)
        for n, r in enumerate(rows)
    ]
