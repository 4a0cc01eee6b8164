"""Work that takes its time, told step by step: an answer that a model writes, and research."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import closing

from qa.answering.answer import Answer
from qa.assistant import Assistant
from qa.llm import Done, Found, Piece, Thinking
from qa.research import Finished, Looked, Planned, Searching, Writing
from qa.retrieval.filters import Filters
from qa.web.views import View, brief_view, hit_view, turn_view

TOLD_EVERY_S = 0.1
"""A model's words are sent on so often; each time the text so far goes with them."""

Steps = Generator[View, None, None]


def written(
    assistant: Assistant, question: str, history: Sequence[str], filters: Filters, llm: str, keep: Callable[[str, Answer], None]
) -> Steps:
    """Let a model answer.

    Args:
        assistant, question, history, filters, llm: as for ``Assistant.stream``.
        keep: called with the turn's id and its answer.

    Yields:
        ``{"phase", ...}`` where phase is found (with the ``evidence``: number n is what [n] means in the
        text), thinking, writing (with the ``text`` so far, unchecked) or done (with the ``turn``).
    """
    text, told = "", 0.0
    with closing(assistant.stream(question, history=history, filters=filters, llm=llm)) as events:
        for event in events:
            now = time.monotonic()
            if isinstance(event, Found):
                evidence = [hit_view(assistant, hit, number) for number, hit in enumerate(event.evidence, 1)]
                yield {"phase": "found", "standalone": event.question, "evidence": evidence}
            elif isinstance(event, Done):
                turn = turn_view(assistant, event.answer, filters)
                keep(turn["id"], event.answer)
                yield {"phase": "done", "turn": turn}
            else:
                text += event.text if isinstance(event, Piece) else ""
                if now - told >= TOLD_EVERY_S:
                    told = now
                    yield {"phase": "thinking"} if isinstance(event, Thinking) else {"phase": "writing", "text": text}


def researched(assistant: Assistant, question: str, filters: Filters, llm: str, stop: Callable[[], bool]) -> Steps:
    """Research a question.

    Args:
        assistant, question, filters, stop: as for ``Assistant.research``.
        llm: a model's name; "" for none.

    Yields:
        ``{"phase": "research", "progress"}`` after each step and ``{"phase": "done", "turn"}`` at the end. The
        progress is all that has happened so far: ``questions``, the ``number`` of the one that is
        searched (0 before the first), ``found`` sentences, ``gaps``, ``conflicts``, and whether the brief is being ``written``.
    """
    progress: View = {"questions": [], "number": 0, "found": 0, "gaps": [], "conflicts": 0, "writing": False}
    with closing(assistant.stream_research(question, filters=filters, llm=llm or None, stop=stop)) as steps:
        for step in steps:
            if isinstance(step, Planned):
                progress = {**progress, "questions": [*progress["questions"], *step.questions]}
            elif isinstance(step, Searching):
                progress = {**progress, "number": step.number}
            elif isinstance(step, Looked):
                progress = {**progress, "found": step.sentences, "gaps": step.gaps, "conflicts": step.conflicts}
            elif isinstance(step, Writing):
                progress = {**progress, "found": step.sentences, "writing": True}
            elif isinstance(step, Finished):
                yield {"phase": "done", "turn": brief_view(assistant, step.brief, filters)}
                return
            yield {"phase": "research", "progress": progress}


async def in_thread(make: Callable[[threading.Event], Steps]) -> AsyncIterator[View]:
    """Yield what a generator gives that runs in a thread of its own; an error in it is raised here.

    A thread of its own, since a model may be silent for a minute, and the threads that answer questions are few.

    Args:
        make: returns the generator; gets an event that is set when nobody listens any more, and is closed at its next step then.
    """
    gone = threading.Event()
    loop = asyncio.get_running_loop()
    given: asyncio.Queue[View | BaseException | None] = asyncio.Queue()

    def give(value: View | BaseException | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(given.put_nowait, value)

    def run() -> None:
        try:
            with closing(make(gone)) as steps:
                for step in steps:
                    if gone.is_set():
                        break
                    give(step)
        except BaseException as error:  # raised again where it is heard
            give(error)
        finally:
            give(None)

    threading.Thread(target=run, name="page-work", daemon=True).start()
    try:
        while (step := await given.get()) is not None:
            if isinstance(step, BaseException):
                raise step
            yield step
    finally:
        gone.set()
