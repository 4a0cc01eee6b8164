"""Text to token numbers, for every kind of embedder."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from qa.errors import ModelUnavailable


class Words:
    """A model's tokenizer."""

    def __init__(self, description: str, max_length: int) -> None:
        """Read a tokenizer.

        Args:
            description: what ``tokenizer.json`` holds.
            max_length: tokens, marks included, from which a text is cut.
        """
        model = json.loads(description)["model"]
        unknown = model.get("unk_token")
        if unknown is None and model.get("unk_id") is not None:  # the vocabulary is a list of pieces
            unknown = model["vocab"][model["unk_id"]][0]
        self._unknown = unknown
        self._max_length = max_length
        self._tokenizer = Tokenizer.from_str(description)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without marks."""
        return [len(e) for e in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def unknown_share(self, text: str) -> float:
        """Return the share of tokens that the vocabulary lacks, 0 to 1."""
        tokens = self._tokenizer.encode(text, add_special_tokens=False).tokens
        return sum(t == self._unknown for t in tokens) / len(tokens) if tokens else 1.0

    def read(self, texts: Sequence[str]) -> list[Encoding]:
        """Return the tokens of each text, cut at the model's limit."""
        encodings = self._tokenizer.encode_batch(list(texts))
        for encoding in encodings:
            encoding.truncate(self._max_length)
        return list(encodings)


def extended(description: str, extra: str) -> str:
    """Return a tokenizer's description with characters added, numbered from the end of its vocabulary.

    Raises:
        ModelUnavailable: the vocabulary has one of them already, or can't take any.
    """
    if not extra:
        return description
    about = json.loads(description)
    words = about["model"]["vocab"]
    if not isinstance(words, dict) or any(c in words for c in extra):
        raise ModelUnavailable("the token head adds characters that the model's vocabulary has or can't take; use a head made for this model")
    words.update({c: 1 + i for i, c in enumerate(extra, start=max(words.values()))})
    return json.dumps(about, ensure_ascii=False)


def own_tokens(encoding: Encoding) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return where the text's own tokens stand among all, and the (n, 2) characters of each."""
    own = np.flatnonzero(np.asarray(encoding.special_tokens_mask) == 0)
    return own, np.asarray(encoding.offsets, dtype=np.int32).reshape(-1, 2)[own]
