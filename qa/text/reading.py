"""Read Chinese in English words, so that an English model can encode it.

Each Chinese word is replaced by its usual English gloss; everything else stays as it stands. The
result is no translation, but its vectors lie where those of the translation do, and every character
of it can be traced to the characters that it stands for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from qa.text.dictionary import Dictionary
from qa.text.language import CJK

PLAIN = {
    "的": "", "了": "", "吗": "?", "呢": "?", "是": "is", "在": "in", "和": "and", "与": "and", "及": "and", "或": "or", "谁": "who",
    "什么": "what", "哪": "which", "哪个": "which", "哪些": "which", "何时": "when", "哪里": "where", "多少": "how many", "几": "how many",
    "有": "has", "于": "in", "也": "also", "不": "not", "他": "he", "她": "she", "它": "it", "他们": "they", "们": "", "被": "by",
    "为": "for", "以": "with", "所": "", "之": "of", "中": "in", "上": "on", "年": "year", "月": "month", "日": "day", "从": "from",
    "到": "to", "对": "to", "将": "will", "而": "and", "但": "but", "这": "this", "那": "that", "该": "this", "个": "", "地": "",
    "得": "", "着": "", "过": "", "名": "", "把": "", "就": "", "都": "all", "其": "its", "等": "etc.", "由": "by", "并": "and",
    "如何": "how", "怎么": "how", "怎样": "how", "为什么": "why", "因为": "because", "如果": "if", "可以": "can", "会": "can", "能": "can",
    "位": "", "种": "kind", "次": "times", "人": "people", "时": "when", "后": "after", "前": "before", "与其": "rather than",
    "第": "number", "至": "to", "每": "every", "各": "each", "万": "ten thousand", "亿": "hundred million", "么": "", "家": "home",
}  # fmt: skip
"""Function words: their glosses in a dictionary explain them instead of translating them."""

_PIECE = re.compile(f"[{CJK}]+|[^{CJK}]+")
_MARKS = str.maketrans("，。、；：？！（）《》“”‘’【】「」『』", ",.,;:?!()\"\"\"\"''[]\"\"\"\"")


@dataclass(frozen=True)
class Reading:
    """Chinese text in English words.

    Attributes:
        text: the English words.
        starts: where each piece of it begins.
        sources: (start, end) in the Chinese text of what each piece stands for.
        copied: whether the piece is the same characters in both texts.
    """

    text: str
    starts: tuple[int, ...]
    sources: tuple[tuple[int, int], ...]
    copied: tuple[bool, ...]

    def source(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the Chinese text that a span inside one piece stands for."""
        number = max(0, bisect_right(self.starts, start) - 1)
        first, last = self.sources[number]
        if not self.copied[number]:
            return first, last
        shift = first - self.starts[number]
        return max(first, start + shift), min(last, end + shift)


def read_chinese(text: str, dictionary: Dictionary, gloss: Callable[[str], str] | None = None) -> Reading:
    """Put the Chinese in a text into English words.

    Args:
        text: holds ideographs.
        dictionary: cuts them into words.
        gloss: says what a word means in place of its usual gloss; "" leaves it out.
    """
    choose = gloss or (lambda word: usual_gloss(word, dictionary))
    simple = dictionary.simplified(text)
    parts: list[str] = []
    starts: list[int] = []
    sources: list[tuple[int, int]] = []
    copied: list[bool] = []
    length = 0

    def add(written: str, start: int, end: int, same: bool) -> None:
        nonlocal length
        if parts and not parts[-1][-1:].isspace() and written[0].isalnum():
            parts.append(" ")
            length += 1
        starts.append(length)
        sources.append((start, end))
        copied.append(same)
        parts.append(written)
        length += len(written)

    for match in _PIECE.finditer(simple):
        if not re.match(f"[{CJK}]", match.group()):
            add(match.group().translate(_MARKS), match.start(), match.end(), True)
            continue
        at = match.start()
        for word in dictionary.words(match.group()):
            written = choose(word)
            if written:
                add(written, at, at + len(word), False)
            at += len(word)
    return Reading("".join(parts), tuple(starts), tuple(sources), tuple(copied))


def usual_gloss(word: str, dictionary: Dictionary) -> str:
    """Return what a word usually means; the word itself where the dictionary has nothing."""
    if word in PLAIN:
        return PLAIN[word]
    found = dictionary.glosses(word)
    return found[0] if found else word
