"""The one place that turns settings into joined parts."""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qa.answering.answer import Answer
from qa.answering.pipeline import answer as answer_question
from qa.documents.corpus import Corpus, corpus_digest, load_corpus
from qa.documents.files import document_paths
from qa.documents.model import Document
from qa.embedding import EMBEDDED, Embedder, model_identity
from qa.errors import BadQuestion, CorpusError, IndexDamaged, IndexMissing, IndexStale, UnknownDocument
from qa.index.builder import build_index
from qa.index.snapshot import Manifest, Snapshot, current_generation, read_manifest
from qa.retrieval.filters import Filters
from qa.retrieval.hits import Hit
from qa.retrieval.search import Searcher
from qa.settings import Settings, load_settings

Progress = Callable[[int, int], None]


class Assistant:
    """Answers questions from one index.

    >>> import qa
    >>> assistant = qa.Assistant.open()                             # doctest: +SKIP
    >>> assistant.ask("Who founded DeepSeek?").citations[0].quote   # doctest: +SKIP
    'DeepSeek was founded in 2023 by Liang Wenfeng, ...'
    """

    def __init__(self, settings: Settings, snapshot: Snapshot, embedder: Embedder) -> None:
        self.settings = settings
        self.snapshot = snapshot
        self._searcher = Searcher(snapshot, embedder)

    @classmethod
    def open(
        cls,
        *,
        index: Path | str | None = None,
        corpus: Path | str | None = None,
        build: bool = True,
        progress: Progress | None = None,
        settings: Settings | None = None,
    ) -> Assistant:
        """Open the index, building it first where it is missing or stale.

        Args:
            index, corpus: folders; the settings' where None.
            build: False raises IndexMissing or IndexStale instead of building.
            progress: called with passages done and their total while building.
            settings: all settings; read from the environment and qa.toml where None.

        Raises:
            SettingsError, CorpusError, ModelUnavailable, IndexProblem: see ``qa.errors``.
        """
        settings = settings or load_settings(index=index, corpus=corpus)
        stale = staleness(settings)
        if stale:
            if not build:
                raise (IndexMissing if "no index" in stale else IndexStale)(f"{stale}; run: qa index build")
            rebuild(settings, progress)
        return cls(settings, Snapshot.load(settings.index), question_embedder(settings))

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
    ) -> Answer:
        """Answer a question with cited quotes, or say what is missing.

        Args:
            question: in English or Chinese.
            history: the conversation so far, oldest first: questions, answers, or mappings with
                the key "question".
            filters: the scope.

        Raises:
            BadQuestion: the question is empty, too long or holds no words.
        """
        clean = check_question(question, self.settings.max_question_chars)
        asked = [h.question if isinstance(h, Answer) else h if isinstance(h, str) else str(h["question"]) for h in history]
        return answer_question(self._searcher, clean, asked[-8:], filters or Filters(), self.settings.max_sentences)

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
        """All documents, by id."""
        return tuple(self.snapshot.documents.values())


def check_question(question: str, max_chars: int) -> str:
    """Return a question without control characters and surrounding space.

    Raises:
        BadQuestion: it is not text, empty, too long, or holds no letter or digit.
    """
    if not isinstance(question, str):
        raise BadQuestion(f"a question must be text, not {type(question).__name__}")
    if len(question) > max_chars:
        raise BadQuestion(f"the question has {len(question):,} characters; the limit is {max_chars:,}: ask a shorter one")
    if "\0" in question or "\ufffd" in question or any(0xD800 <= ord(c) <= 0xDFFF for c in question):
        raise BadQuestion("the question holds bytes that are not text; type it in English or Chinese")
    clean = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in question)
    clean = " ".join(clean.split())
    if not clean:
        raise BadQuestion("the question is empty; ask something like: How small is the MMLU gap?")
    if not re.search(r"\w", clean):
        raise BadQuestion("the question holds no words; ask something like: How small is the MMLU gap?")
    return clean


def rebuild(settings: Settings, progress: Progress | None = None, fresh: bool = False) -> None:
    """Build the index that the settings describe.

    Args:
        settings: name the corpus, the index folder and the model.
        progress: called with passages done and their total.
        fresh: encode everything anew instead of taking what is cached.

    Raises:
        CorpusError, ModelUnavailable, IndexProblem: see ``qa.errors``.
    """
    build_index(load_corpus(settings.corpus), settings.index, build_embedder(settings), settings.max_tokens, progress, fresh=fresh)


def build_embedder(settings: Settings) -> Embedder:
    """Load the model for many texts: sentence-transformers, on all processors."""
    from qa.embedding import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(settings.model, threads=build_threads())


def question_embedder(settings: Settings) -> Embedder:
    """Load the model for questions: the embedded one without torch, any other with it."""
    if settings.model == EMBEDDED:
        from qa.bert import NumpyEmbedder

        return NumpyEmbedder(settings.threads)
    from qa.embedding import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(settings.model, settings.threads)


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
