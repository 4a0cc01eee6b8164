"""Let a model write an answer over the evidence, and check it before anyone relies on it."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Sequence
from typing import Any

from qa.answering.analysis import analyse
from qa.answering.answer import Answer, Citation, Comparison, Conflict, Sentence
from qa.answering.compose import citation, marks
from qa.answering.demands import Met
from qa.answering.evidence import Candidate
from qa.errors import LanguageModelError
from qa.llm.blocks import Block, blocks_of, hits_of
from qa.llm.checks import Checker, Place, Verdict
from qa.llm.client import LanguageModel, Reply
from qa.llm.events import Done, Event, Found, Piece, Thinking
from qa.llm.meaning import Meaning
from qa.llm.parse import MarkFilter, refuses, statements
from qa.llm.prompts import answer_messages
from qa.retrieval.search import Searcher

_WORDS = {
    "en": {
        "failed": "The model gave no answer ({}). This answer was made without it.",
        "failed, nothing": "The model gave no answer ({}).",
        "nothing": "No evidence was found, so the model was not asked.",
        "declined": "{} found no answer in the evidence.",
        "unsupported": "Nothing that {} wrote is supported by the evidence.",
        "without": "An answer was found without the model; ask without it to see it.",
        "partly": "The model says that the evidence lacks a part of the answer.",
        "invented": "Citation numbers left out because no evidence has them: {}.",
        "added": "Citations added to sentences that had none, or a wrong one: {}.",
        "dropped": "Sentences left out because the evidence does not fully support them: {}.",
        "cut": "The model's answer was cut off at its longest length.",
    },
    "zh": {
        "failed": "模型没有给出答案（{}）。本答案未使用模型。",
        "failed, nothing": "模型没有给出答案（{}）。",
        "nothing": "没有找到证据，因此没有询问模型。",
        "declined": "{}在证据中没有找到答案。",
        "unsupported": "{}所写的内容没有证据支持。",
        "without": "不用模型时有一个答案；请不用模型再问一次。",
        "partly": "模型称证据缺少答案的一部分。",
        "invented": "已删除没有对应证据的引用编号：{}个。",
        "added": "已为没有引用或引用有误的句子补上引用：{}处。",
        "dropped": "已略去证据未完全支持的句子：{}句。",
        "cut": "模型的答案达到最大长度后被截断。",
    },
}
_ENDS = ".。!！?？]】)）\"”"
_UNKNOWN_FIT = Met(1.0, 1.0, 1.0, 1.0, 1.0, 1.0)


def written(
    model: LanguageModel, extractive: Answer, searcher: Searcher, meaning: Meaning, strict: bool = False
) -> Generator[Event, None, None]:
    """Let a model answer from the evidence of an extractive answer, and check what it wrote.

    Args:
        model: writes.
        extractive: the answer without a model, or the abstention, with its evidence.
        searcher: searches the snapshot that the answer comes from.
        meaning: compares sentences with those of the same snapshot.
        strict: leave out every sentence that is not supported.

    Yields:
        Found, then Thinking and Piece as the model works, then Done with the checked answer. Where
        the model fails, before or in the middle, that is the extractive answer with a note.
    """
    words = _WORDS[extractive.language]
    blocks = blocks_of(extractive, searcher.snapshot)
    yield Found(question=extractive.standalone_question, evidence=hits_of(blocks, extractive))
    if not blocks:
        yield Done(answer=_noted(extractive, words["nothing"]))
        return
    began = time.perf_counter()
    reply = model.ask(answer_messages(extractive.standalone_question, extractive.language, blocks))
    visible = MarkFilter(len(blocks))
    thought = 0
    try:
        for piece in reply:
            if reply.thought > thought:
                thought = reply.thought
                yield Thinking(characters=thought)
            text = visible.feed(piece)
            if text:
                yield Piece(text=text)
    except LanguageModelError as error:
        note = words["failed, nothing" if extractive.abstained else "failed"].format(error)
        yield Done(answer=_noted(extractive, note).model_copy(update={"usage": reply.usage}))
        return
    asked = time.perf_counter()
    answer = _Draft(extractive, blocks, searcher, meaning, model.label).finish(reply, strict)
    timings = {k: v for k, v in extractive.timings_ms.items() if k != "total"}
    timings |= {"model": _ms(asked - began), "check": _ms(time.perf_counter() - asked)}
    total = extractive.timings_ms.get("total", 0.0) + timings["model"] + timings["check"]
    yield Done(answer=answer.model_copy(update={"timings_ms": timings | {"total": round(total, 2)}}))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _noted(answer: Answer, *notes: str) -> Answer:
    return answer.model_copy(update={"notes": (*answer.notes, *notes)})


class _Draft:
    """A model's text on its way to an answer."""

    def __init__(self, extractive: Answer, blocks: Sequence[Block], searcher: Searcher, meaning: Meaning, label: str) -> None:
        self._extractive = extractive
        self._blocks = {b.number: b for b in blocks}
        self._analysis = analyse(searcher.reader.read(extractive.standalone_question))
        self._checker = Checker(blocks, meaning, searcher.snapshot.glossary)
        self._words = _WORDS[extractive.language]
        self._label = label
        self._known = {(c.document_id, c.start, c.end): c for c in extractive.citations}
        self._scores = {h.passage_id: h.score for h in extractive.hits}
        self._citations: dict[tuple[str, int, int], Citation] = {}

    def finish(self, reply: Reply, strict: bool) -> Answer:
        """Check the text and make the answer of it, or the abstention."""
        update: dict[str, Any] = {"mode": f"llm:{self._label}", "usage": reply.usage}
        found = [] if reply.refused else statements(reply.text)
        if reply.cut and found and reply.text[-1] not in _ENDS:
            found.pop()  # half a sentence may say the opposite of the whole one
        judged = [(s.text, s.cited, self._checker.check(s.text, s.cited)) for s in found]
        kept = [(text, cited, v) for text, cited, v in judged if v.support == "supported" or not refuses(text)]
        notes = [self._words["cut"]] if reply.cut else []
        if len(kept) < len(judged) and kept:
            notes.append(self._words["partly"])
        if not kept:
            return self._abstention(update, self._words["declined"].format(self._label), notes)
        if not any(v.support == "supported" or (v.crossing and v.support == "partly" and not self._extractive.abstained) for *_, v in kept):
            return self._abstention(update, self._words["unsupported"].format(self._label), notes)
        left = [k for k in kept if k[2].support == "supported"] if strict else kept
        if len(left) < len(kept):
            notes.append(self._words["dropped"].format(len(kept) - len(left)))
        if not left:
            return self._abstention(update, self._words["unsupported"].format(self._label), notes)
        invented = sum(n not in self._blocks for _, cited, _ in left for n in cited)
        added = sum(v.support == "supported" and {n for n, _ in v.places}.isdisjoint(cited) for _, cited, v in left)
        notes += [self._words[name].format(count) for name, count in (("invented", invented), ("added", added)) if count]
        sentences = [self._sentence(text, verdict) for text, _, verdict in left]
        conflicts = tuple(map(self._conflict, self._extractive.conflicts))
        comparison = self._comparison(self._extractive.comparison)
        return self._extractive.model_copy(
            update=update
            | {
                "text": " ".join(f"{s.text} {''.join(f'[{n}]' for n in s.citations)}".rstrip() for s in sentences),
                "sentences": tuple(sentences),
                "citations": tuple(self._citations.values()),
                "abstained": False,
                "missing": (),
                "conflicts": conflicts,
                "comparison": comparison,
                "confidence": round(self._extractive.confidence * sum(v.support == "supported" for *_, v in left) / len(left), 4),
                "notes": (*self._extractive.notes, *notes),
            }
        )

    def _abstention(self, update: dict[str, Any], reason: str, notes: Sequence[str]) -> Answer:
        """Abstain in the model's name; the extractive abstention's words follow, where there is one."""
        own = self._extractive
        if own.abstained:
            text = f"{reason} {own.text}"
        else:
            text, notes = reason, [*notes, self._words["without"]]
        emptied = {"sentences": (), "citations": (), "conflicts": (), "comparison": None, "abstained": True}
        return own.model_copy(update=update | emptied | {"text": text, "notes": (*own.notes, *notes)})

    def _sentence(self, text: str, verdict: Verdict) -> Sentence:
        numbers = tuple(dict.fromkeys(self._cite(place, verdict) for place in verdict.places))
        return Sentence(text=text, citations=numbers, support=verdict.support, marks=tuple(marks(self._analysis, text)))

    def _cite(self, place: Place, verdict: Verdict) -> int:
        """Return the number of the citation of one sentence of the evidence; each is cited once."""
        block = self._blocks[place[0]]
        start, end = block.passage.sentences[place[1]]
        key = (block.document.id, start, end)
        if key not in self._citations:
            own = self._known.get(key)
            score = own.score if own else self._scores.get(block.passage.id, verdict.likeness)
            quote = Candidate(-1, block.row, block.document, start, end, _UNKNOWN_FIT, {})
            self._citations[key] = citation(len(self._citations) + 1, quote, block.passage.heading, score)
        return self._citations[key].number

    def _renumbered(self, number: int) -> int:
        """Return the number in this answer of a citation of the extractive one, adding it where it is missing."""
        old = next(c for c in self._extractive.citations if c.number == number)
        key = (old.document_id, old.start, old.end)
        if key not in self._citations:
            self._citations[key] = old.model_copy(update={"number": len(self._citations) + 1})
        return self._citations[key].number

    def _conflict(self, conflict: Conflict) -> Conflict:
        values = tuple(v.model_copy(update={"citation": self._renumbered(v.citation)}) for v in conflict.values)
        return conflict.model_copy(update={"values": values})

    def _comparison(self, comparison: Comparison | None) -> Comparison | None:
        if comparison is None:
            return None
        sides = tuple(s.model_copy(update={"citation": self._renumbered(s.citation)}) for s in comparison.sides)
        new = {old.citation: side.citation for old, side in zip(comparison.sides, sides, strict=True)}
        computed = re.sub(r"\[(\d+)\]", lambda m: f"[{new.get(int(m[1]), int(m[1]))}]", comparison.computed)
        return comparison.model_copy(update={"sides": sides, "computed": computed})
