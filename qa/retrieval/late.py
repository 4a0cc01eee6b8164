"""Late interaction: every word of the question looks for its best match in a passage (MaxSim).

Khattab and Zaharia, "ColBERT: Efficient and Effective Passage Search via Contextualized Late
Interaction over BERT" (2020).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qa.embedding import Encoded
from qa.index.snapshot import Snapshot


def late_scores(snapshot: Snapshot, encoded: Encoded, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], dict[int, float]]:
    """Score passages and their sentences by late interaction.

    Returns:
        (n,) mean over question tokens of the best token of each passage, and the same for
        every sentence of these passages.
    """
    if not len(rows) or not len(encoded.tokens):
        return np.zeros(len(rows), dtype=np.float32), {}
    spans = list(zip(snapshot.token_rows[rows].tolist(), snapshot.token_rows[rows + 1].tolist(), strict=True))
    lengths = np.asarray([b - a for a, b in spans])
    tokens = np.concatenate([snapshot.tokens[a:b] for a, b in spans]).astype(np.float32)
    owners = np.concatenate([snapshot.owners[a:b] for a, b in spans]) + np.repeat(snapshot.sentence_rows[rows], lengths)
    if not len(tokens):
        return np.zeros(len(rows), dtype=np.float32), {}
    # (tokens, question): the maximum over a run of rows is taken several times faster than over columns.
    similarity = tokens @ (encoded.tokens.T / np.float32(127))
    cuts = np.flatnonzero(np.concatenate([[True], owners[1:] != owners[:-1]]))
    best = np.maximum.reduceat(similarity, cuts, axis=0)
    # Passages are runs of sentences, so their maxima come from those of the sentences.
    filled = np.flatnonzero(lengths)
    starts = np.searchsorted(cuts, np.concatenate([[0], np.cumsum(lengths)])[:-1][filled])
    passages = np.zeros(len(rows), dtype=np.float32)
    passages[filled] = np.maximum.reduceat(best, starts, axis=0).mean(axis=1)
    return passages, dict(zip(owners[cuts].tolist(), best.mean(axis=1).tolist(), strict=True))
