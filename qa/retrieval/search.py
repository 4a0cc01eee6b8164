"""Hybrid search: dense, best sentence, BM25, title and heading, late interaction, fused by normalised scores.

Every number that shapes a ranking stands in the constants below; ``benchmarks/tune_retrieval.py``
chose them on development data and prints what each choice gives. ``docs/retrieval.md`` has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from qa.embedding import Embedder, Encoded
from qa.index.lexical import LexicalIndex
from qa.index.snapshot import Snapshot
from qa.retrieval.filters import Filters
from qa.retrieval.hits import Hit
from qa.retrieval.query import Query, QueryReader
from qa.text.tokens import search_tokens

Floats = NDArray[np.float32]

CANDIDATES = 60  # passages that late interaction re-scores


@dataclass(frozen=True)
class Weights:
    """Shares of the signals in the fused score; they add up to 1.

    Attributes:
        dense: cosine of the passage's vector.
        sentence: cosine of its best sentence in context.
        lexical: BM25 of passage, title and heading.
        context: BM25 of title and heading alone: what a section is about.
        late: MaxSim over token vectors.
    """

    dense: float
    sentence: float
    lexical: float
    context: float
    late: float


WEIGHTS = Weights(dense=0.12, sentence=0.12, lexical=0.16, context=0.16, late=0.44)
UNREADABLE = Weights(dense=0.10, sentence=0.0, lexical=0.70, context=0.0, late=0.20)
"""For a text that the model cannot read, such as Chinese under MiniLM: a third of its ideographs are
in the vocabulary, which says a little."""
REGIMES = {"readable": WEIGHTS, "unreadable": UNREADABLE}
MAX_UNKNOWN = 0.2  # share of unknown tokens from which the model counts as unable to read

CROSS = 1.0  # factor of the strength of a ranking in the other language
CROWDING = 0.03
"""Taken from a hit's score for every section of the same page or document above it."""
NEAR_DUPLICATE = 0.8  # share of common character quadruples from which two passages say the same


@dataclass(frozen=True)
class SentenceWeights:
    """Weights of a sentence's signals; ``near`` is that of the better neighbour's score."""

    late: float
    passage: float
    cosine: float
    lexical: float
    near: float


SENTENCE = SentenceWeights(late=1.0, passage=0.1, cosine=0.0, lexical=0.2, near=0.0)
SENTENCE_PASSAGES = 12  # passages whose sentences are looked at
SENTENCE_MARGIN = 0.3  # how far below the best sentence the last one of an excerpt may score


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


class Searcher:
    """Searches one snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        embedder: Embedder,
        regimes: Mapping[str, Weights] = REGIMES,
        sentence_weights: SentenceWeights = SENTENCE,
    ) -> None:
        self.snapshot = snapshot
        self._embedder = embedder
        self._regimes = regimes
        self._sentence_weights = sentence_weights
        self.reader = QueryReader(snapshot.glossary)
        self._encoded: dict[str, tuple[Encoded, bool]] = {}
        documents, passages = snapshot.documents, snapshot.passages
        self._languages = np.asarray([documents[p.document_id].language == "zh" for p in passages])
        self._vectors = _matrix(snapshot.vectors)
        # All sentences of all passages are compared at once; float32 is twice as fast as float16 here.
        self._sentence_vectors = np.asarray(snapshot.sentence_vectors, dtype=np.float32)
        self._first_sentences = np.asarray(snapshot.sentence_rows[:-1])
        self._sentence_sizes = np.bincount(snapshot.token_sentences, minlength=len(snapshot.sentence_vectors))
        titles = [f"{documents[p.document_id].title}\n{p.heading}" for p in passages]
        numbers = {title: i for i, title in enumerate(dict.fromkeys(titles))}
        # A title counts once however many passages stand under it.
        self._titles = LexicalIndex.build([search_tokens(title) for title in numbers])
        self._title_of = np.asarray([numbers[t] for t in titles], dtype=np.int64)

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
        encoded, readable = self._encode(text)
        weights = self._regimes["readable" if readable else "unreadable"]
        if not admitted.any():
            return Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32), _nothing(), {}, encoded, readable, 0.0)
        lexical = snapshot.words.scores(query.tokens, query.weights)
        signals = {
            "dense": self._vectors @ encoded.pooled,
            "sentence": np.maximum.reduceat(self._sentence_vectors @ encoded.pooled, self._first_sentences),
            "lexical": lexical,
            "context": self._titles.scores(query.tokens, query.weights)[self._title_of],
        }
        first = np.zeros(len(admitted), dtype=np.float32)
        for name, values in signals.items():
            share = getattr(weights, name)
            if share:
                first += np.float32(share) * minmax(values, admitted)
        first[~admitted] = -1.0
        rows = _best(first, CANDIDATES)
        rows = rows[first[rows] > 0]
        late, of_sentences = self.late(encoded, rows)
        fused = (first[rows] + weights.late * minmax(late)).astype(np.float32)
        own = language == query.language
        strength = self._strength(query, rows, lexical, late if readable and own else None) * (1.0 if own else CROSS)
        order = np.argsort(-fused, kind="stable")
        chosen = {name: values[rows][order] for name, values in signals.items()}
        return Ranking(
            rows[order],
            fused[order],
            {**chosen, "late": late[order]},
            of_sentences if readable else {},
            encoded,
            readable,
            strength,
        )

    def _encode(self, text: str) -> tuple[Encoded, bool]:
        """Encode a question; the last ones are kept, since a search often follows an answer."""
        if text not in self._encoded:
            if len(self._encoded) >= 64:
                self._encoded.pop(next(iter(self._encoded)))
            readable = self._embedder.unknown_share(text) < MAX_UNKNOWN
            self._encoded[text] = next(iter(self._embedder.encode([text]))), readable
        return self._encoded[text]

    def _strength(self, query: Query, rows: NDArray[np.int64], lexical: Floats, late: Floats | None) -> float:
        if not len(rows):
            return 0.0
        possible = self.snapshot.words.possible(query.own_tokens, query.weights) or 1.0
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
        # (tokens, question): the maximum over a run of rows is taken several times faster than over columns.
        similarity = tokens @ (encoded.tokens.T / np.float32(127))
        cuts = np.flatnonzero(np.concatenate([[True], owners[1:] != owners[:-1]]))
        best = np.maximum.reduceat(similarity, cuts, axis=0)
        # Passages are runs of sentences, so their maxima come from those of the sentences.
        lengths = np.asarray([b - a for a, b in spans])
        filled = np.flatnonzero(lengths)
        starts = np.searchsorted(cuts, np.concatenate([[0], np.cumsum(lengths)])[:-1][filled])
        passages = np.zeros(len(rows), dtype=np.float32)
        passages[filled] = np.maximum.reduceat(best, starts, axis=0).mean(axis=1)
        return passages, dict(zip(owners[cuts].tolist(), best.mean(axis=1).tolist(), strict=True))

    def search(self, text: str, k: int = 10, filters: Filters | None = None) -> list[Hit]:
        """Return the best k passages for a query, best first."""
        query = self.reader.read(text)
        other: Literal["en", "zh"] = "en" if query.language == "zh" else "zh"
        return self.hits([self.rank(query, filters), self.rank(query, filters, other)], k)

    def hits(self, rankings: Sequence[Ranking], k: int) -> list[Hit]:
        """Present the best k passages of one ranking a language.

        Scores of different languages are not comparable as they stand: each ranking is scaled by
        its strength, the share of the question that its best passage meets. Passages that say the
        same are shown once, and every section of a page or document that is shown already costs
        the next one of it a little.
        """
        snapshot = self.snapshot
        entries = [
            (float(score) * ranking.strength, i, ranking) for ranking in rankings for i, score in enumerate(ranking.scores[: 2 * k])
        ]
        entries.sort(key=lambda e: (-round(e[0], 6), int(e[2].rows[e[1]])))
        hits: list[Hit] = []
        seen: list[frozenset[str]] = []
        shown: dict[str, set[tuple[str, str]]] = {}

        def crowded(entry: tuple[float, int, Ranking]) -> float:
            passage = snapshot.passages[int(entry[2].rows[entry[1]])]
            page = snapshot.documents[passage.document_id].title or passage.document_id
            return entry[0] - CROWDING * len(shown.get(page, ()))

        while entries and len(hits) < k:
            # Scores only fall, so the first that keeps its place need not be compared with the rest.
            at = _first_best(entries, crowded)
            score, i, ranking = entries.pop(at)
            passage = snapshot.passages[int(ranking.rows[i])]
            document = snapshot.documents[passage.document_id]
            text = document.text[passage.start : passage.end]
            shingles = frozenset(text[j : j + 4] for j in range(max(1, len(text) - 3)))
            if any(len(shingles & s) >= NEAR_DUPLICATE * len(shingles | s) for s in seen):
                continue
            seen.append(shingles)
            shown.setdefault(document.title or document.id, set()).add((document.id, passage.heading))
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
        return hits

    def best_sentences(self, text: str, k: int) -> list[Excerpt]:
        """Return the k sentences that best fit a question, best first."""
        query = self.reader.read(text)
        return [self._excerpt(*found) for found in self._score_sentences(query, self.rank(query))[:k]]

    def sentences(self, text: str, max_tokens: int, margin: float = SENTENCE_MARGIN) -> list[Excerpt]:
        """Pick sentences out of the best passages, as many as fit and come near the best one.

        Args:
            text: the question.
            max_tokens: budget in tokens of the model.
            margin: how far below the best sentence the last one may score.

        Returns:
            Excerpts by falling score; adjacent sentences are merged.
        """
        query = self.reader.read(text)
        scored = self._score_sentences(query, self.rank(query))
        used = 0
        chosen: dict[int, tuple[float, int, int]] = {}
        for score, row, sentence in scored:
            size = int(self._sentence_sizes[sentence])
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
                whole = self.snapshot.documents[last.document_id].text[last.start : excerpt.end]
                excerpt = Excerpt(last.document_id, last.start, excerpt.end, whole, max(last.score, excerpt.score))
            excerpts.append(excerpt)
            previous = sentence
        return sorted(excerpts, key=lambda e: (-e.score, e.document_id, e.start))

    def _excerpt(self, score: float, row: int, sentence: int) -> Excerpt:
        passage = self.snapshot.passages[row]
        start, end = passage.sentences[sentence - int(self.snapshot.sentence_rows[row])]
        return Excerpt(passage.document_id, start, end, self.snapshot.documents[passage.document_id].text[start:end], score)

    def _score_sentences(self, query: Query, ranking: Ranking) -> list[tuple[float, int, int]]:
        """Score the sentences of the best passages: (score, passage, sentence), best first."""
        snapshot, weights = self.snapshot, self._sentence_weights
        rows = ranking.rows[:SENTENCE_PASSAGES].tolist()
        if not rows:
            return []
        spans = [(int(snapshot.sentence_rows[r]), int(snapshot.sentence_rows[r + 1])) for r in rows]
        numbers = np.concatenate([np.arange(a, b) for a, b in spans])
        owner = np.repeat(np.arange(len(rows)), [b - a for a, b in spans])
        words = snapshot.sentence_words
        possible = words.possible(query.own_tokens, query.weights) or 1.0
        score = weights.passage * minmax(ranking.scores[: len(rows)])[owner]
        score = score + weights.lexical * words.scores(query.tokens, query.weights)[numbers] / np.float32(possible)
        if ranking.readable:
            score = score + weights.late * np.asarray([ranking.sentences.get(n, 0.0) for n in numbers.tolist()])
            score = score + weights.cosine * (self._sentence_vectors[numbers] @ ranking.encoded.pooled)
        if weights.near:
            near = np.zeros_like(score)
            same = owner[1:] == owner[:-1]
            near[1:][same] = score[:-1][same]
            near[:-1][same] = np.maximum(near[:-1][same], score[1:][same])
            score = score + weights.near * near
        order = np.lexsort((numbers, -np.round(score, 6)))
        return [(float(score[i]), rows[int(owner[i])], int(numbers[i])) for i in order]


def minmax(scores: Floats, admitted: NDArray[np.bool_] | None = None) -> Floats:
    """Scale scores to 0..1 over the admitted ones; equal scores become 1 where they are positive, else 0."""
    inside = scores if admitted is None else scores[admitted]
    if not len(inside):
        return np.zeros_like(scores)
    low, high = float(inside.min()), float(inside.max())
    if high <= low:
        return (scores > 0).astype(np.float32)
    return ((scores - low) / (high - low)).astype(np.float32)


def _nothing() -> dict[str, Floats]:
    return {name: np.zeros(0, np.float32) for name in ("dense", "sentence", "lexical", "context", "late")}


def _matrix(index: Any) -> Floats:
    """Return the vectors of a flat index: a view of its memory, not a copy."""
    flat: Any = faiss.downcast_index(index)
    view: Floats = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d).reshape(flat.ntotal, flat.d)
    return view


def _best(scores: Floats, k: int) -> NDArray[np.int64]:
    """Return the numbers of the k highest scores, best first; ties go to the earlier."""
    return np.argsort(-scores, kind="stable")[:k]


def _first_best(entries: Sequence[tuple[float, int, Ranking]], value: Callable[[tuple[float, int, Ranking]], float]) -> int:
    """Return the position of the entry of highest value in a list that falls by its first field, which no value exceeds."""
    at, best = 0, float("-inf")
    for position, entry in enumerate(entries):
        if entry[0] <= best:
            break
        worth = value(entry)
        if worth > best:
            at, best = position, worth
    return at
