"""The one place that turns settings into joined parts."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qa.answering.answer import Answer
from qa.answering.pipeline import answer as answer_question
from qa.answering.question import check_question
from qa.documents.corpus import Corpus, corpus_digest, load_corpus
from qa.documents.files import document_paths
from qa.documents.model import Document
from qa.embedding import Embedder, model_identity
from qa.errors import BadQuestion, CorpusError, IndexDamaged, IndexMissing, IndexStale, UnknownDocument
from qa.index.builder import build_index
from qa.index.snapshot import Manifest, Snapshot, current_generation, read_manifest
from qa.library import Library, OwnDocuments
from qa.library import Progress as LibraryProgress
from qa.library.store import INDEX
from qa.llm import Done, Event, LanguageModel, Meaning, Writing, events, resolve, says
from qa.research import Researching
from qa.retrieval.filters import Filters
from qa.retrieval.hits import Hit
from qa.retrieval.search import Searcher
from qa.settings import Settings, load_settings
from qa.view import View, current, stage_of

Progress = Callable[[int, int], None]
MANY_CHARACTERS = 100_000
"""From here on the model for many texts, on all processors, pays for the seconds that it takes to load."""


class Assistant(OwnDocuments, Researching):
    """Answers questions from the corpus and the user's own documents.

    >>> import qa
    >>> assistant = qa.Assistant.open()                             # doctest: +SKIP
    >>> assistant.ask("Who founded DeepSeek?").citations[0].quote   # doctest: +SKIP
    'DeepSeek was founded in 2023 by Liang Wenfeng, ...'
    """

    def __init__(self, settings: Settings, snapshot: Snapshot, embedder: Embedder) -> None:
        self.settings = settings
        self._embedder = embedder
        self._own: Path | None = settings.library / INDEX
        self._models: dict[str, LanguageModel] = {}
        self._reloading = threading.Lock()
        self._view = View((), snapshot, Searcher(snapshot, embedder))

    @classmethod
    def open(
        cls,
        *,
        index: Path | str | None = None,
        corpus: Path | str | None = None,
        build: bool = True,
        own_documents: bool = True,
        progress: Progress | None = None,
        settings: Settings | None = None,
    ) -> Assistant:
        """Open the indexes, building first what is missing or stale.

        Args:
            index, corpus: folders; the settings' where None.
            build: False raises IndexMissing or IndexStale instead of building.
            own_documents: False leaves the user's documents out.
            progress: called with passages done and their total while building.
            settings: all settings; read from the environment and qa.toml where None.

        Raises:
            SettingsError, CorpusError, ModelUnavailable, LibraryProblem: see ``qa.errors``.
        """
        settings = settings or load_settings(index=index, corpus=corpus)
        stale = staleness(settings)
        if stale:
            if not build:
                raise (IndexMissing if "no index" in stale else IndexStale)(f"{stale}; run: qa index build")
            rebuild(settings, progress)
        embedder = question_embedder(settings)
        library = open_library(settings, embedder)
        if own_documents:
            library.bring_in_line(_without_note(progress), change=build)
        own = library.index if own_documents else None
        view = View.open(settings.index, own, embedder, stage_of(settings))
        assistant = cls(settings, view.snapshot, embedder)
        assistant._own, assistant._view = own, view
        return assistant

    @property
    def snapshot(self) -> Snapshot:
        """The generations of the indexes that the next question is asked of."""
        return self._view.snapshot

    @property
    def _library(self) -> Library:
        return open_library(self.settings, self._embedder)

    @property
    def _searcher(self) -> Searcher:
        return self._view.searcher

    @functools.cached_property
    def corpus(self) -> Corpus:
        """The source documents with their series, read when first asked for."""
        return load_corpus(self.settings.corpus)

    def ask(
        self,
        question: str,
        *,
        history: Sequence[str | Answer | Mapping[str, Any]] = (),
        filters: Filters | None = None,
        llm: str | LanguageModel | None = None,
        strict: bool = False,
        llm_rewrite: bool = False,
    ) -> Answer:
        """Answer a question with cited quotes, or say what is missing.

        Args:
            question: in English or Chinese.
            history: the conversation so far, oldest first: questions, answers, or mappings with
                the key "question". One that is longer than a question may be is left out.
            filters: the scope.
            llm: a language model writes the answer and every sentence is checked: "PROVIDER" or
                "PROVIDER:MODEL", or one that ``language_model`` returned. A model that fails
                leaves the extractive answer, with a note.
            strict: leave out every sentence of the model that is not supported.
            llm_rewrite: let the model make follow-ups stand alone.

        Raises:
            BadQuestion: the question is empty, too long or holds no words.
            SettingsError: no such model, or no key for it.
            MissingExtra: the extra "llm" is not installed.
        """
        if llm is None:
            clean, asked = self._asked(question, history)
            return answer_question(self._view.searcher, clean, asked, filters or Filters(), self.settings.max_sentences)
        steps = self.stream(question, history=history, filters=filters, llm=llm, strict=strict, llm_rewrite=llm_rewrite)
        return next(step.answer for step in steps if isinstance(step, Done))

    def stream(
        self,
        question: str,
        *,
        history: Sequence[str | Answer | Mapping[str, Any]] = (),
        filters: Filters | None = None,
        llm: str | LanguageModel | None = None,
        strict: bool = False,
        llm_rewrite: bool = False,
    ) -> Generator[Event, None, None]:
        """Answer as ``ask`` does, step by step: Found, then Thinking and Piece, then Done with the answer.

        The pieces are a model's words before they are checked; the answer of Done replaces them.
        Closing the generator ends the model's work.

        Raises:
            BadQuestion, SettingsError, MissingExtra: as ``ask``, at once and not while iterating.
        """
        clean, asked = self._asked(question, history)
        model = self.language_model(llm) if isinstance(llm, str) else llm
        writing = Writing(model, strict, llm_rewrite)
        searcher = self._view.searcher
        return events(searcher, self._embedder, clean, asked, filters or Filters(), self.settings.max_sentences, writing)

    def language_model(self, name: str) -> LanguageModel:
        """Return the model that a name stands for; its connection is kept for the next question.

        Raises:
            SettingsError: no such model, or no key for it.
            MissingExtra: the extra "llm" is not installed.
        """
        target = resolve(name, self.settings.llm)
        known = self._models.get(name)
        if known is None or known.target != target:
            known = self._models[name] = LanguageModel(target)
        return known

    def says(self, statement: str, quotes: Sequence[str]) -> bool:
        """Tell whether quotes support a sentence that was written from them: exact statements and meaning."""
        snapshot = self._view.snapshot
        return says(statement, quotes, Meaning(snapshot, self._embedder), snapshot.glossary)

    def _asked(self, question: str, history: Sequence[str | Answer | Mapping[str, Any]]) -> tuple[str, list[str]]:
        """Return the question, checked, and the last questions before it."""
        clean = check_question(question, self.settings.max_question_chars)
        asked = [h.question if isinstance(h, Answer) else h if isinstance(h, str) else str(h["question"]) for h in history]
        return clean, [h for h in asked[-8:] if len(h) <= self.settings.max_question_chars]

    def search(self, query: str, k: int = 10, filters: Filters | None = None) -> list[Hit]:
        """Return the k best passages, best first.

        Raises:
            BadQuestion: the query is empty, too long or holds no words, or k is not positive.
        """
        if k < 1:
            raise BadQuestion(f"k must be at least 1, not {k}")
        return self._searcher.search(check_question(query, self.settings.max_question_chars), k, filters)

    def document(self, document_id: str) -> Document:
        """Return a document by its id.

        Raises:
            UnknownDocument: there is none.
        """
        try:
            return self.snapshot.documents[document_id]
        except KeyError:
            raise UnknownDocument(f"no document has the id {document_id!r}; list them with: qa documents") from None

    @property
    def documents(self) -> tuple[Document, ...]:
        """All documents of the corpus and of the user, by id."""
        return tuple(self.snapshot.documents.values())

    def reload(self) -> bool:
        """Switch to the newest generations; questions under way keep those that they began with.

        Returns:
            Whether there was anything newer. Cheap where there is not.

        Raises:
            IndexProblem: see ``qa.errors``; what was served before stays.
        """
        with self._reloading:
            if self._view.generations == current(self.settings.index, self._own):
                return False
            self._view = View.open(self.settings.index, self._own, self._embedder, stage_of(self.settings))
            return True


def open_library(settings: Settings, embedder: Embedder | None = None) -> Library:
    """Return the user's documents.

    Args:
        settings: name the folder and the model.
        embedder: encodes what is short; loaded when needed where None.
    """

    def encoder(characters: int) -> Embedder:
        if characters > MANY_CHARACTERS:
            return build_embedder(settings)
        return embedder or question_embedder(settings)

    return Library(settings.library, model_identity(settings.model), settings.max_tokens, encoder, settings.search_memory_mb * 1_000_000)


def _without_note(progress: Progress | None) -> LibraryProgress | None:
    return (lambda done, total, note: progress(done, total)) if progress else None


def rebuild(settings: Settings, progress: Progress | None = None, fresh: bool = False, workers: int = 0, ray: str = "") -> None:
    """Build the index that the settings describe.

    Args:
        settings: name the corpus, the index folder and the model.
        progress: called with passages done and their total.
        fresh: encode everything anew instead of taking what is cached.
        workers: processes that encode, each on one processor; this process alone where 0.
        ray: address of a Ray cluster whose machines encode.

    Raises:
        CorpusError, ModelUnavailable, IndexProblem, MissingExtra, WorkersUnreachable: see ``qa.errors``.
    """
    from qa.index.workers import open_workers

    embedder = question_embedder(settings) if workers or ray else build_embedder(settings)
    memory = settings.search_memory_mb * 1_000_000
    with open_workers(settings.model, workers, ray) as (encoder, window):
        build_index(
            load_corpus(settings.corpus), settings.index, embedder, settings.max_tokens, progress,
            fresh=fresh, memory=memory, encoder=encoder, window=window,
        )  # fmt: skip


def build_embedder(settings: Settings) -> Embedder:
    """Open the model for many texts: on all processors."""
    from qa.embedding import open_embedder

    return open_embedder(settings.model, build_threads())


def question_embedder(settings: Settings) -> Embedder:
    """Open the model for questions.

    One question uses one thread, here and in the products of search: on matrices of this size several threads
    take three times the processor time, and on a busy machine they wait for each other.
    """
    from threadpoolctl import threadpool_limits

    from qa.embedding import open_embedder

    threadpool_limits(1)
    return open_embedder(settings.model, settings.threads)


def staleness(settings: Settings) -> str:
    """Say why the index cannot serve these settings and their corpus; "" if it can.

    Raises:
        CorpusError: the corpus folder holds no documents.
        IndexDamaged: the index folder holds something else than an index.
    """
    if not document_paths(settings.corpus):
        raise CorpusError(f"{settings.corpus}: no documents; a corpus folder holds en/*.md and zh/*.md")
    try:
        manifest = read_manifest(settings.index, current_generation(settings.index))
    except IndexMissing:
        return f"no index in {settings.index}"
    except IndexStale as error:
        return str(error).removesuffix("; run: qa index build")
    except IndexDamaged as error:
        if "holds other files" in str(error):
            raise
        return str(error).removesuffix("; run: qa index build")
    identity = model_identity(settings.model)
    if manifest.model != identity:
        return f"the index was built with the model {manifest.model}, the settings name {identity}"
    if manifest.max_tokens != settings.max_tokens:
        return f"the index has passages of {manifest.max_tokens} tokens, the settings say {settings.max_tokens}"
    if manifest.corpus != corpus_digest(settings.corpus):
        return f"the corpus in {settings.corpus} has changed since the index was built"
    return ""


def index_manifest(settings: Settings) -> Manifest:
    """Return the manifest of the current generation.

    Raises:
        IndexProblem: there is none, or it cannot be read.
    """
    return read_manifest(settings.index, current_generation(settings.index))


def build_threads() -> int:
    """Return how many threads a build uses: all processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 2
