"""What a sentence states exactly: numbers, dates, names, addresses; each must stand in its quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from qa.answering.demands import EVERYWHERE, unknown_names
from qa.answering.facts import dates_of, names_entry, parts_of_year, quantities_of, tokens_of
from qa.text.glossary import Glossary, Mention
from qa.text.quantities import Quantity

_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s)>\]，。]+|[\w.+-]+@[\w-]+\.[\w.]+", re.IGNORECASE)
_NOT = re.compile(
    r"\b(?:not|no|never|none|neither|nor|without|cannot|nobody|nothing|rather than)\b|\bnon-|n[’']t\b"
    r"|没有|尚无|并无|并未|尚未|从未|未能|未曾|并非|并不|不是|不会|不能|不得|不再|不许|不允许|不支持|无法|无需",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;:，；：。]\s*|\s(?:and|but|while|whereas|although|because|so that|which)\s")
# Directions that a sentence must share with its quote. Each pair is matched on its own.
_DIRECTIONS = tuple(
    (re.compile(up, re.IGNORECASE), re.compile(down, re.IGNORECASE))
    for up, down in (
        (
            r"\b(?:rose|risen|rises?|rising|grew|grow[ns]?|growing|growth|increas\w+|gain\w*|climb\w+|widen\w*|expand\w*|jump\w*|surg\w+)\b|增长|上升|增加|提高|扩大|上涨|攀升",
            r"\b(?:fell|fall(?:s|en|ing)?|declin\w+|decreas\w+|drop\w*|shr[aiu]nk\w*|narrow\w*|slump\w*|reduc\w+|cut)\b|下降|减少|降低|缩小|下跌|收窄|缩减",
        ),
        (r"\b(?:ahead of|outperform\w*|surpass\w*|overtook|overtaken)\b|领先|反超", r"\b(?:behind|trail\w*|lag\w*)\b|落后|不及"),
        (r"\b(?:ban(?:s|ned)?|prohibit\w*|forb[ia]d\w*|block\w*)\b|禁止", r"\b(?:allow\w*|permit\w*|approv\w*|lift\w*)\b|允许|批准|解禁"),
    )
)
_UNITS = r"(?=[\s-]+(?:thousand|million|billion|trillion|percent|per\s+cent|percentage|times|dollars|yuan)\b)"
_SMALL = dict(zip("one two three four five six seven eight nine ten eleven twelve".split(), range(1, 13), strict=True))
_TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))
_SPELLED = re.compile(rf"\b(?:({'|'.join(_TENS)})(?:-({'|'.join(_SMALL)}))?|({'|'.join(_SMALL)})){_UNITS}", re.IGNORECASE)
_SPELLED_ZH = re.compile(r"[一二两三四五六七八九十百千]+(?=[万亿元倍成]|美元|个百分点)")
_OF_COURSE = frozenset({"Chinese", "China", "Mainland"})  # every document speaks of China
_CLOSE = 1e-9  # relative; a value is written in other units, never rounded


@dataclass(frozen=True)
class Held:
    """How many exact statements of a sentence its quotes hold.

    Attributes:
        met: numbers, dates, names and addresses that stand in the quotes.
        missing: those that don't, as the sentence writes them.
        turned: the quotes deny what the sentence affirms, or the other way round; or they tell of
            a fall where it tells of a rise.
    """

    met: int
    missing: tuple[str, ...]
    turned: bool

    @property
    def whole(self) -> bool:
        """Whether the quotes hold everything."""
        return not self.missing and not self.turned


def held(sentence: str, quotes: Sequence[str], context: str, glossary: Glossary) -> Held:
    """Look up a sentence's exact statements in its quotes.

    Args:
        sentence: what the model wrote.
        quotes: what it cites.
        context: titles and headings of the quotes; names may stand there, numbers and dates may not.
        glossary: the known names.
    """
    evidence = "\n".join(quotes)
    missing: list[str] = []
    met = 0

    def look(written: str, there: bool) -> None:
        nonlocal met
        if there:
            met += 1
        else:
            missing.append(written)

    counted, there_counted = _in_digits(sentence), _in_digits(evidence)
    known_dates = {int(d.value) for d in dates_of(evidence)}
    for date in dates_of(sentence):
        look(sentence[date.start : date.end].strip(), _dated(int(date.value), known_dates))
    quantities = quantities_of(there_counted)
    for quantity in quantities_of(counted):
        look(counted[quantity.start : quantity.end].strip(), any(_same(quantity, q) for q in quantities))
    for number in _SPELLED_ZH.findall(sentence):
        look(number, number in evidence)
    for part in sorted(parts_of_year(sentence)):
        look(part, part in parts_of_year(evidence))
    around = f"{context}\n{evidence}"
    mentions = _mentions(glossary, sentence)
    there = {m.entry for part in (*quotes, context) for m in _mentions(glossary, part)}
    for entry in dict.fromkeys(m.entry for m in mentions if m.entry.is_name and m.entry.en not in EVERYWHERE):
        look(entry.en or entry.zh, entry in there or names_entry(around, entry))
    for name in unknown_names(sentence, [(m.start, m.end) for m in mentions]):
        look(name, name in _OF_COURSE or tokens_of(name) <= tokens_of(around))
    for address in _ADDRESS.findall(sentence):
        look(address, address in evidence)
    return Held(met, tuple(missing), _turned(sentence, evidence))


@lru_cache(maxsize=4_000)
def _in_digits(text: str) -> str:
    """Write spelled-out numbers before a unit in digits: a figure must not escape the check by its spelling."""

    def digits(match: re.Match[str]) -> str:
        tens, ones, small = (group.lower() if group else "" for group in match.groups())
        return str(_TENS.get(tens, 0) + _SMALL.get(ones or small, 0))

    return _SPELLED.sub(digits, text)


@lru_cache(maxsize=4_000)
def _mentions(glossary: Glossary, text: str) -> tuple[Mention, ...]:
    """Find names once: the sentences of the evidence are compared with every sentence of an answer."""
    return tuple(glossary.mentions(text))


def _dated(date: int, known: set[int]) -> bool:
    """Tell whether a date is known, or a known one lies in the month or year that it names."""
    scale = 10_000 if date % 10_000 == 0 else 100 if date % 100 == 0 else 1
    return any(k // scale == date // scale for k in known)


def _same(a: Quantity, b: Quantity) -> bool:
    alike = a.kind == b.kind and (a.kind == "count" or a.unit == b.unit)
    return alike and abs(a.value - b.value) <= _CLOSE * max(abs(a.value), abs(b.value), 1.0)


def _turned(sentence: str, evidence: str) -> bool:
    if _NOT.search(sentence):
        if not _NOT.search(evidence):
            return True
    elif _NOT.search(_nearest_clause(sentence, evidence)):
        return True
    for pair in _DIRECTIONS:
        for one, other in (pair, pair[::-1]):
            if one.search(sentence) and not other.search(sentence) and other.search(evidence) and not one.search(evidence):
                return True
    return False


def _nearest_clause(sentence: str, evidence: str) -> str:
    """Return the clause of the evidence that shares most words with a sentence: a long quote may deny something else."""
    words = tokens_of(sentence)
    return max(_CLAUSE.split(evidence), key=lambda clause: len(words & tokens_of(clause)))
