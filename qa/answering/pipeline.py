"""Question to answer without a language model: analyse, rank, select, compose, check."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from qa.answering.analysis import Analysis, Aspect, analyse
from qa.answering.answer import Answer, Conflict
from qa.answering.comparison import compare
from qa.answering.compose import compose
from qa.answering.conflicts import superseded
from qa.answering.disputes import disputes
from qa.answering.evidence import Candidate, candidates
from qa.answering.facts import parts_of_year, years_of
from qa.answering.followups import standalone
from qa.answering.judge import judged
from qa.answering.missing import abstention_text, gap_of
from qa.answering.scoring import confidence, model, regime_of
from qa.answering.select import choose, order_candidates, reorder, without_repeats
from qa.answering.spelling import Spelling
from qa.answering.sufficiency import confidence_features, of_another_name, of_another_time, out_of_reach
from qa.index.snapshot import Snapshot
from qa.retrieval.filters import Filters
from qa.retrieval.query import Query
from qa.retrieval.search import Ranking, Searcher

SHOWN_HITS = 8
JUDGED = 6
"""Best sentences that the judge reads."""
SURE = 0.75
"""Confidence from which evidence in the question's language is taken without a look at the other."""
HOME = 0.1
"""How much more confident evidence in the other language must be to be preferred."""


class Clock:
    """Collects how long each step took, in milliseconds."""

    def __init__(self) -> None:
        self._began = self._last = time.perf_counter()
        self.steps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Note the time since the last lap."""
        now = time.perf_counter()
        self.steps[name] = round((now - self._last) * 1000, 2)
        self._last = now

    def total(self) -> dict[str, float]:
        """Return the steps and their total."""
        return {**self.steps, "total": round((time.perf_counter() - self._began) * 1000, 2)}


@lru_cache(maxsize=4)
def _spelling(snapshot: Snapshot) -> Spelling:
    return Spelling(snapshot)


def resolve(searcher: Searcher, question: str, history: Sequence[str], filters: Filters) -> str:
    """Return the question as it stands without the conversation."""

    def answer_to(earlier: str) -> str:
        analysis = analyse(searcher.reader.read(earlier))
        found = gather(searcher, analysis, filters, analysis.language, 1)
        return found.chosen[0].text if found.chosen else ""

    spelling = _spelling(searcher.snapshot)
    resolved: list[str] = []
    for text in map(spelling.correct, [*history, question]):
        resolved.append(standalone(text, resolved, searcher.snapshot.glossary, answer_to))
    return resolved[-1]


@dataclass(frozen=True)
class Evidence:
    """What was found for a question in the passages of one language.

    Attributes:
        regime: which weights apply (``scoring.REGIMES``).
        ranking: the passages.
        ordered: candidate sentences with their scores, best first.
        chosen: those that would make the answer.
        features: what confidence rests on.
        confidence: calibrated probability that the chosen ones answer.
        margin: how far below the best sentence a further one may score.
    """

    regime: str
    ranking: Ranking
    ordered: list[tuple[float, Candidate]]
    chosen: list[Candidate]
    features: dict[str, float]
    confidence: float
    margin: float


def gather(
    searcher: Searcher,
    analysis: Analysis,
    filters: Filters,
    language: Literal["en", "zh"],
    limit: int,
    dated: bool = True,
    named: bool = True,
) -> Evidence:
    """Collect and choose evidence in one language, for each side of a comparison too.

    Args:
        searcher: searches the snapshot.
        analysis: the question.
        filters: the scope.
        language: of the passages.
        limit: most sentences of a plain answer.
        dated: the times in the question are the user's own words, so that evidence of another time cannot answer; a time taken over
            from the conversation may be misunderstood.
        named: the same for names.
    """
    query, snapshot = analysis.query, searcher.snapshot
    regime = regime_of(query.language, language)
    ranking = searcher.rank(query, filters, language)
    pool = candidates(analysis, ranking, snapshot)
    for other in analysis.aspects:
        part = searcher.reader.read(_without(query, other))
        known = {c.row for c in pool}
        extra = candidates(analysis, searcher.rank(part, filters, language), snapshot, passages=8)
        pool += [c for c in extra if c.row not in known]
    ordered = order_candidates(pool, regime)
    logits = judged(analysis, ranking, [c for _, c in ordered[:JUDGED]], snapshot, searcher.encoder)
    ordered = reorder(ordered, logits, regime)
    margin = model(regime).extra if logits else model(regime).unjudged_extra
    chosen = choose(analysis, ordered, limit, margin)
    if not chosen:
        return Evidence(regime, ranking, [], [], {}, 0.0, margin)
    features = confidence_features(analysis, chosen, pool, logits, snapshot)
    unable = (
        out_of_reach(analysis, features, pool, snapshot, language)
        or (named and of_another_name(analysis, chosen, snapshot))
        or (dated and of_another_time(chosen, logits))
    )
    certainty = 0.0 if unable else confidence(features, regime)
    return Evidence(regime, ranking, ordered, chosen, features, certainty, margin)


def prefer(found: Sequence[Evidence]) -> Evidence:
    """Choose between the evidence in the question's language (first) and in the other."""
    own = found[0]
    for other in found[1:]:
        if other.confidence > own.confidence + HOME and other.confidence >= model(other.regime).threshold:
            return other
    return own


def _without(query: Query, aspect: Aspect) -> str:
    """Return the question without one of the things or years that it sets side by side."""
    text = query.text
    if isinstance(aspect, (str, int)):
        text = re.sub(rf"{re.escape(str(aspect))}年?", " ", text)
    else:
        for mention in reversed(query.mentions):
            if mention.entry == aspect:
                text = text[: mention.start] + " " + text[mention.end :]
    return " ".join(text.split())


def answer(searcher: Searcher, question: str, history: Sequence[str], filters: Filters, limit: int) -> Answer:
    """Answer a question from the snapshot's evidence, or abstain.

    Args:
        searcher: searches the snapshot.
        question: what was asked, already checked to hold words.
        history: earlier questions, oldest first.
        filters: the scope.
        limit: most sentences of a plain answer.
    """
    clock = Clock()
    snapshot = searcher.snapshot
    complete = resolve(searcher, question, history, filters)
    analysis = analyse(searcher.reader.read(complete))
    clock.lap("analyse")
    dated = years_of(complete) <= years_of(question) and parts_of_year(complete) <= parts_of_year(question)
    named = all(name.named_in(question) for name in analysis.query.names)
    found = [gather(searcher, analysis, filters, analysis.language, limit, dated, named)]
    if found[0].confidence < SURE:
        found.append(gather(searcher, analysis, filters, "en" if analysis.language == "zh" else "zh", limit, dated, named))
    evidence = prefer(found)
    clock.lap("retrieve")
    chosen, ordered, certainty = evidence.chosen, evidence.ordered, evidence.confidence
    hits = tuple(searcher.hits([e.ranking for e in found], SHOWN_HITS))
    if not chosen or certainty < model(evidence.regime).threshold:
        # What is nearest is shown in the reader's language, where there is anything.
        nearest = next((e for e in found if e.ordered), evidence)
        hits = tuple(searcher.hits([nearest.ranking], SHOWN_HITS))
        gap = gap_of(analysis, nearest.ordered, nearest.ranking, snapshot)
        clock.lap("compose")
        return Answer(
            question=question,
            standalone_question=complete,
            text=abstention_text(analysis, gap),
            sentences=(),
            citations=(),
            hits=hits,
            abstained=True,
            missing=gap.parts,
            conflicts=(),
            confidence=round(certainty, 4),
            language=analysis.language,
            mode="extractive",
            kind=analysis.kind,
            timings_ms=clock.total(),
        )
    chosen = without_repeats(chosen)
    conflicts = disputes(analysis, chosen, ordered, evidence.margin)
    score_of = {c.row: s for s, c in ordered}
    best = ordered[0][0]
    scores = [float(certainty * np.exp(min(0.0, score_of.get(c.row, best) - best))) for c in chosen]
    compared = None if conflicts else compare(analysis, chosen, snapshot.glossary)
    text, sentences, citations = compose(analysis, chosen, scores, snapshot, _outdated(analysis, chosen, conflicts))
    if compared:
        text = f"{text} {compared.computed}"
    clock.lap("compose")
    return Answer(
        question=question,
        standalone_question=complete,
        text=text,
        sentences=tuple(sentences),
        citations=tuple(citations),
        hits=hits,
        abstained=False,
        missing=(),
        conflicts=tuple(conflicts),
        comparison=compared,
        confidence=round(certainty, 4),
        language=analysis.language,
        mode="extractive",
        kind=analysis.kind,
        timings_ms=clock.total(),
    )


def _outdated(analysis: Analysis, chosen: Sequence[Candidate], conflicts: Sequence[Conflict]) -> dict[int, int]:
    """Return which sentences are outdated by which, unless the question asks for a time or a development."""
    asks_when = analysis.query.years or analysis.period or analysis.order == "earliest" or analysis.kind in ("change", "comparison", "date")
    return {} if asks_when or conflicts else superseded(chosen)
