"""How near a sentence that a model wrote comes to sentences of the evidence, without reading for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qa.answering.facts import tokens_of
from qa.embedding import Embedder, Encoded
from qa.index.snapshot import Snapshot
from qa.text.language import cjk_share, has_cjk
from qa.text.tokens import STOP_WORDS

Floats = NDArray[np.float32]

UNREADABLE = 0.2  # share of unknown tokens from which the model counts as unable to read, as in the search
CHINESE = 0.2  # share of ideographs from which a sentence is Chinese; an English one may hold a Chinese name
_WORD = re.compile(r"[^\W_]+")


class Meaning:
    """Compares sentences with those of one snapshot.

    English is compared by late interaction: for each token of a word with meaning the likeness of the
    nearest token of the evidence, and of these the mean, weighted by the rarity of the words. The
    tokens of the evidence are those of the index. What the model can't read, such as Chinese under
    MiniLM, is compared by the share of its pairs of ideographs and words that stand in the evidence,
    weighted by their rarity.
    """

    def __init__(self, snapshot: Snapshot, embedder: Embedder) -> None:
        self._snapshot = snapshot
        self._embedder = embedder
        self._encode = lru_cache(maxsize=512)(lambda text: next(iter(embedder.encode([text]))))

    def regime(self, statement: str) -> str:
        """Return by what a sentence is compared: "tokens" or "words"."""
        return "words" if cjk_share(statement) >= CHINESE or self._embedder.unknown_share(statement) >= UNREADABLE else "tokens"

    def likeness(self, statement: str, sentences: Sequence[tuple[int, int]]) -> float:
        """Return how near a sentence comes to sentences of the evidence together.

        Args:
            statement: what the model wrote, without its citation marks.
            sentences: number of the passage and number of the sentence in it.

        Returns:
            0 to 1, higher is nearer; 0 where there is nothing to compare.
        """
        if not sentences:
            return 0.0
        if self.regime(statement) == "words":
            return self._by_words(statement, [self._text(*s) for s in sentences])
        return self._by_tokens(statement, np.concatenate([self._tokens(*s) for s in sentences]))

    def likeness_to(self, statement: str, texts: Sequence[str]) -> float:
        """Return the same for texts that stand in no index; they are encoded here, each without its context."""
        if not any(texts):
            return 0.0
        if self.regime(statement) == "words":
            return self._by_words(statement, texts)
        return self._by_tokens(statement, np.concatenate([self._encode(text).tokens for text in texts if text]))

    def _by_tokens(self, statement: str, there: Floats) -> float:
        encoded = self._encode(statement)
        numbers, rarity = self._telling(statement, encoded)
        if not len(numbers) or not len(there):
            return 0.0
        best = (there @ encoded.tokens[numbers].T).max(axis=0)
        return float((best * rarity).sum() / rarity.sum())

    def _telling(self, statement: str, encoded: Encoded) -> tuple[NDArray[np.int64], Floats]:
        """Return the tokens of words with meaning, and the rarity of these words."""
        numbers, rarity = [], []
        words = [(m.start(), m.end(), m.group().lower()) for m in _WORD.finditer(statement)]
        for i, (start, _) in enumerate(encoded.offsets.tolist()):
            word = next((w for a, b, w in words if a <= start < b), "")
            if word and word not in STOP_WORDS:
                numbers.append(i)
                rarity.append(max((self._snapshot.words.idf(t) for t in tokens_of(word)), default=1.0))
        return np.asarray(numbers, dtype=np.int64), np.asarray(rarity, dtype=np.float32)

    def _tokens(self, row: int, sentence: int) -> Floats:
        """Return the token vectors of a sentence of the index, rows of unit length."""
        snapshot = self._snapshot
        begin, end = int(snapshot.token_rows[row]), int(snapshot.token_rows[row + 1])
        own = snapshot.token_sentences(row) == int(snapshot.sentence_rows[row]) + sentence
        return np.asarray(snapshot.tokens[begin:end][own], dtype=np.float32) / np.float32(127)

    def _by_words(self, statement: str, texts: Sequence[str]) -> float:
        wanted = {t for t in tokens_of(statement) if len(t) > 1 or not has_cjk(t)}
        there = frozenset().union(*map(tokens_of, texts))
        total = sum(self._snapshot.words.idf(t) for t in wanted)
        return sum(self._snapshot.words.idf(t) for t in wanted & there) / total if total else 0.0

    def _text(self, row: int, sentence: int) -> str:
        passage = self._snapshot.passages[row]
        start, end = passage.sentences[sentence]
        return self._snapshot.documents[passage.document_id].text[start:end]
