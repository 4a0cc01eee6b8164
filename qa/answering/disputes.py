"""Whether what was asked for is disputed, by which sentences, and with which values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from qa.answering.accounts import DAYS_APART, DIFFERS, TOLD_APART, comparable, days, days_between, factor, levels, told
from qa.answering.analysis import Analysis
from qa.answering.answer import Conflict
from qa.answering.conflicts import alike, conflict, disagreement, rivals
from qa.answering.evidence import Candidate
from qa.answering.expected import expected_of
from qa.answering.facts import years_of
from qa.answering.select import MANY, same
from qa.text.quantities import Quantity

TELLING = 12
"""Best sentences among which one may tell that the answer's value is disputed."""
POOL = 40
"""Best sentences among which one may give another value of the same quantity."""
AS_GOOD = 0.9
"""Share of the first sentence's coverage of the question from which another one speaks of what was asked."""
FAIR = 0.6
"""The same where the sentence says that accounts differ and no better one gives a value."""
ON_SUBJECT = 0.3
"""Share of words in common from which two sentences give values of one thing, where one says that it gives another account."""
_OF_DAYS = re.compile(r"\b(?:days?|dates?|months?|years?|when|\d+(?:st|nd|rd|th))\b|[年月日天号]|时间|时候")
# "2.2 or 22 billion", "the 12th or the 13th", "5月还是7月"
_EITHER = re.compile(r"(\d[\d,.]*)[^\d,.;，。]{0,24}?(?:\bor\b|还是)[^\d,.;，。]{0,24}?(\d[\d,.]*)", re.IGNORECASE)
_EITHER_WORDS = re.compile(r"\b(\w+fold) or (\w+fold)\b", re.IGNORECASE)
_EACH = re.compile(r"\b(?:each|respectively|both)\b|各|分别", re.IGNORECASE)
_DIGITS = re.compile(r"\d[\d,]*(?:\.\d+)?")
# Words by which a sentence refers to an account that stands in another one.
_OTHER = re.compile(
    r"^(?:Other|Another|Some|One|A different|A further)\b|\bdifference\b|"
    r"\b(?:differently|very different|more cautious|(?:far|much) (?:more|less|fewer|higher|lower)|raised the figure|"
    r"(?:below|above|than) .{3,40}'s (?:own )?(?:figure|count|estimate|number|value))\b|^(?:也有|另有|另一)|[高低多少]得多",
    re.IGNORECASE,
)
_KINDS: dict[str, tuple[str, ...]] = {"money": ("money",), "percent": ("percent", "points"), "count": ("count",)}
_COUNTED_ZH = re.compile(r"(?:多少|几)[万亿]?[个家名位人项款台辆颗座篇次件条部所种块张艘架]")
_VERSION = re.compile(r"(?<![\d.,])\d+\.\d+(?![\d.]*(?:%|[万亿倍]))|[A-Za-z]+-?\d+(?:\.\d+)*")

Told = list[tuple[Candidate, Quantity]]


def disputes(analysis: Analysis, chosen: list[Candidate], ordered: Sequence[tuple[float, Candidate]], extra: float) -> list[Conflict]:
    """Find values that disagree; a sentence that tells of them joins the answer if it is not in it.

    Args:
        analysis: the question.
        chosen: the answer's sentences, to which those that tell of other values are added.
        ordered: candidates with their scores, best first.
        extra: how far below the best sentence a further one may score.
    """
    if analysis.kind in ("entity", "why") and not analysis.disputed:
        return []
    found: Told | None = _either(analysis.query.text, chosen)
    best = chosen[0]
    near = [c for s, c in ordered[:TELLING] if s >= ordered[0][0] - extra or c.features["coverage"] >= AS_GOOD * best.features["coverage"]]
    near += [c for _, c in ordered[:POOL] if c.document.id == best.document.id and c not in near]
    for dated in () if found else _ways(analysis):
        found = found or _Search(analysis, chosen, near, [c for _, c in ordered[:POOL]], dated).found()
    if not found:
        return []
    _join(chosen, [c for c, _ in found])
    number = {c.row: n for n, c in enumerate(chosen, 1)}
    what = next((c.text for c, _ in found if DIFFERS.search(c.text)), found[0][0].text)
    return [conflict(what, [(c, number[c.row], q) for c, q in found])]


def _join(chosen: list[Candidate], telling: Sequence[Candidate]) -> None:
    """Add the sentences that tell of the values to the answer, in place of its last ones where it would grow too long."""
    rows = {c.row for c in chosen}
    chosen += [c for c in {c.row: c for c in telling}.values() if c.row not in rows]
    kept = {c.row for c in telling}
    for candidate in chosen[:0:-1]:
        if len(chosen) > MANY and candidate.row not in kept:
            chosen.remove(candidate)


def _ways(analysis: Analysis) -> tuple[bool, ...]:
    """Return whether dates are at issue, or figures, or first the one and then the other."""
    if analysis.kind == "date":
        return (True,)
    if analysis.kind in ("number", "comparison", "change") and not analysis.disputed:
        return (False,)
    if _OF_DAYS.search(analysis.query.text) and expected_of(analysis).type not in _KINDS:
        return (True, False)
    return (False, True) if analysis.disputed else (False,)


def _either(question: str, chosen: Sequence[Candidate]) -> Told | None:
    """Return the two values between which the question asks to choose, where sentences give both."""
    match = _EITHER.search(question) or _EITHER_WORDS.search(question)
    if match is None or match[1] == match[2]:
        return None
    wanted = [w.rstrip(".,").lower() for w in match.groups()]
    places = [(c, q) for c in chosen[:3] for q in (*days(c.text), *levels(c.text))]
    found: Told = []
    for word in wanted:
        place = next(((c, q) for c, q in places if word in _written(c.text[q.start : q.end])), None)
        if place is None:
            return None
        found.append(place)
    return found if found[0] != found[1] else None


def _written(value: str) -> list[str]:
    return [*_DIGITS.findall(value), value.lower()]


@dataclass
class _Search:
    """Looks for values that disagree with what the answer gives.

    Attributes:
        analysis: the question.
        chosen: the answer's sentences.
        near: sentences about as good as the best.
        pool: more sentences, best first.
        dated: dates are at issue, not figures.
    """

    analysis: Analysis
    chosen: Sequence[Candidate]
    near: Sequence[Candidate]
    pool: Sequence[Candidate]
    dated: bool
    said: set[float] = field(init=False)
    wanted: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        text = self.analysis.query.text
        self.said = {q.value for q in (*levels(text), *days(text))}
        # A question for differing accounts ("how many versions are there?") does not say what they are of.
        self.wanted = () if self.dated or self.analysis.disputed else _KINDS.get(expected_of(self.analysis).type, ())
        if not self.dated and not self.analysis.disputed and not self.wanted and _COUNTED_ZH.search(text):
            self.wanted = _KINDS["count"]

    def found(self) -> Told:
        """Return the values that disagree with their sentences; empty if none do."""
        # Figures side by side with words of telling are rivals only where one figure is asked for.
        several = self.analysis.kind in ("comparison", "list", "change") or _EACH.search(self.analysis.query.text) is not None
        for plainly in (True, False) if self.analysis.disputed else (several,):
            for candidate in self.chosen[:3]:
                values = self._told(candidate, plainly)
                if values and self._concerns(candidate, values):
                    return [(candidate, q) for q in values] + self._beside(candidate, values)
            if self.analysis.disputed and plainly:
                differing = disagreement(self.chosen, self.said, self.dated)
                if differing:
                    return list(differing)
        for candidate in self.near:
            values = self._told(candidate, several)
            # Elsewhere the text may tell that the very value which the answer gives is disputed.
            fuller = candidate.features["coverage"] > self.chosen[0].features["coverage"] and DIFFERS.search(candidate.text) is not None
            if self._shares(candidate, values) or (values and fuller and self._concerns(candidate, values)):
                return [(candidate, q) for q in values]
        return self._other_account() or self._rivals()

    def _values(self, candidate: Candidate) -> list[Quantity]:
        values = days(candidate.text) if self.dated else levels(candidate.text)
        return [q for q in values if q.value not in self.said and (not self.wanted or q.kind in self.wanted)]

    def _told(self, candidate: Candidate, plainly: bool) -> tuple[Quantity, ...]:
        values = told(candidate, self.said, self.dated, plainly=plainly)
        return () if self.wanted and any(q.kind not in self.wanted for q in values) else values

    def _concerns(self, candidate: Candidate, values: Sequence[Quantity]) -> bool:
        """Tell whether a sentence's values are of what was asked: it answers best, or as well as the best, or confirms it."""
        best = self.chosen[0]
        if candidate is best or self._shares(candidate, values):
            return True
        # Where the best sentence gives no value, or the question asks how accounts differ, one that says so is what was asked for.
        asked = self.analysis.disputed
        fuller = candidate.features["coverage"] > best.features["coverage"]
        plain = DIFFERS.search(candidate.text) is not None and (asked or fuller or not self._values(best))
        least = FAIR if plain else AS_GOOD
        meets = candidate.met.product >= least * best.met.product or (plain and asked)
        named = candidate.met.all_names >= (FAIR if plain else 1.0) * best.met.all_names
        return candidate.features["coverage"] >= least * best.features["coverage"] and meets and named and self._versions(candidate)

    def _shares(self, candidate: Candidate, values: Sequence[Quantity]) -> bool:
        """Tell whether one of the values is what the first sentence gives, on the same subject."""
        best = self.chosen[0]
        if candidate is best or not values or not self._versions(candidate) or candidate.met.names < best.met.names / 2:
            return False
        explicit = DIFFERS.search(candidate.text) is not None
        follows = candidate.passage == best.passage and abs(candidate.row - best.row) <= 2
        bare = self.dated and not any(q.value % 10_000 for q in values)  # a year is soon shared
        if alike(candidate, best) < (0.0 if explicit and follows else ON_SUBJECT / 2 if explicit and not bare else ON_SUBJECT):
            return False
        sure = [c for c in self.chosen[:2] if c is best or c.features["coverage"] >= AS_GOOD * best.features["coverage"]]
        given = {q.value for c in sure if c is not candidate for q in self._values(c)}
        years = {v for v in given if self.dated and not v % 10_000}  # a year is given, and the sentence tells of months
        year_given = alike(candidate, best) >= ON_SUBJECT and any(q.value // 10_000 * 10_000 in years for q in values)
        return year_given or any(q.value in given for q in values)

    def _versions(self, candidate: Candidate) -> bool:
        """Tell whether a sentence names the same versions ("R1", "5.0") as the question, if the question names any."""
        named = {v.lower() for v in _VERSION.findall(self.analysis.query.text)}
        return named <= {v.lower() for v in _VERSION.findall(candidate.text)} or all(v in candidate.text.lower() for v in named)

    def _other_account(self) -> Told:
        """Return a value that a sentence gives as another account, and the one that it differs from."""
        for candidate in self.chosen[:3]:
            values = self._values(candidate)
            if values and (DIFFERS.search(candidate.text) or _OTHER.search(candidate.text)) and self._concerns(candidate, values):
                beside = self._beside(candidate, values)
                if beside:
                    value = beside[0][1]
                    own = min(values, key=lambda q: days_between(q, value) if self.dated else factor(q, value))
                    return [*beside, (candidate, own)]
        return []

    def _beside(self, candidate: Candidate, values: Sequence[Quantity]) -> Told:
        """Return a value of another sentence from which this one says that it differs: of the one before it, or of a chosen one."""
        if not _OTHER.search(candidate.text):
            return []
        before = [c for c in self.pool if c.passage == candidate.passage and c.row == candidate.row - 1]
        known = {q.value for q in self._values(candidate)}
        for other in (*before, *self.chosen):
            least = ON_SUBJECT / 2 if other in before else ON_SUBJECT if self._same_years(other, candidate) else 1.0
            if other.row != candidate.row and alike(other, candidate) >= least and self._versions(other):
                fitting = (q for q in self._values(other) if q.value not in known and any(self._rival(q, v) for v in values))
                first = next(fitting, None)
                if first is not None:
                    return [(other, first)]
        return []

    def _same_years(self, one: Candidate, other: Candidate) -> bool:
        here, there = years_of(one.text), years_of(other.text)
        return self.dated or not here or not there or not here.isdisjoint(there)

    def _rival(self, a: Quantity, b: Quantity) -> bool:
        if self.dated:
            return bool(a.value % 100) == bool(b.value % 100) and 0 < days_between(a, b) <= DAYS_APART
        return comparable(a, b) and (a.unit == b.unit or not a.unit or not b.unit) and 1 < factor(a, b) <= TOLD_APART

    def _rivals(self) -> Told:
        """Return values that other sentences give for the first value of the best sentence."""
        if self.dated or (self.analysis.kind != "number" and not self.analysis.disputed):
            return []
        best = self.chosen[0]
        first = next(iter(self._values(best)), None)
        found = [(there, own, other) for there, own, other in rivals(best, self.pool, self.analysis.disputed) if own == first][:2]
        found = [f for f in found if f[0] in self.chosen or not any(same(f[0], c) for c in self.chosen[1:])]
        return [(best, found[0][1]), *((there, other) for there, _, other in found)] if found else []
