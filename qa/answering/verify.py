"""Check that a sentence says nothing that its quotes don't: numbers, dates and names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from qa.text.glossary import Glossary
from qa.text.quantities import dates, quantities

Support = Literal["supported", "partly", "unsupported"]


def support(sentence: str, quotes: Sequence[str], glossary: Glossary) -> Support:
    """Judge a sentence against its quotes.

    Returns:
        "supported" if the sentence is one of the quotes or every number, date and name in it
        stands in them; "partly" if some do; "unsupported" if none do or there is no quote.
    """
    if not quotes:
        return "unsupported"
    if any(sentence in quote or (quote in sentence and len(quote) > 0.9 * len(sentence)) for quote in quotes):
        return "supported"
    evidence = "\n".join(quotes)
    claims = [("date", d.value) for d in dates(sentence)]
    claims += [(q.unit if q.kind != "count" else "count", q.value) for q in quantities(sentence)]
    there = {("date", d.value) for d in dates(evidence)}
    there |= {(q.unit if q.kind != "count" else "count", q.value) for q in quantities(evidence)}
    named = {m.entry for m in glossary.mentions(sentence) if m.entry.is_name}
    known = {m.entry for m in glossary.mentions(evidence)}
    met = sum(c in there for c in claims) + len(named & known)
    total = len(claims) + len(named)
    if met == total and total:
        return "supported"
    return "partly" if met else "unsupported"
