"""Candidate sentences, each with the features by which evidence is chosen and judged."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa.answering.analysis import Analysis
from qa.answering.demands import Met, demands_of, met, surroundings
from qa.answering.expected import expected_of, fit
from qa.answering.facts import dates_of, last_day, tokens_of
from qa.answering.matching import TokenSupport
from qa.documents.model import Document
from qa.index.snapshot import Snapshot
from qa.index.terms import prepare
from qa.retrieval.pool import minmax
from qa.retrieval.search import Ranking
from qa.text.language import has_cjk
from qa.text.tokens import STOP_IDEOGRAPHS, search_tokens

PASSAGES = 16
"""Passages whose sentences are looked at; 24 find no more right answers to the development questions."""

FEATURES = (
    "late", "late_content", "late_rare", "late_weakest", "cosine", "lexical", "passage", "coverage", "rarest", "names", "all_names", "years",
    "months", "parts", "measures", "identity", "product", "period", "kind", "latest", "earliest", "neighbour", "length",
)  # fmt: skip


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
    scores = minmax(ranking.scores[:passages]).tolist()
    numbers = np.concatenate([np.arange(snapshot.sentence_rows[row], snapshot.sentence_rows[row + 1]) for row in rows])
    prepare(snapshot.sentence_words, query.tokens)
    possible = sum(snapshot.sentence_words.idf(t) for t in set(query.own_tokens)) or 1.0
    lexical = snapshot.sentence_words.scores_at(numbers, query.tokens, query.weights).tolist()
    cosines = (snapshot.sentence_vectors.take(numbers).astype(np.float32) @ ranking.encoded.pooled).tolist()
    groups = concept_tokens(analysis)
    prepare(snapshot.words, (t for group in groups for t in group))
    concepts = [(group, max(snapshot.words.idf(t) for t in group)) for group in groups]
    total, rarest = sum(w for _, w in concepts) or 1.0, max((w for _, w in concepts), default=1.0)
    wanted, expected = demands_of(analysis), expected_of(analysis)
    rarity = [max((snapshot.words.idf(t) for t in tokens_of(query.text[m.start : m.end])), default=0.0) for m in wanted.measures]
    found: list[Candidate] = []
    support = TokenSupport(analysis, ranking, snapshot, numbers)
    position = -1
    for score, row in zip(scores, rows, strict=True):
        passage = snapshot.passages[row]
        document = snapshot.document_of(row)
        heading = f"{document.title} {passage.heading}"
        around = surroundings(wanted, heading, document.text[passage.start : passage.end])
        told = tokens_of(heading)
        untold = [(group, w) for group, w in concepts if told.isdisjoint(group)]
        long = 300 if document.language == "en" else 120
        late = [0.0, *support.late[position + 1 : position + 1 + len(passage.sentences)], 0.0]
        for (start, end), before, after in zip(passage.sentences, late, late[2:], strict=False):
            position += 1
            text = document.text[start:end]
            tokens = tokens_of(text)
            missed = [w for group, w in untold if tokens.isdisjoint(group)]
            judged = met(wanted, text, around, functools.partial(support.likeness, position), rarity)
            mean, rare, weakest = support.summaries[position]
            features = {
                "late": support.late[position],
                "late_content": mean,
                "late_rare": rare,
                "late_weakest": weakest,
                "cosine": cosines[position],
                "lexical": lexical[position] / possible,
                "passage": score,
                "coverage": 1 - sum(missed) / total,
                "rarest": 1 - max(missed, default=0.0) / rarest,
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
                "neighbour": max(before, after),
                "length": min(1.0, len(text) / long),
            }
            found.append(Candidate(int(numbers[position]), row, document, start, end, judged, features))
    if analysis.order:
        _relate(analysis.order, found)
    return found


def _relate(order: str, found: Sequence[Candidate]) -> None:
    """Fill in whose date is the latest or earliest, as asked."""
    latest = list(map(latest_date, found))
    known = sorted({date for date in latest if date})
    for candidate, own in zip(found, latest, strict=True):
        if own:
            position = known.index(own) / max(1, len(known) - 1)
            candidate.features[order] = position if order == "latest" else 1 - position


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
        groups.append(frozenset().union(*mention.entry.tokens))
        rest = rest.replace(query.text[mention.start : mention.end], " ")
    for token in dict.fromkeys(search_tokens(rest)):
        # Bigrams of ideographs stand for words; single ones would count everything twice, and a
        # bigram with a function word in it ("有多", "是谁") is none.
        if has_cjk(token) and (len(token) == 1 or not STOP_IDEOGRAPHS.isdisjoint(token)):
            continue
        groups.append(frozenset([token]))
    return [g for g in groups if g]


def _period_fit(analysis: Analysis, text: str) -> float:
    """1 if a date of the sentence lies inside the question's bound, -1 if all lie outside, else 0."""
    period = analysis.period
    if period is None or not (found := dates_of(text)):
        return 0.0
    inside = [
        d
        for d in found
        if period.since <= d.value <= period.until
        or (d.kind == "year" and period.since // 10_000 <= d.value // 10_000 < period.until // 10_000)
        or (d.kind == "date" and d.value % 100 == 0 and period.since <= d.value + 31 and d.value <= period.until)
    ]
    return 1.0 if inside else -1.0
