"""Sentences that fit a question, out of the passages that a search finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qa.retrieval.pool import minmax
from qa.retrieval.query import Query
from qa.retrieval.search import Ranking, Searcher


@dataclass(frozen=True)
class SentenceWeights:
    """Weights of a sentence's signals; ``near`` is that of the better neighbour's score."""

    late: float
    passage: float
    cosine: float
    lexical: float
    near: float


SENTENCE = SentenceWeights(late=1.0, passage=0.2, cosine=0.1, lexical=0.15, near=0.15)
SENTENCE_PASSAGES = 12  # passages whose sentences are looked at
SENTENCE_MARGIN = 0.3  # how far below the best sentence the last one of an excerpt may score


@dataclass(frozen=True)
class Excerpt:
    """One sentence or adjacent ones: an exact slice of a document's text.

    Attributes:
        document_id: the document.
        start, end: span in the document's text.
        text: the slice.
        score: of its best sentence; higher is better.
    """

    document_id: str
    start: int
    end: int
    text: str
    score: float


class Excerpts:
    """Picks sentences out of what one searcher finds."""

    def __init__(self, searcher: Searcher, weights: SentenceWeights = SENTENCE) -> None:
        self._searcher, self._snapshot, self._weights = searcher, searcher.snapshot, weights

    def best(self, text: str, k: int) -> list[Excerpt]:
        """Return the k sentences that best fit a question, best first."""
        query = self._searcher.reader.read(text)
        return [self._excerpt(*found) for found in self._score_sentences(query, self._searcher.rank(query))[:k]]

    def pick(self, text: str, max_tokens: int, margin: float = SENTENCE_MARGIN) -> list[Excerpt]:
        """Pick sentences out of the best passages, as many as fit and come near the best one.

        Args:
            text: the question.
            max_tokens: budget in tokens of the model.
            margin: how far below the best sentence the last one may score.

        Returns:
            Excerpts by falling score; adjacent sentences are merged.
        """
        query = self._searcher.reader.read(text)
        scored = self._score_sentences(query, self._searcher.rank(query))
        used = 0
        chosen: dict[int, tuple[float, int, int]] = {}
        for score, row, sentence in scored:
            size = int((self._snapshot.token_sentences(row) == sentence).sum())
            if score < scored[0][0] - margin:
                break
            if used + size <= max_tokens:
                used += size
                chosen[sentence] = (score, row, sentence)
        excerpts: list[Excerpt] = []
        previous = -2
        for sentence in sorted(chosen):
            excerpt = self._excerpt(*chosen[sentence])
            if sentence == previous + 1 and excerpts[-1].document_id == excerpt.document_id:
                last = excerpts.pop()
                whole = self._snapshot.documents[last.document_id].text[last.start : excerpt.end]
                excerpt = Excerpt(last.document_id, last.start, excerpt.end, whole, max(last.score, excerpt.score))
            excerpts.append(excerpt)
            previous = sentence
        return sorted(excerpts, key=lambda e: (-e.score, e.document_id, e.start))

    def _excerpt(self, score: float, row: int, sentence: int) -> Excerpt:
        passage = self._snapshot.passages[row]
        start, end = passage.sentences[sentence - int(self._snapshot.sentence_rows[row])]
        return Excerpt(passage.document_id, start, end, self._snapshot.documents[passage.document_id].text[start:end], score)

    def _score_sentences(self, query: Query, ranking: Ranking) -> list[tuple[float, int, int]]:
        """Score the sentences of the best passages: (score, passage, sentence), best first."""
        snapshot, weights = self._snapshot, self._weights
        rows = ranking.rows[:SENTENCE_PASSAGES].tolist()
        if not rows:
            return []
        spans = [(int(snapshot.sentence_rows[r]), int(snapshot.sentence_rows[r + 1])) for r in rows]
        numbers = np.concatenate([np.arange(a, b) for a, b in spans])
        owner = np.repeat(np.arange(len(rows)), [b - a for a, b in spans])
        words = snapshot.sentence_words
        possible = words.possible(query.own_tokens, query.weights) or 1.0
        score = weights.passage * minmax(ranking.scores[: len(rows)])[owner]
        score = score + weights.lexical * words.scores_at(numbers, query.tokens, query.weights) / np.float32(possible)
        if ranking.readable:
            score = score + weights.late * np.asarray([ranking.sentences.get(n, 0.0) for n in numbers.tolist()])
            score = score + weights.cosine * (snapshot.sentence_vectors.take(numbers).astype(np.float32) @ ranking.encoded.pooled)
        if weights.near:
            near = np.zeros_like(score)
            same = owner[1:] == owner[:-1]
            near[1:][same] = score[:-1][same]
            near[:-1][same] = np.maximum(near[:-1][same], score[1:][same])
            score = score + weights.near * near
        order = np.lexsort((numbers, -np.round(score, 6)))
        return [(float(score[i]), rows[int(owner[i])], int(numbers[i])) for i in order]
