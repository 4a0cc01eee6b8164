"""BM25 over passages, with every posting's weight computed when the index is built.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the
non-negative inverse document frequency of Lucene: log(1 + (N - n + 0.5) / (n + 0.5)).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

K1, B = 1.2, 0.6
"""Between the usual values for English (1.5, 0.75) and those measured best for Chinese bigrams
(0.9, 0.4): one index serves both languages."""


class LexicalIndex:
    """Postings in compressed sparse rows: one row a term, sorted by passage number."""

    def __init__(
        self,
        terms: Sequence[str],
        starts: NDArray[np.int64],
        rows: NDArray[np.int32],
        weights: NDArray[np.float32],
        size: int,
    ) -> None:
        self._numbers = {term: i for i, term in enumerate(terms)}
        self._terms = list(terms)
        self._starts, self._rows, self._weights, self.size = starts, rows, weights, size

    @classmethod
    def build(cls, texts: Iterable[Sequence[str]]) -> LexicalIndex:
        """Index the search tokens of each text, in order."""
        counts = [Counter(tokens) for tokens in texts]
        lengths = np.asarray([sum(c.values()) for c in counts], dtype=np.float64)
        average = lengths.mean() if len(lengths) and lengths.sum() else 1.0
        norms = K1 * (1 - B + B * lengths / average)
        postings: dict[str, list[tuple[int, int]]] = {}
        for row, counter in enumerate(counts):
            for term, frequency in counter.items():
                postings.setdefault(term, []).append((row, frequency))
        terms = sorted(postings)
        starts = np.zeros(len(terms) + 1, dtype=np.int64)
        rows = np.empty(sum(map(len, postings.values())), dtype=np.int32)
        weights = np.empty(len(rows), dtype=np.float32)
        for number, term in enumerate(terms):
            begin, end = int(starts[number]), int(starts[number]) + len(postings[term])
            starts[number + 1] = end
            found = np.asarray(postings[term], dtype=np.int64)
            rows[begin:end] = found[:, 0]
            weights[begin:end] = _idf(len(found), len(counts)) * found[:, 1] * (K1 + 1) / (found[:, 1] + norms[found[:, 0]])
        return cls(terms, starts, rows, weights, len(counts))

    def idf(self, term: str) -> float:
        """Return a term's inverse document frequency; an unknown term has the highest."""
        number = self._numbers.get(term)
        found = 0 if number is None else int(self._starts[number + 1] - self._starts[number])
        return _idf(found, self.size)

    def __contains__(self, term: str) -> bool:
        return term in self._numbers

    @property
    def terms(self) -> list[str]:
        """All indexed terms, sorted."""
        return self._terms

    def scores(self, tokens: Iterable[str], weights: dict[str, float] | None = None) -> NDArray[np.float32]:
        """Score every text for the distinct tokens of a query; higher is better, 0 is no match.

        Args:
            tokens: search tokens of the query.
            weights: factor of single tokens, 1 where absent.

        Returns:
            (size,) float32.
        """
        total = np.zeros(self.size, dtype=np.float32)
        for term in dict.fromkeys(tokens):
            number = self._numbers.get(term)
            if number is None:
                continue
            begin, end = self._starts[number], self._starts[number + 1]
            factor = 1.0 if weights is None else weights.get(term, 1.0)
            total[self._rows[begin:end]] += factor * self._weights[begin:end]
        return total

    def save(self, folder: Path, name: str) -> None:
        """Write the postings as ``<name>.*`` files."""
        (folder / f"{name}.terms.json").write_text(json.dumps([self.size, self._terms], ensure_ascii=False), encoding="utf-8")
        np.save(folder / f"{name}.starts.npy", self._starts)
        np.save(folder / f"{name}.rows.npy", self._rows)
        np.save(folder / f"{name}.weights.npy", self._weights)

    @classmethod
    def load(cls, folder: Path, name: str) -> LexicalIndex:
        """Read what ``save`` wrote; arrays are memory-mapped."""
        size, terms = json.loads((folder / f"{name}.terms.json").read_text(encoding="utf-8"))
        starts, rows, weights = (
            np.load(folder / f"{name}.{part}.npy", mmap_mode="r", allow_pickle=False) for part in ("starts", "rows", "weights")
        )
        return cls(terms, starts, rows, weights, size)


def _idf(found: int, size: int) -> float:
    return float(np.log1p((size - found + 0.5) / (found + 0.5)))
