"""Judge single sentences with the cross-encoder, in either language."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from qa.answering.evidence import Candidate
from qa.embedding.cross import CrossEncoder
from qa.retrieval.query import Query
from qa.text.dictionary import dictionary
from qa.text.language import has_cjk
from qa.text.reading import read_chinese

JUDGED = 5
"""Best sentences that are judged: each costs a few milliseconds, and the right one is seldom lower."""
_WIDEST = 8.0  # logits beyond it say no more


class Judge:
    """Tells how surely sentences answer a question; remembers the last judgements."""

    def __init__(self, model: CrossEncoder) -> None:
        self._model = model
        self._known: dict[tuple[str, str], float] = {}

    def mark(self, query: Query, ordered: Sequence[tuple[float, Candidate]]) -> None:
        """Fill in the feature ``cross`` of candidates: 0 to 1 for the best ones, that of the least for the rest."""
        question = _english(query.translation or query.text)
        best = [c for _, c in ordered[:JUDGED]]
        pairs = [(question, _english(c.text)) for c in best]
        fresh = [p for p in dict.fromkeys(pairs) if p not in self._known]
        if len(self._known) > 4096:
            self._known.clear()
        if fresh:
            logits = np.clip(self._model.scores(question, [sentence for _, sentence in fresh]), -_WIDEST, _WIDEST)
            self._known.update(zip(fresh, ((logits + _WIDEST) / (2 * _WIDEST)).tolist(), strict=True))
        judged = [self._known[p] for p in pairs]
        for candidate, value in zip(best, judged, strict=True):
            candidate.features["cross"] = value
        for _, candidate in ordered[JUDGED:]:
            candidate.features["cross"] = min(judged, default=0.0)


@lru_cache(maxsize=20_000)
def _english(text: str) -> str:
    """Return a text on one line, Chinese in English words: the model reads English."""
    return " ".join((read_chinese(text, dictionary()).text if has_cjk(text) else text).split())
