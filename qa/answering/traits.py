"""What a sentence holds of what a question may ask for: sorts of figures, dates and names, and whose and of when they are.

Vectors tell what a sentence is about, less so whether a sum of money stands in it that the question does not say itself, or
whether it speaks of another company of the same sort. These are looked up, for the judge and for confidence.
"""

from __future__ import annotations

import re

from qa.answering.analysis import Analysis
from qa.answering.demands import EVERYWHERE
from qa.answering.evidence import Candidate
from qa.answering.expected import PROPER, expected_of, names_in
from qa.answering.facts import dates_of, quantities_of
from qa.index.snapshot import Snapshot
from qa.text.quantities import Quantity

_SORTS = (
    frozenset({"person"}),
    frozenset({"company", "lab", "organisation", "agency"}),
    frozenset({"model", "product", "chip"}),
    frozenset({"place"}),
)
"""Kinds of names that can stand in for each other in an answer."""
_COUNTRIES = EVERYWHERE | {"United States"}
_PLANNED = re.compile(
    r"\b(?:target\w*|aim(?:s|ed|ing)?|goals?|plan(?:s|ned|ning)?|intend\w*|forecasts?|project(?:ed|ions?)|expect(?:s|ed|ing)?|predict\w*|will|would|hopes?|"
    r"set out to)\b|目标|计划|预计|预测|力争|拟|规划|将达|将超|有望",
    re.IGNORECASE,
)
_EXPECTED = ("money", "percent", "count", "quantity", "date", "day", "name")
_TOLD = 11  # numbers that come from the sentence and the question together, before those that the candidate brings
_BROUGHT = ("kind", "all_names", "years", "months", "parts", "measures", "identity", "period", "coverage", "rarest")
TRAITS = _TOLD + len(_EXPECTED) + len(_SORTS) + len(_BROUGHT)


def traits_of(analysis: Analysis, candidate: Candidate, snapshot: Snapshot) -> list[float]:
    """Describe a sentence.

    Returns:
        TRAITS numbers from 0 to 1 (the period from -1): whether it has, beyond what the question says, a sum of money, a share, a
        count, a day, another date, a name that the glossary does not know; no figure at all; a figure of the asked year; another
        name in the place of one asked about; plans, and plans in the question; what is expected; names of each sort; then
        features of the candidate.
    """
    text, asked = candidate.text, analysis.query.text
    days = {d.value for d in dates_of(asked)}
    figures = _new_figures(analysis, text)
    sorts = {q.kind for q in figures}
    dates = [d for d in dates_of(text) if d.value not in days]
    names = [e for e in names_in(text, snapshot.glossary) if e not in analysis.query.names]
    told = [
        "money" in sorts,
        "percent" in sorts or "points" in sorts,
        "count" in sorts,
        any(d.value % 100 for d in dates),
        any(not d.value % 100 for d in dates),
        any(name not in asked for name in PROPER.findall(text)),
        not figures,
        of_year(analysis, text),
        rival(analysis, candidate, snapshot),
        _PLANNED.search(text) is not None,
        _PLANNED.search(asked) is not None,
    ]
    told += [expected_of(analysis).type == wanted for wanted in _EXPECTED]
    kinds = [any(e.kind in sort for e in names) for sort in _SORTS]
    return [*map(float, told), *map(float, kinds), *(candidate.features[name] for name in _BROUGHT)]


def _new_figures(analysis: Analysis, text: str) -> list[Quantity]:
    said = {q.value for q in quantities_of(analysis.query.text)}
    return [q for q in quantities_of(text) if q.value not in said]


def of_year(analysis: Analysis, text: str) -> float:
    """Tell whether a figure of a sentence is of a year that the question asks for: 1 if it is or none is asked for, 0 if each is of another.

    A figure is of the year that stands nearest to it; a sentence without years or figures counts half.
    """
    years, dates, figures = analysis.query.years, dates_of(text), _new_figures(analysis, text)
    if not years or analysis.period is not None:
        return 1.0
    if not dates or not figures:
        return 0.5
    wanted = expected_of(analysis).type
    fitting = [q for q in figures if q.kind == wanted] or figures
    nearest = [min(dates, key=lambda d: max(d.start - q.end, q.start - d.end)) for q in fitting]
    return float(any(int(d.value) // 10_000 in years for d in nearest))


def rival(analysis: Analysis, candidate: Candidate, snapshot: Snapshot) -> bool:
    """Tell whether a sentence names, in the place of a name that the question asks about, another of its sort.

    A name that stands in the title or the heading above is what the sentence is about.
    """
    text, heading = candidate.text, f"{candidate.document.title} {snapshot.passages[candidate.passage].heading}"
    others = names_in(text, snapshot.glossary)
    lacking = [e for e in (*analysis.query.names, *analysis.sides) if not e.named_in(text) and not e.named_in(heading)]
    return any(
        e.en not in EVERYWHERE and any(o.kind in sort and o not in analysis.query.names and o.en not in _COUNTRIES for o in others)
        for e in lacking
        for sort in _SORTS
        if e.kind in sort
    )
