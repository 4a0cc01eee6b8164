"""A general Chinese-English dictionary: words in Chinese text, what they mean, and the way back.

The entries are derived from CC-CEDICT (``qa/text/data/README.md`` says how and under which licence).
Both files are read when first needed: forward by Chinese text, backward by an English question that
meets Chinese passages.
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np

WORDS_FILE = Path(__file__).resolve().parent / "data" / "chinese-english.txt.gz"
ENGLISH_FILE = Path(__file__).resolve().parent / "data" / "english-chinese.txt.gz"

SEPARATOR = b"\f"  # between the parts of a file
COST_ZERO, COST_STEPS = 48, 4
"""How a cost is written: one character, its code less COST_ZERO over COST_STEPS."""

MAX_WORD = 12  # ideographs of the longest word
UNKNOWN_COST = 18.5
"""Cost of a character that is no word: -log of half an occurrence in the 60 million words counted."""


class _Lines:
    """Lines of a text that is decoded one line at a time, since few of them are ever read."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._ends = np.append(np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n")), len(text))

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> str:
        return self._text[int(self._ends[number - 1]) + 1 if number else 0 : int(self._ends[number])].decode()


class Dictionary:
    """Words with their glosses and how rare they are."""

    def __init__(self, data: bytes) -> None:
        """Read a file's bytes: comment, traditional characters, their simplified ones, words, costs, glosses."""
        _, traditional, simplified, words, costs, glosses = data.split(SEPARATOR)
        self._costs, self._glosses = costs, _Lines(glosses)
        self._numbers = dict(zip(words.decode().split("\n"), range(len(self._glosses)), strict=True))
        self._traditional = dict(zip(map(ord, traditional.decode()), map(ord, simplified.decode()), strict=True))

    def __contains__(self, word: str) -> bool:
        return word in self._numbers

    def simplified(self, text: str) -> str:
        """Write traditional characters in their simplified form; the length stays."""
        return text.translate(self._traditional)

    def glosses(self, word: str) -> tuple[str, ...]:
        """Return what a simplified word means, the usual meaning first; () where it is unknown."""
        number = self._numbers.get(word)
        return () if number is None else tuple(self._glosses[number].split("|"))

    def cost(self, word: str) -> float:
        """Return how rare a simplified word is: -log of its share of all words."""
        number = self._numbers.get(word)
        return UNKNOWN_COST if number is None else (self._costs[number] - COST_ZERO) / COST_STEPS

    def words(self, run: str) -> list[str]:
        """Cut a run of simplified ideographs into the likeliest words; together they are the run."""
        best = [0.0, *[float("inf")] * len(run)]
        back = [0] * (len(run) + 1)
        for start in range(len(run)):
            for end in range(start + 1, min(len(run), start + MAX_WORD) + 1):
                number = self._numbers.get(run[start:end])
                if number is None and end > start + 1:
                    continue
                cost = best[start] + (UNKNOWN_COST if number is None else (self._costs[number] - COST_ZERO) / COST_STEPS)
                if cost < best[end]:
                    best[end], back[end] = cost, start
        found = []
        end = len(run)
        while end:
            found.append(run[back[end] : end])
            end = back[end]
        return found[::-1]


class ChineseWords:
    """Chinese words by English terms."""

    def __init__(self, data: bytes) -> None:
        """Read a file's bytes: comment, search tokens of terms, Chinese words of each."""
        _, terms, words = data.split(SEPARATOR)
        self._words = _Lines(words)
        self._numbers = dict(zip(terms.decode().split("\n"), range(len(self._words)), strict=True))

    def __call__(self, tokens: Sequence[str]) -> tuple[str, ...]:
        """Return the words for an English term given by its search tokens, the likeliest first."""
        number = self._numbers.get(" ".join(tokens))
        return () if number is None else tuple(self._words[number].split(" "))


@functools.cache
def dictionary() -> Dictionary:
    """Return the dictionary; the first call reads it."""
    return Dictionary(gzip.decompress(WORDS_FILE.read_bytes()))


@functools.cache
def chinese_words() -> ChineseWords:
    """Return the dictionary the other way round; the first call reads it."""
    return ChineseWords(gzip.decompress(ENGLISH_FILE.read_bytes()))
