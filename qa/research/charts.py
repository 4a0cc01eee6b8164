"""Choose the series of the corpus that fit a question."""

from __future__ import annotations

from collections.abc import Sequence

from qa.answering.facts import names_entry, tokens_of
from qa.documents.series import Series
from qa.research.model import Chart
from qa.research.plan import Plan, Subject

MOST = 2
FITS = 0.5
"""Share of a series' title that the brief must speak of."""
_PLAIN = tokens_of("China Chinese share number of in the per quarter year world AI 中国 人工智能 数量")


def charts(question: str, plan: Plan, sentences: Sequence[str], series: Sequence[Series], language: str) -> tuple[Chart, ...]:
    """Return the series whose titles name a subject of the question and whose words the brief uses, best first.

    Args:
        question: what was asked.
        plan: its subjects and years.
        sentences: of the brief.
        series: of the corpus.
        language: of the titles.
    """
    used = tokens_of(question).union(*map(tokens_of, sentences)) if sentences else frozenset[str]()
    ranked = []
    for one in series:
        named = sum(_names(one, s) for s in plan.subjects)
        words = tokens_of(one.title if language == "en" or not one.title_zh else one.title_zh) - _PLAIN
        share = len(words & used) / len(words) if words else 0.0
        direct = len(words & tokens_of(question)) / len(words) if words else 0.0
        if named and share >= FITS and len(one.points) > 1 and _in_time(one, plan.years):
            ranked.append((-round(named + direct, 6), -len(one.points), one.slug, one))
    return tuple(_chart(one, language) for *_, one in sorted(ranked, key=lambda r: r[:3])[:MOST])


def _names(one: Series, subject: Subject) -> bool:
    text = f"{one.title}\n{one.title_zh}"
    if subject.entries:
        return all(names_entry(text, e) for e in subject.entries)
    return bool(subject.tokens) and subject.tokens <= tokens_of(text)


def _in_time(one: Series, years: tuple[int, int]) -> bool:
    return years == (0, 0) or not one.dated or any(years[0] <= int(date[:4]) <= years[1] for date, _ in one.points)


def _chart(one: Series, language: str) -> Chart:
    chinese = language == "zh"
    return Chart(
        slug=one.slug,
        title=(one.title_zh if chinese else "") or one.title,
        unit=one.unit,
        note=(one.note_zh if chinese else "") or one.note,
        dated=one.dated,
        points=one.points,
        sources=one.sources,
    )
