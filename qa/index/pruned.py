"""BM25 in a large index: the best texts without reading the postings of words that stand everywhere.

``LexicalIndex.scores`` weighs every posting of every term; at a million texts a common word alone has
hundreds of thousands. Here terms are read from the rarest to the most common as long as a budget of
postings lasts (the essential terms of MaxScore: Turtle and Flood, "Query evaluation: strategies and
optimizations", 1995). What they find is scored by all terms afterwards, with the other signals. A text that
holds only common terms can be missed, which is why small indexes are searched as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qa.index.lexical import LexicalIndex

Floats = NDArray[np.float32]

POSTINGS = 60_000  # postings that one search weighs: about 2 ms; the rarest term is read whatever it has


def top(
    index: LexicalIndex, terms: Mapping[str, float], k: int, admitted: NDArray[np.bool_] | None = None, postings: int = POSTINGS
) -> tuple[NDArray[np.int64], Floats]:
    """Return the k best admitted texts by the rarer of weighted terms, and their scores by those, best first.

    Args:
        index: the texts.
        terms: the distinct tokens of a query with their factors.
        k: how many.
        admitted: (n_texts,) those that count; all where None.
        postings: how many may be weighed.
    """
    sized = sorted((index.find(t).texts, t) for t in terms)
    essential: list[str] = []
    read = 0
    for size, term in sized:
        if size and (not essential or read + size <= postings):
            essential.append(term)
            read += size
    total = np.zeros(index.offsets[-1], dtype=np.float32)
    found = [np.zeros(0, np.int64)]
    for term in essential:
        rows, values = index.postings(term, terms[term])
        total[rows] += values
        found.append(rows)
    # The texts of the postings are looked through, some more than once, and not the sums of all texts.
    held = np.concatenate(found)
    if admitted is not None:
        held = held[admitted[held]]
    most = k * len(essential)
    if len(held) > most:
        held = held[np.argpartition(-total[held], most)[:most]]
    rows = np.unique(held)
    order = np.lexsort((rows, -total[rows]))[:k]
    return rows[order], total[rows[order]]
