"""Research from the question to the brief, as a stream of steps."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from qa.answering.answer import Usage
from qa.documents.series import Series
from qa.embedding import Embedder
from qa.errors import LanguageModelError
from qa.llm import LanguageModel
from qa.research.collect import Collector, topics_and_years
from qa.research.model import Finished, Looked, Planned, Searching, Step, Writing
from qa.research.model_work import model_plan, model_summary
from qa.research.plan import Plan, Task, about_name, again, make_plan
from qa.research.words import WORDS, Language
from qa.research.write import Draft, make_brief, noted
from qa.retrieval.filters import Filters
from qa.retrieval.search import Searcher

FOUND = 40
"""Passages of a first search, whose topics choose the aspects."""
NAMES = 3
"""Names that the second round follows at most."""


@dataclass(frozen=True)
class Sources:
    """What research is done with; one view from beginning to end.

    Attributes:
        searcher: searches one snapshot.
        embedder: the searcher's; reads what a model wrote.
        series: of the corpus, for charts.
    """

    searcher: Searcher
    embedder: Embedder
    series: Sequence[Series]


def steps(
    question: str, sources: Sources, filters: Filters, most: int, model: LanguageModel | None, stop: Callable[[], bool]
) -> Generator[Step, None, None]:
    """Yield what happens, Finished with the brief last.

    Args:
        question: already checked to hold words.
        sources: what is searched.
        filters: the scope of every search.
        most: sub-questions of both rounds together.
        model: plans and writes the summary; None for rules and quotes.
        stop: asked before each search; when it says so, the brief is made of what there is.
    """
    searcher = sources.searcher
    query = searcher.reader.read(question)
    language = query.language
    hits = searcher.search(question, FOUND, filters)
    plan = make_plan(query, *topics_and_years(hits, searcher), most)
    notes: list[str] = []
    usage: Usage | None = None
    if model is not None and not stop():
        try:
            plan, usage = model_plan(model, query, plan, hits, max(2, int(most * 0.75)))
            notes.append(WORDS[language]["planned by model"])
        except LanguageModelError as error:
            notes.append(WORDS[language]["no plan"].format(error))
    collector = Collector(searcher, filters, plan, query)
    stopped = yield from _search(collector, plan.tasks, 1, 0, stop)
    if not stopped:
        second = [] if collector.beyond else _second_round(collector, plan, language, most - len(plan.tasks))
        stopped = bool(second) and (yield from _search(collector, second, 2, len(plan.tasks), stop))
    collector.compare()
    book = collector.notebook
    yield Writing(sentences=len(book.findings))
    draft = Draft(question, language, plan, book, stopped, tuple(notes), usage)
    written = None
    if model is not None and not stopped and not stop():
        written, note, used = model_summary(model, draft, searcher, sources.embedder, stop)
        draft = noted(draft, note) if note else draft
        if written is None and used is not None:
            draft = Draft(question, language, plan, book, stopped, draft.notes, used if usage is None else usage)
    yield Finished(brief=make_brief(draft, sources.series, written))


def _search(
    collector: Collector, tasks: Sequence[Task], number: int, before: int, stop: Callable[[], bool]
) -> Generator[Step, None, bool]:
    """Search the tasks of a round; returns whether it was stopped."""
    yield Planned(round=number, questions=tuple(t.question for t in tasks))
    for position, task in enumerate(tasks, 1):
        if stop():
            return True
        if task.key not in ("main", "asked") and collector.beyond:
            break  # aspects of what no document knows
        yield Searching(number=before + position, total=before + len(tasks), question=task.question)
        collector.ask(task, number)
    book = collector.notebook
    gaps = tuple(gap.question for _, gap in book.gaps.values())
    yield Looked(round=number, sentences=len(book.findings), gaps=gaps, conflicts=len(book.conflicts))
    return False


def _second_round(collector: Collector, plan: Plan, language: Language, room: int) -> list[Task]:
    """Ask again, in other words, what found nothing, and follow the names that turned up often; in turns."""
    rephrased = [t for task, _ in collector.notebook.gaps.values() if (t := again(task, language)) is not None]
    names = [about_name(entry, plan.subjects[0], language) for entry in collector.names(NAMES)] if plan.subjects else []
    both = [task for pair in zip_longest(names, rephrased) for task in pair if task is not None]
    return both[: max(0, room)]
