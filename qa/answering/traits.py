"""What a sentence holds of what a question may ask for: sorts of figures, dates and names, and whose and of when they are.

Vectors tell what a sentence is about, less so whether a sum of money stands in it that the question does not say itself, or
whether it speaks of another company of the same sort. These are looked up, for the judge and for confidence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from qa.answering.analysis import Analysis
from qa.answering.demands import EVERYWHERE
from qa.answering.evidence import Candidate
from qa.answering.expected import PROPER, Expected, expected_of, names_in
from qa.answering.facts import dates_of, quantities_of
from qa.index.snapshot import Snapshot
from qa.text.glossary import Entry
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


@dataclass(frozen=True)
class Asked:
    """What a question says and asks for, read once for all sentences.

    Attributes:
        text: of the question.
        names: that it asks about, sides of a comparison among them.
        years: that it asks for; empty where they only bound the time.
        expected: what an answer must hold.
        figures, days: values that the question says itself.
        planned: it speaks of plans.
    """

    text: str
    names: frozenset[Entry]
    years: frozenset[int]
    expected: Expected
    figures: frozenset[float]
    days: frozenset[float]
    planned: bool

    @classmethod
    def read(cls, analysis: Analysis) -> Asked:
        """Read a question."""
        query, text = analysis.query, analysis.query.text
        return cls(
            text,
            frozenset((*query.names, *analysis.sides)),
            frozenset() if analysis.period else query.years,
            expected_of(analysis),
            frozenset(q.value for q in quantities_of(text)),
            frozenset(d.value for d in dates_of(text)),
            _PLANNED.search(text) is not None,
        )

    def new_figures(self, text: str) -> list[Quantity]:
        """Return the figures of a sentence that the question does not say itself."""
        return [q for q in quantities_of(text) if q.value not in self.figures]


def traits_of(asked: Asked, candidate: Candidate, snapshot: Snapshot) -> list[float]:
    """Describe a sentence.

    Returns:
        TRAITS numbers from 0 to 1 (the period from -1): whether it has, beyond what the question says, a sum of money, a share, a
        count, a day, another date, a name that the glossary does not know; no figure at all; a figure of the asked year; another
        name in the place of one asked about; plans, and plans in the question; what is expected; names of each sort; then
        features of the candidate.
    """
    text = candidate.text
    figures = asked.new_figures(text)
    sorts = {q.kind for q in figures}
    days = {d.value % 100 > 0 for d in dates_of(text) if d.value not in asked.days}
    proper, planned = _read(text)
    told = [
        "money" in sorts,
        "percent" in sorts or "points" in sorts,
        "count" in sorts,
        True in days,
        False in days,
        any(name not in asked.text for name in proper),
        not figures,
        of_year(asked, text),
        rival(asked, candidate, snapshot),
        planned,
        asked.planned,
    ]
    told += [asked.expected.type == wanted for wanted in _EXPECTED]
    new = {e.kind for e in names_in(text, snapshot.glossary) if e not in asked.names}
    told += [not sort.isdisjoint(new) for sort in _SORTS]
    return [*map(float, told), *(candidate.features[name] for name in _BROUGHT)]


@lru_cache(maxsize=50_000)
def _read(text: str) -> tuple[tuple[str, ...], bool]:
    """Return the words of a sentence that are written like names of several words, and whether it speaks of plans."""
    return tuple(PROPER.findall(text)), _PLANNED.search(text) is not None


def of_year(asked: Asked, text: str) -> float:
    """Tell whether a figure of a sentence is of a year that the question asks for: 1 if it is or none is asked for, 0 if each is of another.

    A figure is of the year that stands nearest to it; a sentence without years or figures counts half.
    """
    if not asked.years:
        return 1.0
    dates, figures = dates_of(text), asked.new_figures(text)
    if not dates or not figures:
        return 0.5
    fitting = [q for q in figures if q.kind == asked.expected.type] or figures
    nearest = [min(dates, key=lambda d: max(d.start - q.end, q.start - d.end)) for q in fitting]
    return float(any(int(d.value) // 10_000 in asked.years for d in nearest))


def rival(asked: Asked, candidate: Candidate, snapshot: Snapshot) -> bool:
    """Tell whether a sentence names, in the place of a name that the question asks about, another of its sort.

    A name that stands in the title or the heading above is what the sentence is about.
    """
    text = candidate.text
    held = names_in(text, snapshot.glossary)
    others = {e.kind for e in held if e not in asked.names and e.en not in _COUNTRIES}
    if not others:
        return False
    heading = f"{candidate.document.title} {snapshot.passages[candidate.passage].heading}"
    return any(
        e.en not in EVERYWHERE and e not in held and not e.named_in(text) and not e.named_in(heading)
        for e in asked.names
        if any(e.kind in sort and not sort.isdisjoint(others) for sort in _SORTS)
    )
