"""An ``Embedder`` that costs next to nothing: it lets a benchmark measure everything but the model.

Its vectors have the sizes of the embedded model's and come from a fixed table of random ones, by the
CRC-32 of each word (of each ideograph in Chinese).
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from qa.embedding import Encoded

_WORD = re.compile(r"[㐀-鿿]|[^\W㐀-鿿]+")
_ROWS = 4096


class FakeEmbedder:
    """Counts the seconds that it takes itself, so that they can be taken off."""

    identity = "fake@384"
    dim, token_dim = 384, 128

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self._hidden, self._tokens = (_unit(rng.standard_normal((_ROWS, n)).astype(np.float32)) for n in (self.dim, self.token_dim))
        self.seconds = 0.0
        self.encoded = 0

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of words and ideographs of each text."""
        return [len(_WORD.findall(text)) for text in texts]

    def unknown_share(self, text: str) -> float:
        """Every text can be read."""
        return 0.0

    def encode(self, texts: Sequence[str]) -> Iterator[Encoded]:
        """Encode texts; yields one result for each, in order."""
        for text in texts:
            began = time.perf_counter()
            spans = [m.span() for m in _WORD.finditer(text)] or [(0, 0)]
            rows = np.asarray([zlib.crc32(text[a:b].lower().encode()) % _ROWS for a, b in spans])
            hidden = self._hidden[rows]
            encoded = Encoded(_unit(hidden.sum(axis=0)), hidden, self._tokens[rows], np.asarray(spans, dtype=np.int32))
            self.seconds += time.perf_counter() - began
            self.encoded += 1
            yield encoded


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)
