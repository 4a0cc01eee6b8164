"""Check what a model wrote against the evidence, sentence by sentence, and find the quotes it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from qa.answering.verify import Support
from qa.llm.blocks import Block
from qa.llm.facts import Held, held
from qa.llm.meaning import CHINESE, Meaning
from qa.text.glossary import Glossary
from qa.text.language import cjk_share

THRESHOLD = {"tokens": 0.745, "words": 0.485}
"""Likeness from which a sentence counts as saying what its quotes say, by how it is compared.
``python benchmarks/calibrate_llm_checks.py`` chooses them on the development questions."""
_NEAREST = 4  # sentences of a passage that are tried together
_WHOLE = 0.9  # share of a quote from which repeating it word for word needs no further look

Place = tuple[int, int]  # number of a block, number of a sentence in it


@dataclass(frozen=True)
class Verdict:
    """A sentence with the quotes that it rests on.

    Attributes:
        support: "supported" if the quotes hold every number, date and name and mean the same;
            "partly" if they mean the same and hold some of it, or hold all of it in the other
            language, where meaning can't be compared; else "unsupported".
        places: the quotes: the fewest sentences that support it, else the nearest of what it cites.
        held: its exact statements in these quotes.
        likeness: how near it comes to them, 0 to 1.
        crossing: the quotes are in another language than the sentence, so that only exact statements were compared.
    """

    support: Support
    places: tuple[Place, ...]
    held: Held
    likeness: float
    crossing: bool = False


class Checker:
    """Checks sentences against numbered evidence."""

    def __init__(self, blocks: Sequence[Block], meaning: Meaning, glossary: Glossary) -> None:
        self._blocks = {b.number: b for b in blocks}
        self._meaning = meaning
        self._glossary = glossary

    def check(self, statement: str, cited: Sequence[int]) -> Verdict:
        """Judge a sentence.

        A passage that supports it alone is enough, so those cited besides that do not are left
        out. Where none of the cited ones does, alone or together, and exactly one of all passages
        does, that one takes their place.

        Args:
            statement: what the model wrote, without marks.
            cited: numbers of blocks; unknown ones are invented and count as none.
        """
        known = [self._blocks[n] for n in cited if n in self._blocks]
        alone = [self._best(statement, b) for b in known]
        supporting = [v for v in alone if v.support == "supported"]
        if supporting:
            return self._joined(statement, supporting)
        if len(known) > 1:
            together = self._verdict(statement, tuple(p for v in alone for p in v.places[:1]))
            if together.support == "supported":
                return together
        elsewhere = [v for v in (self._best(statement, b) for n, b in self._blocks.items() if n not in cited) if v.support == "supported"]
        if len(elsewhere) == 1:
            return elsewhere[0]
        if alone:
            return max(alone, key=_rank)
        return Verdict("unsupported", (), Held(0, (), False), 0.0)

    def _joined(self, statement: str, verdicts: Sequence[Verdict]) -> Verdict:
        """Cite every passage that supports a sentence by itself, judged by the best of them."""
        best = max(verdicts, key=_rank)
        places = tuple(dict.fromkeys(p for v in verdicts for p in v.places))
        return Verdict(best.support, places, best.held, best.likeness)

    def _best(self, statement: str, block: Block) -> Verdict:
        """Return the verdict over the fewest sentences of a passage that support a sentence, else over the nearest one."""
        singles = [self._verdict(statement, ((block.number, i),)) for i in range(len(block.passage.sentences))]
        if not singles:
            return Verdict("unsupported", (), Held(0, (), False), 0.0)
        best = max(singles, key=_rank)
        if best.support == "supported":
            return best
        near = sorted(range(len(singles)), key=lambda i: (-singles[i].likeness, i))[:_NEAREST]
        # More sentences hold more and come nearer: what all of them together lack, no few of them have.
        whole = self._verdict(statement, tuple((block.number, i) for i in sorted(near)))
        if whole.held.missing or whole.likeness < self._least(statement):
            return best
        for size in (2, 3):
            groups = [self._verdict(statement, tuple((block.number, i) for i in sorted(group))) for group in combinations(near, size)]
            found = [g for g in groups if g.support == "supported"]
            if found:
                return max(found, key=_rank)
        return best

    def _verdict(self, statement: str, places: tuple[Place, ...]) -> Verdict:
        blocks = [self._blocks[n] for n, _ in places]
        quotes = [b.sentence(i) for b, (_, i) in zip(blocks, places, strict=True)]
        if any(_repeats(statement, quote) for quote in quotes):
            return Verdict("supported", places, Held(0, (), False), 1.0)
        exact = held(statement, quotes, "\n".join(b.context for b in blocks), self._glossary)
        if all((cjk_share(statement) >= CHINESE) != (b.document.language == "zh") for b in blocks):
            whole = exact.whole and exact.met > 0
            return Verdict("partly" if whole else "unsupported", places, exact, 0.0, crossing=True)
        likeness = self._meaning.likeness(statement, [(b.row, i) for b, (_, i) in zip(blocks, places, strict=True)])
        same = likeness >= self._least(statement)
        if not same or exact.turned:
            support: Support = "unsupported"
        elif exact.missing:
            support = "partly" if exact.met else "unsupported"
        else:
            support = "supported"
        return Verdict(support, places, exact, likeness)

    def _least(self, statement: str) -> float:
        """Return the likeness that a sentence must reach."""
        return THRESHOLD[self._meaning.regime(statement)]


def says(statement: str, quotes: Sequence[str], meaning: Meaning, glossary: Glossary) -> bool:
    """Tell whether quotes alone, without title and heading, support a sentence; for measuring answers."""
    if not any(quotes):
        return False
    if any(_repeats(statement, quote) for quote in quotes):
        return True
    same = meaning.likeness_to(statement, quotes) >= THRESHOLD[meaning.regime(statement)]
    return same and held(statement, quotes, "", glossary).whole


_ORDER = {"supported": 2, "partly": 1, "unsupported": 0}


def _rank(verdict: Verdict) -> tuple[int, int, float, tuple[int, ...]]:
    """Order verdicts, best last; of equal ones the one that stands first in the evidence."""
    places = tuple(-n for place in verdict.places for n in place)
    return _ORDER[verdict.support], -len(verdict.held.missing), round(verdict.likeness, 6), places


def _repeats(statement: str, quote: str) -> bool:
    """Tell whether a sentence repeats a quote word for word, but for a short rest; a shorter part may lack a "not"."""
    own, whole = _flat(statement), _flat(quote)
    return own in whole and len(own) >= _WHOLE * len(whole)


def _flat(text: str) -> str:
    return " ".join(text.split()).rstrip(".。!！?？ ").lower()
