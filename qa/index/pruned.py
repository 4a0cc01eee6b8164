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

POSTINGS = 150_000  # postings that one search weighs: about 3 ms; the rarest term is read whatever it has


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
    for term in essential:
        rows, values = index.postings(term, terms[term])
        total[rows] += values
    matched = total > 0  # comparing is ten times as fast as looking for numbers that are not 0
    rows = np.flatnonzero(matched if admitted is None else matched & admitted)
    if len(rows) > k:
        rows = rows[np.argpartition(-total[rows], k)[:k]]
    rows = rows[np.lexsort((rows, -total[rows]))]
    return rows, total[rows]
