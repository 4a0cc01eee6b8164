"""Questions and sentences for training the encoder: read, cut into windows, packed into passages.

The held-out slice is fixed. Besides the files of questions, queries are made from the sentences of
our own documents. See ``train_encoder.py``.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from qa.documents.corpus import load_corpus
from qa.text.sentences import sentence_spans

CLS, SEP = 101, 102
MAX_TOKENS = 224  # a passage with its marks fits the base model's 256
SQUAD_REPEAT = 2  # it has most of the questions and a seventh of the text
STOP = frozenset(
    "a an the of in on at to for by and or with from as is are was were be been has have had its it that this these those which who "
    "not but also than then their they he she his her into over under after before about more most such some other".split()
)


@dataclass
class Group:
    """Sentences of one neighbourhood in order, and the questions that some of them answer.

    Attributes:
        sentences: the texts.
        asked: (question, numbers of the sentences that answer it).
        title: what stands above the sentences, "" if nothing does.
        repeat: how often it is read in an epoch.
    """

    sentences: list[str]
    asked: list[tuple[str, list[int]]]
    title: str = ""
    repeat: int = 1


class Tokens:
    """Token numbers of texts, kept."""

    def __init__(self, tokenizer: object) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    def __call__(self, text: str) -> list[int]:
        if text not in self._known:
            self._known[text] = self._tokenizer.encode(text, add_special_tokens=False)  # type: ignore[attr-defined]
        return self._known[text]


def cut(text: str) -> list[tuple[int, int]]:
    ends = [m.end() for m in re.finditer(r"[.!?][\"')\]]*(?=\s+[A-Z0-9\"'(])|$", text)]
    spans, start = [], 0
    for end in ends:
        if end > start:
            spans.append((start, end))
            start = end
    return spans


def load(folder: Path, rng: random.Random) -> tuple[list[Group], list[Group]]:
    """Read the questions; a twentieth is held out, and nothing of its sections is trained on.

    Returns:
        Groups to train on, groups held out.
    """
    by_group: dict[int, list[dict[str, str]]] = {}
    for row in _rows(folder / "squad-pairs.jsonl"):
        if row["split"] == "test":
            by_group.setdefault(row["group"], []).append(row)
    groups: list[tuple[Group, Group]] = []  # what is held out, and the whole section for training
    for members in by_group.values():
        sentences = list(dict.fromkeys(row["sentence"] for row in members))
        asked = [(r["question"], [sentences.index(r["sentence"])]) for r in members]
        groups.append((Group(sentences, asked), Group(sentences, asked, repeat=SQUAD_REPEAT)))
    for name in ("selqa", "covidqa", "trecqa"):
        for row in _rows(folder / f"{name}.jsonl"):
            title = ""
            if name == "selqa":
                right = [i for i, label in enumerate(row["labels"]) if label]
                sentences, title = row["candidates"], row["article"]
            elif name == "covidqa":
                spans = cut(row["context"])
                sentences = [row["context"][a:b].strip() for a, b in spans]
                right = [i for i, (a, b) in enumerate(spans) if a <= row["answer_start"] < b]
            else:
                sentences = [*row["positives"][:1], *row["negatives"]]
                right = [0]
            if not right or len(sentences) < 2:
                continue
            low = max(0, right[0] - rng.randint(0, 12))
            window = Group(sentences[low : low + 18], [(row["question"], [right[0] - low])])
            groups.append((window, Group(sentences, [(row["question"], right)], title)))
    random.Random(7).shuffle(groups)
    size = len(groups) // 20
    held = [window for window, _ in groups[:size]]
    seen = {s for group in held for s in group.sentences}
    merged: dict[tuple[str, ...], Group] = {}
    for _, group in groups[size:]:
        if seen.isdisjoint(group.sentences):
            merged.setdefault(tuple(group.sentences), Group(group.sentences, [], group.title, group.repeat)).asked.extend(group.asked)
    return list(merged.values()), held


def _rows(file: Path) -> Iterator[dict[str, object]]:
    return (json.loads(line) for line in file.open(encoding="utf-8"))


def windows(groups: Sequence[Group], size: int, rng: random.Random) -> list[Group]:
    """Cut long groups round their questions, so that each question is asked once."""
    out = []
    for group in groups:
        if len(group.sentences) <= 2 * size or group.repeat > 1:
            out += [group] * group.repeat
            continue
        left = list(group.asked)
        rng.shuffle(left)
        while left:
            first = left[0][1][0]
            low = max(0, first - rng.randint(0, size - 1))
            inside = [(q, [i - low for i in r if low <= i < low + size]) for q, r in left]
            left = [a for a, (_, r) in zip(left, inside, strict=True) if not r]
            out.append(Group(group.sentences[low : low + size], [(q, r) for q, r in inside if r], group.title))
    return out


def invented(corpus: Path, rng: random.Random) -> list[Group]:
    """Make queries from the sentences of our own documents: their words without the numbers and some others."""
    groups = []
    for document in load_corpus(corpus).documents:
        if document.language != "en":
            continue
        for section in document.sections:
            sentences = [document.text[a:b] for a, b in sentence_spans(document.text, section.start, section.end)]
            asked = []
            for i, sentence in enumerate(sentences):
                words = re.findall(r"[A-Za-z][\w'-]*|\d[\d.,%]*", sentence)
                number = any(w[0].isdigit() for w in words)
                kept = [w for w in words if not w[0].isdigit() and w.lower() not in STOP and rng.random() < 0.6]
                if len(kept) >= 4:
                    ask = rng.choice(("", "how many ", "how much ", "when ", "what ")) if number else rng.choice(("", "what ", "who ", "why "))
                    asked.append((ask + " ".join(kept[:14]), [i]))
            if asked and len(sentences) > 1:
                rng.shuffle(asked)
                groups.append(Group(sentences, asked[: (len(asked) + 1) // 2], f"{document.title} > {section.heading}"))
    return groups


def batches(groups: Sequence[Group], tokens: Tokens, budget: int, rng: random.Random) -> list[list[Group]]:
    """Join groups until a batch has about ``budget`` tokens."""
    order = list(groups)
    rng.shuffle(order)
    out: list[list[Group]] = []
    current: list[Group] = []
    size = 0
    for group in order:
        current.append(group)
        size += sum(min(120, len(tokens(s))) for s in group.sentences) + sum(len(tokens(q)) for q, _ in group.asked)
        if size >= budget:
            out.append(current)
            current, size = [], 0
    return [*out, current] if current else out


@dataclass
class Batch:
    """Questions and passages as token numbers.

    Attributes:
        questions: marks included.
        passages: marks and titles included.
        owners: the sentence of each token of each passage, -1 for marks and titles.
        right: (questions, sentences) whether a sentence answers.
        holder: the passage of each sentence.
    """

    questions: list[list[int]] = field(default_factory=list)
    passages: list[list[int]] = field(default_factory=list)
    owners: list[list[int]] = field(default_factory=list)
    right: torch.Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    holder: list[int] = field(default_factory=list)


def pack(groups: Sequence[Group], tokens: Tokens, rng: random.Random) -> Batch:
    """Put neighbouring sentences into passages, so that tokens see their context."""
    batch = Batch()
    numbers: dict[str, list[int]] = {}
    answers: list[list[str]] = []
    for group in groups:
        limit = rng.choice((1, 3, 5, 8))
        title = tokens(group.title)[:40] if group.title and rng.random() < 0.6 else []
        row, own, count = [CLS, *title], [-1] * (1 + len(title)), 0
        for sentence in group.sentences:
            ids = tokens(sentence)[:120]
            if count and (count >= limit or len(row) + len(ids) > MAX_TOKENS):
                batch.passages.append([*row, SEP])
                batch.owners.append([*own, -1])
                limit = rng.choice((1, 3, 5, 8))
                row, own, count = [CLS, *title], [-1] * (1 + len(title)), 0
            numbers.setdefault(sentence, []).append(len(batch.holder))
            row += ids
            own += [len(batch.holder)] * len(ids)
            batch.holder.append(len(batch.passages))
            count += 1
        batch.passages.append([*row, SEP])
        batch.owners.append([*own, -1])
        for question, right in group.asked:
            batch.questions.append([CLS, *tokens(question)[:62], SEP])
            answers.append([group.sentences[i] for i in right])
    batch.right = torch.zeros(len(batch.questions), len(batch.holder), dtype=torch.bool)
    for i, texts in enumerate(answers):
        for text in texts:
            batch.right[i, numbers[text]] = True
    return batch
