"""Read a question: tokens, names, years, and its words in the other language."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from qa.text.glossary import Entry, Glossary, Mention
from qa.text.language import CJK, has_cjk
from qa.text.quantities import years
from qa.text.tokens import search_tokens

EXPANSION_WEIGHT = 0.5
"""Weight of a word that the glossary adds, against 1 for a word of the question."""
IDEOGRAPH_WEIGHT = 0.3
"""Weight of a single ideograph, against 1 for a pair of neighbours: most words are pairs."""

_LATIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.%+-]*")
_IDEOGRAPHS = re.compile(f"[{CJK}]+")


@dataclass(frozen=True)
class Query:
    """A question as search sees it.

    Attributes:
        text: the question.
        language: the language in which it is asked.
        tokens: its search tokens and those that the glossary adds.
        weights: factor of each added token and of single ideographs; 1 where absent.
        own_tokens: the tokens of the question itself.
        translation: the question's names and terms in the other language ("" if none is known).
        mentions: glossary entries in the question.
        years: years that it names.
        known_tokens: its own tokens that stand in a glossary entry, so have a translation.
    """

    text: str
    language: Literal["en", "zh"]
    tokens: tuple[str, ...]
    weights: dict[str, float]
    own_tokens: tuple[str, ...]
    translation: str
    mentions: tuple[Mention, ...]
    years: frozenset[int] = field(default=frozenset())
    known_tokens: frozenset[str] = field(default=frozenset())

    @property
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
        weights = {token: _weight(token) for token in own if _weight(token) != 1.0}
        for mention in mentions:
            for form in _expansions(mention.entry, text[mention.start : mention.end]):
                for token in search_tokens(form):
                    if token not in own:
                        weights[token] = EXPANSION_WEIGHT * _weight(token)
        tokens = tuple(dict.fromkeys([*own, *weights]))
        translation = self._translate(text, mentions, language)
        known = frozenset(t for m in mentions for t in search_tokens(text[m.start : m.end]))
        return Query(text, language, tokens, weights, tuple(own), translation, mentions, frozenset(years(text)), known)

    def _translate(self, text: str, mentions: tuple[Mention, ...], language: str) -> str:
        """Put the known names and terms into the other language, in order; keep Latin words and numbers."""
        parts: list[str] = []
        position = 0
        for mention in mentions:
            parts += _LATIN.findall(text[position : mention.start]) if language == "zh" else []
            other = mention.entry.en if language == "zh" else mention.entry.zh
            if other:
                parts.append(other)
            position = mention.end
        if language == "zh":
            parts += _LATIN.findall(text[position:])
            parts += [str(y) for y in sorted(years(text)) if str(y) not in parts]
        return " ".join(dict.fromkeys(parts))


def _weight(token: str) -> float:
    return IDEOGRAPH_WEIGHT if len(token) == 1 and has_cjk(token) else 1.0


def _expansions(entry: Entry, written: str) -> list[str]:
    """The main forms of an entry and, for a name, the aliases as well."""
    forms = [entry.en, entry.zh, *(entry.aliases if entry.is_name else ())]
    return [form for form in forms if form and form.lower() != written.lower()]
