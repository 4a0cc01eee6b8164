"""Plan by rules: the subjects of a question, and the sub-questions about them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from qa.answering.analysis import analyse
from qa.answering.facts import names_entry, tokens_of, years_of
from qa.research.aspects import ASPECTS, GENERIC, Aspect
from qa.research.words import ABOUT, AI, JOIN, NAME, PLACE, WORDS, YEAR, Language
from qa.retrieval.query import Query
from qa.text.glossary import Entry, Glossary

MOST_SUBJECTS = 3
MOST_YEARS = 8
FIRST_ROUND = 0.75
"""Share of the questions that the first round may use."""
CALLED_FOR = 0.08
"""Share of the found passages on an aspect's topics from which the aspect is looked into."""

_PARTS = re.compile(
    r"[?？;；]\s*|,?\s+and\s+(?=(?:what|how|who|when|where|why|which|is|are|does|do|did|has|have)\b)|[，,](?=(?:如何|为何|为什么|有哪些|谁|何时|有何|怎样|是否))",
    re.IGNORECASE,
)
_ALWAYS = ("rules", "comparison", "limits", "outlook")
_FRAME = frozenset(
    "brief overview report summari research describ explain compar state situat role chang develop happen work affect cope achiev use success".split()
)  # stems of words that ask rather than name a subject


@dataclass(frozen=True)
class Subject:
    """What a brief is about, or one of several such things.

    Attributes:
        name: as the question writes it, with the place where it has one.
        entries: its glossary entries; empty where the glossary knows none of its words.
        tokens: its words, where there are no entries.
        named: it is a particular thing (a company, a model, a city) rather than a field.
        kind: of the glossary, "" for a field.
    """

    name: str
    entries: tuple[Entry, ...]
    tokens: frozenset[str]
    named: bool
    kind: str = ""

    @property
    def several(self) -> bool:
        """Whether its name is a plural: "robotaxis in China"."""
        head = self.name.split(" in ")[0]
        return not self.named and (" and " in head or (head.endswith("s") and not head.endswith("ss")))

    def in_sentence(self, text: str) -> bool:
        """Tell whether a sentence by itself speaks of the subject."""
        return self._share(text) >= 0.5

    def speaks(self, text: str, context: str, glossary: Glossary) -> bool:
        """Tell whether a sentence speaks of the subject, by itself or below its title and heading.

        A sentence below a heading that names the subject may still be about somebody else; one that
        names others of the same kind is not taken on the heading's word.
        """
        if self.in_sentence(text):
            return True
        if self._share(f"{context}\n{text}") < (1.0 if self.named else 0.5):
            return False
        others = {m.entry.kind for m in glossary.mentions(text) if m.entry not in self.entries}
        return not self.named or self.kind not in others

    def _share(self, text: str) -> float:
        if self.entries:
            return sum(names_entry(text, e) for e in self.entries) / len(self.entries)
        return len(self.tokens & tokens_of(text)) / len(self.tokens) if self.tokens else 1.0


@dataclass(frozen=True)
class Task:
    """A sub-question to be searched.

    Attributes:
        question: to be asked.
        heading: of the section that its findings join.
        subject: what a finding must speak of; None where the question alone decides.
        aspect: what a finding must hold; None where anything on the subject will do.
        key: "main", an aspect's key, "year", or "name".
        year: that a finding must name, 0 for none.
        entry: a name that a finding must name.
        history: the questions before it, where it leans on them.
    """

    question: str
    heading: str
    subject: Subject | None
    aspect: Aspect | None = None
    key: str = "main"
    year: int = 0
    entry: Entry | None = None
    history: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The subjects, the years that the question spans (0 for open ends), and the first round's tasks."""

    subjects: tuple[Subject, ...]
    years: tuple[int, int]
    tasks: tuple[Task, ...]


def subjects_of(query: Query) -> tuple[Subject, ...]:
    """Return what a question is about: its names, else its field."""
    text = query.text
    written: dict[Entry, str] = {}
    for mention in query.mentions:
        written.setdefault(mention.entry, text[mention.start : mention.end].removesuffix("'s").removesuffix("’s"))
    names = [e for e in written if e.is_name and e.en not in GENERIC]
    if names:
        # "DeepSeek's R1" and "DeepSeek R1" are one subject: of names side by side the longer says more.
        return tuple(Subject(written[e], (e,), frozenset(), True, e.kind) for e in names[:MOST_SUBJECTS])
    terms = [e for e in written if not e.is_name and e.en not in GENERIC] or [
        e for e in written if not e.is_name and e.en not in ("AI", "comparison", "progress", "world", "growth", "industry")
    ]
    language = query.language
    place = next((e.zh if language == "zh" else e.en for e in written if e.kind == "place"), "")
    if terms:
        name = JOIN[language].join(_inside(written[e]) for e in terms[:MOST_SUBJECTS])
        if all(e.en in GENERIC for e in terms):  # "policy" alone says too little
            name = AI[language].format(name)
        subject = Subject(PLACE[language].format(s=name, p=place) if place else name, tuple(terms[:MOST_SUBJECTS]), frozenset(), False)
        return (subject,)
    years = {str(y) for y in query.years}
    tokens = frozenset(t for t in query.own_tokens if t not in _FRAME and t not in years)
    words = [w for w in re.findall(r"[\w.-]+", text) if tokens_of(w) & tokens]
    name = " ".join(words) if words and language == "en" else text.rstrip("？?。. ")
    return (Subject(name, (), tokens, False),)


def _inside(word: str) -> str:
    """Write a term as it stands inside a sentence: "Robotaxis" without its capital, "AI chips" with them."""
    return word[:1].lower() + word[1:] if word[1:2].islower() else word


def make_plan(query: Query, topics: Counter[str], found_years: Sequence[int], most: int) -> Plan:
    """Choose the first round's sub-questions.

    Args:
        query: the question.
        topics: of the passages that a search for the question finds.
        found_years: years that these passages speak of, for a question about a development without years.
        most: how many sub-questions both rounds may ask.
    """
    language = query.language
    subjects = subjects_of(query)
    heading = WORDS[language]["main"]
    parts = [p.strip() for p in _PARTS.split(query.text) if p and p.strip()]
    mark = "？" if language == "zh" else "?"
    tasks = [Task(query.text, heading, subjects[0] if len(subjects) == 1 else None)]
    if len(parts) > 1:
        tasks += [Task(p + mark, heading, None, history=tuple(q + mark for q in parts[:n])) for n, p in enumerate(parts[:4]) if len(p) > 5]
    years = _years(query, found_years)
    room = max(len(tasks), int(most * FIRST_ROUND)) - len(tasks)
    dated = [
        Task(YEAR[language].format(s=subject.name, y=year), WORDS[language]["year"], subject, key="year", year=year)
        for subject in subjects[:1]
        for year in years
    ]
    about = [task for aspect in _aspects(query, subjects, topics) for task in _about(aspect, subjects, language)]
    # Years are asked for by the question itself, so they come before what the rules add.
    tasks += (dated + about)[:room]
    return Plan(subjects, _span(query), tuple(tasks))


def again(task: Task, language: Language) -> Task | None:
    """Return a task in its aspect's second wording; None where it has none."""
    if task.aspect is None or task.subject is None:
        return None
    question = _worded(task.aspect.again, task.subject, language)
    return Task(question, task.heading, task.subject, task.aspect, task.key)


def about_name(entry: Entry, subject: Subject, language: Language) -> Task:
    """Return the task that follows a name which turned up often."""
    name = (entry.zh if language == "zh" else entry.en) or entry.forms[0]
    own = subject.name.lower() in name.lower()
    question = ABOUT[language].format(s=name) if own else NAME[language].format(n=name, s=subject.name)
    return Task(question, name, subject, key="name", entry=entry)


# A year that bounds what is asked ("in 2024", "2024年的"), not one that names something ("the 2017 plan").
_IN_YEAR = re.compile(
    r"\b(?:in|during|of|for|throughout|from)\s+(?:the year\s+)?(?:19|20)\d\d\b(?!\s+(?:plan|law|rule|act|report))"
    r"|(?:19|20)\d\d年(?!.{0,4}(?:计划|规划))",
    re.IGNORECASE,
)


def _span(query: Query) -> tuple[int, int]:
    """Return the first and last year that the question asks about, (0, 0) for all times."""
    period = analyse(query).period
    if len(query.years) >= 2:
        return min(query.years), max(query.years)
    if period is not None:
        return period.since // 10_000, period.until // 10_000
    if query.years and _IN_YEAR.search(query.text):
        return min(query.years), max(query.years)
    return 0, 0


def _years(query: Query, found: Sequence[int]) -> list[int]:
    """Return the years that are asked for one by one: those that the question spans, or where a development shows most."""
    first, last = _span(query)
    last = min(last, max(found, default=0))
    if 0 < first < last:
        return list(range(first, last + 1))[-MOST_YEARS:]
    if (first, last) != (0, 0) or analyse(query).kind != "change":
        return []
    return sorted(year for year, _ in Counter(found).most_common(5))


def _aspects(query: Query, subjects: Sequence[Subject], topics: Counter[str]) -> list[Aspect]:
    """Choose the aspects that names or topics call for, the most called for first; ties keep the order of the list.

    A field that is itself an aspect ("AI risks", "AI policy") has no cost and no users: only what the question
    names and a few that always make sense are looked into.
    """
    plain = all(s.entries and all(e.en in GENERIC for e in s.entries) for s in subjects)
    whole = sum(topics.values()) or 1
    kinds = {s.kind for s in subjects if s.named}
    chosen = []
    for aspect in ASPECTS:
        share = sum(topics[t] for t in aspect.topics) / whole if aspect.topics else 0.5
        fits = not aspect.kinds or bool(aspect.kinds & kinds) or (bool(aspect.topics) and not kinds)
        asked = aspect.cue.search(query.text) is not None
        if fits and share >= CALLED_FOR and (not plain or asked or aspect.key in _ALWAYS):
            chosen.append((share, aspect))
    return [aspect for _, aspect in sorted(chosen, key=lambda pair: -round(pair[0], 6))]


def _about(aspect: Aspect, subjects: Sequence[Subject], language: Language) -> list[Task]:
    chinese = language == "zh"
    fitting = [s for s in subjects if not s.named or not aspect.kinds or s.kind in aspect.kinds]
    return [Task(_worded(aspect.ask, s, language), aspect.heading[chinese], s, aspect, aspect.key) for s in fitting]


# What changes in the wording of a question about several things: "robotaxis in China", "AI chips".
_SEVERAL = (
    ("is {s}", "are {s}"), ("does {s}", "do {s}"), ("does it grow", "do they grow"), ("is it used", "are they used"), ("by it", "by them"),
)  # fmt: skip


def _worded(pattern: tuple[str, str], subject: Subject, language: Language) -> str:
    """Put a subject into the question about an aspect."""
    text = pattern[language == "zh"]
    if subject.several and language == "en":
        for one, more in _SEVERAL:
            text = text.replace(one, more)
    return text.format(s=subject.name)


def within(text: str, years: tuple[int, int]) -> bool:
    """Tell whether a sentence may speak for the years of the question: it names one of them, or no year at all."""
    named = years_of(text)
    return years == (0, 0) or not named or any(years[0] <= y <= years[1] for y in named)
