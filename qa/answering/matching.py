"""How well the tokens of a question are matched by each sentence, from late interaction."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qa.answering.analysis import Analysis
from qa.answering.facts import tokens_of
from qa.index.snapshot import Snapshot
from qa.retrieval.search import Ranking
from qa.text.dictionary import dictionary
from qa.text.glossary import Mention
from qa.text.language import has_cjk
from qa.text.reading import content_spans
from qa.text.tokens import STOP_WORDS

Floats = NDArray[np.float32]

_WORD = re.compile(r"[A-Za-z0-9]+(?:[.,]\d+)*")
_ASKING = frozenset("did does do was were has have had be many much long often far get got name list tell give".split())
# Cosines of trained token vectors: unrelated words lie near 0.3, the same word near 0.8.
_LIKE_FLOOR, _LIKE_CEILING = 0.35, 0.75


class TokenSupport:
    """How well each token of the question is matched by each of some sentences.

    Attributes:
        late: mean over all tokens of the question, a sentence each.
        summaries: the mean over content tokens, the mean weighted by rarity, and the mean of the two weakest.
    """

    def __init__(self, analysis: Analysis, ranking: Ranking, snapshot: Snapshot, numbers: NDArray[np.int64]) -> None:
        """Take what is needed from a ranking.

        Args:
            analysis: the question.
            ranking: of passages.
            snapshot: what was searched.
            numbers: the sentences, out of the ranking's passages.
        """
        query, held = analysis.query, ranking.matches
        own = snapshot.chinese[ranking.rows[0]] == (query.language == "zh")
        row_of = {number: i for i, number in enumerate(held.numbers.tolist())}
        self._known = [n in row_of for n in numbers.tolist()]
        # A sentence without tokens is matched by none.
        best = np.zeros((len(numbers), held.matches.shape[1]), dtype=np.float32)
        best[self._known] = held.matches[[row_of[n] for n in numbers.tolist() if n in row_of]]
        self.late: list[float] = best.mean(axis=1).tolist() if best.shape[1] else [0.0] * len(numbers)
        offsets = ranking.encoded.offsets
        self._like: dict[int, list[float]] = {}
        if own and best.shape[1]:
            for mention in query.mentions:
                inside = (offsets[:, 0] < mention.end) & (offsets[:, 1] > mention.start)
                if inside.any():
                    self._like[mention.start] = best[:, inside].mean(axis=1).tolist()
        content, idf = _content_tokens(query.text if own else query.translation or query.text, offsets, snapshot)
        self.summaries: Sequence[Sequence[float]] = [(0.0, 0.0, 0.0)] * len(numbers)
        if len(content) and len(row_of):
            best = best[:, content]
            weakest = np.sort(best, axis=1)[:, :2].mean(axis=1)
            self.summaries = np.stack([best.mean(axis=1), best @ (idf / idf.sum()), weakest], axis=1).tolist()

    def likeness(self, position: int, mention: Mention) -> float:
        """Return how near the sentence at a position comes to a term of the question, 0 to 1; 0.5 if it can't be told."""
        like = self._like.get(mention.start)
        if like is None or not self._known[position]:
            return 0.5
        return min(1.0, max(0.0, (like[position] - _LIKE_FLOOR) / (_LIKE_CEILING - _LIKE_FLOOR)))


def _content_tokens(text: str, offsets: NDArray[np.int32], snapshot: Snapshot) -> tuple[NDArray[np.int64], Floats]:
    """Return the numbers of the tokens that belong to words with meaning, and the rarity of these words."""
    words: dict[int, str] = {}
    for start, end in word_spans(text):
        words |= dict.fromkeys(range(start, end), text[start:end].lower())
    numbers, idf = [], []
    for i, start in enumerate(offsets[:, 0].tolist()):
        word = words.get(start, "")
        if word and word not in STOP_WORDS and word not in _ASKING:
            numbers.append(i)
            idf.append(max((snapshot.words.idf(t) for t in tokens_of(word)), default=1.0))
    return np.asarray(numbers, dtype=np.int64), np.asarray(idf, dtype=np.float32)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text stand; of Chinese ones those with a meaning of their own."""
    spans = [match.span() for match in _WORD.finditer(text)]
    return [*spans, *content_spans(text, dictionary())] if has_cjk(text) else spans
