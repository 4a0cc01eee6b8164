"""What a question demands of a sentence that answers it, and how far a sentence meets each demand.

Relevance alone does not tell whether evidence suffices (Joren et al., "Sufficient Context", ICLR
2025, https://arxiv.org/abs/2411.06037): a sentence on the right topic with another year or another
company is relevant and does not answer. So every name, year, month, part of a year and measure
that the question names is looked up, in one and the same sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qa.answering.analysis import Analysis
from qa.answering.facts import dates_of, months_of, parts_of_year, tokens_of, years_of
from qa.text.glossary import Entry, Mention

# A year as a whole.
_WHOLE = re.compile(r"\b(?:(?:whole|all) of (?:19|20)\d\d|(?:whole|entire|full|calendar) year|full-year|annual)\b|全年", re.IGNORECASE)
EVERYWHERE = frozenset({"China", "Washington"})
"""Names whose absence from a sentence means nothing: every document is about China, and a capital
often stands for a government that the sentence calls by another name."""

# How much a demand counts as met when not the sentence but its surroundings meet it.
IN_HEADING, IN_PASSAGE = 0.8, 0.45
TIMELY = 0.5  # from which a demand for a time counts as met
# A number behind a name, unless it counts something.
_VERSION = re.compile(
    r"[\s-]?[Vv]?(?!(?:19|20)\d\d(?![\d.]))(\d{1,4}(?:\.\d+)*)(?![\d%]|\.\d|,\d|[-–—~]\d|\s?[年月日号亿万千百个款项家台倍分元次人名位篇种天周小层期轮岁块张])"
    r"(?!\s?(?:thousand|million|billion|trillion|percent|per|times|users|models|versions|papers|people|points|days|weeks|months|years|hours|or|to)\b)"
)
_VERSIONED = frozenset({"model", "product", "chip"})


@dataclass(frozen=True)
class Version:
    """A known model, product or chip with a number of its own behind its name: "Ascend 920" is not any "Ascend"."""

    entry: Entry
    number: str

    def named_in(self, text: str) -> bool:
        """Tell whether a text names the entry and this number, a short one right behind the name ("950, 960 and 970")."""
        number = rf"{re.escape(self.number)}(?!\d|\.\d)"
        if not re.search(number, text):
            return False
        if len(self.number) > 2 and re.search(rf"(?<![\d.]){number}", text) and self.entry.named_in(text):
            return True
        return any(re.search(rf"{re.escape(form)}[\s-]*V?{number}", text, re.IGNORECASE) for form in self.entry.forms)


Name = Entry | Version | str


@dataclass(frozen=True)
class Demands:
    """The demands of one question.

    Attributes:
        names: names that the sentence must hold: entries of the glossary, versions of them, and words that are
            written like names and stand in no glossary; the sides of a comparison are optional.
        years, months, parts: when; a bound such as "before 2023" demands nothing here; the part "whole" is a year as a whole.
        measures: terms of the glossary ("revenue", "market share") with their place in the question.
    """

    names: tuple[Name, ...]
    years: frozenset[int]
    months: frozenset[int]
    parts: frozenset[str]
    measures: tuple[Mention, ...]


@dataclass(frozen=True)
class Met:
    """How far a sentence meets each kind of demand, 0 to 1; 1 where nothing is demanded.

    ``names`` is the mean over the names, ``all_names`` the one met worst, ``measures`` the mean
    over the measures weighted by their rarity.
    """

    names: float
    all_names: float
    years: float
    months: float
    parts: float
    measures: float

    @property
    def identity(self) -> float:
        """Whether the sentence speaks of the very things and times: all but the measures together."""
        return self.all_names * self.years * self.months * self.parts

    @property
    def product(self) -> float:
        """All demands together."""
        return self.identity * self.measures

    @property
    def timely(self) -> bool:
        """Whether the sentence speaks of the time that is asked for, rather than of another one or of none."""
        return min(self.years, self.months, self.parts) >= TIMELY


def demands_of(analysis: Analysis) -> Demands:
    """Read the demands off a question."""
    query = analysis.query
    known = tuple(n for n in query.names if n.en not in EVERYWHERE and n not in analysis.sides)
    unknown = unknown_names(query.text, [(m.start, m.end) for m in query.mentions])
    names: tuple[Name, ...] = (*known, *versions_of(query.text, query.mentions), *unknown)
    measures = tuple(m for m in query.mentions if not m.entry.is_name)
    bound = analysis.period is not None
    return Demands(
        names,
        frozenset() if bound else query.years,
        frozenset() if bound else months_of(query.text),
        parts_of_year(query.text) or (frozenset({"whole"}) if _WHOLE.search(query.text) else frozenset()),
        measures,
    )


def versions_of(text: str, mentions: Sequence[Mention]) -> tuple[Version, ...]:
    """Return the versions that a question names by a number behind a known name that holds none itself."""
    found = [(m.entry, version_behind(text, m)) for m in mentions]
    return tuple(dict.fromkeys(Version(entry, match[1]) for entry, match in found if match))


def version_behind(text: str, mention: Mention) -> re.Match[str] | None:
    """Return the number right behind the name of a model, product or chip, as group 1."""
    entry = mention.entry
    return _VERSION.match(text, mention.end) if entry.kind in _VERSIONED and not any(map(str.isdigit, entry.en)) else None


_NAME_LIKE = re.compile(r"(?<![A-Za-z0-9-])(?:[A-Z][A-Za-z0-9'’]*(?:-[A-Z0-9][A-Za-z0-9.]*)*|[A-Za-z]+-?\d(?:[A-Za-z0-9.]|-(?=[A-Z0-9]))*)")
_YEAR = re.compile(r"(?:19|20)\d\d")
_NO_NAMES = frozenset(
    """AI I Q1 Q2 Q3 Q4 H1 H2 January February March April May June July August September October November December
    Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec TV US UK EU UN
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday English Mr Ms Dr CEO CFO CTO R&D API GPU CPU LLM IPO GDP""".split()
)


def unknown_names(text: str, mentions: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Return the words of a question that are written like names and belong to no glossary entry.

    The first word of a sentence is capitalised anyway and tells nothing unless it holds a digit.
    """
    found = []
    for match in _NAME_LIKE.finditer(text):
        word = match.group().removesuffix("'s").removesuffix("’s").rstrip(".-")
        before = text[: match.start()].rstrip(" \"'“‘")
        opens = not before or before[-1] in ".?!("
        if word in _NO_NAMES or _YEAR.search(word) or (opens and not any(map(str.isdigit, word))):
            continue
        numbered = any(map(str.isdigit, word))  # "GPT-7" is not the known "GPT"
        if not any(a < match.end() and match.start() < b and (b >= match.start() + len(word) or not numbered) for a, b in mentions):
            found.append(word)
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Surroundings:
    """What of a question's demands stands in a passage and its heading; the same for all sentences of the passage.

    Attributes:
        names: of each name, what it counts for a sentence that lacks it, and whether the passage holds it.
        measures: of each measure, whether the heading names it, and whether the passage does.
        years: whether the heading says a year that is demanded.
    """

    names: tuple[tuple[float, bool], ...]
    measures: tuple[tuple[bool, bool], ...]
    years: bool


def surroundings(demands: Demands, heading: str, passage: str) -> Surroundings:
    """Look for the demands in the title of a document with the heading of a section, and in a whole passage."""
    names = []
    for name in demands.names:
        inside = _holds(passage, name)
        names.append((IN_HEADING if _holds(heading, name) else IN_PASSAGE if inside else 0.0, inside))
    measures = tuple((m.entry.named_in(heading), m.entry.named_in(passage)) for m in demands.measures)
    return Surroundings(tuple(names), measures, bool(demands.years) and not demands.years.isdisjoint(years_of(heading)))


def met(demands: Demands, sentence: str, around: Surroundings, likeness: Callable[[Mention], float], rarity: Sequence[float]) -> Met:
    """Judge a sentence.

    Args:
        demands: the question's.
        sentence: the sentence's text.
        around: of its passage.
        likeness: how near the sentence's words come to a measure that it does not name, 0 to 1.
        rarity: inverse document frequency of each measure.
    """
    names = [1.0 if inside and _holds(sentence, n) else outside for n, (outside, inside) in zip(demands.names, around.names, strict=True)]
    possible = reached = 0.0
    for measure, weight, (headed, inside) in zip(demands.measures, rarity, around.measures, strict=True):
        possible += weight
        reached += weight * (1.0 if _measured(measure, sentence, inside) else IN_HEADING if headed else likeness(measure))
    return Met(
        sum(names) / len(names) if names else 1.0,
        min(names, default=1.0),
        _years(demands, sentence, around.years) if demands.years else 1.0,
        _months(demands, sentence) if demands.months else 1.0,
        _parts(demands, sentence),
        reached / possible if possible else 1.0,
    )


def _holds(text: str, name: Name) -> bool:
    return tokens_of(text) >= tokens_of(name) if isinstance(name, str) else name.named_in(text)


def _measured(measure: Mention, sentence: str, inside: bool) -> bool:
    if inside and measure.entry.named_in(sentence):
        return True
    tokens = tokens_of(sentence)
    return any(map(tokens.issuperset, measure.entry.tokens))


def _years(demands: Demands, sentence: str, headed: bool) -> float:
    own = years_of(sentence)
    if own & demands.years:
        return 1.0
    # Timelines say the year in the heading; a sentence with another year speaks of that one.
    if not own and headed:
        return IN_HEADING
    return 0.0 if own else 0.3


def _months(demands: Demands, sentence: str) -> float:
    own = dates_of(sentence)
    if any(int(d.value) // 100 in demands.months for d in own):
        return 1.0
    asked = {m // 100 for m in demands.months}
    if any(d.kind == "year" and int(d.value) // 10_000 in asked for d in own):
        return 0.7
    return 0.25 if any(int(d.value) // 10_000 in asked for d in own) else 0.1


def _parts(demands: Demands, sentence: str) -> float:
    own = parts_of_year(sentence)
    if "whole" in demands.parts:
        return 0.0 if own else 1.0
    if demands.parts:
        return 1.0 if own & demands.parts else (0.0 if own else 0.3)
    # A quarter's figure does not answer a question on the year, but may stand beside one that does.
    return 0.6 if demands.years and not demands.months and own else 1.0
