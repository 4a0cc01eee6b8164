"""Cut documents into passages: spans of their text, never re-joined strings.

A passage stays inside one section, holds whole sentences, and prefers to end where a paragraph
ends. Short paragraphs are joined until a passage has about its goal size; one that fits is kept
whole; one too long for a passage is cut into parts of about equal size. A fenced block of code, the
lines of a table or list, and a line that introduces what follows ("Name:", a title) stay together
with what belongs to them where they fit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qa.documents.model import Document
from qa.text.sentences import Span, sentence_spans

MAX_TOKENS = 200
"""Upper size of a passage in tokens of the model. On the chunking evaluation's corpora this limit
gives passages of about 140 tokens; with title and heading in front they fit MiniLM's 256."""

GOAL = 0.7
"""Size that a passage aims at, as a share of the upper size. On the chunking evaluation smaller passages
lose recall and larger ones precision; ``benchmarks/tune_retrieval.py`` prints the grid."""

_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_SHORT_LINE = 80  # characters; a longer block is a paragraph in its own right
_STOPS = (".", "!", "?", "…", "。", "！", "？", ";", "；", '"', "”", ")", "）", "|")

CountTokens = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True)
class Passage:
    """What is indexed, retrieved and cited: a span of a document.

    Attributes:
        id: ``<document id>:<start>``.
        document_id: the document.
        start, end: span in the document's text.
        heading: the heading of its section, or "".
        sentences: spans of its sentences in the document's text.
    """

    id: str
    document_id: str
    start: int
    end: int
    heading: str
    sentences: tuple[Span, ...]


def chunk(document: Document, count_tokens: CountTokens, max_tokens: int = MAX_TOKENS) -> list[Passage]:
    """Cut a document into passages in order of position.

    Args:
        document: the document.
        count_tokens: returns the number of model tokens of each text.
        max_tokens: upper size of a passage; only a single word may exceed it.

    Returns:
        Passages that never overlap and together hold every sentence of the document.
    """
    text = document.text
    passages = []
    for section in document.sections:
        blocks = [sentence_spans(text, a, b) for a, b in _blocks(text, section.start, section.end)]
        flat = [span for block in blocks for span in block]
        sizes = dict(zip(flat, count_tokens([text[a:b] for a, b in flat]), strict=True))
        for group in _pack(text, [b for b in blocks if b], sizes, count_tokens, max_tokens):
            start, end = group[0][0], group[-1][1]
            passages.append(
                Passage(f"{document.id}:{start}", document.id, start, end, section.heading, tuple(group))
            )
    return passages


def _blocks(text: str, start: int, end: int) -> list[Span]:
    """Return the spans between blank lines; a fenced block and an introduction keep what belongs to them."""
    blocks: list[Span] = []
    position = start
    fenced = False
    for match in [*_BLANK_LINE.finditer(text, start, end), None]:
        stop = match.start() if match else end
        piece = text[position:stop]
        if piece.strip():
            joined = bool(blocks) and (fenced or _introduces(text[slice(*blocks[-1])]))
            blocks.append((blocks.pop()[0], stop) if joined else (position, stop))
            fenced ^= len(_FENCE.findall(piece)) % 2 == 1
        position = match.end() if match else end
    return blocks


def _introduces(block: str) -> bool:
    """Tell whether a block is one short line that announces the next block."""
    line = block.strip()
    return "\n" not in line and len(line) < _SHORT_LINE and not line.endswith(_STOPS)


def _pack(
    text: str, blocks: list[list[Span]], sizes: dict[Span, int], count_tokens: CountTokens, max_tokens: int
) -> list[list[Span]]:
    groups: list[list[Span]] = []
    current: list[Span] = []
    used = 0
    for block in blocks:
        size = sum(sizes[s] for s in block)
        # Ending here leaves the passage nearer to its goal than taking the block in.
        if current and (used + size > max_tokens or used + size / 2 > GOAL * max_tokens):
            groups.append(current)
            current, used = [], 0
        if size <= max_tokens:
            current = current + block
            used += size
            continue
        pieces = [p for s in block for p in _split_long(text, s, sizes[s], count_tokens, max_tokens)]
        groups.extend(_even(pieces, max_tokens))
    if current:
        groups.append(current)
    return groups


def _even(pieces: list[tuple[Span, int]], max_tokens: int) -> list[list[Span]]:
    """Cut a long run of sentences into parts of about equal size, near the goal."""
    total = sum(size for _, size in pieces)
    goal = total / max(math.ceil(total / max_tokens), round(total / (GOAL * max_tokens)))
    groups: list[list[Span]] = []
    current: list[Span] = []
    used = 0
    for span, size in pieces:
        if current and (used + size > max_tokens or used + size / 2 > goal):
            groups.append(current)
            current, used = [], 0
        current.append(span)
        used += size
    groups.append(current)
    return groups


def _split_long(
    text: str, span: Span, size: int, count_tokens: CountTokens, max_tokens: int
) -> list[tuple[Span, int]]:
    """Halve a sentence that is too long near its middle, at the best break there is."""
    start, end = span
    if size <= max_tokens or end - start < 2:
        return [(span, size)]
    middle, reach = (start + end) // 2, (end - start) // 4
    cut = middle
    for breaks in ("\n", ";；", ",，、:：", " \t\u3000"):
        places = [i + 1 for i in range(middle - reach, middle + reach) if text[i] in breaks]
        if places:
            cut = min(places, key=lambda i: abs(i - middle))
            break
    halves = []
    for a, b in ((start, cut), (cut, end)):
        while a < b and text[a].isspace():
            a += 1
        while b > a and text[b - 1].isspace():
            b -= 1
        if b > a:
            halves.append((a, b))
    counted = count_tokens([text[a:b] for a, b in halves])
    return [part for half, n in zip(halves, counted, strict=True) for part in _split_long(text, half, n, count_tokens, max_tokens)]
