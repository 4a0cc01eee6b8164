"""Search tokens: what the lexical index and the coverage checks count.

English words are lower-cased and stemmed (Snowball, Porter's second stemmer,
https://snowballstem.org), stop words dropped. Names with digits or hyphens ("QwQ-32B", "7nm",
"GPT-4o") are kept whole and also given in parts, so that "DeepSeek R1" finds "DeepSeek-R1".
Ideographs give characters and bigrams: on Chinese paragraphs that was as good as a dictionary.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import snowballstemmer

from qa.text.language import CJK


def _pattern(letter: str, alnum: str) -> re.Pattern[str]:
    """Return the pattern of tokens, from those of one letter and of one letter or digit."""
    return re.compile(
        rf"[{CJK}]+"
        r"|\d[\d,]*(?:\.\d+)?(?:[A-Za-z][A-Za-z0-9]*)?(?:-[A-Za-z0-9.]*[A-Za-z0-9])*%?"
        rf"|{letter}+(?:['’]{letter}+)?\d*(?:\.\d+)*{alnum}*(?:[-_.+/]{alnum}+(?:\.\d+)*)*",
    )


# Ideographs are letters to \w as well: "DeepSeek的模型" is a name and a run of ideographs.
_TOKEN = _pattern(rf"(?:(?![{CJK}])[^\W\d_])", rf"(?:(?![{CJK}])[^\W_])")
_ASCII_TOKEN = _pattern("[a-z]", "[a-z0-9]")  # the same for what is folded and plain ASCII, in a third of the time
_PART = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+")
_STEMMER = snowballstemmer.stemmer("english")

STOP_WORDS = frozenset(
    """a about above after again all also am an and any are as at be because been before being below
    between both but by can could did do does doing down during each few for from further had has have
    having he her here hers him his how i if in into is it its itself just me more most my no nor not of
    off on once only or other our out over own per same she should so some such than that the their
    theirs them then there these they this those through to too under until up upon very was we were
    what when where which while who whom whose why will with would you your much many tell please give
    let 's us""".split()
) - {"us"}  # "US" is a country here
# Characters that carry no topic in a Chinese question.
STOP_IDEOGRAPHS = frozenset("的了吗呢是在和与及或有多少什么哪谁何几个些这那为被把对从到于其之也都就而但及请问")


def stem(word: str) -> str:
    """Stem one lower-case word."""
    return str(_STEMMER.stemWord(word))


def fold(text: str) -> str:
    """Lower-case and fold full-width forms and accents; lengths may change, so never for offsets."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", text).lower()
    marks = {c for c in set(text) if c >= "\u0300" and unicodedata.combining(c)}
    return "".join(c for c in text if c not in marks) if marks else text


def search_tokens(text: str) -> list[str]:
    """Return the search tokens of a text in order, with repetitions."""
    folded = fold(text)
    found: list[str] = []
    for token in (_ASCII_TOKEN if folded.isascii() else _TOKEN).findall(folded):
        if "\u3400" <= token[0] <= "\ufaff":
            found.extend(c for c in token if c not in STOP_IDEOGRAPHS)
            found.extend(token[i : i + 2] for i in range(len(token) - 1))
        else:
            found.extend(_written(token))
    return found


@lru_cache(maxsize=200_000)
def _written(token: str) -> tuple[str, ...]:
    """Return what is searched for a word or number as it is written."""
    return tuple(_number_tokens(token) if token[0].isdigit() else _word_tokens(token))


def _number_tokens(token: str) -> list[str]:
    percent = token.endswith("%")
    token = token.rstrip("%").replace(",", "")
    found = [token]
    parts = _PART.findall(token)
    if len(parts) > 1:
        found.extend(part for part in parts if part not in STOP_WORDS)
    if percent:
        found.append("percent")
    return found


def _word_tokens(token: str) -> list[str]:
    token = token.replace("’", "'")
    token = token.removesuffix("'s")
    if token.isalpha():
        return [] if token in STOP_WORDS else [stem(token)]
    parts = [p for p in _PART.findall(token) if p not in STOP_WORDS]
    if not parts:
        return []
    if len(parts) == 1 and parts[0] == token:
        return [stem(token)]
    stems = [stem(p) if p.isalpha() else p for p in parts]
    # "AI-related" is two words; "r1" and "qwq-32b" are names.
    if any(c.isdigit() for c in token):
        return [token, *stems]
    return stems
