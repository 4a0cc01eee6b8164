"""What the signals are computed over: every passage, or in a large index the passages that a first stage finds.

Both give the same numbers for the same passage, but for two things that a large index estimates: the
lowest cosine, from a sample of passages, and how common a word with several translations is, from how
many passages hold each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from qa.index.lexical import LexicalIndex
from qa.index.pruned import top
from qa.index.resident import release
from qa.index.snapshot import Snapshot
from qa.index.terms import prepare
from qa.retrieval.filters import Filters
from qa.retrieval.query import Query
from qa.retrieval.translation import SATURATION, Group, matched_at, rarity_of
from qa.retrieval.translation import scores as group_scores

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

FOUND = 200  # passages that each of dense and lexical search gives
SAMPLE = 512  # passages whose lowest cosine stands for that of all; all where there are no more than FEW
FEW = 4096
HELD = 1_000_000_000
"""Bytes of memory that a process may hold beside the lists of dense search, which the memory given to the build bounds; above, pages of
mapped files are given back. At a million passages that makes 1.4 GB, of which 0.3 to 0.4 are its own."""
COUNTED = 32_768  # texts up to which it is counted how common a word with alternatives is


@dataclass(frozen=True, eq=False)
class Scope:
    """Which passages a search is about.

    Attributes:
        filters: the user's.
        language: of the passages.
        admitted: (n_passages,) whether both admit a passage.
    """

    filters: Filters
    language: Literal["en", "zh"]
    admitted: NDArray[np.bool_]


class FirstStage(Protocol):
    """Finds passages worth scoring; see ``docs/scaling.md`` for those that there are."""

    def dense(self, vector: Floats, k: int, scope: Scope) -> Rows:
        """Return the numbers of about k passages whose vectors are nearest to a unit vector."""

    def lexical(self, terms: Mapping[str, float], k: int, scope: Scope) -> Rows:
        """Return the numbers of about k passages of the highest BM25 score for terms with factors."""


class LocalStage:
    """Searches the index's own files."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def dense(self, vector: Floats, k: int, scope: Scope) -> Rows:
        """Return the numbers of about k passages whose vectors are nearest to a unit vector."""
        return self._snapshot.vectors.search(vector, k, scope.admitted, by_codes=True)[0]

    def lexical(self, terms: Mapping[str, float], k: int, scope: Scope) -> Rows:
        """Return the numbers of about k passages of the highest BM25 score for terms with factors."""
        return top(self._snapshot.words, terms, k, scope.admitted)[0]


class Cosines:
    """Cosines of all passages with the last vector: both languages are mostly ranked with the same one."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._last: tuple[Floats, Floats, Floats] | None = None

    def of(self, vector: Floats) -> tuple[Floats, Floats]:
        """Return the cosine of each passage's vector, and of its best sentence."""
        last = self._last
        if last is None or last[0] is not vector:
            last = self._last = (vector, self._snapshot.vectors.scores(vector), self._snapshot.sentence_vectors.best(vector))
        return last[1:]


class Everything:
    """All passages of the snapshot.

    Attributes:
        size: how many are scored.
    """

    def __init__(self, snapshot: Snapshot, admitted: NDArray[np.bool_], cosines: Cosines | None = None) -> None:
        self._snapshot, self._admitted = snapshot, admitted
        self._cosines = cosines or Cosines(snapshot)
        self.size = len(admitted)

    def groups(self, groups: Sequence[Group]) -> tuple[Floats, float]:
        """Return how far each passage meets words with alternatives, and what meeting all would give."""
        return _scored(self._snapshot.words, groups)

    def lexical(self, query: Query) -> Floats:
        """Return BM25 of the question."""
        prepare(self._snapshot.words, query.tokens)
        return self._snapshot.words.scores(query.tokens, query.weights)

    def dense(self, vector: Floats) -> Floats:
        """Return the cosine of each passage's vector."""
        return self._cosines.of(vector)[0]

    def sentence(self, vector: Floats) -> Floats:
        """Return the cosine of each passage's best sentence."""
        return self._cosines.of(vector)[1]

    def context(self, query: Query, groups: Sequence[Group] | None) -> Floats:
        """Return BM25 of title and heading, by words with alternatives where given."""
        titles = self._snapshot.titles
        if groups is None:
            prepare(titles, query.tokens)
        found = titles.scores(query.tokens, query.weights) if groups is None else _scored(titles, groups)[0]
        of_passages: Floats = found[self._snapshot.title_of]
        return of_passages

    def scaled(self, name: str, values: Floats) -> Floats:
        """Return a signal scaled to 0..1."""
        return minmax(values, self._admitted)

    def best(self, first: Floats, k: int) -> tuple[Rows, Rows]:
        """Return where the k highest scores over 0 stand, best first, and the numbers of their passages."""
        first[~self._admitted] = -1.0
        at = np.argsort(-first, kind="stable")[:k]
        at = at[first[at] > 0]
        return at, at


class Candidates:
    """The passages that a first stage finds, sorted."""

    def __init__(self, snapshot: Snapshot, rows: Rows, lows: Mapping[str, float]) -> None:
        release(HELD + snapshot.manifest.dense.bytes)
        self._snapshot, self._lows = snapshot, lows
        self._rows = np.unique(rows)
        self._titles = snapshot.title_of[self._rows]
        self._words: dict[str, Floats] = {}
        self.size = len(self._rows)

    def groups(self, groups: Sequence[Group]) -> tuple[Floats, float]:
        """Return how far each passage meets words with alternatives, and what meeting all would give."""
        return _groups_at(self._snapshot.words, groups, self._weights(tokens_of(groups)), self.size)

    def _weights(self, terms: Sequence[str]) -> dict[str, Floats]:
        """Return what each term adds to BM25 of each passage; a question's words are looked up once for two signals."""
        missing = [t for t in terms if t not in self._words]
        self._words |= zip(missing, self._snapshot.words.weights_at(self._rows, missing), strict=True)
        return self._words

    def lexical(self, query: Query) -> Floats:
        """Return BM25 of the question."""
        weights = self._weights(query.tokens)
        return _bm25(query, [weights[t] for t in query.tokens], self.size)

    def dense(self, vector: Floats) -> Floats:
        """Return the cosine of each passage's vector."""
        found: Floats = self._snapshot.vectors.take(self._rows) @ vector
        return found

    def sentence(self, vector: Floats) -> Floats:
        """Return the cosine of each passage's best sentence."""
        bounds = self._snapshot.sentence_rows
        return self._snapshot.sentence_vectors.best_at(vector, bounds[self._rows], bounds[self._rows + 1])

    def context(self, query: Query, groups: Sequence[Group] | None) -> Floats:
        """Return BM25 of title and heading, by words with alternatives where given."""
        titles, back = np.unique(self._titles, return_inverse=True)
        index = self._snapshot.titles
        terms = query.tokens if groups is None else tokens_of(groups)
        weights = index.weights_at(titles, terms)
        if groups is None:
            found = _bm25(query, list(weights), len(titles))
        else:
            found = _groups_at(index, groups, dict(zip(terms, weights, strict=True)), len(titles))[0]
        of_passages: Floats = found[back]
        return of_passages

    def scaled(self, name: str, values: Floats) -> Floats:
        """Return a signal scaled to 0..1; the lowest value of all passages is 0 for words, an estimate for vectors."""
        low, high = min(self._lows.get(name, 0.0), float(values.min())), float(values.max())
        if high <= low:
            return (values > 0).astype(np.float32)
        return ((values - low) / (high - low)).astype(np.float32)

    def best(self, first: Floats, k: int) -> tuple[Rows, Rows]:
        """Return where the k highest scores over 0 stand, best first, and the numbers of their passages."""
        at = np.argsort(-first, kind="stable")[:k]
        at = at[first[at] > 0]
        return at, self._rows[at]


class Sample:
    """Passages spread over the index, from which the lowest cosines of all are estimated."""

    def __init__(self, snapshot: Snapshot) -> None:
        count = len(snapshot.passages)
        rows = np.unique(np.linspace(0, count - 1, count if count <= FEW else SAMPLE).astype(np.int64))
        bounds = snapshot.sentence_rows
        self._vectors = snapshot.vectors.take(rows)
        self._sentences = np.concatenate([snapshot.sentence_vectors[int(bounds[r]) : int(bounds[r + 1])] for r in rows]).astype(np.float32)
        self._first = np.concatenate([[0], np.cumsum(bounds[rows + 1] - bounds[rows])])[:-1]

    def lows(self, vector: Floats) -> dict[str, float]:
        """Return the lowest cosine of a passage and of a passage's best sentence."""
        best = np.maximum.reduceat(self._sentences @ vector, self._first)
        return {"dense": float((self._vectors @ vector).min()), "sentence": float(best.min())}


def wanted_terms(groups: Sequence[Group]) -> dict[str, float]:
    """Return the tokens of words with alternatives, each with the highest weight that it has anywhere."""
    terms: dict[str, float] = {}
    for group in groups:
        for alternative in group.alternatives:
            for token in alternative.tokens:
                terms[token] = max(terms.get(token, 0.0), group.weight * alternative.weight / len(alternative.tokens))
    return terms


def tokens_of(groups: Sequence[Group]) -> list[str]:
    """Return the distinct tokens of words with alternatives."""
    return list(dict.fromkeys(t for g in groups for a in g.alternatives for t in a.tokens))


def _scored(index: LexicalIndex, groups: Sequence[Group]) -> tuple[Floats, float]:
    prepare(index, tokens_of(groups))
    return group_scores(index, groups)


def _bm25(query: Query, weights: Sequence[Floats], texts: int) -> Floats:
    total = np.zeros(texts, dtype=np.float32)
    for token, values in zip(query.tokens, weights, strict=True):
        total += np.float32(query.weights.get(token, 1.0)) * values
    return total


def _groups_at(index: LexicalIndex, groups: Sequence[Group], weights: Mapping[str, Floats], texts: int) -> tuple[Floats, float]:
    total, possible = np.zeros(texts, dtype=np.float32), 0.0
    for group in groups:
        rarity = group.weight * (rarity_of(index, group) if index.size <= COUNTED else _estimated_rarity(index, group))
        total += np.float32(rarity) * matched_at(index, group, weights, texts)
        possible += SATURATION * rarity
    return total, possible


def _estimated_rarity(index: LexicalIndex, group: Group) -> float:
    found = min(float(index.size), sum(a.weight * min(index.find(t).texts for t in a.tokens) for a in group.alternatives))
    return float(np.log1p((index.size - found + 0.5) / (found + 0.5)))


def minmax(scores: Floats, admitted: NDArray[np.bool_] | None = None) -> Floats:
    """Scale scores to 0..1 over the admitted ones; equal scores become 1 where they are positive, else 0."""
    inside = scores if admitted is None else scores[admitted]
    if not len(inside):
        return np.zeros_like(scores)
    low, high = float(inside.min()), float(inside.max())
    if high <= low:
        return (scores > 0).astype(np.float32)
    return ((scores - low) / (high - low)).astype(np.float32)
