"""Questions for fitting what tells an answer from what only looks like one, apart from the judged sets.

``answering_train_en.jsonl`` and ``answering_train_zh.jsonl`` have one question a line: ``language``, ``kind`` (as in the judged
sets), ``question`` and ``documents``. With an answer: ``evidence`` (the verbatim sentences that answer) and ``answers`` (what an
answer must hold, as written there). Without one: ``documents`` are the nearest, ``missing`` the words of the question that
nothing in the corpus supports, and ``why``: another year, period or name than the corpus has, an attribute or a relation that it does not
state, another scope, or another subject. They were written document by document without a look at the judged questions; whatever came close
to one of those, by its words or by its answer, was taken out.

In ``answering_pairs_en.jsonl`` and ``answering_pairs_zh.jsonl`` each question with an answer is followed by one without, in the same
words but for one: what tells them apart is the evidence, not how the question is put.

``further_pairs_*.jsonl`` has 5,547 more such pairs, which the shipped judge has not learned from: most ask another attribute, scope or
relation of the very thing that the evidence is about.

``blind_train_*.jsonl``, ``blind_dev_*.jsonl`` and ``blind_test_*.jsonl`` have the same form. Their questions were asked before the
corpus had been read, as users ask, and labelled afterwards; what it answers in part was left out. Nothing shipped was fitted on
them. The first is meant for fitting, the second for choosing, the third for measuring alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qa.answering.evidence import Candidate
from qa.answering.facts import dates_of, names_entry, quantities_of
from qa.text.glossary import Glossary

FILES = tuple(Path(__file__).with_name(f"answering_{name}_{language}.jsonl") for name in ("train", "pairs") for language in ("en", "zh"))


@dataclass(frozen=True)
class TrainingQuestion:
    """A question with the sentences that answer it; judges like ``qa.evaluation.questions.Question``."""

    id: str
    language: str
    kind: str
    question: str
    documents: tuple[str, ...]
    answers: tuple[str, ...]
    glossary: Glossary
    why: str = ""
    history: tuple[str, ...] = ()
    cross_lingual: bool = False
    pair: int = -1
    """Number of its pair, -1 outside of the pairs."""

    @property
    def near_miss(self) -> bool:
        """Whether the corpus is about the subject and lacks what is asked of it."""
        return self.why not in ("", "off_topic")

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
        home = document.id in self.documents or document.translation_of in self.documents
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


def load_blind(glossary: Glossary, part: str) -> list[TrainingQuestion]:
    """Read the questions asked blind of a part: "train", "dev" or "test"."""
    return load_training(glossary, [Path(__file__).with_name(f"blind_{part}_{language}.jsonl") for language in ("en", "zh")], f"blind-{part}")


def load_training(glossary: Glossary, files: Sequence[Path] = FILES, name: str = "train") -> list[TrainingQuestion]:
    """Read questions; their ids begin with the name."""
    rows = [(json.loads(line), "pairs" in file.name) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    first = next((n for n, (_, paired) in enumerate(rows) if paired), 0)
    return [
        TrainingQuestion(
            f"{name}-{n}",
            r["language"],
            r["kind"],
            r["question"],
            tuple(r["documents"]),
            tuple(r.get("answers", ())),
            glossary,
            r.get("why", ""),
            # Both of a pair stand next to each other, and both files have whole pairs.
            pair=(n - first) // 2 if paired else -1,
        )
        for n, (r, paired) in enumerate(rows)
    ]
