"""Search one language with a question in the other: every word as a group of alternatives.

A word of the question has several translations, and none of them is surely right. Alternatives of one
word share one term statistic (Pirkola 1998, "The effects of query structure and dictionary setups in
dictionary-based cross-language information retrieval"; weighted as by Darwish and Oard 2003,
"Probabilistic structured query methods"): a passage that holds several of them gains no more than
one that holds the best, and a word whose alternatives stand everywhere counts little.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.index.lexical import LexicalIndex
from qa.retrieval.query import Query
from qa.text.dictionary import ChineseWords, Dictionary, chinese_words, dictionary
from qa.text.glossary import Mention
from qa.text.language import CJK, has_cjk
from qa.text.reading import PLAIN
from qa.text.tokens import search_tokens

DECAY = 0.95
"""Weight of an alternative against the one before it; dictionaries name the usual meaning first."""
CHINESE_DECAY = 0.97
SINGLE = 0.7  # weight of a word of one ideograph: most of them are names cut in pieces or mean little
CHINESE_SINGLE = 0.4  # weight of an alternative of one ideograph, which stands in many words
PART = 0.5  # weight of a word inside a term that the dictionary knows as a whole
MAX_TERM = 4  # English words of the longest term that is looked up
SATURATION = 1.6  # what the best passage gives for a word, in units of its rarity: it stands there two or three times

_PIECE = re.compile(f"[{CJK}]+|[^{CJK}]+")


@dataclass(frozen=True)
class Alternative:
    """One translation of a word: tokens that should stand together, and how likely it is."""

    tokens: tuple[str, ...]
    weight: float


@dataclass(frozen=True)
class Group:
    """What a word of the question may be called in the other language; () where nothing is known."""

    written: str
    alternatives: tuple[Alternative, ...]
    weight: float


def translate(query: Query) -> tuple[Group, ...]:
    """Return the words of a question with their translations: the glossary's first, then the dictionary's."""
    text = query.text
    groups: list[Group] = []
    position = 0
    words = _to_english if query.language == "zh" else _to_chinese
    for mention in query.mentions:
        groups += words(text[position : mention.start])
        named = _of_mention(mention, text, query.language)
        groups += [named] if named.alternatives else words(named.written)
        position = mention.end
    groups += words(text[position:])
    distinct = {g.alternatives or g.written: g for g in reversed(groups)}
    return tuple(reversed(distinct.values()))


def words_of(query: Query) -> tuple[Group, ...]:
    """Return the words of a question as they stand, to compare with what ``translate`` gives."""
    if query.language == "en":
        return tuple(Group(t, (Alternative((t,), 1.0),), 1.0) for t in dict.fromkeys(query.own_tokens))
    found = {g.written: (g.weight, _joined(search_tokens(g.written))) for g in _to_english(query.text)}
    return tuple(Group(written, (Alternative(tokens, 1.0),), weight) for written, (weight, tokens) in found.items() if tokens)


def scores(words: LexicalIndex, groups: Sequence[Group]) -> tuple[NDArray[np.float32], float]:
    """Score every text of an index.

    Returns:
        One float32 for each text, 0 is no match; and what a text would score that holds every word of
        the question two or three times, those without translation included.
    """
    total = words.scores(())
    possible = 0.0
    for group in groups:
        matched = _matched(words, group)
        rarity = group.weight * _rarity(matched, words.size)
        total += np.float32(rarity) * matched
        possible += SATURATION * rarity
    return total, possible


def _of_mention(mention: Mention, text: str, language: str) -> Group:
    entry = mention.entry
    forms = [entry.en, *entry.aliases] if language == "zh" else [entry.zh, *entry.aliases]
    forms = [f for f in forms if f and has_cjk(f) == (language != "zh")]
    written = text[mention.start : mention.end]
    # Names are often written in Latin letters in Chinese text too, and a Latin name stays as it is.
    if not has_cjk(written):
        forms.append(written)
    found = [tuple(search_tokens(f)) for f in forms]
    return Group(written, tuple(Alternative(_joined(t), 1.0) for t in dict.fromkeys(found) if t), 1.0)


def _to_english(text: str, known: Dictionary | None = None) -> list[Group]:
    known = known or dictionary()
    groups = []
    for match in _PIECE.finditer(known.simplified(text)):
        if not has_cjk(match.group()):
            groups += [Group(t, (Alternative((t,), 1.0),), 1.0) for t in dict.fromkeys(search_tokens(match.group()))]
            continue
        for word in known.words(match.group()):
            if word not in PLAIN:
                found = [tuple(dict.fromkeys(search_tokens(g))) for g in known.glosses(word)]
                ranked = [Alternative(t, DECAY**rank) for rank, t in enumerate(found) if t]
                groups.append(Group(word, tuple(ranked), SINGLE if len(word) == 1 else 1.0))
    return groups


def _to_chinese(text: str, known: ChineseWords | None = None) -> list[Group]:
    known = known or chinese_words()
    tokens = search_tokens(text)
    groups: list[Group] = []
    at = 0
    while at < len(tokens):
        size = next((n for n in range(min(MAX_TERM, len(tokens) - at), 1, -1) if known(tokens[at : at + n])), 1)
        if size > 1:
            term = tokens[at : at + size]
            groups.append(Group(" ".join(term), _in_chinese(known(term)), 1.0))
        for token in tokens[at : at + size]:
            own = Alternative((token,), 1.0)  # names and numbers stand in Chinese text as they are
            groups.append(Group(token, (own, *_in_chinese(known([token]))), 1.0 if size == 1 else PART))
        at += size
    return groups


def _in_chinese(words: Sequence[str]) -> tuple[Alternative, ...]:
    ranked = []
    for rank, word in enumerate(words):
        tokens = _joined(search_tokens(word))
        if tokens:
            ranked.append(Alternative(tokens, CHINESE_DECAY**rank * (CHINESE_SINGLE if len(word) == 1 else 1.0)))
    return tuple(ranked)


def _joined(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return the distinct tokens of a term; single ideographs only where there is no pair."""
    distinct = tuple(dict.fromkeys(tokens))
    return tuple(t for t in distinct if len(t) > 1 or not has_cjk(t)) or distinct


def _matched(words: LexicalIndex, group: Group) -> NDArray[np.float32]:
    """Return how far each text holds the best alternative of a word: about 1 where it stands there once."""
    best = words.scores(())
    for alternative in group.alternatives:
        scale = alternative.weight / (sum(words.idf(t) for t in alternative.tokens) or 1.0)
        rows, weights = _together([words.postings(t) for t in alternative.tokens])
        matched = weights * np.float32(scale)
        if len(alternative.tokens) > 1 and has_cjk(alternative.tokens[0]):
            matched = matched * matched  # pairs of one word: half of them are half of another word
        best[rows] = np.maximum(best[rows], matched)
    return best


def matched_at(words: LexicalIndex, group: Group, weights: Mapping[str, NDArray[np.float32]], texts: int) -> NDArray[np.float32]:
    """Return the same for some texts only, from what each token adds to the score of each of them."""
    best = np.zeros(texts, dtype=np.float32)
    for alternative in group.alternatives:
        scale = alternative.weight / (sum(words.idf(t) for t in alternative.tokens) or 1.0)
        matched = np.add.reduce([weights[t] for t in alternative.tokens]) * np.float32(scale)
        if len(alternative.tokens) > 1 and has_cjk(alternative.tokens[0]):
            matched = matched * matched
        best = np.maximum(best, matched)
    return best


def _together(postings: Sequence[tuple[NDArray[np.int64], NDArray[np.float32]]]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Add up the weights of several terms; returns texts that hold any of them, and their sums."""
    if len(postings) == 1:
        return postings[0]
    rows, positions = np.unique(np.concatenate([r for r, _ in postings]), return_inverse=True)
    sums = np.bincount(positions, weights=np.concatenate([w for _, w in postings]), minlength=len(rows))
    return rows, sums.astype(np.float32)


def rarity_of(words: LexicalIndex, group: Group) -> float:
    """Return the inverse document frequency of a word with alternatives."""
    return _rarity(_matched(words, group), words.size)


def _rarity(matched: NDArray[np.float32], size: int) -> float:
    """Return the inverse document frequency of a word that stands in texts as far as they match."""
    found = float(np.minimum(matched, 1.0).sum())
    return float(np.log1p((size - found + 0.5) / (found + 0.5)))
