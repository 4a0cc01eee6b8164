"""Read a model's text: sentences with the numbers that they cite."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qa.llm.prompts import NO_ANSWER
from qa.text.sentences import sentence_spans

_NUMBERS = r"\^?\d{1,3}(?:\s*[-–,，、;]\s*\^?\d{1,3})*"
_WORD = r"\s*(?:evidence\s+|证据\s*)?"
_MARK = re.compile(rf"\s*(?:\[{_WORD}({_NUMBERS})\s*\]|【{_WORD}({_NUMBERS})(?:†[^】]*)?\s*】)", re.IGNORECASE)
_RANGE = re.compile(r"\^?(\d{1,3})\s*[-–]\s*\^?(\d{1,3})")
_DRESS = re.compile(r"^\s*(?:#{1,6}\s+|>\s*|[-*•+]\s+|\d{1,2}[.)、]\s+)+", re.MULTILINE)
_FENCE = re.compile(r"^\s*```.*$", re.MULTILINE)
_BOLD = re.compile(r"(\*\*|__|`)(?=\S)(.+?)(?<=\S)\1")
_LONGEST_MARK = 40  # characters; a longer bracket is none
_LETTER = re.compile(r"[^\W_]")

_REFUSAL = re.compile(
    rf"{NO_ANSWER}"
    r"|\b(?:the |this |provided |given |available )*(?:evidence|passages?|sources?|documents?|context|text)\b[^.]{0,40}\b(?:do(?:es)?(?: not|n[’']t)"
    r"|lacks?|contains? no|provides? no|gives? no|has no|have no|is silent|says? nothing)\b"
    r"|\b(?:is|are|was|were) not (?:mentioned|stated|given|specified|found|provided) in the (?:\w+ )?(?:evidence|passages?|sources?|documents?)"
    r"|^\s*(?:I['’]?m sorry|Sorry|I (?:cannot|can[’']t|am unable|am not able|won[’']t|don[’']t (?:know|have)))"
    r"|证据(?:中|里|内)?(?:并?没有|未|并未|不足|无法)|(?:资料|材料|文中|文档)(?:中|里)?(?:并?没有|未|并未)(?:提|说|给|包含|找)"
    r"|^\s*(?:很?抱歉|对不起|我(?:无法|不能|不知道))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Statement:
    """One sentence of a model's text.

    Attributes:
        text: without citation marks and Markdown.
        cited: the numbers that it cites, each once, in order; they may be invented.
    """

    text: str
    cited: tuple[int, ...]


def statements(text: str) -> list[Statement]:
    """Split a model's text into sentences; a mark belongs to the sentence before it.

    Lines that only introduce what follows ("Key facts:") and lines without letters are dropped.
    """
    plain, marks = _take_marks(_undress(text))
    spans = sentence_spans(plain)
    cited: list[list[int]] = [[] for _ in spans]
    for position, numbers in marks:
        owner = next((i for i in range(len(spans) - 1, -1, -1) if spans[i][0] < position), 0)
        if spans:
            cited[owner] += numbers
    found = []
    for (start, end), numbers in zip(spans, cited, strict=True):
        sentence = " ".join(plain[start:end].split())
        introduces = sentence.endswith((":", "：")) and not numbers
        if _LETTER.search(sentence) and not introduces:
            found.append(Statement(sentence, tuple(dict.fromkeys(numbers))))
    return found


def refuses(text: str) -> bool:
    """Tell whether a sentence says that the evidence lacks the answer, or declines to give one."""
    return _REFUSAL.search(text) is not None


def _undress(text: str) -> str:
    """Take Markdown away; the text is shown as plain sentences."""
    return _BOLD.sub(r"\2", _DRESS.sub("", _FENCE.sub("", text)))


def _take_marks(text: str) -> tuple[str, list[tuple[int, list[int]]]]:
    """Take the citation marks out of a text; returns it and where they stood in what is left."""
    parts: list[str] = []
    marks: list[tuple[int, list[int]]] = []
    position = length = 0
    for match in _MARK.finditer(text):
        parts.append(text[position : match.start()])
        length += match.start() - position
        marks.append((length, _listed(match.group(1) or match.group(2))))
        position = match.end()
    parts.append(text[position:])
    return "".join(parts), marks


def _listed(written: str) -> list[int]:
    """Read "1, 3" and "2-4"."""
    numbers: list[int] = []
    for part in re.split(r"[,，、;]", written):
        span = _RANGE.fullmatch(part.strip())
        if span:
            first, last = int(span.group(1)), int(span.group(2))
            numbers += range(first, min(last, first + 20) + 1)
        elif part.strip():
            numbers.append(int(part.strip().lstrip("^")))
    return numbers


class MarkFilter:
    """Takes citation numbers that no evidence has out of streamed text; a mark may come in several pieces."""

    def __init__(self, known: int) -> None:
        """Remember how many pieces of evidence there are."""
        self._known = known
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take a piece and return what can be shown."""
        text = self._held + piece
        opened = max(text.rfind("["), text.rfind("【"))
        closed = max(text.rfind("]"), text.rfind("】"))
        end = opened if opened > closed and len(text) - opened < _LONGEST_MARK else len(text)
        end = len(text[:end].rstrip(" "))  # a space belongs to the mark that may follow
        text, self._held = text[:end], text[end:]
        return _MARK.sub(self._clean, text)

    def close(self) -> str:
        """Return what is left."""
        text, self._held = self._held, ""
        return text

    def _clean(self, match: re.Match[str]) -> str:
        kept = [n for n in _listed(match.group(1) or match.group(2)) if 1 <= n <= self._known]
        space = " " if match.group()[0].isspace() else ""
        return space + "".join(f"[{n}]" for n in kept) if kept else ""
