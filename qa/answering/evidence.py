"""Candidate sentences, each with the features by which evidence is chosen and judged."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.answering.analysis import Analysis
from qa.answering.demands import Met, demands_of, met
from qa.answering.expected import expected_of, fit
from qa.answering.facts import dates_of, last_day, tokens_of
from qa.documents.model import Document
from qa.index.snapshot import Snapshot
from qa.retrieval.pool import minmax
from qa.retrieval.search import Ranking
from qa.text.dictionary import dictionary
from qa.text.glossary import Mention
from qa.text.language import has_cjk
from qa.text.reading import content_spans
from qa.text.tokens import STOP_IDEOGRAPHS, STOP_WORDS, search_tokens

PASSAGES = 16
"""Passages whose sentences are looked at; 24 find no more right answers to the development questions."""

FEATURES = (
    "late", "late_content", "late_rare", "late_weakest", "cosine", "lexical", "passage", "coverage", "rarest", "names", "all_names", "years",
    "months", "parts", "measures", "identity", "product", "period", "kind", "latest", "earliest", "neighbour", "length",
)  # fmt: skip

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    """A sentence that may answer.

    Attributes:
        row: its number in the snapshot's sentence arrays.
        passage: number of its passage.
        document: its document.
        start, end: its span in the document's text.
        met: how far it meets the question's demands.
        features: by name, in the order of FEATURES.
    """

    row: int
    passage: int
    document: Document
    start: int
    end: int
    met: Met
    features: dict[str, float]

    @property
    def text(self) -> str:
        """The sentence, an exact slice of its document."""
        return self.document.text[self.start : self.end]


def candidates(analysis: Analysis, ranking: Ranking, snapshot: Snapshot, passages: int = PASSAGES) -> list[Candidate]:
    """Collect the sentences of the best passages with their features."""
    query = analysis.query
    rows = ranking.rows[:passages].tolist()
    if not rows:
        return []
    scores = minmax(ranking.scores[:passages])
    possible = sum(snapshot.sentence_words.idf(t) for t in set(query.own_tokens)) or 1.0
    bounds = [(int(snapshot.sentence_rows[row]), int(snapshot.sentence_rows[row + 1])) for row in rows]
    numbers = np.concatenate([np.arange(a, b) for a, b in bounds])
    lexical = dict(zip(numbers.tolist(), snapshot.sentence_words.scores_at(numbers, query.tokens, query.weights).tolist(), strict=True))
    cosines = dict(zip(numbers.tolist(), _cosines(snapshot, bounds, ranking.encoded.pooled), strict=True))
    concepts = concept_tokens(analysis)
    weight = [max(snapshot.words.idf(t) for t in group) for group in concepts]
    total = sum(weight) or 1.0
    wanted, expected = demands_of(analysis), expected_of(analysis)
    rarity = {m: max((snapshot.words.idf(t) for t in tokens_of(query.text[m.start : m.end])), default=0.0) for m in wanted.measures}
    found: list[Candidate] = []
    own = snapshot.documents[snapshot.passages[rows[0]].document_id].language == query.language
    support = TokenSupport(analysis, ranking, snapshot, own)
    for order, row in enumerate(rows):
        passage = snapshot.passages[row]
        document = snapshot.documents[passage.document_id]
        heading = f"{document.title} {passage.heading}"
        around = document.text[passage.start : passage.end]
        first = bounds[order][0]
        for offset, (start, end) in enumerate(passage.sentences):
            number = first + offset
            text = document.text[start:end]
            tokens = tokens_of(text) | tokens_of(heading)
            missed = [w for group, w in zip(concepts, weight, strict=True) if tokens.isdisjoint(group)]
            judged = met(wanted, text, heading, around, functools.partial(support.likeness, number), rarity)
            mean, rare, weakest = support.summary(number)
            found.append(
                Candidate(
                    number,
                    row,
                    document,
                    start,
                    end,
                    judged,
                    {
                        "late": ranking.sentences.get(number, 0.0),
                        "late_content": mean,
                        "late_rare": rare,
                        "late_weakest": weakest,
                        "cosine": cosines[number],
                        "lexical": lexical[number] / possible,
                        "passage": float(scores[order]),
                        "coverage": 1 - sum(missed) / total,
                        "rarest": 1 - max(missed, default=0.0) / max(weight, default=1.0),
                        "names": judged.names,
                        "all_names": judged.all_names,
                        "years": judged.years,
                        "months": judged.months,
                        "parts": judged.parts,
                        "measures": judged.measures,
                        "identity": judged.identity,
                        "product": judged.product,
                        "period": _period_fit(analysis, text),
                        "kind": fit(expected, analysis, text, snapshot.glossary),
                        "latest": 0.0,
                        "earliest": 0.0,
                        "neighbour": 0.0,
                        "length": min(1.0, len(text) / (300 if document.language == "en" else 120)),
                    },
                )
            )
    _relate(analysis, found)
    return found


def _cosines(snapshot: Snapshot, bounds: Sequence[tuple[int, int]], question: Floats) -> list[float]:
    """Return the cosine of each sentence between bounds with the question."""
    vectors = np.concatenate([snapshot.sentence_vectors[a:b] for a, b in bounds]).astype(np.float32)
    cosines: list[float] = (vectors @ question).tolist()
    return cosines


def _relate(analysis: Analysis, found: Sequence[Candidate]) -> None:
    """Fill in the features that compare a candidate with the others."""
    order = analysis.order
    known = sorted({d for d in map(latest_date, found) if d}) if order else []
    by_row = {c.row: c for c in found}
    for candidate in found:
        own = latest_date(candidate) if order else 0
        if own:
            position = known.index(own) / max(1, len(known) - 1)
            candidate.features[order] = position if order == "latest" else 1 - position
        beside = [by_row[r] for r in (candidate.row - 1, candidate.row + 1) if r in by_row]
        candidate.features["neighbour"] = max((c.features["late"] for c in beside if c.passage == candidate.passage), default=0.0)


def latest_date(candidate: Candidate) -> int:
    """Return the latest date of a sentence that is not in the future of its document, or 0."""
    limit = last_day(candidate.document.as_of)
    return max((int(d.value) for d in dates_of(candidate.text) if d.value <= limit), default=0)


def concept_tokens(analysis: Analysis) -> list[frozenset[str]]:
    """Group the question's tokens by what they mean: a glossary entry with all its forms, or a word.

    A group is met when any of its tokens is there, so a name counts once in whatever language.
    """
    query = analysis.query
    groups: list[frozenset[str]] = []
    rest = query.text
    for mention in query.mentions:
        forms = [t for form in mention.entry.forms for t in search_tokens(form)]
        groups.append(frozenset(forms))
        rest = rest.replace(query.text[mention.start : mention.end], " ")
    for token in dict.fromkeys(search_tokens(rest)):
        # Bigrams of ideographs stand for words; single ones would count everything twice, and a
        # bigram with a function word in it ("有多", "是谁") is none.
        if has_cjk(token) and (len(token) == 1 or not STOP_IDEOGRAPHS.isdisjoint(token)):
            continue
        groups.append(frozenset([token]))
    return [g for g in groups if g]


_WORD = re.compile(r"[A-Za-z0-9]+")
_ASKING = frozenset("did does do was were has have had be many much long often far get got name list tell give".split())
# Cosines of trained token vectors: unrelated words lie near 0.3, the same word near 0.8.
_LIKE_FLOOR, _LIKE_CEILING = 0.35, 0.75


class TokenSupport:
    """How well each token of the question is matched by each sentence."""

    def __init__(self, analysis: Analysis, ranking: Ranking, snapshot: Snapshot, own: bool) -> None:
        query = analysis.query
        self._own = own
        self._offsets = ranking.encoded.offsets
        self._best = ranking.matches.matches
        self._row = {number: i for i, number in enumerate(ranking.matches.numbers.tolist())}
        self._inside: dict[Mention, NDArray[np.bool_]] = {}
        content, idf = _content_tokens(query.text if own else query.translation or query.text, self._offsets, snapshot)
        if len(content) and len(self._row):
            best = self._best[:, content]
            weakest = np.sort(best, axis=1)[:, :2].mean(axis=1)
            self._summaries = np.stack([best.mean(axis=1), best @ (idf / idf.sum()), weakest], axis=1).tolist()
        else:
            self._summaries = [[0.0, 0.0, 0.0]] * len(self._row)

    def summary(self, number: int) -> tuple[float, float, float]:
        """Return the mean over content tokens, the mean weighted by rarity, and the mean of the two weakest."""
        row = self._row.get(number)
        if row is None:
            return 0.0, 0.0, 0.0
        mean, rare, weakest = self._summaries[row]
        return mean, rare, weakest

    def likeness(self, number: int, mention: Mention) -> float:
        """Return how near a sentence comes to a term of the question, 0 to 1; 0.5 if it can't be told."""
        row = self._row.get(number)
        if row is None or not self._own:
            return 0.5
        if mention not in self._inside:
            self._inside[mention] = (self._offsets[:, 0] < mention.end) & (self._offsets[:, 1] > mention.start)
        inside = self._inside[mention]
        if not inside.any():
            return 0.5
        nearest = float(self._best[row, inside].mean())
        return min(1.0, max(0.0, (nearest - _LIKE_FLOOR) / (_LIKE_CEILING - _LIKE_FLOOR)))


def _content_tokens(text: str, offsets: NDArray[np.int32], snapshot: Snapshot) -> tuple[NDArray[np.int64], Floats]:
    """Return the numbers of the tokens that belong to words with meaning, and the rarity of these words."""
    spans = [(m.start(), m.end(), m.group().lower()) for m in _WORD.finditer(text)]
    if has_cjk(text):
        spans += [(a, b, text[a:b]) for a, b in content_spans(text, dictionary())]
    numbers, idf = [], []
    for i, (start, _) in enumerate(offsets.tolist()):
        word = next((w for a, b, w in spans if a <= start < b), "")
        if word and word not in STOP_WORDS and word not in _ASKING:
            numbers.append(i)
            idf.append(max((snapshot.words.idf(t) for t in tokens_of(word)), default=1.0))
    return np.asarray(numbers, dtype=np.int64), np.asarray(idf, dtype=np.float32)


def _period_fit(analysis: Analysis, text: str) -> float:
    """1 if a date of the sentence lies inside the question's bound, -1 if all lie outside, else 0."""
    period = analysis.period
    found = dates_of(text)
    if period is None or not found:
        return 0.0
    inside = [
        d
        for d in found
        if period.since <= d.value <= period.until
        or (d.kind == "year" and period.since // 10_000 <= d.value // 10_000 < period.until // 10_000)
        or (d.kind == "date" and d.value % 100 == 0 and period.since <= d.value + 31 and d.value <= period.until)
    ]
    return 1.0 if inside else -1.0
