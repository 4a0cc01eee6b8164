"""Late interaction: every word of the question looks for its best match in a passage (MaxSim).

Khattab and Zaharia, "ColBERT: Efficient and Effective Passage Search via Contextualized Late
Interaction over BERT" (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.embedding import Encoded
from qa.index.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class Late:
    """What late interaction says of passages and of their sentences.

    Attributes:
        passages: (n,) mean over the question's tokens of the best token of each passage.
        numbers: (m,) numbers of the passages' sentences that hold tokens.
        matches: (m, question tokens) best token of each sentence for each token of the question.
    """

    passages: NDArray[np.float32]
    numbers: NDArray[np.int64]
    matches: NDArray[np.float32]

    @classmethod
    def nothing(cls, n: int = 0) -> Late:
        """Return the result where there is nothing to compare."""
        return cls(np.zeros(n, np.float32), np.zeros(0, np.int64), np.zeros((0, 0), np.float32))

    def sentences(self) -> dict[int, float]:
        """Return the score of each sentence by its number."""
        return dict(zip(self.numbers.tolist(), self.matches.mean(axis=1).tolist(), strict=True)) if len(self.numbers) else {}


def late_scores(snapshot: Snapshot, encoded: Encoded, rows: NDArray[np.int64]) -> Late:
    """Score passages and their sentences by late interaction.

    Args:
        snapshot: where the token vectors lie.
        encoded: the question.
        rows: (n,) passage numbers.
    """
    if not len(rows) or not len(encoded.tokens):
        return Late.nothing(len(rows))
    starts, stops = snapshot.token_rows[rows], snapshot.token_rows[rows + 1]
    lengths = stops - starts
    tokens = snapshot.tokens.runs(starts, stops).astype(np.float32)
    owners = snapshot.owners.runs(starts, stops) + np.repeat(snapshot.sentence_rows[rows], lengths)
    if not len(tokens):
        return Late.nothing(len(rows))
    # (tokens, question): the maximum over a run of rows is taken several times faster than over columns.
    similarity = tokens @ (encoded.tokens.T / np.float32(127))
    cuts = np.flatnonzero(np.concatenate([[True], owners[1:] != owners[:-1]]))
    best = np.maximum.reduceat(similarity, cuts, axis=0)
    # Passages are runs of sentences, so their maxima come from those of the sentences.
    filled = np.flatnonzero(lengths)
    starts = np.searchsorted(cuts, np.concatenate([[0], np.cumsum(lengths)])[:-1][filled])
    passages = np.zeros(len(rows), dtype=np.float32)
    passages[filled] = np.maximum.reduceat(best, starts, axis=0).mean(axis=1)
    return Late(passages, owners[cuts], best)
