"""Read a question: tokens, names, years, and its words in the other language."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from qa.text.dictionary import dictionary
from qa.text.glossary import Entry, Glossary, Mention
from qa.text.language import has_cjk
from qa.text.quantities import years
from qa.text.reading import read_chinese
from qa.text.tokens import search_tokens

EXPANSION_WEIGHT = 0.5
"""Weight of a word that the glossary adds, against 1 for a word of the question."""
IDEOGRAPH_WEIGHT = 0.3
"""Weight of a single ideograph, against 1 for a pair of neighbours: most words are pairs."""


@dataclass(frozen=True)
class Query:
    """A question as search sees it.

    Attributes:
        text: the question.
        language: the language in which it is asked.
        tokens: its search tokens and those that the glossary adds.
        weights: factor of each added token and of single ideographs; 1 where absent.
        own_tokens: the tokens of the question itself.
        translation: a Chinese question in English words, names as the glossary has them; "" for an English one,
            since Chinese passages are encoded in English words as well.
        mentions: glossary entries in the question.
        years: years that it names.
    """

    text: str
    language: Literal["en", "zh"]
    tokens: tuple[str, ...]
    weights: dict[str, float]
    own_tokens: tuple[str, ...]
    translation: str
    mentions: tuple[Mention, ...]
    years: frozenset[int] = field(default=frozenset())

    @cached_property
    def names(self) -> tuple[Entry, ...]:
        """The distinct names in the question, in order."""
        return tuple(dict.fromkeys(m.entry for m in self.mentions if m.entry.is_name))


class QueryReader:
    """Reads questions with the help of a glossary."""

    def __init__(self, glossary: Glossary) -> None:
        self._glossary = glossary

    def read(self, text: str) -> Query:
        """Analyse a question for search."""
        language: Literal["en", "zh"] = "zh" if has_cjk(text) else "en"
        mentions = tuple(self._glossary.mentions(text))
        own = search_tokens(text)
        weights = {token: weight for token in own if (weight := _weight(token)) != 1.0}
        for mention in mentions:
            for form in _expansions(mention.entry, text[mention.start : mention.end]):
                for token in search_tokens(form):
                    if token not in own:
                        weights[token] = EXPANSION_WEIGHT * _weight(token)
        tokens = tuple(dict.fromkeys([*own, *weights]))
        translation = _in_english(text, mentions) if language == "zh" else ""
        return Query(text, language, tokens, weights, tuple(own), translation, mentions, frozenset(years(text)))


def _in_english(text: str, mentions: tuple[Mention, ...]) -> str:
    """Put a Chinese question into English words, its names and terms first."""
    named, position = "", 0
    for mention in mentions:
        english = mention.entry.en or text[mention.start : mention.end]
        named += f"{text[position : mention.start]} {english} "
        position = mention.end
    return " ".join(read_chinese(named + text[position:], dictionary()).text.split())


def _weight(token: str) -> float:
    return IDEOGRAPH_WEIGHT if len(token) == 1 and has_cjk(token) else 1.0


def _expansions(entry: Entry, written: str) -> list[str]:
    """The main forms of an entry and, for a name, the aliases as well."""
    forms = [entry.en, entry.zh, *(entry.aliases if entry.is_name else ())]
    return [form for form in forms if form and form.lower() != written.lower()]
