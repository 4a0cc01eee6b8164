"""Candidate sentences, each with the features by which evidence is chosen and judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qa.answering.analysis import Analysis
from qa.documents.model import Document
from qa.index.snapshot import Snapshot
from qa.retrieval.search import Ranking, minmax
from qa.text.glossary import Entry
from qa.text.language import has_cjk
from qa.text.quantities import Quantity, dates, quantities
from qa.text.tokens import STOP_IDEOGRAPHS, search_tokens

PASSAGES = 24
"""Passages whose sentences are looked at; the right one lies deeper in under 1% of development questions."""

FEATURES = ("late", "cosine", "lexical", "passage", "coverage", "names", "names_near", "year", "kind", "length", "own_language")


@dataclass(frozen=True)
class Candidate:
    """A sentence that may answer.

    Attributes:
        row: its number in the snapshot's sentence arrays.
        passage: number of its passage.
        document: its document.
        start, end: its span in the document's text.
        features: by name, in the order of FEATURES.
    """

    row: int
    passage: int
    document: Document
    start: int
    end: int
    features: dict[str, float]

    @property
    def text(self) -> str:
        """The sentence, an exact slice of its document."""
        return self.document.text[self.start : self.end]


@lru_cache(maxsize=50_000)
def tokens_of(text: str) -> frozenset[str]:
    """Return the distinct search tokens of a text."""
    return frozenset(search_tokens(text))


@lru_cache(maxsize=50_000)
def dates_of(text: str) -> tuple[Quantity, ...]:
    """Return the dates of a sentence."""
    return tuple(dates(text))


@lru_cache(maxsize=50_000)
def quantities_of(text: str) -> tuple[Quantity, ...]:
    """Return the quantities of a sentence."""
    return tuple(quantities(text))


def names_entry(text: str, entry: Entry) -> bool:
    """Tell whether a text names an entry in any of its forms."""
    folded = f" {_plain(text)} "
    for form in entry.forms:
        if has_cjk(form):
            if form in text:
                return True
        elif f" {_plain(form)} " in folded or f" {_plain(form)}s " in folded:
            return True
    return False


@lru_cache(maxsize=50_000)
def _plain(text: str) -> str:
    return " ".join("".join(c if c.isascii() and c.isalnum() else " " for c in text.lower()).split())


def candidates(analysis: Analysis, ranking: Ranking, snapshot: Snapshot, passages: int = PASSAGES) -> list[Candidate]:
    """Collect the sentences of the best passages with their features."""
    query = analysis.query
    rows = ranking.rows[:passages].tolist()
    if not rows:
        return []
    scores = minmax(ranking.scores[:passages])
    possible = sum(snapshot.sentence_words.idf(t) for t in set(query.own_tokens)) or 1.0
    lexical = snapshot.sentence_words.scores(query.tokens, query.weights)
    concepts = concept_tokens(analysis)
    idf = {t: snapshot.words.idf(t) for group in concepts for t in group}
    weight = [max(idf[t] for t in group if t in idf) if group else 0.0 for group in concepts]
    total = sum(weight) or 1.0
    found = []
    for order, row in enumerate(rows):
        passage = snapshot.passages[row]
        document = snapshot.documents[passage.document_id]
        near = f"{document.title} {passage.heading} " + document.text[passage.start : passage.end]
        context = tokens_of(f"{document.title} {passage.heading}")
        first = int(snapshot.sentence_rows[row])
        for offset, (start, end) in enumerate(passage.sentences):
            number = first + offset
            text = document.text[start:end]
            tokens = tokens_of(text) | context
            covered = sum(w for group, w in zip(concepts, weight, strict=True) if not tokens.isdisjoint(group)) / total
            cosine = float(np.asarray(snapshot.sentence_vectors[number], dtype=np.float32) @ ranking.encoded.pooled)
            names = query.names
            found.append(
                Candidate(
                    number,
                    row,
                    document,
                    start,
                    end,
                    {
                        "late": ranking.sentences.get(number, 0.0),
                        "cosine": cosine,
                        "lexical": float(lexical[number]) / possible,
                        "passage": float(scores[order]),
                        "coverage": covered,
                        "names": _share(names_entry(text, n) for n in names),
                        "names_near": _share(names_entry(near, n) for n in names),
                        "year": _year_fit(analysis, text),
                        "kind": _kind_fit(analysis, text),
                        "length": min(1.0, len(text) / 300),
                        "own_language": float(document.language == query.language),
                    },
                )
            )
    return found


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


def _share(values: Iterable[bool]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 1.0


def _year_fit(analysis: Analysis, text: str) -> float:
    """1 if the sentence's dates fit the question's, -1 if they contradict, 0 if nothing can be said."""
    found = dates_of(text)
    if analysis.period is not None:
        inside = [d for d in found if analysis.period.since <= d.value <= analysis.period.until or d.kind == "year" and analysis.period.since // 10_000 < d.value // 10_000 < analysis.period.until // 10_000]
        return 1.0 if inside else (-1.0 if found else 0.0)
    asked = analysis.query.years
    if not asked:
        return 0.0
    own = {int(d.value) // 10_000 for d in found}
    return 1.0 if asked <= own else (0.5 if asked & own else (-1.0 if own else 0.0))


def _kind_fit(analysis: Analysis, text: str) -> float:
    """1 if the sentence holds what the kind of question asks for, beyond what the question says."""
    kind = analysis.kind
    if kind == "number" or kind == "comparison" or kind == "change":
        said = {q.value for q in quantities_of(analysis.query.text)}
        return float(any(q.value not in said for q in quantities_of(text)))
    if kind == "date":
        said = {d.value for d in dates_of(analysis.query.text)}
        return float(any(d.value not in said for d in dates_of(text)))
    return 0.5
