"""Write the brief: order, choose a summary, and number the citations in the order of reading."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qa.answering.answer import Answer, Citation, Conflict, Sentence, Usage
from qa.answering.facts import dates_of, quantities_of
from qa.documents.series import Series
from qa.research.aspects import ASPECTS
from qa.research.charts import charts
from qa.research.collect import Finding, Notebook
from qa.research.figures import Cited, figures, flat, timeline
from qa.research.model import Brief, Section
from qa.research.plan import Plan
from qa.research.words import WORDS, Language
from qa.text.language import has_cjk

SUMMARY = 5
OF_MAIN = 3
"""Sentences of a summary, and how many of them the question itself may give."""
BY_DATE = frozenset("release rules controls size money year outlook performance use cost".split())
"""Aspects whose sentences stand in order of date."""

# How a sentence begins that leans on the one before it, and so cannot stand in a summary.
_LEANS = re.compile(
    r"(?:It|This|That|These|Those|He|She|They|Another|The (?:move|same|other|second|former|latter)|Such|However|But|And|Also|Both)\b"
    r"|此外|同时|另外|其中|该|这"
)

Key = tuple[str, int, int]


@dataclass(frozen=True)
class Draft:
    """What the writing starts from.

    Attributes:
        question: as it was asked.
        language: of the brief's own words.
        plan: the subjects and years.
        notebook: what was found.
        stopped: research ended early.
        notes: what went otherwise than asked.
        usage: of a model that planned.
    """

    question: str
    language: Language
    plan: Plan
    notebook: Notebook
    stopped: bool = False
    notes: tuple[str, ...] = ()
    usage: Usage | None = None


class _Numbers:
    """Numbers citations in the order in which they are first used."""

    def __init__(self) -> None:
        self.citations: dict[Key, Citation] = {}

    def of(self, citation: Citation) -> int:
        key = (citation.document_id, citation.start, citation.end)
        if key not in self.citations:
            self.citations[key] = citation.model_copy(update={"number": len(self.citations) + 1})
        return self.citations[key].number


def summary_findings(draft: Draft) -> list[Finding]:
    """Choose the summary: the question's own best sentences, then the best of each section, with figures first."""
    every = draft.notebook.findings
    own = [f for f in every if has_cjk(f.sentence.text) == (draft.language == "zh")] or every
    findings = [f for f in own if not _LEANS.match(f.sentence.text)] or own
    chosen = sorted((f for f in findings if f.key == "main"), key=lambda f: -round(f.score, 6))[:OF_MAIN]
    headings = dict.fromkeys(f.heading for f in sorted(findings, key=lambda f: not _asked_for(f.key, draft.question)) if f.key != "main")
    for heading in headings:
        if len(chosen) >= SUMMARY:
            break
        part = [f for f in findings if f.heading == heading]
        chosen.append(max(part, key=lambda f: (bool(quantities_of(f.sentence.text)), round(f.score, 6))))
    return chosen


def _asked_for(key: str, question: str) -> bool:
    """Tell whether the question itself names an aspect."""
    return any(a.key == key and a.cue.search(question) for a in ASPECTS)


def make_brief(draft: Draft, series: Sequence[Series], written: Answer | None = None) -> Brief:
    """Write the brief.

    Args:
        draft: what was found.
        series: of the corpus; the fitting ones become charts.
        written: a model's checked summary, as an answer; None for one of quotes.
    """
    words = WORDS[draft.language]
    findings = draft.notebook.findings
    numbers = _Numbers()
    if written is None:
        summary = tuple(_numbered(f, numbers) for f in summary_findings(draft))
    else:
        cited = {c.number: c for c in written.citations}
        summary = tuple(s.model_copy(update={"citations": tuple(numbers.of(cited[n]) for n in s.citations)}) for s in written.sentences)
    sections = []
    in_order: list[Cited] = []
    for heading in dict.fromkeys(f.heading for f in findings):
        part = _in_order([f for f in findings if f.heading == heading])
        sentences = tuple(_numbered(f, numbers) for f in part)
        sections.append(Section(aspect=part[0].key, heading=heading, sentences=sentences))
        in_order += [(s, f.citation.as_of) for s, f in zip(sentences, part, strict=True)]
    conflicts = tuple(_conflict(c, citations, numbers) for c, citations in draft.notebook.conflicts)
    text = [f.sentence.text for f in findings]
    usage = written.usage if written and written.usage else None
    return Brief(
        question=draft.question,
        title=_title(draft.question),
        language=draft.language,
        summary=summary,
        sections=tuple(sections),
        figures=figures(in_order, draft.language),
        timeline=timeline(in_order),
        charts=charts(draft.question, draft.plan, text, series, draft.language),
        conflicts=conflicts,
        gaps=tuple(gap for task, gap in draft.notebook.gaps.values() if findings or task.key in ("main", "asked")),
        references=tuple(numbers.citations.values()),
        asked=tuple(draft.notebook.asked),
        evidence_until=max((c.as_of for c in numbers.citations.values()), default=""),
        stopped=draft.stopped,
        mode=written.mode if written else "extractive",
        usage=_added(draft.usage, usage),
        notes=((words["stopped"],) if draft.stopped else ()) + draft.notes + (written.notes if written else ()),
    )


def noted(draft: Draft, note: str) -> Draft:
    """Return the draft with a further note."""
    return replace(draft, notes=(*draft.notes, note))


def _numbered(finding: Finding, numbers: _Numbers) -> Sentence:
    number = numbers.of(finding.citation)
    return finding.sentence.model_copy(update={"citations": (number,)})


def _in_order(part: list[Finding]) -> list[Finding]:
    if part[0].key not in BY_DATE:
        return part
    first = part if part[0].key == "year" else [f for f in part if dates_of(f.sentence.text)]
    rest = [f for f in part if f not in first]
    return sorted(first, key=lambda f: (f.citation.as_of, f.place)) + rest


def _conflict(conflict: Conflict, citations: Sequence[Citation], numbers: _Numbers) -> Conflict:
    values = tuple(v.model_copy(update={"citation": numbers.of(c)}) for v, c in zip(conflict.values, citations, strict=True))
    return conflict.model_copy(update={"values": values})


def _title(question: str) -> str:
    title = flat(question).rstrip("?？。. ") or question
    return title[:1].upper() + title[1:]


def _added(one: Usage | None, other: Usage | None) -> Usage | None:
    if one is None or other is None:
        return one or other
    return Usage(
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
        reasoning_tokens=one.reasoning_tokens + other.reasoning_tokens,
    )
