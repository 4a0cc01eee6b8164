"""Search the sub-questions and keep what fits: sentences on the subject and the aspect, each once."""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from qa.answering.accounts import told
from qa.answering.answer import Answer, Citation, Conflict, Sentence
from qa.answering.compose import citation
from qa.answering.conflicts import conflict
from qa.answering.demands import Met
from qa.answering.evidence import Candidate
from qa.answering.facts import dates_of, names_entry, quantities_of, tokens_of, years_of
from qa.answering.pipeline import answer
from qa.answering.select import DUPLICATE
from qa.research.aspects import GENERIC, MORE_NAMES
from qa.research.model import Gap, Sub
from qa.research.plan import Plan, Task, within
from qa.retrieval.filters import Filters
from qa.retrieval.hits import Hit
from qa.retrieval.query import Query
from qa.retrieval.search import Searcher
from qa.text.glossary import Entry

MOST = {"main": 5, "year": 12, "name": 3}
MOST_OF_ASPECT = 6
PER_YEAR = 2
"""Most sentences of a section, and of one year."""
ANSWERED = 5
"""Most sentences that one sub-question's answer gives."""
OFTEN = 3
"""Sentences that name somebody from which a second round follows the name."""
OTHER_LANGUAGE = 2
"""Sentences that a section has at most when one in the other language joins it: they fill what would be thin."""
SMALL = 10
"""Counts below it ("1 to 2 places") are no rival values of a sentence that tells of differing accounts."""
COVERED = 0.34
"""Share of the sub-question's words that a sentence beside its answer must hold."""

_UNKNOWN_FIT = Met(1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
Place = tuple[str, int, int]


@dataclass(frozen=True)
class Finding:
    """A sentence with its citation (whose number is not yet given) and the section that it joins."""

    sentence: Sentence
    citation: Citation
    heading: str
    key: str
    score: float
    subject: str = ""

    @property
    def place(self) -> Place:
        """Document and span."""
        return self.citation.document_id, self.citation.start, self.citation.end


@dataclass
class Notebook:
    """What research has found so far.

    Attributes:
        findings: in the order in which they were found.
        conflicts: with the citations that their values point to.
        gaps: sub-questions without evidence, by heading and subject.
        asked: the sub-questions.
        usable: the answers that gave something, for the evidence of a model.
    """

    findings: list[Finding] = field(default_factory=list)
    conflicts: list[tuple[Conflict, tuple[Citation, ...]]] = field(default_factory=list)
    gaps: dict[tuple[str, str], tuple[Task, Gap]] = field(default_factory=dict)
    asked: list[Sub] = field(default_factory=list)
    usable: list[Answer] = field(default_factory=list)


class Collector:
    """Asks tasks of one snapshot and writes what fits into a notebook."""

    def __init__(self, searcher: Searcher, filters: Filters, plan: Plan, query: Query) -> None:
        self._searcher = searcher
        self._question = query.text
        self._language = language = query.language
        self._snapshot = searcher.snapshot
        # The brief's own language first, since a reader wants it in one; both where that gives too little.
        own = [] if filters.languages else [filters.model_copy(update={"languages": (language,)})]
        self._scopes = [*own, filters]
        self._plan = plan
        self.notebook = Notebook()

    def ask(self, task: Task, number: int) -> None:
        """Search one sub-question in a round."""
        book = self.notebook
        fitting = fresh = 0
        missing: tuple[str, ...] = ()
        for scope in self._scopes:
            result = answer(self._searcher, task.question, task.history, scope, ANSWERED)
            missing = missing or result.missing
            fits = [f for f in ([] if result.abstained else self._candidates(task, result)) if self._fits(task, f)]
            for finding in fits:
                if self._room(task, finding) and not self._known(finding):
                    book.findings.append(finding)
                    fresh += 1
            fitting += len(fits)
            if fits:
                book.usable.append(result)
                self._conflicts(task, result)
            if fitting >= OTHER_LANGUAGE:
                break
        key = (task.heading, task.subject.name if task.subject else task.question)
        if fitting:
            book.gaps.pop(key, None)
        elif task.key != "name" and key not in book.gaps:
            book.gaps[key] = (task, Gap(question=task.question, missing=missing))
        book.asked.append(Sub(question=task.question, aspect=task.key, round=number, found=fresh))

    def compare(self) -> None:
        """Note the sentences that say themselves that accounts differ; the answers have noted what else disagrees."""
        said = {q.value for q in (*quantities_of(self._question), *dates_of(self._question))}
        for finding in self.notebook.findings:
            document = self._snapshot.documents[finding.citation.document_id]
            candidate = Candidate(-1, -1, document, finding.citation.start, finding.citation.end, _UNKNOWN_FIT, {})
            values = [q for q in told(candidate, said) if q.kind != "count" or q.value >= SMALL]
            place = (finding.citation.document_id, finding.citation.start)
            known = any(place == (c.document_id, c.start) for _, citations in self.notebook.conflicts for c in citations)
            if len(values) > 1 and not known:
                found = conflict(candidate.text, [(candidate, 0, q) for q in values])
                self.notebook.conflicts.append((found, (finding.citation,) * len(values)))

    @property
    def beyond(self) -> bool:
        """Whether nothing fits so far and the glossary knows no subject of the question: the collection is about something else."""
        return not self.notebook.findings and not any(s.entries for s in self._plan.subjects)

    def names(self, most: int) -> list[Entry]:
        """Return the names that turned up often and that the question does not hold, the most frequent first."""
        own = {e for s in self._plan.subjects for e in s.entries}
        counts: Counter[Entry] = Counter()
        for finding in self.notebook.findings:
            counts.update({m.entry for m in self._snapshot.glossary.mentions(finding.sentence.text)})
        often = [
            (count, entry) for entry, count in counts.items()
            if count >= OFTEN and entry.kind in MORE_NAMES and entry.en not in GENERIC and entry not in own
        ]  # fmt: skip
        return [entry for _, entry in sorted(often, key=lambda pair: (-pair[0], pair[1].forms[0]))[:most]]

    def _candidates(self, task: Task, result: Answer) -> list[Finding]:
        """Return the answer's sentences, then those of its passages that hold most of the question's words."""
        cited = {c.number: c for c in result.citations}
        found = [
            Finding(s.model_copy(update={"superseded_by": None}), c, task.heading, task.key, 1 + c.score, _name(task))
            for s in result.sentences
            for c in [cited[s.citations[0]]]
        ]
        asked = tokens_of(task.question)
        near = [f for hit in result.hits for f in self._sentences(task, hit, asked)]
        found += sorted(near, key=lambda f: (-round(f.score, 6), f.place))
        return sorted(found, key=self._foreign)

    def _sentences(self, task: Task, hit: Hit, asked: frozenset[str]) -> list[Finding]:
        document = self._snapshot.documents[hit.document_id]
        found = []
        spans = document.sentences  # in order, so those of the passage are found without reading a whole book
        first = bisect.bisect_left(spans, (hit.start, 0))
        for start, end in itertools.takewhile(lambda span: span[1] <= hit.end, itertools.islice(spans, first, None)):
            text = document.text[start:end]
            share = len(asked & tokens_of(text)) / len(asked) if asked else 0.0
            if share < COVERED and task.aspect is None:
                continue
            if task.subject is None or not task.subject.in_sentence(text):
                continue  # beside the answer only what speaks of the subject by itself is taken
            quote = citation(0, Candidate(-1, -1, document, start, end, _UNKNOWN_FIT, {}), hit.section, hit.score * share)
            sentence = Sentence(text=text, citations=(0,), support="supported")
            found.append(Finding(sentence, quote, task.heading, task.key, hit.score * share, _name(task)))
        return found

    def _fits(self, task: Task, finding: Finding) -> bool:
        text = finding.sentence.text
        context = f"{finding.citation.title}\n{finding.citation.section}"
        # A model's sub-question names its own subject, and the answer was held to it.
        subjects = [task.subject] if task.subject else [] if task.key == "asked" else list(self._plan.subjects)
        if subjects and not any(s.speaks(text, context, self._snapshot.glossary) for s in subjects):
            return False
        if not within(text, self._plan.years) or (task.year and task.year not in years_of(text)):
            return False
        if task.entry is not None and not names_entry(text, task.entry):
            return False
        aspect = task.aspect
        if aspect is None:
            return True
        needed = {"": True, "figure": bool(quantities_of(text)), "date": bool(dates_of(text))}[aspect.needs]
        return needed and aspect.cue.search(text) is not None

    def _room(self, task: Task, finding: Finding) -> bool:
        same = [f for f in self.notebook.findings if f.heading == finding.heading]
        if len(same) >= OTHER_LANGUAGE and not task.year and self._foreign(finding):
            return False
        if task.year and sum(task.year in years_of(f.sentence.text) for f in same) >= PER_YEAR:
            return False
        most = MOST.get(task.key, MOST_OF_ASPECT)
        fair = -(-most // len(self._plan.subjects)) if task.subject and len(self._plan.subjects) > 1 else most
        return len(same) < most and sum(f.subject == finding.subject for f in same) < fair

    def _foreign(self, finding: Finding) -> bool:
        return self._snapshot.documents[finding.citation.document_id].language != self._language

    def _known(self, finding: Finding) -> bool:
        return any(f.place == finding.place or repeats(f, finding) for f in self.notebook.findings)

    def _conflicts(self, task: Task, result: Answer) -> None:
        cited = {c.number: c for c in result.citations}
        seen = [{(c.document_id, c.start) for c in citations} for _, citations in self.notebook.conflicts]
        for found in result.conflicts:
            citations = tuple(cited[v.citation] for v in found.values)
            places = {(c.document_id, c.start) for c in citations}
            parts = [Finding(Sentence(text=c.quote, citations=(0,), support="supported"), c, "", "", 0.0) for c in citations]
            if places not in seen and all(self._fits(task, p) for p in parts):
                self.notebook.conflicts.append((found, citations))
                seen.append(places)


def _name(task: Task) -> str:
    return task.subject.name if task.subject else ""


def repeats(known: Finding, new: Finding) -> bool:
    """Tell whether a sentence says what is known: mostly the same words or, in two languages, the same figures and dates."""
    values = [{q.value for q in (*quantities_of(f.sentence.text), *dates_of(f.sentence.text))} for f in (known, new)]
    if not values[1] <= values[0]:
        return False  # further figures in the same words are no repetition; they may be a contradiction
    one, other = tokens_of(known.sentence.text), tokens_of(new.sentence.text)
    if one and other and len(one & other) / min(len(one), len(other)) >= DUPLICATE:
        return True
    return len(values[0]) >= 2 and values[0] == values[1]


def topics_and_years(hits: Sequence[Hit], searcher: Searcher) -> tuple[Counter[str], list[int]]:
    """Return the topics of passages, and the years that they name."""
    documents = searcher.snapshot.documents
    topics = Counter(documents[h.document_id].topic for h in hits)
    return topics, [year for h in hits for year in years_of(h.text)]
