"""Describe how well the chosen evidence meets the question: the features of confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qa.answering.analysis import Analysis
from qa.answering.demands import IN_PASSAGE, Version, demands_of
from qa.answering.evidence import Candidate, concept_tokens
from qa.answering.facts import names_entry, tokens_of
from qa.answering.judge import UNJUDGED
from qa.answering.traits import Asked, of_year, rival
from qa.index.snapshot import Snapshot
from qa.text.glossary import Entry
from qa.text.language import has_cjk

_IDF_SCALE = 7.0  # about the highest inverse document frequency in a corpus of a thousand passages

FEATURES = (
    "cosine", "lexical", "coverage", "near_coverage", "worst_unmet", "unknown", "years", "months", "parts", "measures", "identity",
    "product", "sides", "period", "kind", "low_coverage", "low_cosine", "low_identity", "held", "of_year", "rival", "joint",
    "several",
)  # fmt: skip
JUDGED_FEATURES = ("judge", "judge_first", "judge_top", "judge_mean", "judge_several")
_SURER = 2.0  # logits by which the judge is clearly surer


def confidence_features(
    analysis: Analysis,
    chosen: Sequence[Candidate],
    pool: Sequence[Candidate],
    logits: Mapping[int, float],
    snapshot: Snapshot,
) -> dict[str, float]:
    """Describe chosen evidence.

    Returns:
        FEATURES, each near 0 to 1, and 1 where nothing is demanded; where the judge has read anything also
        JUDGED_FEATURES, logits.
    """
    # Where an answer needs several statements, one alone is judged as a part of it.
    several = float(bool(analysis.aspects) or analysis.disputed or analysis.kind in ("list", "change", "comparison"))
    best = max(chosen, key=lambda c: (c.met.product, c.features["late"], -c.row))
    passages = {c.passage for c in chosen}
    near = [c.text for c in pool if c.passage in passages]
    near += [f"{c.document.title} {snapshot.passages[c.passage].heading}" for c in chosen]
    tokens = frozenset().union(*map(tokens_of, near))
    groups = concept_tokens(analysis)
    if best.document.language != analysis.language:
        # Words that the glossary can't translate can't be met in the other language.
        groups = [g for g in groups if len(g) > 1 or not has_cjk(next(iter(g)))]
    idf = [max(snapshot.words.idf(t) for t in g) for g in groups]
    total = sum(idf) or 1.0
    unmet = [w for g, w in zip(groups, idf, strict=True) if tokens.isdisjoint(g)]
    unknown = [w for g, w in zip(groups, idf, strict=True) if not any(t in snapshot.words for t in g)]
    own, asked = best.features, Asked.read(analysis)
    # What the judge is surest of is what a reader will take for the answer.
    surest = max(chosen, key=lambda c: (logits.get(c.row, UNJUDGED), c is best))
    return {
        "cosine": own["cosine"],
        "lexical": own["lexical"],
        "coverage": own["coverage"],
        "near_coverage": 1 - sum(unmet) / total,
        "worst_unmet": max(unmet, default=0.0) / _IDF_SCALE,
        "unknown": sum(unknown) / total,
        "years": best.met.years,
        "months": best.met.months,
        "parts": best.met.parts,
        "measures": best.met.measures,
        "identity": best.met.identity,
        "product": best.met.product,
        "sides": _sides(analysis, chosen),
        "period": own["period"],
        "kind": own["kind"],
        # Below these floors evidence hardly ever answers; above them more is not better.
        "low_coverage": max(0.0, 0.45 - own["coverage"]) / 0.45,
        "low_cosine": max(0.0, 0.5 - own["cosine"]) / 0.5,
        "low_identity": max(0.0, 0.5 - best.met.identity) / 0.5,
        "held": _held(asked, surest),
        "of_year": of_year(asked, surest.text),
        "rival": float(rival(asked, surest, snapshot)),
        # What is asked for, and the very things and times, in one and the same sentence.
        "joint": max(_held(asked, c) * c.met.identity * of_year(asked, c.text) * (not rival(asked, c, snapshot)) for c in chosen),
        "several": several,
        **(_judged(logits, chosen, several) if logits else {}),
    }


def _held(asked: Asked, candidate: Candidate) -> float:
    return candidate.features["kind"] if asked.expected.type else 1.0


def _judged(logits: Mapping[int, float], chosen: Sequence[Candidate], several: float) -> dict[str, float]:
    read = [logits.get(c.row, UNJUDGED) for c in chosen]
    best = sorted(logits.values(), reverse=True)[:3]
    return {
        "judge": max(read),
        "judge_first": read[0],
        "judge_top": best[0],
        "judge_mean": sum(best) / len(best),
        "judge_several": several * max(read),
    }


def out_of_reach(
    analysis: Analysis, features: Mapping[str, float], pool: Sequence[Candidate], snapshot: Snapshot, language: str
) -> bool:
    """Tell whether evidence in a language cannot answer, whatever it scores.

    So it is if a name of the question stands in no document, a version in none of the passages found, if the passages
    hold next to nothing of the question, or if nothing in it can be put into the other language.
    """
    names = demands_of(analysis).names
    versions = [name for name in names if isinstance(name, Version)]
    if any(not _occurs(name, snapshot) for name in names if not isinstance(name, Version)):
        return True
    if versions:
        texts = {c.passage: f"{c.document.title} {snapshot.passages[c.passage].heading} {_body(c, snapshot)}" for c in pool}.values()
        if not all(any(map(version.named_in, texts)) for version in versions):
            return True
    if language == analysis.language:
        return features["near_coverage"] < _LEAST_COVERAGE[language]
    # English documents say nearly all that Chinese ones do: a Chinese sentence without the very names and times hardly ever answers.
    return not analysis.query.mentions or (language == "zh" and features["identity"] <= IN_PASSAGE)


def of_another_time(chosen: Sequence[Candidate], logits: Mapping[int, float]) -> bool:
    """Tell whether what answers best speaks of another year, month or part of a year than the question.

    So it is if no chosen sentence meets the demand, or if the judge is clearly surer of one that doesn't: the sentence of the
    right time then says something else.
    """
    timed = [c for c in chosen if c.met.timely]
    if not timed or len(timed) == len(chosen):
        return not timed
    surest, of_time = (max(logits.get(c.row, UNJUDGED) for c in some) for some in (chosen, timed))
    return surest - of_time >= _SURER


def of_another_name(analysis: Analysis, chosen: Sequence[Candidate], snapshot: Snapshot) -> bool:
    """Tell whether all that would answer speaks of others in the place of a name that the question asks about."""
    asked = Asked.read(analysis)
    return all(rival(asked, c, snapshot) for c in chosen)


def _body(candidate: Candidate, snapshot: Snapshot) -> str:
    passage = snapshot.passages[candidate.passage]
    return candidate.document.text[passage.start : passage.end]


def _occurs(name: Entry | str, snapshot: Snapshot) -> bool:
    """Tell whether all words of some form of a name occur in the documents."""
    forms = (name,) if isinstance(name, str) else name.forms
    return any(all(t in snapshot.words for t in tokens_of(form)) for form in forms if tokens_of(form))


_LEAST_COVERAGE = {"en": 0.25, "zh": 0.1}
"""Share of the question's weight that its passages hold at the least. Chinese questions are cut into
pairs of ideographs, of which many straddle two words and can't be met."""


def _sides(analysis: Analysis, chosen: Sequence[Candidate]) -> float:
    """Return the share of a comparison's sides that the evidence names."""
    if not analysis.sides:
        return 1.0
    return sum(any(names_entry(c.text, side) for c in chosen) for side in analysis.sides) / len(analysis.sides)
