"""Typing errors: a word that no document holds is read as the one it was meant to be."""

from __future__ import annotations

import itertools
import re
from functools import cached_property

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from qa.index.snapshot import Snapshot
from qa.text.dictionary import chinese_words
from qa.text.tokens import search_tokens

_WORD = re.compile(r"[A-Za-z]{5,}")
_READ = 4096  # documents whose words are known: some seconds for more; one of few documents is seldom mistyped
_LONG = 8  # letters from which two slips may be forgiven instead of one


class Spelling:
    """Corrects English words against those that the documents hold."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @cached_property
    def _words(self) -> list[str]:
        """Words of the English documents and the glossary, gathered when first needed; in a large index of some documents."""
        snapshot = self._snapshot
        texts = itertools.chain(
            (f"{d.title} {d.text}" for d in snapshot.documents.some(_READ) if d.language == "en"),
            (form for entry in snapshot.glossary.entries for form in entry.forms),
        )
        return sorted({w.lower() for text in texts for w in _WORD.findall(text)})

    def correct(self, text: str) -> str:
        """Return the text with words that no document holds put right where the meant one is plain.

        A word is put right if it is in no dictionary and exactly one known word is nearest, within one slip
        (insertion, deletion, substitution or swap of neighbours), or two for long words in lower case.
        """
        return _WORD.sub(lambda m: self._correct(m.group()), text)

    def _correct(self, word: str) -> str:
        if any(token in self._snapshot.words for token in search_tokens(word)) or not search_tokens(word):
            return word
        slips = 2 if len(word) >= _LONG and word.islower() else 1
        near = process.extract(word.lower(), self._words, scorer=DamerauLevenshtein.distance, score_cutoff=slips, limit=2)
        if not near or (len(near) > 1 and near[0][1] == near[1][1]) or near[0][0] == word.lower():
            return word
        found = str(near[0][0])
        short, long = sorted((word.lower(), found), key=len)
        # An English word is no slip of another ("lawyer" of "layer"), unless it is a form of it ("Indian" of "India").
        if chinese_words()(search_tokens(word)) and long not in (short + "s", short + "n", short + "d"):
            return word
        return found.capitalize() if word[0].isupper() else found
