"""A question from beginning to end, with or without a model, as a stream of events."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from qa.answering.pipeline import answer
from qa.embedding import Embedder
from qa.errors import LanguageModelError
from qa.llm.client import LanguageModel
from qa.llm.events import Done, Event, Found
from qa.llm.meaning import Meaning
from qa.llm.rewrite import rewritten
from qa.llm.write import written
from qa.retrieval.filters import Filters
from qa.retrieval.search import Searcher
from qa.text.language import reading_language

_NOT_REWRITTEN = {
    "en": "The model did not rewrite the question ({}); it was understood without it.",
    "zh": "模型没有改写问题（{}）；问题按原有方法理解。",
}


@dataclass(frozen=True)
class Writing:
    """How a model takes part.

    Attributes:
        model: writes the answer; None for the extractive one.
        strict: leave out every sentence that is not supported.
        rewrite: let the model make follow-ups stand alone.
    """

    model: LanguageModel | None = None
    strict: bool = False
    rewrite: bool = False


def events(
    searcher: Searcher, embedder: Embedder, question: str, history: Sequence[str], filters: Filters, limit: int, writing: Writing
) -> Generator[Event, None, None]:
    """Yield what happens on the way to an answer: Found, pieces of a model's text, Done.

    Args:
        searcher: searches the snapshot.
        embedder: the searcher's; reads what the model wrote.
        question: already checked to hold words.
        history: earlier questions, oldest first.
        filters: the scope.
        limit: most sentences of an extractive answer.
        writing: whether and how a model takes part.
    """
    model, note, complete = writing.model, "", ""
    if model and writing.rewrite and history:
        try:
            complete = rewritten(model, question, history, searcher.snapshot.glossary)
        except LanguageModelError as error:
            note = _NOT_REWRITTEN[reading_language(question)].format(error)
    found = answer(searcher, complete or question, () if complete else history, filters, limit)
    found = found.model_copy(update={"question": question, "notes": (*found.notes, note) if note else found.notes})
    if model is None:
        yield Found(question=found.standalone_question, evidence=found.hits)
        yield Done(answer=found)
        return
    yield from written(model, found, searcher, Meaning(searcher.snapshot, embedder), writing.strict)
