"""Hybrid search: dense, best sentence, BM25 and late interaction, fused by normalised scores.

Weights stand in ``WEIGHTS``; ``benchmarks/tune_retrieval.py`` chose them on development data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qa.embedding import Embedder, Encoded
from qa.index.snapshot import Snapshot
from qa.retrieval.filters import Filters
from qa.retrieval.hits import Hit
from qa.retrieval.query import Query, QueryReader

Floats = NDArray[np.float32]

CANDIDATES = 60  # passages that late interaction re-scores


@dataclass(frozen=True)
class Weights:
    """Shares of the signals in the fused score; they add up to 1."""

    dense: float
    sentence: float
    lexical: float
    late: float


WEIGHTS = Weights(dense=0.15, sentence=0.15, lexical=0.30, late=0.40)
UNREADABLE = Weights(dense=0.0, sentence=0.0, lexical=1.0, late=0.0)
"""For a text that the model cannot read, such as Chinese under MiniLM."""
MAX_UNKNOWN = 0.2  # share of unknown tokens from which the model counts as unable to read


@dataclass(frozen=True)
class Ranking:
    """Candidate passages in order of falling score, with what the signals said.

    Attributes:
        rows: (n,) passage numbers.
        scores: (n,) fused scores, 0 to 1.
        signals: name to (n,) raw scores.
        sentences: number of a sentence (row of ``sentence_vectors``) to its late-interaction score.
        encoded: the question through the encoder.
        readable: whether the model can read the question; else its signals are 0.
        strength: share of the question that the best passage meets, 0 to 1.
    """

    rows: NDArray[np.int64]
    scores: Floats
    signals: dict[str, Floats]
    sentences: dict[int, float]
    encoded: Encoded
    readable: bool
    strength: float


class Searcher:
    """Searches one snapshot."""

    def __init__(self, snapshot: Snapshot, embedder: Embedder) -> None:
        self.snapshot = snapshot
        self._embedder = embedder
        self.reader = QueryReader(snapshot.glossary)
        self._encoded: dict[str, Encoded] = {}
        self._languages = np.asarray([snapshot.documents[p.document_id].language == "zh" for p in snapshot.passages])
        # All sentences of all passages are compared at once; float32 is twice as fast as float16 here.
        self._sentence_vectors = np.asarray(snapshot.sentence_vectors, dtype=np.float32)

    def admitted(self, filters: Filters) -> NDArray[np.bool_]:
        """Return which passages lie inside a scope."""
        snapshot = self.snapshot
        if filters.empty:
            return np.ones(len(snapshot.passages), dtype=bool)
        inside = {i for i, d in snapshot.documents.items() if filters.admits(d)}
        return np.asarray([p.document_id in inside for p in snapshot.passages])

    def rank(self, query: Query, filters: Filters | None = None, language: Literal["en", "zh"] | None = None) -> Ranking:
        """Rank the passages of one language for a question.

        Passages of the question's language are compared with the question as it stands, those of
        the other language with its translation (names and terms that the glossary knows).

        Args:
            query: the question.
            filters: the scope.
            language: of the passages; the question's where None.
        """
        language = language or query.language
        admitted = self.admitted(filters or Filters()) & (self._languages == (language == "zh"))
        text = query.text if language == query.language else query.translation or query.text
        snapshot = self.snapshot
        encoded = self._encode(text)
        lexical = snapshot.words.scores(query.tokens, query.weights)
        readable = self._embedder.unknown_share(text) < MAX_UNKNOWN
        weights = WEIGHTS if readable else UNREADABLE
        n = len(snapshot.passages)
        dense = np.zeros(n, dtype=np.float32)
        sentence = np.zeros(n, dtype=np.float32)
        if readable:
            found, rows = snapshot.vectors.search(encoded.pooled[None], n)
            dense[rows[0]] = found[0]
            sentence = np.maximum.reduceat(self._sentence_vectors @ encoded.pooled, snapshot.sentence_rows[:-1])
        first = weights.dense * minmax(dense, admitted) + weights.sentence * minmax(sentence, admitted)
        first = first + weights.lexical * minmax(lexical, admitted)
        first[~admitted] = -1.0
        rows = np.argsort(-first, kind="stable")[:CANDIDATES]
        rows = rows[first[rows] > 0]
        late, of_sentences = self.late(encoded, rows)
        fused = first[rows] + weights.late * minmax(late)
        strength = self._strength(query, rows, lexical, late if readable else None)
        order = np.argsort(-fused, kind="stable")
        signals = {"dense": dense[rows], "sentence": sentence[rows], "lexical": lexical[rows], "late": late}
        return Ranking(
            rows[order],
            fused[order],
            {name: values[order] for name, values in signals.items()},
            of_sentences if readable else {},
            encoded,
            readable,
            strength,
        )

    def _encode(self, text: str) -> Encoded:
        """Encode a question; the last ones are kept, since a search often follows an answer."""
        if text not in self._encoded:
            if len(self._encoded) >= 64:
                self._encoded.pop(next(iter(self._encoded)))
            self._encoded[text] = next(iter(self._embedder.encode([text])))
        return self._encoded[text]

    def _strength(self, query: Query, rows: NDArray[np.int64], lexical: Floats, late: Floats | None) -> float:
        if not len(rows):
            return 0.0
        words = self.snapshot.words
        possible = sum(words.idf(t) for t in dict.fromkeys(query.own_tokens)) * 1.6 or 1.0
        met = min(1.0, float(lexical[rows].max()) / possible)
        return met if late is None else 0.5 * met + 0.5 * float(late.max())

    def late(self, encoded: Encoded, rows: NDArray[np.int64]) -> tuple[Floats, dict[int, float]]:
        """Score passages and their sentences by late interaction (MaxSim).

        Returns:
            (n,) mean over question tokens of the best token of each passage, and the same for
            every sentence of these passages.
        """
        snapshot = self.snapshot
        if not len(rows) or not len(encoded.tokens):
            return np.zeros(len(rows), dtype=np.float32), {}
        spans = [(int(snapshot.token_rows[r]), int(snapshot.token_rows[r + 1])) for r in rows]
        tokens = np.concatenate([snapshot.tokens[a:b] for a, b in spans]).astype(np.float32)
        owners = np.concatenate([snapshot.token_sentences[a:b] for a, b in spans])
        similarity = encoded.tokens @ tokens.T / np.float32(127)
        lengths = np.asarray([b - a for a, b in spans])
        filled = np.flatnonzero(lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)])[:-1][filled]
        passages = np.zeros(len(rows), dtype=np.float32)
        passages[filled] = np.maximum.reduceat(similarity, starts, axis=1).mean(axis=0)
        cuts = np.flatnonzero(np.concatenate([[True], owners[1:] != owners[:-1]]))
        best = np.maximum.reduceat(similarity, cuts, axis=1).mean(axis=0)
        return passages, dict(zip(owners[cuts].tolist(), best.tolist(), strict=True))

    def search(self, text: str, k: int = 10, filters: Filters | None = None) -> list[Hit]:
        """Return the best k passages for a query, best first."""
        query = self.reader.read(text)
        other: Literal["en", "zh"] = "en" if query.language == "zh" else "zh"
        return self.hits([self.rank(query, filters), self.rank(query, filters, other)], k)

    def hits(self, rankings: Sequence[Ranking], k: int) -> list[Hit]:
        """Present the best k passages of one ranking a language.

        Scores of different languages are not comparable as they stand: each ranking is scaled by
        its strength, the share of the question that its best passage meets. Passages with the
        same text are shown once.
        """
        snapshot = self.snapshot
        entries = [
            (float(score) * ranking.strength, i, ranking) for ranking in rankings for i, score in enumerate(ranking.scores[: 2 * k])
        ]
        entries.sort(key=lambda e: (-round(e[0], 6), int(e[2].rows[e[1]])))
        hits: list[Hit] = []
        seen: set[str] = set()
        for score, i, ranking in entries:
            passage = snapshot.passages[int(ranking.rows[i])]
            document = snapshot.documents[passage.document_id]
            text = document.text[passage.start : passage.end]
            if text in seen:
                continue
            seen.add(text)
            hits.append(
                Hit(
                    rank=len(hits) + 1,
                    passage_id=passage.id,
                    document_id=document.id,
                    title=document.title,
                    section=passage.heading,
                    language=document.language,
                    start=passage.start,
                    end=passage.end,
                    text=text,
                    as_of=document.as_of,
                    score=round(score, 4),
                    signals={name: round(float(values[i]), 4) for name, values in ranking.signals.items()},
                )
            )
            if len(hits) == k:
                break
        return hits


def minmax(scores: Floats, admitted: NDArray[np.bool_] | None = None) -> Floats:
    """Scale scores to 0..1 over the admitted ones; equal scores all become 0."""
    inside = scores if admitted is None else scores[admitted]
    if not len(inside):
        return np.zeros_like(scores)
    low, high = float(inside.min()), float(inside.max())
    if high <= low:
        return np.zeros_like(scores)
    return ((scores - low) / (high - low)).astype(np.float32)
