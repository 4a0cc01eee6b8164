"""Hybrid search: dense, best sentence, BM25, title and heading, late interaction, fused by normalised scores.

Every number that shapes a ranking stands in the constants below; ``benchmarks/tune_retrieval.py``
chose them on development data and prints what each choice gives. ``docs/retrieval.md`` has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qa.embedding import Embedder, Encoded
from qa.embedding.chinese import ChineseReader
from qa.index.lexical import LexicalIndex
from qa.index.snapshot import Snapshot
from qa.retrieval.filters import Filters
from qa.retrieval.hits import Hit
from qa.retrieval.late import late_scores
from qa.retrieval.query import Query, QueryReader
from qa.retrieval.translation import Group, translate
from qa.retrieval.translation import scores as group_scores

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


WEIGHTS = Weights(dense=0.17, sentence=0.11, lexical=0.19, context=0.14, late=0.39)
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

    def __init__(
        self,
        snapshot: Snapshot,
        embedder: Embedder,
        regimes: Mapping[str, Weights] = REGIMES,
    ) -> None:
        self.snapshot = snapshot
        self._embedder = embedder
        self._regimes = regimes
        self.reader = QueryReader(snapshot.glossary)
        self._reads_chinese = embedder.unknown_share(CHINESE) < MAX_UNKNOWN
        self._encoded: dict[str, Encoded] = {}

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
        encoded = self._encode(text if readable else query.text)
        by_dictionary = isinstance(self._embedder, ChineseReader) and "zh" in (language, query.language)
        weights = self._regimes["unreadable" if not readable else "read" if by_dictionary else "readable"]
        if not admitted.any():
            return Ranking(np.zeros(0, np.int64), np.zeros(0, np.float32), _nothing(), {}, encoded, readable, 0.0)
        groups = () if own else translate(query)
        lexical, possible = self._words(snapshot.words, query, groups)
        signals = {name: np.zeros(len(admitted), dtype=np.float32) for name in ("dense", "sentence", "lexical", "context")}
        signals["lexical"] = lexical
        if weights.dense:
            signals["dense"] = snapshot.vectors.scores(encoded.pooled)
        if weights.sentence:
            signals["sentence"] = snapshot.sentence_vectors.best(encoded.pooled)
        if weights.context:
            signals["context"] = self._words(snapshot.titles, query, groups)[0][snapshot.title_of]
        first = np.zeros(len(admitted), dtype=np.float32)
        for name, values in signals.items():
            share = getattr(weights, name)
            if share:
                first += np.float32(share) * minmax(values, admitted)
        first[~admitted] = -1.0
        rows = _best(first, CANDIDATES)
        rows = rows[first[rows] > 0]
        late, of_sentences = late_scores(snapshot, encoded, rows)
        fused = self._with_neighbours(rows, (first[rows] + weights.late * minmax(late)).astype(np.float32))
        strength = min(1.0, float(lexical[rows].max()) / possible) * (1.0 if own else CROSS) if len(rows) and possible else 0.0
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

    def _encode(self, text: str) -> Encoded:
        """Encode a question; the last ones are kept, since a search often follows an answer."""
        if text not in self._encoded:
            if len(self._encoded) >= 64:
                self._encoded.pop(next(iter(self._encoded)))
            self._encoded[text] = next(iter(self._embedder.encode([text])))
        return self._encoded[text]

    def _readable(self, text: str) -> bool:
        return self._embedder.unknown_share(text) < MAX_UNKNOWN

    @staticmethod
    def _words(index: LexicalIndex, query: Query, groups: Sequence[Group]) -> tuple[Floats, float]:
        """Score an index by the question's words, or by groups of their translations; and what could be reached."""
        if groups:
            return group_scores(index, groups)
        return index.scores(query.tokens, query.weights), index.possible(query.own_tokens, query.weights)

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
        seen: list[int] = []
        shown: dict[str, set[tuple[str, str]]] = {}

        def crowded(entry: tuple[float, int, Ranking]) -> float:
            passage = snapshot.passages[int(entry[2].rows[entry[1]])]
            page = snapshot.documents[passage.document_id].title or passage.document_id
            return entry[0] - CROWDING * entry[2].strength * len(shown.get(page, ()))

        while entries and len(hits) < k:
            # Scores only fall, so the first that keeps its place need not be compared with the rest.
            at = _first_best(entries, crowded)
            score, i, ranking = entries.pop(at)
            row = int(ranking.rows[i])
            if self._repeats(row, seen):
                continue
            seen.append(row)
            passage = snapshot.passages[row]
            document = snapshot.documents[passage.document_id]
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
        text = self.snapshot.documents[passage.document_id].text[passage.start : passage.end]
        return frozenset(text[i : i + 4] for i in range(max(1, len(text) - 3)))

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
