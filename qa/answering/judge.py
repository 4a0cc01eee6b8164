"""The judge: a small trained network that tells whether a sentence answers a question.

Late interaction asks how near each word of the question comes to a word of the sentence; it does not notice that one
word of all, the year or the attribute, is another. The judge reads the very vectors that late interaction compares:
the question's tokens attend to each other and to the sentence's tokens (Vaswani et al. 2017; over vectors made
beforehand: MacAvaney et al. 2020, "PreTTR", https://arxiv.org/abs/2004.14255), and beside its vector each token of the
question carries marks: whether its word stands in the sentence, its heading and its passage, how rare it is, whether it is a name
or a number. ``benchmarks/train_judge.py`` trains it; ``qa/models/README.md`` tells on what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from qa.answering.evidence import Candidate
from qa.answering.facts import names_entry, tokens_of
from qa.answering.matching import word_spans
from qa.errors import ModelUnavailable
from qa.index.snapshot import Snapshot
from qa.retrieval.query import Query
from qa.retrieval.search import Ranking
from qa.text.glossary import Entry
from qa.text.language import has_cjk
from qa.text.tokens import STOP_WORDS

Floats = NDArray[np.float32]

FILE = Path(__file__).resolve().parents[1] / "models" / "judge.safetensors"
MARKS = 10  # numbers beside each token's vector
LONGEST = 64  # tokens of a question or a sentence that are read
UNJUDGED = 0.0
"""Logit of what could not be judged, in the middle between yes and no: a sentence that the model's limit cut off,
or an index made by another model than the judge was trained on."""
_RARITY = 8.0  # about the highest inverse document frequency in a corpus of some thousand passages
_SCALE = 10.0  # unit vectors of 128 numbers, each brought near 1


@dataclass(frozen=True)
class _Word:
    tokens: frozenset[str]
    rarity: float
    content: bool
    entry: Entry | None
    number: bool

    def share(self, text: str, held: frozenset[str]) -> float:
        """Return how much of the word a text of these tokens holds, in whatever form of a name."""
        if self.entry is not None and names_entry(text, self.entry):
            return 1.0
        return len(self.tokens & held) / len(self.tokens) if self.tokens else 0.0


@dataclass(frozen=True)
class Pairs:
    """A question beside some sentences.

    Attributes:
        question: (n, token_dim) unit vectors of its tokens.
        marks: (sentences, n, MARKS): the best match in the sentence and in the passage, the share of the word that stands in
            sentence, heading and passage, and what the word is: its rarity, whether it has a meaning of its own, is
            a name, stands in the glossary, holds a digit.
        sentences: (m, token_dim) unit vectors of the tokens of each sentence.
    """

    question: Floats
    marks: Floats
    sentences: tuple[Floats, ...]

    def lacking(self) -> Floats:
        """Return (sentences, 2): the rarity of the rarest word that neither sentence nor heading holds, and the passage neither."""
        here = self.marks[:, :, 2:4].max(axis=2)
        near = np.maximum(here, self.marks[:, :, 4])
        weight = self.marks[:, :, 5] * self.marks[:, :, 6]
        found: Floats = np.stack([(weight * (1 - here)).max(axis=1), (weight * (1 - near)).max(axis=1)], axis=1)
        return found


@dataclass(frozen=True)
class Verdict:
    """What the judge says of a sentence.

    Attributes:
        logit: of the probability that it answers.
        lacking: rarity of the rarest word of the question that neither it nor its heading holds, 0 to about 1.
        absent: the same for the words that its passage does not hold either.
    """

    logit: float = UNJUDGED
    lacking: float = 0.0
    absent: float = 0.0


def pairs_of(query: Query, ranking: Ranking, candidates: Sequence[Candidate], snapshot: Snapshot) -> Pairs:
    """Put a question beside candidates of one ranking, all of whose sentences hold tokens.

    Args:
        query: the question.
        ranking: the passages, with what late interaction found in their sentences.
        candidates: sentences out of them.
        snapshot: what was searched.
    """
    own = snapshot.chinese[ranking.rows[0]] == (query.language == "zh")
    text = query.text if own or not ranking.readable else query.translation or query.text
    encoded = ranking.encoded
    words = _words(text, snapshot)
    at = {place: i for i, (start, end, _) in enumerate(words) for place in range(start, end)}
    # The last row stands for tokens outside of words.
    word_of = [at.get(start, len(words)) for start in encoded.offsets[:LONGEST, 0].tolist()]
    position = {number: i for i, number in enumerate(ranking.matches.numbers.tolist())}
    best = ranking.matches.matches[:, :LONGEST]
    still = np.asarray([(w.rarity / _RARITY, w.content, w.entry is not None and w.entry.is_name, w.entry is not None, w.number) for *_, w in words])
    still = np.concatenate([still.reshape(len(words), 5), np.zeros((1, 5))])
    marks = np.zeros((len(candidates), len(word_of), MARKS), dtype=np.float32)
    sentences = []
    around: dict[int, tuple[list[tuple[float, float]], Floats]] = {}
    for i, candidate in enumerate(candidates):
        row = candidate.passage
        first, last = int(snapshot.sentence_rows[row]), int(snapshot.sentence_rows[row + 1])
        if row not in around:
            passage = snapshot.passages[row]
            heading = f"{candidate.document.title} {passage.heading}"
            body = candidate.document.text[passage.start : passage.end]
            shares = [(w.share(heading, tokens_of(heading)), w.share(body, tokens_of(body))) for *_, w in words]
            near = best[[position[n] for n in range(first, last) if n in position]].max(axis=0)
            around[row] = ([*shares, (0.0, 0.0)], near)
        shares, near = around[row]
        held = tokens_of(candidate.text)
        here = [*(w.share(candidate.text, held) for *_, w in words), 0.0]
        table = np.column_stack([here, shares, still])
        marks[i] = np.column_stack([best[position[candidate.row]], near, table[word_of]])
        start, end = int(snapshot.token_rows[row]), int(snapshot.token_rows[row + 1])
        inside = snapshot.owners[start:end] == candidate.row - first
        sentences.append(snapshot.tokens[start:end][inside][:LONGEST].astype(np.float32) / np.float32(127))
    return Pairs(encoded.tokens[:LONGEST], marks, tuple(sentences))


def _words(text: str, snapshot: Snapshot) -> list[tuple[int, int, _Word]]:
    mentions = snapshot.glossary.mentions(text)
    found = []
    for start, end in word_spans(text):
        written = text[start:end].lower()
        tokens = tokens_of(written)
        if has_cjk(written) and len(written) > 1:
            tokens = frozenset(t for t in tokens if len(t) > 1) or tokens
        rarity = max((snapshot.words.idf(t) for t in tokens), default=1.0)
        entry = next((m.entry for m in mentions if m.start <= start and end <= m.end), None)
        found.append((start, end, _Word(tokens, rarity, written not in STOP_WORDS, entry, any(map(str.isdigit, written)))))
    return found


class Judge:
    """The network: two blocks of attention among the question's tokens and from them to the sentence's."""

    def __init__(self, tensors: Mapping[str, Floats], heads: int, encoder: str) -> None:
        """Take weights by the names that ``benchmarks/train_judge.py`` gives them.

        Args:
            tensors: the weights.
            heads: of each attention.
            encoder: digest of the token head whose vectors it reads, sixteen digits.

        Raises:
            KeyError: a weight is missing.
        """
        self._heads = heads
        self.encoder = encoder
        self._t = dict(tensors)
        blocks = len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})
        self._blocks = [f"blocks.{i}" for i in range(blocks)]
        # Products of the same rows are one product.
        self._join("own", [[f"{b}.own.{part}" for part in "qkv"] for b in self._blocks])
        self._join("other", [[f"{b}.other.{part}" for b in self._blocks for part in "kv"]])

    def _join(self, name: str, groups: Sequence[Sequence[str]]) -> None:
        for i, group in enumerate(groups):
            for kind in ("weight", "bias"):
                self._t[f"{name}.{i}.{kind}"] = np.concatenate([self._t[f"{part}.{kind}"] for part in group])

    @classmethod
    def load(cls, path: Path = FILE) -> Judge:
        """Read the judge.

        Raises:
            ModelUnavailable: the file is no judge.
        """
        try:
            with safe_open(str(path), framework="np") as file:
                about = file.metadata() or {}
                tensors = {name: np.asarray(file.get_tensor(name), dtype=np.float32) for name in file.keys()}  # noqa: SIM118
            return cls(tensors, int(about["heads"]), about["encoder"])
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise ModelUnavailable(f"{path} is no judge ({error}); restore the file that came with this package") from error

    def logits(self, pairs: Pairs) -> Floats:
        """Return for each sentence how surely it answers: the logit of a probability."""
        k, lengths = len(pairs.sentences), [len(s) for s in pairs.sentences]
        # In front of each sentence stands a token of its own: a token of the question may find nothing in it.
        held = np.arange(max(lengths) + 1)[None, :] <= np.asarray(lengths)[:, None]
        x = self._norm("read_norm", self._linear("read", np.concatenate(pairs.sentences) * np.float32(_SCALE)))
        packed = self._linear("other.0", np.concatenate([self._t["nothing"][None], x]))
        read = np.zeros((*held.shape, packed.shape[1]), dtype=np.float32)
        read[:, 0] = packed[0]
        read[:, 1:][held[:, 1:]] = packed[1:]
        marks = self._linear("marks.2", _gelu(self._linear("marks.0", pairs.marks)))
        q = self._norm("ask_norm", self._linear("ask", pairs.question * np.float32(_SCALE)) + marks)
        width = q.shape[2]
        q = np.concatenate([np.broadcast_to(self._t["verdict"], (k, 1, width)), q], axis=1)
        for i, name in enumerate(self._blocks):
            own = self._linear(f"own.{i}", self._norm(f"{name}.own_norm", q))
            q = q + self._attend(f"{name}.own", own[..., :width], own[..., width : 2 * width], own[..., 2 * width :], None)
            asked: Floats = self._linear(f"{name}.other.q", self._norm(f"{name}.other_norm", q))
            at = 2 * width * i
            q = q + self._attend(f"{name}.other", asked, read[..., at : at + width], read[..., at + width : at + 2 * width], held)
            q = q + self._linear(f"{name}.down", _gelu(self._linear(f"{name}.up", self._norm(f"{name}.wide_norm", q))))
        found: Floats = self._linear("answer", self._norm("answer_norm", q[:, 0]))[:, 0]
        return found

    def _linear(self, name: str, x: Floats) -> Floats:
        flat = x.reshape(-1, x.shape[-1]) @ self._t[f"{name}.weight"].T
        flat += self._t[f"{name}.bias"]
        return flat.reshape(*x.shape[:-1], -1)

    def _norm(self, name: str, x: Floats) -> Floats:
        share = np.float32(1 / x.shape[-1])
        centred: Floats = x - x.sum(axis=-1, keepdims=True) * share
        spread = np.sqrt(np.einsum("...i,...i->...", centred, centred)[..., None] * share + np.float32(1e-5))
        centred /= spread
        centred *= self._t[f"{name}.weight"]
        centred += self._t[f"{name}.bias"]
        return centred

    def _attend(self, name: str, q: Floats, keys: Floats, values: Floats, held: NDArray[np.bool_] | None) -> Floats:
        width = q.shape[2]
        weights: Floats = self._split(q) @ self._split(keys).transpose(0, 1, 3, 2)
        weights *= np.float32(1 / np.sqrt(width / self._heads))
        if held is not None:
            weights += np.where(held, np.float32(0), np.float32(-1e9))[:, None, None, :]
        weights -= weights.max(axis=-1, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed: Floats = (weights @ self._split(values)).transpose(0, 2, 1, 3).reshape(q.shape)
        return self._linear(f"{name}.o", mixed)

    def _split(self, x: Floats) -> Floats:
        return x.reshape(x.shape[0], x.shape[1], self._heads, -1).transpose(0, 2, 1, 3)


def _gelu(x: Floats) -> Floats:
    """The approximation by tanh (Hendrycks and Gimpel 2016)."""
    curved = x * x
    curved *= np.float32(0.044715 * 0.7978845608)
    curved += np.float32(0.7978845608)
    curved *= x
    np.tanh(curved, out=curved)
    curved += 1
    curved *= x
    curved *= np.float32(0.5)
    return curved


@lru_cache(maxsize=1)
def shipped() -> Judge:
    """Return the judge of this package."""
    return Judge.load()


def judged(query: Query, ranking: Ranking, candidates: Sequence[Candidate], snapshot: Snapshot, encoder: str) -> dict[int, Verdict]:
    """Judge those candidates that can be judged.

    Args:
        query: the question.
        ranking: the passages, with what late interaction found in their sentences.
        candidates: sentences.
        snapshot: what was searched.
        encoder: identity of the model that made the vectors; no other than the judge's own is read.

    Returns:
        The verdict on each candidate, by its number.
    """
    judge = shipped()
    if judge.encoder not in encoder:
        return {}
    numbers = set(ranking.matches.numbers.tolist())
    known = [c for c in candidates if c.row in numbers]
    if not known:
        return {}
    pairs = pairs_of(query, ranking, known, snapshot)
    found = zip(judge.logits(pairs).tolist(), pairs.lacking().tolist(), strict=True)
    return {c.row: Verdict(logit, lacking, absent) for c, (logit, (lacking, absent)) in zip(known, found, strict=True)}
