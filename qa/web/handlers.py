"""Between the page and the assistant: read what the page sends, call, and return plain values."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from pydantic import ValidationError

from qa.answering.answer import Answer
from qa.errors import BadQuestion, QAError
from qa.retrieval.filters import Filters
from qa.web import library
from qa.web.engine import Busy, Engine
from qa.web.explore import Timeline, series_view
from qa.web.export import TYPES, brief_file, export
from qa.web.guard import OWNER_COOKIE
from qa.web.models import offers
from qa.web.store import Store
from qa.web.suggest import Suggester, examples
from qa.web.views import View, document_view, for_page, turn_view
from qa.web.work import Steps, in_thread, researched, written

log = logging.getLogger(__name__)

SENTENCE_PAUSE_S = 0.04
"""Between the sentences of a streamed answer, so that the page has time to draw each."""
LOOK_EVERY_S = 5.0

Action = Callable[..., Any]


def owner_of(request: gr.Request) -> str:
    """Return the random name in the browser's cookie, which Guard makes the user's where there is a log-in; "nobody" without one."""
    value = str(request.cookies.get(OWNER_COOKIE, ""))
    return value if re.fullmatch(r"[0-9a-f]{32}", value) else "nobody"


def read_scope(sent: Mapping[str, Any]) -> Filters:
    """Turn what the page sends into filters.

    Raises:
        BadQuestion: a field is unknown or malformed.
    """
    try:
        return Filters.model_validate({key: value for key, value in (sent or {}).items() if value})
    except ValidationError as error:
        raise BadQuestion(f"the scope is malformed: {error.errors()[0]['msg']}") from error


class Handlers:
    """The handlers of one application.

    Every method that takes ``sent`` is called by the page with one mapping.
    """

    def __init__(self, engine: Engine, store: Store) -> None:
        self.engine = engine
        self.store = store
        self.timeline = Timeline()
        self.suggester = Suggester()
        self._recent: dict[str, Answer] = {}
        self._recent_lock = threading.Lock()
        self._look_again = 0.0
        self.offers = offers(engine.settings)
        self._stops: dict[tuple[str, str], threading.Event] = {}

    # The Ask tab

    async def ask(self, sent: Mapping[str, Any], owner: str) -> AsyncIterator[View]:
        """Answer one question in steps.

        Args:
            sent: ``request`` (echoed), ``question``, ``conversation``, ``scope``; ``replace``,
                the id of the turn that an edited or repeated question takes the place of; ``llm``, the
                name of an offered model that writes; ``research``, whether a brief is wanted.
            owner: whose conversation it is.

        Yields:
            ``{"request", "phase", ...}`` where phase is loading, searching, answering (with the
            turn so far), those of ``qa.web.work``, done (with the whole turn), busy or failed (with "message").
        """

        def step(phase: str, **more: Any) -> View:
            return {"request": sent.get("request"), "phase": phase, **more}

        key = (owner, str(sent.get("request")))
        try:
            scope = read_scope(sent.get("scope") or {})
            llm = self._offered(sent)
            async for status in self.engine.ready():
                if status.state != "ready":
                    yield step("failed" if status.state == "failed" else "loading", status=status.as_dict(), message=status.error)
                if status.state == "failed":
                    return
            yield step("searching")
            if llm or sent.get("research"):
                stop = self._stops[key] = threading.Event()
                async with self.engine.slot(long=True):
                    async for view in in_thread(lambda gone: self._work(sent, owner, scope, llm, lambda: stop.is_set() or gone.is_set())):
                        if view["phase"] != "done":
                            yield step(**view)
                turn = view["turn"]
                turn["conversation"] = await asyncio.to_thread(self._keep, sent, owner, turn)
                yield step("done", turn=for_page(turn))
                return
            async with self.engine.slot():
                turn = await asyncio.to_thread(self._answer, sent, owner, scope)
            for shown in range(1, len(turn["sentences"])):
                yield step("answering", turn={**turn, "sentences": turn["sentences"][:shown]})
                await asyncio.sleep(SENTENCE_PAUSE_S)
            turn["conversation"] = await asyncio.to_thread(self._keep, sent, owner, turn)
            yield step("done", turn=turn)
        except Busy:
            yield step("busy")
        except QAError as error:
            yield step("failed", message=str(error), problem=type(error).__name__)
        except Exception:
            log.exception("a question could not be answered")
            yield step("failed", message="", problem="unexpected")
        finally:
            self._stops.pop(key, None)

    def _offered(self, sent: Mapping[str, Any]) -> str:
        """Return the model's name if it is one that the page offers; "" for none."""
        name = str(sent.get("llm") or "")
        if name and name not in [offer.name for offer in self.offers]:
            raise BadQuestion("this language model is not offered here; choose another, or quotes only")
        return name

    def _work(self, sent: Mapping[str, Any], owner: str, scope: Filters, llm: str, stop: Callable[[], bool]) -> Steps:
        self._look_for_changes()
        question = str(sent.get("question") or "")
        if sent.get("research"):
            return researched(self.engine.assistant, question, scope, llm, stop)
        return written(self.engine.assistant, question, self._history(sent, owner), scope, llm, self._remember)

    def stop(self, sent: Mapping[str, Any], owner: str) -> bool:
        """End the research ``request`` early; what has been found still comes."""
        stopping = self._stops.get((owner, str(sent.get("request"))))
        if stopping is not None:
            stopping.set()
        return stopping is not None

    def _answer(self, sent: Mapping[str, Any], owner: str, scope: Filters) -> View:
        assistant = self.engine.assistant
        self._look_for_changes()
        answer = assistant.ask(str(sent.get("question") or ""), history=self._history(sent, owner), filters=scope)
        turn = turn_view(assistant, answer, scope)
        self._remember(turn["id"], answer)
        return turn

    def _remember(self, turn: str, answer: Answer) -> None:
        """Keep an answer for the questions that are suggested after it."""
        with self._recent_lock:
            self._recent[turn] = answer
            while len(self._recent) > 200:
                del self._recent[next(iter(self._recent))]

    def _look_for_changes(self) -> None:
        """Take up what the commands have added or removed meanwhile; the next question need not wait for that again."""
        if time.monotonic() < self._look_again:
            return
        self._look_again = time.monotonic() + LOOK_EVERY_S
        try:
            self.engine.assistant.reload()
        except QAError as error:  # the documents that are loaded still answer
            log.warning("changed documents could not be loaded: %s", error)

    def _history(self, sent: Mapping[str, Any], owner: str) -> list[str]:
        turns = self.store.turns(owner, str(sent.get("conversation") or ""))
        replaced = sent.get("replace")
        if replaced in [t["id"] for t in turns]:
            turns = turns[: [t["id"] for t in turns].index(replaced)]
        return [t["question"] for t in turns]

    def _keep(self, sent: Mapping[str, Any], owner: str, turn: View) -> str:
        conversation = str(sent.get("conversation") or "")
        if sent.get("replace"):
            self.store.cut(owner, conversation, str(sent["replace"]))
        return self.store.add_turn(owner, conversation, turn)

    def suggest(self, sent: Mapping[str, Any]) -> list[str]:
        """Return follow-up questions to the turn with the id ``turn`` that the corpus can answer."""
        answer = self._recent.get(str(sent.get("turn")))
        if answer is None:
            return []
        scope = read_scope(sent.get("scope") or {})
        return self.suggester.follow_ups(self.engine.assistant, answer, scope, list(sent.get("asked") or ()))

    def start(self) -> View:
        """Return what the start page needs: the status and the examples by topic."""
        grouped: dict[str, dict[str, list[str]]] = {}
        for example in examples():
            grouped.setdefault(example.topic, {}).setdefault(example.language, []).append(example.question)
        return {
            "status": self.engine.status.as_dict(),
            "examples": [{"topic": topic, **questions} for topic, questions in grouped.items()],
            "models": [offer.as_dict() for offer in self.offers],
            "max_chars": self.engine.settings.max_question_chars,
        }

    # Conversations

    def conversation(self, sent: Mapping[str, Any], owner: str) -> View:
        """Return the turns of the conversation ``id`` with the owner's votes."""
        identity = str(sent.get("id"))
        return {"turns": [for_page(turn) for turn in self.store.turns(owner, identity)], "votes": self.store.votes(owner, identity)}

    def export(self, sent: Mapping[str, Any], owner: str) -> View:
        """Return the conversation ``id`` in ``form`` as a file's name and text."""
        form = str(sent.get("form"))
        if form not in TYPES:
            raise QAError(f"unknown export form {form!r}")
        turns = self.store.turns(owner, str(sent.get("id")))
        return {"name": f"conversation.{TYPES[form]}", "text": export(turns, form)}

    def brief(self, sent: Mapping[str, Any], owner: str) -> View:
        """Return the brief of the turn ``turn`` of ``conversation`` in ``form`` as a file's name and text."""
        for turn in self.store.turns(owner, str(sent.get("conversation"))):
            if turn["id"] == sent.get("turn") and "whole" in turn:
                return brief_file(turn, str(sent.get("form")))
        raise QAError("this brief is not kept; research the question again")

    def vote(self, sent: Mapping[str, Any], owner: str) -> bool:
        """Keep the owner's ``vote`` and ``reason`` on the turn ``turn`` of ``conversation``."""
        for turn in self.store.turns(owner, str(sent.get("conversation"))):
            if turn["id"] == sent.get("turn"):
                self.store.vote(owner, turn, int(sent.get("vote") or 0), str(sent.get("reason") or ""))
                return True
        return False

    # Explore and Library

    def explore(self) -> View:
        """Return series, topics, names and the latest month that the documents speak for."""
        assistant = self.engine.assistant
        return {
            "series": [series_view(s) for s in assistant.corpus.series],
            "topics": library.topics(assistant),
            "names": list(self.timeline.names(assistant)),
            "latest": max((d.as_of for d in assistant.documents), default="")[:7],
        }

    def statements(self, sent: Mapping[str, Any]) -> View:
        """Return a page of the timeline; see ``Timeline.page``."""
        return self.timeline.page(self.engine.assistant, dict(sent or {}))

    def library(self) -> View:
        """Return all documents as rows, the collections, and the status of the index."""
        assistant = self.engine.assistant
        assistant.reload()  # the commands may have added or removed something meanwhile
        return {
            "documents": library.rows(assistant),
            "collections": library.collections(assistant),
            "index": library.index_status(assistant),
        }

    def read(self, sent: Mapping[str, Any]) -> View:
        """Return the document ``id`` with the ``quote`` at ``start`` to ``end`` marked."""
        document = self.engine.assistant.document(str(sent.get("id")))
        return document_view(document, int(sent.get("start", -1)), int(sent.get("end", -1)), str(sent.get("quote") or ""))


def actions(handlers: Handlers) -> Sequence[Action]:
    """Return the functions that the page calls and that answer at once.

    Gradio registers them by their name and passes one value; the request is added where it is
    asked for. An error of ours comes back as ``{"error": message}``.
    """

    def page_start(sent: Any) -> View:
        return _safely(handlers.start)

    def page_status(sent: Any) -> View:
        return handlers.engine.status.as_dict()

    def page_suggest(sent: Any) -> View:
        return _safely(lambda: {"questions": handlers.suggest(sent)})

    def page_conversations(sent: Any, request: gr.Request) -> View:
        return _safely(lambda: {"conversations": handlers.store.conversations(owner_of(request))})

    def page_conversation(sent: Any, request: gr.Request) -> View:
        return _safely(lambda: handlers.conversation(sent, owner_of(request)))

    def page_rename(sent: Any, request: gr.Request) -> View:
        return _safely(lambda: handlers.store.rename(owner_of(request), str(sent["id"]), str(sent["title"])))

    def page_delete(sent: Any, request: gr.Request) -> View:
        return _safely(lambda: handlers.store.delete(owner_of(request), str(sent["id"])))

    def page_export(sent: Any, request: gr.Request) -> View:
        return _safely(lambda: handlers.export(sent, owner_of(request)))

    def page_brief(sent: Any, request: gr.Request) -> View:
        return _safely(lambda: handlers.brief(sent, owner_of(request)))

    def page_stop(sent: Any, request: gr.Request) -> View:
        return _safely(lambda: {"stopped": handlers.stop(sent, owner_of(request))})

    def page_vote(sent: Any, request: gr.Request) -> View:
        return _safely(lambda: {"kept": handlers.vote(sent, owner_of(request))})

    def page_explore(sent: Any) -> View:
        return _safely(handlers.explore)

    def page_statements(sent: Any) -> View:
        return _safely(lambda: handlers.statements(sent))

    def page_library(sent: Any) -> View:
        return _safely(handlers.library)

    def page_read(sent: Any) -> View:
        return _safely(lambda: handlers.read(sent))

    return (
        page_start, page_status, page_suggest, page_conversations, page_conversation, page_rename, page_delete, page_export,
        page_brief, page_stop, page_vote, page_explore, page_statements, page_library, page_read,
    )  # fmt: skip


def _safely(call: Callable[[], View | None]) -> View:
    try:
        return call() or {}
    except QAError as error:
        return {"error": str(error)}
    except (KeyError, TypeError, ValueError) as error:  # what a page never sends
        log.warning("a call from the page could not be read: %s", error)
        return {"error": "the request could not be read"}
