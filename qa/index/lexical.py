"""BM25 over passages, with every posting's weight computed when the index is built.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the
non-negative inverse document frequency of Lucene: log(1 + (N - n + 0.5) / (n + 0.5)).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Parameters:
    """How fast repetitions saturate (``k1``) and how far length counts (``b``)."""

    k1: float
    b: float


WORDS = Parameters(k1=1.2, b=0.6)
IDEOGRAPHS = Parameters(k1=0.6, b=0.4)
"""Chosen by ``benchmarks/tune_retrieval.py``. Ideographs count their own length, against texts that
hold ideographs: characters and bigrams make a Chinese text twice as long as an English one, and one
index serves both."""


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
    def build(cls, texts: Iterable[Sequence[str]], words: Parameters = WORDS, ideographs: Parameters = IDEOGRAPHS) -> LexicalIndex:
        """Index the search tokens of each text, in order."""
        counts = [Counter(tokens) for tokens in texts]
        all_lengths = np.asarray([sum(c.values()) for c in counts], dtype=np.float64)
        ideograph_lengths = np.asarray([sum(n for t, n in c.items() if _ideographic(t)) for c in counts], dtype=np.float64)
        saturation = {
            False: (words.k1, _length_norms(all_lengths - ideograph_lengths, words)),
            True: (ideographs.k1, _length_norms(ideograph_lengths, ideographs)),
        }
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
            k1, norms = saturation[_ideographic(term)]
            weights[begin:end] = _idf(len(found), len(counts)) * found[:, 1] * (k1 + 1) / (found[:, 1] + norms[found[:, 0]])
        return cls(terms, starts, rows, weights, len(counts))

    def idf(self, term: str) -> float:
        """Return a term's inverse document frequency; an unknown term has the highest."""
        number = self._numbers.get(term)
        found = 0 if number is None else int(self._starts[number + 1] - self._starts[number])
        return _idf(found, self.size)

    def __contains__(self, term: str) -> bool:
        return term in self._numbers

    def postings(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the texts that hold a term, and its weight in each; empty for an unknown term."""
        number = self._numbers.get(term)
        begin, end = (0, 0) if number is None else (int(self._starts[number]), int(self._starts[number + 1]))
        return self._rows[begin:end], self._weights[begin:end]

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

    def possible(self, tokens: Iterable[str], weights: dict[str, float] | None = None) -> float:
        """Return what a text of average length would score that holds every distinct token two or three times."""
        total = 0.0
        for term in dict.fromkeys(tokens):
            k1 = IDEOGRAPHS.k1 if _ideographic(term) else WORDS.k1
            factor = 1.0 if weights is None else weights.get(term, 1.0)
            total += factor * self.idf(term) * (1 + k1 / 2)
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
            # As plain arrays over the mapped memory: slices of a memmap cost ten times more.
            np.asarray(np.load(folder / f"{name}.{part}.npy", mmap_mode="r", allow_pickle=False)) for part in ("starts", "rows", "weights")
        )
        return cls(terms, starts, rows, weights, size)


def _ideographic(term: str) -> bool:
    return "\u3400" <= term[0] <= "\ufaff"


def _length_norms(lengths: NDArray[np.float64], parameters: Parameters) -> NDArray[np.float64]:
    filled = lengths[lengths > 0]
    average = float(filled.mean()) if len(filled) else 1.0
    norms: NDArray[np.float64] = parameters.k1 * (1 - parameters.b + parameters.b * lengths / average)
    return norms


def _idf(found: int, size: int) -> float:
    return float(np.log1p((size - found + 0.5) / (found + 0.5)))
