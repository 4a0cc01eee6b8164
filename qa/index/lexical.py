"""BM25 over texts that lie in several segments, with statistics of them all.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the
non-negative inverse document frequency of Lucene: log(1 + (N - n + 0.5) / (n + 0.5)).

A segment holds how often each term stands in each text; weights are computed when a question is
asked, from the number and the mean length of all texts, so a score does not depend on how the texts
came into the index. Terms are kept as 64-bit digests: they are short, sort fast and cannot be read.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.index.files import Rows
from qa.index.terms import Weighed, ideographic, weights_at
from qa.index.terms import digest_of as digest_of

PARTS: dict[str, tuple[str, int]] = {
    "terms": ("<u8", 0),
    "starts": ("<i8", 0),
    "rows": ("<u4", 0),
    "counts": ("<u2", 0),
    "lengths": ("<u4", 2),
}
"""Arrays of a segment's postings: their types, and their widths where rows hold several values."""


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


@dataclass(frozen=True)
class Lengths:
    """Sums over texts: how many there are, tokens of each sort, and texts that hold any of that sort."""

    texts: int
    words: int
    with_words: int
    ideographs: int
    with_ideographs: int

    @classmethod
    def of(cls, lengths: NDArray[np.integer[Any]]) -> Lengths:
        """Sum up a table of lengths, (n, 2)."""
        words, ideographs = lengths[:, 0], lengths[:, 1]
        return cls(len(lengths), int(words.sum()), int((words > 0).sum()), int(ideographs.sum()), int((ideographs > 0).sum()))


@dataclass(frozen=True, eq=False)
class Postings:
    """The terms of one segment's texts: one run of texts a term, sorted by term digest and text.

    Attributes:
        terms: digests, rising.
        starts: (n_terms + 1,) first posting of each term.
        rows: number of the text of each posting.
        counts: how often the term stands there.
        lengths: (n_texts, 2) words and ideographs of each text.
        summed: the lengths' sums.
    """

    terms: Rows
    starts: Rows
    rows: Rows
    counts: Rows
    lengths: Rows
    summed: Lengths

    def find(self, digest: np.uint64) -> tuple[int, int]:
        """Return the span of a term's postings; an empty one where it does not occur."""
        begin, terms = self.terms.around(digest)
        at = int(terms.searchsorted(digest))
        if at == len(terms) or terms[at] != digest:
            return 0, 0
        at += begin
        first, last = self.starts[at : at + 2].tolist()
        return first, last


_Counted = tuple[NDArray[np.uint64], NDArray[np.uint32], NDArray[np.uint16]]


class PostingsBuilder:
    """Collects the terms of texts, or of texts that other segments have counted."""

    def __init__(self) -> None:
        self._numbers: defaultdict[str, int] = defaultdict()
        self._numbers.default_factory = self._numbers.__len__
        self._terms, self._counts, self._sizes = array("I"), array("I"), array("I")
        self._merged: list[_Counted] = []
        self._lengths: list[NDArray[np.uint32]] = []
        self._texts = 0

    def add(self, tokens: Sequence[str]) -> None:
        """Add the next text."""
        counts = Counter(tokens)
        self._terms.extend(map(self._numbers.__getitem__, counts))
        self._counts.extend(counts.values())
        self._sizes.append(len(counts))

    def take(self, postings: Postings, keep: NDArray[np.bool_]) -> None:
        """Add those texts of a segment that are to be kept, in their order."""
        self._flush()
        numbers = np.cumsum(keep, dtype=np.int64) - 1 + self._texts
        rows = postings.rows.all()
        inside = keep[rows]
        terms = np.repeat(postings.terms.all(), np.diff(postings.starts.all()))
        self._merged.append((terms[inside], numbers[rows[inside]].astype(np.uint32), postings.counts.all()[inside]))
        self._lengths.append(postings.lengths.all()[keep])
        self._texts += int(keep.sum())

    def _flush(self) -> None:
        """Put the texts that were added behind those that were taken."""
        numbers, counts = np.frombuffer(self._terms, dtype=np.uint32), np.frombuffer(self._counts, dtype=np.uint32)
        texts = len(self._sizes)
        rows = np.repeat(np.arange(texts, dtype=np.uint32), np.frombuffer(self._sizes, dtype=np.uint32))
        terms = np.fromiter(map(digest_of, self._numbers), dtype=np.uint64, count=len(self._numbers))
        chinese = np.fromiter(map(ideographic, self._numbers), dtype=bool, count=len(self._numbers))[numbers]
        every, second = (np.bincount(rows, weights=c, minlength=texts).astype(np.uint32) for c in (counts, counts * chinese))
        self._lengths.append(np.stack([every - second, second], axis=1))
        self._merged.append((terms[numbers], rows + np.uint32(self._texts), np.minimum(counts, 65_535).astype(np.uint16)))
        self._texts += texts
        self._numbers.clear()
        self._terms, self._counts, self._sizes = array("I"), array("I"), array("I")

    def finish(self) -> tuple[dict[str, NDArray[Any]], Lengths]:
        """Return the arrays by name, and the sums of the lengths."""
        self._flush()
        digests, rows, counts = (np.concatenate([p[i] for p in self._merged]) for i in range(3))
        order = np.lexsort((rows, digests))
        terms, first = np.unique(digests[order], return_index=True)
        lengths = np.concatenate(self._lengths)
        starts = np.append(first, len(rows))
        arrays = {"terms": terms, "starts": starts, "rows": rows[order], "counts": counts[order], "lengths": lengths}
        return {name: np.asarray(a, dtype=PARTS[name][0]) for name, a in arrays.items()}, Lengths.of(lengths)


@dataclass(frozen=True)
class Found:
    """Where a term stands: its inverse document frequency, how many texts hold it, and spans of postings (part, first, last)."""

    idf: float
    texts: int
    spans: tuple[tuple[int, int, int], ...]


class LexicalIndex:
    """BM25 over the texts of all segments, numbered through in their order."""

    def __init__(
        self,
        parts: Sequence[Postings],
        words: Parameters = WORDS,
        ideographs: Parameters = IDEOGRAPHS,
        counted: NDArray[np.bool_] | None = None,
    ) -> None:
        """Join segments.

        Args:
            parts: the segments' postings.
            words, ideographs: how words and ideographs score.
            counted: texts that count for the statistics; all where None.
        """
        self.parts, self._words, self._ideographs = parts, words, ideographs
        self.offsets = np.concatenate([[0], np.cumsum([p.summed.texts for p in parts], dtype=np.int64)]).tolist()
        self.counted = counted
        summed = [p.summed for p in parts]
        if counted is not None and len(counted):
            summed = [Lengths.of(np.concatenate([p.lengths.all() for p in parts])[counted])]
        self.size = sum(s.texts for s in summed)
        self._mean_words = sum(s.words for s in summed) / (sum(s.with_words for s in summed) or 1) or 1.0
        self._mean_ideographs = sum(s.ideographs for s in summed) / (sum(s.with_ideographs for s in summed) or 1) or 1.0
        self._known = lru_cache(maxsize=4096)(self._find)
        self.kept: dict[str, Weighed] = {}

    @classmethod
    def build(cls, texts: Iterable[Sequence[str]], words: Parameters = WORDS, ideographs: Parameters = IDEOGRAPHS) -> LexicalIndex:
        """Index the search tokens of each text, in order."""
        builder = PostingsBuilder()
        for tokens in texts:
            builder.add(tokens)
        arrays, summed = builder.finish()
        return cls([Postings(**{name: Rows(a) for name, a in arrays.items()}, summed=summed)], words, ideographs)

    @cached_property
    def lengths(self) -> NDArray[np.uint32]:
        """(n_texts, 2) words and ideographs of each text."""
        tables = [part.lengths.all() for part in self.parts]
        return tables[0] if len(tables) == 1 else np.concatenate([*tables, np.zeros((0, 2), np.uint32)])

    def _find(self, term: str) -> Found:
        digest = np.uint64(digest_of(term))
        spans = [(n, *part.find(digest)) for n, part in enumerate(self.parts)]
        found = tuple(s for s in spans if s[2] > s[1])
        held = sum(b - a for _, a, b in found)
        texts = held
        if self.counted is not None:
            texts = sum(int(self.counted[self.parts[n].rows[a:b].astype(np.int64) + self.offsets[n]].sum()) for n, a, b in found)
        return Found(float(self.idf_of(texts)), held, found)

    def idf_of(self, texts: Any) -> Any:
        """Return the inverse document frequency of a term that so many texts hold, a number or an array."""
        return np.log1p((self.size - texts + 0.5) / (texts + 0.5))

    def find(self, term: str) -> Found:
        """Return how rare a term is, and where its postings stand."""
        return self._known(term)

    def idf(self, term: str) -> float:
        """Return a term's inverse document frequency; an unknown term has the highest."""
        kept = self.kept.get(term)
        return self._known(term).idf if kept is None else kept.idf

    def __contains__(self, term: str) -> bool:
        kept = self.kept.get(term)
        return bool(self._known(term).spans) if kept is None else len(kept.rows) > 0

    def _read(self, found: Found) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
        """Return the texts that hold a term, rising, and how often it stands in each."""
        rows = [self.parts[n].rows[a:b].astype(np.int64) + self.offsets[n] for n, a, b in found.spans]
        counts = [self.parts[n].counts[a:b] for n, a, b in found.spans]
        if len(rows) == 1:
            return rows[0], counts[0]
        return np.concatenate([*rows, np.zeros(0, np.int64)]), np.concatenate([*counts, np.zeros(0, np.uint16)])

    def postings(self, term: str, factor: float = 1.0) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the texts that hold a term, rising, and its weight in each; empty for an unknown term."""
        kept = self.kept.get(term)
        if kept is not None:
            return kept.rows, (kept.weights * factor).astype(np.float32)
        found = self._known(term)
        rows, counts = self._read(found)
        return rows, self._weights(term, rows, counts, found.idf * factor)

    def scores(self, tokens: Iterable[str], weights: Mapping[str, float] | None = None) -> NDArray[np.float32]:
        """Score every text for the distinct tokens of a query; higher is better, 0 is no match.

        Args:
            tokens: search tokens of the query.
            weights: factor of single tokens, 1 where absent.

        Returns:
            (n_texts,) float32.
        """
        total = np.zeros(self.offsets[-1], dtype=np.float32)
        for term in dict.fromkeys(tokens):
            rows, values = self.postings(term, 1.0 if weights is None else weights.get(term, 1.0))
            total[rows] += values
        return total

    def scores_at(
        self, wanted: NDArray[np.int64], tokens: Iterable[str], weights: Mapping[str, float] | None = None
    ) -> NDArray[np.float32]:
        """Score some texts only: the same as ``scores(tokens, weights)[wanted]``, whatever the number of texts."""
        terms = list(dict.fromkeys(tokens))
        total = np.zeros(len(wanted), dtype=np.float32)
        for line, factor in zip(self.weights_at(wanted, terms), [1.0 if weights is None else weights.get(t, 1.0) for t in terms], strict=True):
            total += line * np.float32(factor)
        return total

    def weights_at(self, wanted: NDArray[np.int64], terms: Sequence[str]) -> NDArray[np.float32]:
        """Return what each term adds to the score of each of some texts, (n_terms, n_wanted)."""
        # Another thread may push terms out of memory meanwhile: what was found there is held here.
        kept = [weighed for weighed in map(self.kept.get, terms) if weighed is not None]
        if len(kept) == len(terms):
            return weights_at(kept, wanted, self.offsets[-1])
        order = np.argsort(wanted, kind="stable")
        ordered = wanted[order]
        bounds = np.searchsorted(ordered, self.offsets).tolist()
        inside = [n for n in range(len(self.parts)) if bounds[n] < bounds[n + 1]]
        local = {n: (ordered[bounds[n] : bounds[n + 1]] - self.offsets[n]).astype(np.uint32) for n in inside}
        table = np.zeros((len(terms), len(wanted)), dtype=np.float32)
        for line, term in zip(table, terms, strict=True):
            found = self._known(term)
            hits: list[NDArray[np.int64]] = []
            counts: list[NDArray[np.uint16]] = []
            for number, a, b in found.spans:
                if number in local:
                    held = self.parts[number].rows[a:b]
                    at = held.searchsorted(local[number])
                    at[at == len(held)] = 0
                    hit = (held[at] == local[number]).nonzero()[0]
                    if len(hit):
                        hits.append(hit + bounds[number])
                        counts.append(self.parts[number].counts[a:b][at[hit]])
            if hits:
                places = np.concatenate(hits)
                line[order[places]] = self._weights(term, ordered[places], np.concatenate(counts), found.idf)
        return table

    def saturations(self, counts: Mapping[str, int], row: int) -> dict[str, float]:
        """Return the weight of each term of one text without the term's rarity, from how often it stands there."""
        found: dict[str, float] = {}
        for chinese in (False, True):
            terms = [t for t in counts if ideographic(t) == chinese]
            if terms:
                values = self._weights(terms[0], np.full(len(terms), row), np.asarray([counts[t] for t in terms]), 1.0)
                found |= zip(terms, values.tolist(), strict=True)
        return found

    def _weights(self, term: str, rows: NDArray[np.int64], counts: NDArray[np.integer[Any]], factor: float) -> NDArray[np.float32]:
        """Return what postings add to a score: idf * f * (k1 + 1) / (f + k1 * (1 - b + b * length / mean))."""
        k1, b, mean = self.saturation(ideographic(term))
        lengths = self.lengths[rows, int(ideographic(term))]
        frequency = counts.astype(np.float64)
        weights: NDArray[np.float32] = (factor * frequency * (k1 + 1) / (frequency + k1 * (1 - b + b / mean * lengths))).astype(np.float32)
        return weights

    def saturation(self, chinese: bool) -> tuple[float, float, float]:
        """Return k1, b and the mean length, of ideographs or of words."""
        own, mean = (self._ideographs, self._mean_ideographs) if chinese else (self._words, self._mean_words)
        return own.k1, own.b, mean

    def possible(self, tokens: Iterable[str], weights: Mapping[str, float] | None = None) -> float:
        """Return what a text of average length would score that holds every distinct token two or three times."""
        total = 0.0
        for term in dict.fromkeys(tokens):
            k1 = IDEOGRAPHS.k1 if ideographic(term) else WORDS.k1
            factor = 1.0 if weights is None else weights.get(term, 1.0)
            total += factor * self.idf(term) * (1 + k1 / 2)
        return total
