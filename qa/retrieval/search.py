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
from qa.embedding.chinese import ChineseReader
from qa.index.lexical import LexicalIndex
from qa.index.snapshot import Snapshot
from qa.index.store import passage_titles
from qa.retrieval.filters import Filters
from qa.retrieval.hits import Hit
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
class SentenceWeights:
    """Weights of a sentence's signals; ``near`` is that of the better neighbour's score."""

    late: float
    passage: float
    cosine: float
    lexical: float
    near: float


SENTENCE = SentenceWeights(late=1.0, passage=0.2, cosine=0.0, lexical=0.2, near=0.15)
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
        self._reads_chinese = embedder.unknown_share(CHINESE) < MAX_UNKNOWN
        self._encoded: dict[str, Encoded] = {}
        documents, passages = snapshot.documents, snapshot.passages
        self._languages = np.asarray([documents[p.document_id].language == "zh" for p in passages])
        self._follows = np.asarray([i > 0 and p.document_id == passages[i - 1].document_id for i, p in enumerate(passages)], dtype=bool)
        self._vectors = _matrix(snapshot.vectors)
        # As plain arrays over the mapped memory: slices of a memmap cost ten times more.
        self._tokens, self._token_rows = np.asarray(snapshot.tokens), np.asarray(snapshot.token_rows)
        self._token_sentences = np.asarray(snapshot.token_sentences)
        # All sentences of all passages are compared at once; float32 is twice as fast as float16 here.
        self._sentence_vectors = np.asarray(snapshot.sentence_vectors, dtype=np.float32)
        self._first_sentences = np.asarray(snapshot.sentence_rows[:-1])
        self._sentence_sizes = np.bincount(snapshot.token_sentences, minlength=len(snapshot.sentence_vectors))
        titles = passage_titles(documents, passages)
        numbers = {title: i for i, title in enumerate(dict.fromkeys(titles))}
        # A title counts once however many passages stand under it.
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
        the other language with its words as the glossary and the dictionary translate them.

        Args:
            query: the question.
            filters: the scope.
            language: of the passages; the question's where None.
        """
        language = language or query.language
        admitted = self.admitted(filters or Filters()) & (self._languages == (language == "zh"))
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
            signals["dense"] = self._vectors @ encoded.pooled
        if weights.sentence:
            signals["sentence"] = np.maximum.reduceat(self._sentence_vectors @ encoded.pooled, self._first_sentences)
        if weights.context:
            signals["context"] = self._words(snapshot.titles, query, groups)[0][self._title_of]
        first = np.zeros(len(admitted), dtype=np.float32)
        for name, values in signals.items():
            share = getattr(weights, name)
            if share:
                first += np.float32(share) * minmax(values, admitted)
        first[~admitted] = -1.0
        rows = _best(first, CANDIDATES)
        rows = rows[first[rows] > 0]
        late, of_sentences = self.late(encoded, rows)
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
        padded = np.zeros(len(self._follows) + 1, dtype=np.float32)
        padded[rows] = fused
        # Passage number n stands after n - 1 in its document where _follows[n]; the last entry is no passage.
        before, after = self._follows[rows], np.append(self._follows[1:], False)[rows]
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

    def late(self, encoded: Encoded, rows: NDArray[np.int64]) -> tuple[Floats, dict[int, float]]:
        """Score passages and their sentences by late interaction (MaxSim).

        Returns:
            (n,) mean over question tokens of the best token of each passage, and the same for
            every sentence of these passages.
        """
        if not len(rows) or not len(encoded.tokens):
            return np.zeros(len(rows), dtype=np.float32), {}
        spans = list(zip(self._token_rows[rows].tolist(), self._token_rows[rows + 1].tolist(), strict=True))
        tokens = np.concatenate([self._tokens[a:b] for a, b in spans]).astype(np.float32)
        owners = np.concatenate([self._token_sentences[a:b] for a, b in spans])
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
        near = np.flatnonzero(self._vectors[seen] @ self._vectors[row] > NEAR_VECTOR)
        shingles = self._shingles(row) if len(near) else frozenset()
        return any(len(shingles & other) >= NEAR_DUPLICATE * len(shingles | other) for other in (self._shingles(seen[i]) for i in near.tolist()))

    def _shingles(self, row: int) -> frozenset[str]:
        passage = self.snapshot.passages[row]
        text = self.snapshot.documents[passage.document_id].text[passage.start : passage.end]
        return frozenset(text[i : i + 4] for i in range(max(1, len(text) - 3)))

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
