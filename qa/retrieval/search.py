"""Hybrid search: dense, best sentence, BM25, title and heading, late interaction, fused by normalised scores.

Every number that shapes a ranking stands in the constants below; ``benchmarks/tune_retrieval.py``
chose them on development data and prints what each choice gives. ``docs/retrieval.md`` has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qa.embedding import Embedder, Encoded
from qa.embedding.chinese import ChineseReader
from qa.index.snapshot import Snapshot
from qa.retrieval.filters import Filters
from qa.retrieval.hits import Hit
from qa.retrieval.late import Late, late_scores
from qa.retrieval.pool import FOUND, Candidates, Cosines, Everything, FirstStage, LocalStage, Sample, Scope, minmax, wanted_terms
from qa.retrieval.query import Query, QueryReader
from qa.retrieval.translation import translate, words_of

Floats = NDArray[np.float32]

KEPT = 64  # questions that are kept as they were encoded
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


WEIGHTS = Weights(dense=0.15, sentence=0.25, lexical=0.122, context=0.088, late=0.39)
UNREADABLE = Weights(dense=0.10, sentence=0.0, lexical=0.70, context=0.0, late=0.20)
"""For a text that the model cannot read, such as Chinese under MiniLM: a third of its ideographs are
in the vocabulary, which says a little."""
READ = Weights(dense=0.17, sentence=0.11, lexical=0.30, context=0.05, late=0.37)
"""For Chinese that an English model reads through the dictionary: its vectors say less than those of English."""
REGIMES = {"readable": WEIGHTS, "unreadable": UNREADABLE, "read": READ}
NEIGHBOUR = 0.1
"""Share that the better of a passage's two neighbours has in its score: an answer is often told in several."""
ALONE = 0.6  # what a passage without neighbours is given in place of theirs, as a share of its own score
MAX_UNKNOWN = 0.2  # share of unknown tokens from which the model counts as unable to read
CHINESE = "中国的人工智能模型发展很快，许多企业已经开始使用。"  # tells whether a model reads Chinese

CROSS = 1.0
"""Factor of the strength of a ranking in the other language. Higher finds more that only stands there,
lower keeps it from pushing in where the question's own language has the answer."""
LEAST_CLOSE = 0.3  # what unrelated texts reach in late interaction, and what counts where nothing was compared
CROWDING = 0.03
"""Taken from a hit's score for every section of the same page or document above it."""
NEAR_DUPLICATE = 0.8  # share of common character quadruples from which two passages say the same
NEAR_VECTOR = 0.85  # cosine below which they surely don't


@dataclass(frozen=True)
class Ranking:
    """Candidate passages in order of falling score, with what the signals said.

    Attributes:
        rows: (n,) passage numbers.
        scores: (n,) fused scores, 0 to 1.
        signals: name to (n,) raw scores.
        matches: late interaction with the sentences of these passages; nothing where the model cannot read.
        encoded: the question through the encoder.
        readable: whether the model can read the question; else its signals are 0.
        strength: how well the best passage meets the question; comparable between the languages.
    """

    rows: NDArray[np.int64]
    scores: Floats
    signals: dict[str, Floats]
    matches: Late
    encoded: Encoded
    readable: bool
    strength: float

    @cached_property
    def sentences(self) -> dict[int, float]:
        """Late-interaction score of each sentence by its number."""
        return self.matches.sentences()


class Searcher:
    """Searches one snapshot."""

    def __init__(
        self,
        snapshot: Snapshot,
        embedder: Embedder,
        regimes: Mapping[str, Weights] = REGIMES,
        stage: FirstStage | None = None,
    ) -> None:
        """Search a snapshot.

        Args:
            snapshot: one or several generations.
            embedder: for questions.
            regimes: shares of the signals.
            stage: finds the passages to score; where None all are scored while the index is small enough for
                exact search, and in a larger one its own files are searched.
        """
        self.snapshot = snapshot
        self._stage = stage or (None if snapshot.vectors.exact else LocalStage(snapshot))
        self._embedder = embedder
        self._regimes = regimes
        self.reader = QueryReader(snapshot.glossary)
        self._reads_chinese = embedder.unknown_share(CHINESE) < MAX_UNKNOWN
        # The last questions are kept as they were encoded, since both languages are ranked, and a search often follows an answer.
        self.encode = lru_cache(KEPT)(lambda text: next(iter(embedder.encode([text]))))
        self._readable = lru_cache(KEPT)(lambda text: embedder.unknown_share(text) < MAX_UNKNOWN)
        self._cosines = Cosines(snapshot)

    @property
    def encoder(self) -> str:
        """Identity of the model that encodes the questions, as it encoded the passages."""
        return self._embedder.identity

    def admitted(self, filters: Filters) -> NDArray[np.bool_]:
        """Return which passages lie inside a scope."""
        snapshot = self.snapshot
        if filters.empty:
            return np.ones(len(snapshot.passages), dtype=bool)
        documents = snapshot.documents
        scope = filters.model_copy(update={"documents": ()})
        inside = np.asarray([scope.admits(facet) for facet in documents.facets], dtype=bool)[documents.facet_of]
        if filters.documents:
            named = np.zeros(len(inside), dtype=bool)
            named[[n for n in map(documents.number, filters.documents) if n >= 0]] = True
            inside &= named
        admitted: NDArray[np.bool_] = inside[snapshot.document_numbers]
        return admitted

    def rank(self, query: Query, filters: Filters | None = None, language: Literal["en", "zh"] | None = None) -> Ranking:
        """Rank the passages of one language for a question.

        Passages of the question's language are compared with the question as it stands, those of
        the other language with its words as the glossary and the dictionary translate them.

        Args:
            query: the question.
            filters: the scope.
            language: of the passages; the question's where None.
        """
        language = language or query.language
        admitted = self.admitted(filters or Filters()) & (self.snapshot.chinese == (language == "zh"))
        own = language == query.language
        text = query.text if own else query.translation or query.text
        snapshot = self.snapshot
        readable = self._readable(text) and (language == "en" or self._reads_chinese)
        # In place of a translation that the model cannot read it compares the question, which is encoded
        # already: that finds names, numbers and marks common to both languages.
        encoded = self.encode(text if readable else query.text)
        by_dictionary = isinstance(self._embedder, ChineseReader) and "zh" in (language, query.language)
        weights = self._regimes["unreadable" if not readable else "read" if by_dictionary else "readable"]
        if not admitted.any():
            return Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32), _nothing(), Late.nothing(), encoded, readable, 0.0)
        groups = words_of(query) if own else translate(query)
        terms = {t: query.weights.get(t, 1.0) for t in query.tokens} if own else wanted_terms(groups)
        pool = self._pool(Scope(filters or Filters(), language, admitted), encoded.pooled if weights.dense else None, terms)
        met, possible = pool.groups(groups)
        signals = {name: np.zeros(pool.size, dtype=np.float32) for name in ("dense", "sentence", "lexical", "context")}
        signals["lexical"] = pool.lexical(query) if own else met
        if weights.dense:
            signals["dense"] = pool.dense(encoded.pooled)
        if weights.sentence:
            signals["sentence"] = pool.sentence(encoded.pooled)
        if weights.context:
            signals["context"] = pool.context(query, None if own else groups)
        first = np.zeros(pool.size, dtype=np.float32)
        for name, values in signals.items():
            share = getattr(weights, name)
            if share:
                first += np.float32(share) * pool.scaled(name, values)
        at, rows = pool.best(first, CANDIDATES)
        found = late_scores(snapshot, encoded, rows)
        late = found.passages
        fused = self._with_neighbours(rows, (first[at] + weights.late * minmax(late)).astype(np.float32))
        strength = _strength(met[at], possible, late) * (1.0 if own else CROSS)
        order = np.argsort(-fused, kind="stable")
        chosen = {name: values[at][order] for name, values in signals.items()}
        return Ranking(
            rows[order],
            fused[order],
            {**chosen, "late": late[order]},
            found if readable else Late.nothing(),
            encoded,
            readable,
            strength,
        )

    def _pool(self, scope: Scope, vector: Floats | None, terms: Mapping[str, float]) -> Everything | Candidates:
        """Return the passages to score: all, or in a large index those that the first stage finds."""
        if self._stage is None:
            return Everything(self.snapshot, scope.admitted, self._cosines)
        found = [self._stage.lexical(terms, FOUND, scope)]
        lows: dict[str, float] = {}
        if vector is not None:
            found.append(self._stage.dense(vector, FOUND, scope))
            lows = self._sample.lows(vector)
        return Candidates(self.snapshot, np.concatenate(found), lows)

    @cached_property
    def _sample(self) -> Sample:
        return Sample(self.snapshot)

    def _with_neighbours(self, rows: NDArray[np.int64], fused: Floats) -> Floats:
        """Mix each score with that of the better neighbour in the document; one that is no candidate counts 0."""
        follows = self.snapshot.follows
        padded = np.zeros(len(follows) + 1, dtype=np.float32)
        padded[rows] = fused
        # Passage number n stands after n - 1 in its document where follows[n]; the last entry is no passage.
        before, after = follows[rows], np.append(follows[1:], False)[rows]
        best = np.maximum(np.where(before, padded[rows - 1], 0), np.where(after, padded[rows + 1], 0))
        best = np.where(before | after, best, np.float32(ALONE) * fused)
        mixed: Floats = ((fused + np.float32(NEIGHBOUR) * best) / np.float32(1 + NEIGHBOUR)).astype(np.float32)
        return mixed

    def search(self, text: str, k: int = 10, filters: Filters | None = None) -> list[Hit]:
        """Return the best k passages for a query, best first."""
        query = self.reader.read(text)
        other: Literal["en", "zh"] = "en" if query.language == "zh" else "zh"
        return self.hits([self.rank(query, filters), self.rank(query, filters, other)], k)

    def hits(self, rankings: Sequence[Ranking], k: int) -> list[Hit]:
        """Present the best k passages of one ranking a language.

        Scores of different languages are not comparable as they stand: each ranking is scaled by
        its strength, how well its best passage meets the question. Passages that say the
        same are shown once, and every section of a page or document that is shown already costs
        the next one of it a little.
        """
        snapshot = self.snapshot
        entries = [
            (float(score) * ranking.strength, i, ranking) for ranking in rankings for i, score in enumerate(ranking.scores[: 2 * k])
        ]
        entries.sort(key=lambda e: (-round(e[0], 6), int(e[2].rows[e[1]])))
        hits: list[Hit] = []
        seen: list[int] = []
        shown: dict[str, set[tuple[str, str]]] = {}

        def crowded(entry: tuple[float, int, Ranking]) -> float:
            document = snapshot.document_of(int(entry[2].rows[entry[1]]))
            return entry[0] - CROWDING * entry[2].strength * len(shown.get(document.title or document.id, ()))

        while entries and len(hits) < k:
            # Scores only fall, so the first that keeps its place need not be compared with the rest.
            at = _first_best(entries, crowded)
            score, i, ranking = entries.pop(at)
            row = int(ranking.rows[i])
            if self._repeats(row, seen):
                continue
            seen.append(row)
            passage, document = snapshot.passages[row], snapshot.document_of(row)
            text = document.text[passage.start : passage.end]
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

    def _repeats(self, row: int, seen: Sequence[int]) -> bool:
        """Tell whether a passage says nearly the same as one of others."""
        if not seen:
            return False
        # Passages of nearly the same text have nearly the same vector, so few are compared letter by letter.
        vectors = self.snapshot.vectors
        near = np.flatnonzero(vectors.take(seen) @ vectors[row] > NEAR_VECTOR)
        shingles = self._shingles(row) if len(near) else frozenset()
        return any(len(shingles & other) >= NEAR_DUPLICATE * len(shingles | other) for other in (self._shingles(seen[i]) for i in near.tolist()))

    def _shingles(self, row: int) -> frozenset[str]:
        passage = self.snapshot.passages[row]
        text = self.snapshot.document_of(row).text[passage.start : passage.end]
        return frozenset(text[i : i + 4] for i in range(max(1, len(text) - 3)))


def _strength(met: Floats, possible: float, late: Floats) -> float:
    """Return the share of the question's words that the best passage meets, less where none comes close in meaning."""
    if not len(met) or not possible:
        return 0.0
    share = min(1.0, float(met.max()) / possible)
    return share * max(float(late.max()), LEAST_CLOSE)


def _nothing() -> dict[str, Floats]:
    return {name: np.zeros(0, np.float32) for name in ("dense", "sentence", "lexical", "context", "late")}


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
