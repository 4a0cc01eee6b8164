"""An embedder that reads Chinese: in English words, through the dictionary, where its model knows no Chinese."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np

from qa.embedding.model import Embedder, Encoded, file_sha256
from qa.text.dictionary import WORDS_FILE, dictionary
from qa.text.language import has_cjk
from qa.text.reading import Reading, read_chinese


@functools.cache
def reading_identity(model: str) -> str:
    """Name what the vectors depend on: the model and the dictionary."""
    return f"{model}+zh@{file_sha256(WORDS_FILE)[:16]}"


class ChineseReader:
    """Wraps an embedder for English; text without ideographs passes through untouched.

    The offsets of a Chinese text's tokens are those of the words that they stand for.
    """

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner

    @property
    def inner(self) -> Embedder:
        """The embedder that reads the English words."""
        return self._inner

    @property
    def identity(self) -> str:
        """Name and digest of everything that shapes the vectors."""
        return reading_identity(self._inner.identity)

    @property
    def dim(self) -> int:
        """Length of a pooled vector."""
        return self._inner.dim

    @property
    def token_dim(self) -> int:
        """Length of a token vector."""
        return self._inner.token_dim

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text as it stands: passages are sized by what is shown."""
        return self._inner.count_tokens(texts)

    def unknown_share(self, text: str) -> float:
        """Return the share of the text's tokens that the model does not know once it is read, 0 to 1."""
        return self._inner.unknown_share(self._read(text).text if has_cjk(text) else text)

    def encode(self, texts: Sequence[str]) -> Iterator[Encoded]:
        """Encode texts; yields one result for each, in order."""
        readings = [self._read(text) if has_cjk(text) else None for text in texts]
        written = [text if reading is None else reading.text for text, reading in zip(texts, readings, strict=True)]
        for reading, encoded in zip(readings, self._inner.encode(written), strict=True):
            yield encoded if reading is None else _placed(encoded, reading)

    @staticmethod
    def _read(text: str) -> Reading:
        return read_chinese(text, dictionary())


def _placed(encoded: Encoded, reading: Reading) -> Encoded:
    spans = [reading.source(int(a), int(b)) for a, b in encoded.offsets]
    return Encoded(encoded.pooled, encoded.hidden, encoded.tokens, np.asarray(spans, dtype=np.int32).reshape(-1, 2))
