"""Sentence spans of English and Chinese text, with exact offsets."""

from __future__ import annotations

import re

Span = tuple[int, int]

_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Gen|Sen|Rep|Gov|Lt|Col|Jr|Sr|Inc|Corp|Co|Ltd|Bros|No|Nos|Vol|Fig|Sec|"
    r"Art|vs|v|cf|al|approx|est|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|e\.g|i\.e|n\.d|a\.m|p\.m)"
    r"|\b(?:[A-Za-z]\.)*[A-Z])\.$"
)
# A full stop ends a sentence before white space and something that can begin one; the ideographic
# marks end it wherever they stand. Closing quotes and brackets belong to the sentence.
# A run is tried once, from its first mark: trying each place of a long row of dots would take time by its square.
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s|$)|[。！？]+[”’」』）\"']*")
_STARTS_SENTENCE = re.compile(r"\s+[\"'“‘(\[]*[A-Z0-9\u3400-\u9fff]|\s*$")
_LIST_ITEM = re.compile(r"\s*(?:[-*•+|#>]|\d{1,3}[.)、]|[（(]\d{1,2}[)）])\s*")
_SHORT_LINE = 60  # characters; a shorter line without a full stop is a heading or a table cell


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """Split ``text[start:end]`` into sentences.

    Returns:
        Spans in order, without surrounding white space and never overlapping. Everything that is
        not white space lies in exactly one span.
    """
    end = len(text) if end is None else end
    spans: list[Span] = []
    for line_start, line_end in _lines(text, start, end):
        position = line_start
        for match in _END.finditer(text, line_start, line_end):
            if match.end() <= position or not _is_end(text, match, position, line_end):
                continue
            _append(spans, text, position, match.end())
            position = match.end()
        _append(spans, text, position, line_end)
    return spans


def _is_end(text: str, match: re.Match[str], position: int, limit: int) -> bool:
    mark = match.group()[0]
    if mark in "。！？!?…":
        return True
    if match.end() < limit and _STARTS_SENTENCE.match(text, match.end(), limit) is None:
        return False
    stop = match.start() + 1
    if match.group().startswith(".") and _ABBREVIATION.search(text, max(position, stop - 12), stop):
        # "the U.S. The" cannot be told from "the U.S. Army" without reading on: keep it together.
        return match.end() >= limit
    return True


def _lines(text: str, start: int, end: int) -> list[Span]:
    """Cut at the line breaks that end a thought: blank lines, list items, headings, short lines."""
    cuts: list[Span] = []
    begin = position = start
    while position < end:
        at = text.find("\n", position, end)
        if at < 0:
            break
        line = text[max(begin, text.rfind("\n", begin, at) + 1) : at].strip()
        following_end = text.find("\n", at + 1, end)
        following = text[at + 1 : following_end if following_end >= 0 else end]
        ends_thought = (
            not following.strip()
            or not line
            or _LIST_ITEM.match(following) is not None
            or line[0] in "#|"
            or line[-1] in ".!?。！？:：;；"
            or len(line) < _SHORT_LINE
        )
        if ends_thought:
            cuts.append((begin, at))
            begin = at + 1
        position = at + 1
    cuts.append((begin, end))
    return cuts


def _append(spans: list[Span], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        spans.append((start, end))
