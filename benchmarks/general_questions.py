"""Public questions on other subjects, each beside the sentence that answers it.

Of the files that a folder of such sets has, those of ``READERS`` are read: pairs of question and sentence, candidate sentences
with labels, or a context with the answer's offset. What lies near each other in the source becomes one document, so that
a question is searched for among all of them as it would be in the product.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval import document

from qa.answering.evidence import Candidate
from qa.documents.model import Document


@dataclass(frozen=True)
class GeneralQuestion:
    """A question and where it is answered.

    Attributes:
        id: unique.
        language: of the question and its document.
        question: as asked.
        documents: id of its document.
        spans: of the sentences or the words that answer, in the document's text.
        answer: the words that answer, "" where the set names only the sentence.
    """

    id: str
    language: str
    question: str
    documents: tuple[str]
    spans: tuple[tuple[int, int], ...]
    answer: str = ""
    answerable: bool = True

    def label(self, candidate: Candidate) -> int:
        """Return 1 for a sentence that answers, -1 for one that has the words elsewhere, 0 for any other."""
        if candidate.document.id == self.documents[0] and any(candidate.start < b and a < candidate.end for a, b in self.spans):
            return 1
        return -1 if self.answer and self.answer.lower() in candidate.text.lower() else 0


def read_general(folder: Path) -> tuple[list[Document], list[GeneralQuestion]]:
    """Read every set of the folder.

    Raises:
        SystemExit: the folder lacks one.
    """
    documents: dict[tuple[str, str], Document] = {}
    questions: list[GeneralQuestion] = []
    for name, (read, language) in READERS.items():
        file = folder / f"{name}.jsonl"
        if not file.is_file():
            raise SystemExit(f"{folder} holds no {file.name}; give the folder of the sets with --general")
        for title, text, question, spans, answer in read(_rows(file)):
            home = documents.setdefault((title, text), document(f"{name}-{len(documents)}", title, language, text))
            questions.append(GeneralQuestion(f"{name}-{len(questions)}", language, question, (home.id,), spans, answer))
    return list(documents.values()), questions


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in file.open(encoding="utf-8"))


Found = Iterator[tuple[str, str, str, tuple[tuple[int, int], ...], str]]


def _pairs(rows: Iterator[dict[str, Any]]) -> Found:
    """Read question and sentence; sentences of a group are neighbours.

    Rows of the split ``dev`` are left out: they stem from the articles of a set that is measured.
    """
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        if row["split"] == "test":
            groups.setdefault(row["group"], []).append(row)
    for members in groups.values():
        text, spans = _together(list(dict.fromkeys(row["sentence"] for row in members)))
        for row in members:
            yield "", text, row["question"], (spans[row["sentence"]],), ""


def _labelled(rows: Iterator[dict[str, Any]]) -> Found:
    for row in rows:
        text, spans = _together(row["candidates"])
        right = tuple(spans[s] for s, label in zip(row["candidates"], row["labels"], strict=True) if label)
        if right:
            yield row["article"], text, row["question"], right, ""


def _answered(rows: Iterator[dict[str, Any]]) -> Found:
    for row in rows:
        start = row["answer_start"]
        yield "", row["context"], row["question"], ((start, start + len(row["answer"])),), row["answer"]


def _together(sentences: list[str]) -> tuple[str, dict[str, tuple[int, int]]]:
    """Join sentences as paragraphs of one text; return it and where each stands."""
    text, spans = "", {}
    for sentence in sentences:
        spans[sentence] = (len(text), len(text) + len(sentence))
        text += f"{sentence}\n\n"
    return text.rstrip("\n"), spans


READERS = {
    "squad-pairs": (_pairs, "en"),
    "selqa": (_labelled, "en"),
    "covidqa": (_answered, "en"),
    "cmrc": (_answered, "zh"),
    "drcd": (_answered, "zh"),
}
