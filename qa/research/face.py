"""What an assistant can do with research."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from qa.answering.answer import Answer
from qa.documents.series import Series, load_series
from qa.embedding import Embedder
from qa.errors import BadQuestion
from qa.library.results import CORPUS
from qa.llm import LanguageModel
from qa.research.model import Brief, Finished, Step
from qa.research.run import Sources, steps
from qa.retrieval.filters import Filters
from qa.retrieval.search import Searcher
from qa.settings import Settings

QUESTIONS = 20
"""Sub-questions of a brief, both rounds together."""
MOST_QUESTIONS = 60


class Researching(ABC):
    """Turns a question into a brief; see ``qa.research.model.Brief``."""

    settings: Settings
    _embedder: Embedder

    @abstractmethod
    def language_model(self, name: str) -> LanguageModel:
        """Return the model that a name stands for."""

    @abstractmethod
    def _asked(self, question: str, history: Sequence[str | Answer | Mapping[str, Any]]) -> tuple[str, list[str]]: ...

    @property
    @abstractmethod
    def _searcher(self) -> Searcher: ...

    @functools.cached_property
    def _series(self) -> Sequence[Series]:
        return load_series(self.settings.corpus / "series")

    def _sources(self, filters: Filters) -> Sources:
        """Return one view for the whole of a brief, with the series that the scope leaves."""
        corpus = not filters.documents and (not filters.collections or CORPUS in filters.collections)
        return Sources(self._searcher, self._embedder, self._series if corpus else ())

    def research(
        self,
        question: str,
        *,
        filters: Filters | None = None,
        llm: str | LanguageModel | None = None,
        progress: Callable[[Step], None] | None = None,
        stop: Callable[[], bool] | None = None,
        max_questions: int = QUESTIONS,
    ) -> Brief:
        """Ask a question from many sides and write a brief in which every sentence is cited.

        Args:
            question: in English or Chinese.
            filters: the scope of every search.
            llm: a language model chooses the sub-questions and writes the summary, which is checked like
                its answers; rules and quotes take over where it fails, with a note.
            progress: called with each step: Planned, Searching, Looked, Writing, Finished.
            stop: asked again and again; once it says so, the brief is made of what there is.
            max_questions: sub-questions at most, 1 to 60.

        Raises:
            BadQuestion: the question is empty, too long or holds no words, or max_questions is out of range.
            SettingsError: no such model, or no key for it.
            MissingExtra: the extra "llm" is not installed.
        """
        for step in self.stream_research(question, filters=filters, llm=llm, stop=stop, max_questions=max_questions):
            if progress is not None:
                progress(step)
            if isinstance(step, Finished):
                return step.brief
        raise AssertionError("research ends with Finished")

    def stream_research(
        self,
        question: str,
        *,
        filters: Filters | None = None,
        llm: str | LanguageModel | None = None,
        stop: Callable[[], bool] | None = None,
        max_questions: int = QUESTIONS,
    ) -> Generator[Step, None, None]:
        """Do what ``research`` does, step by step; Finished with the brief is the last one.

        Raises:
            BadQuestion, SettingsError, MissingExtra: as ``research``, at once and not while iterating.
        """
        if not 1 <= max_questions <= MOST_QUESTIONS:
            raise BadQuestion(f"max_questions must be 1 to {MOST_QUESTIONS}, not {max_questions}")
        clean, _ = self._asked(question, ())
        model = self.language_model(llm) if isinstance(llm, str) else llm
        scope = filters or Filters()
        return steps(clean, self._sources(scope), scope, max_questions, model, stop or _never)


def _never() -> bool:
    return False

