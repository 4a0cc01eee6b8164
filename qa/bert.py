"""The embedded model's arithmetic in NumPy: questions are encoded without loading torch.

Importing torch and sentence-transformers takes seconds, one short forward pass milliseconds. This
is BERT's encoder (Devlin et al. 2018, https://arxiv.org/abs/1810.04805) as all-MiniLM-L6-v2 uses
it, on the very weights that sentence-transformers loads; a test holds both to the same vectors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from threadpoolctl import threadpool_limits
from tokenizers import Encoding, Tokenizer

from qa.embedding import EMBEDDED, MAX_LENGTH, TOKEN_HEAD, Encoded, embedded_model_folder, model_identity

Floats = NDArray[np.float32]


class NumpyEmbedder:
    """The embedded model for single texts; gives the vectors of ``SentenceTransformerEmbedder``."""

    def __init__(self, threads: int = 2) -> None:
        """Load the weights.

        Args:
            threads: processor threads of NumPy's products. More than a few only wait for each
                other on matrices as small as a question's.

        Raises:
            ModelUnavailable: the model's package is missing or its weights are not the official ones.
        """
        threadpool_limits(threads, user_api="blas")
        folder = embedded_model_folder()
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        with safe_open(str(folder / "model.safetensors"), framework="np") as file:
            names = [f"encoder.layer.{i}" for i in range(int(config["num_hidden_layers"]))]
            self._layers = [_Layer(_tensors(file, f"{name}.")) for name in names]
            embeddings = _tensors(file, "embeddings.")
        self._words = embeddings["word_embeddings.weight"]
        self._positions = embeddings["position_embeddings.weight"] + embeddings["token_type_embeddings.weight"][0]
        self._norm = (embeddings["LayerNorm.weight"], embeddings["LayerNorm.bias"])
        self._head: list[_Layer] = []
        self._projection: Floats | None = None
        if TOKEN_HEAD.exists():
            with safe_open(str(TOKEN_HEAD), framework="np") as file:
                self._head = [_Layer(_tensors(file, f"layers.{i}.")) for i in range(int(file.metadata()["fork"]))]
                self._projection = file.get_tensor("projection.weight").astype(np.float32).T.copy()

    @property
    def identity(self) -> str:
        """Name and digest of everything that shapes the vectors."""
        return model_identity(EMBEDDED)

    @property
    def dim(self) -> int:
        """Length of a pooled vector."""
        return int(self._words.shape[1])

    @property
    def token_dim(self) -> int:
        """Length of a token vector."""
        return self.dim if self._projection is None else int(self._projection.shape[1])

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without special tokens."""
        return [len(e.ids) for e in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def unknown_share(self, text: str) -> float:
        """Return the share of the text's tokens that the model does not know, 0 to 1."""
        tokens = self._tokenizer.encode(text, add_special_tokens=False).tokens
        return sum(t == "[UNK]" for t in tokens) / len(tokens) if tokens else 1.0

    def encode(self, texts: Sequence[str]) -> Iterator[Encoded]:
        """Encode texts one by one; yields one result for each, in order."""
        for encoding in self._tokenizer.encode_batch(list(texts)):
            encoding.truncate(MAX_LENGTH)
            yield self._encode(encoding)

    def _encode(self, encoding: Encoding) -> Encoded:
        ids = np.asarray(encoding.ids)
        state = _normalise(self._words[ids] + self._positions[: len(ids)], *self._norm, self._epsilon)
        forked = state
        for i, layer in enumerate(self._layers):
            if i == len(self._layers) - len(self._head):
                forked = state
            state = layer(state, self._heads, self._epsilon)
        for layer in self._head:
            forked = layer(forked, self._heads, self._epsilon)
        tokens = state if self._projection is None else forked @ self._projection
        own = np.flatnonzero(np.asarray(encoding.special_tokens_mask) == 0)
        offsets = np.asarray(encoding.offsets, dtype=np.int32).reshape(-1, 2)[own]
        return Encoded(_unit(state.mean(axis=0)), state[own], _unit(tokens)[own], offsets)


class _Layer:
    """One transformer layer; its weights stand transposed, as the products need them."""

    def __init__(self, tensors: dict[str, Floats]) -> None:
        parts = [f"attention.self.{name}" for name in ("query", "key", "value")]
        self._qkv = np.concatenate([tensors[f"{p}.weight"] for p in parts]).T.copy()
        self._qkv_bias = np.concatenate([tensors[f"{p}.bias"] for p in parts])
        self._out, self._out_bias = _dense(tensors, "attention.output.dense")
        self._up, self._up_bias = _dense(tensors, "intermediate.dense")
        self._down, self._down_bias = _dense(tensors, "output.dense")
        self._first = (tensors["attention.output.LayerNorm.weight"], tensors["attention.output.LayerNorm.bias"])
        self._second = (tensors["output.LayerNorm.weight"], tensors["output.LayerNorm.bias"])

    def __call__(self, state: Floats, heads: int, epsilon: float) -> Floats:
        """Map (length, dim) to (length, dim)."""
        length, dim = state.shape
        size = dim // heads
        qkv = (state @ self._qkv + self._qkv_bias).reshape(length, 3, heads, size).transpose(1, 2, 0, 3)
        query, key, value = qkv
        weights = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(size))
        weights = np.exp(weights - weights.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        context = (weights @ value).transpose(1, 0, 2).reshape(length, dim)
        state = _normalise(state + context @ self._out + self._out_bias, *self._first, epsilon)
        wide = _gelu(state @ self._up + self._up_bias)
        return _normalise(state + wide @ self._down + self._down_bias, *self._second, epsilon)


def _tensors(file: Any, prefix: str) -> dict[str, Floats]:
    return {
        name.removeprefix(prefix): np.asarray(file.get_tensor(name), dtype=np.float32)
        for name in file.keys()  # noqa: SIM118 (the file is no mapping)
        if name.startswith(prefix) and not name.endswith("position_ids")
    }


def _dense(tensors: dict[str, Floats], name: str) -> tuple[Floats, Floats]:
    return tensors[f"{name}.weight"].T.copy(), tensors[f"{name}.bias"]


def _normalise(state: Floats, weight: Floats, bias: Floats, epsilon: float) -> Floats:
    centred = state - state.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(epsilon))
    return np.asarray(centred / deviation * weight + bias, dtype=np.float32)


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


def _gelu(x: Floats) -> Floats:
    """X * Phi(x), with erf by formula 7.1.26 of Abramowitz and Stegun (error below 1.5e-7)."""
    z = np.abs(x) * np.float32(0.7071067811865476)
    t = 1.0 / (1.0 + np.float32(0.3275911) * z)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * np.float32(1.061405429)))))
    erf = np.copysign(1.0 - series * np.exp(-z * z), x)
    return np.asarray(0.5 * x * (1.0 + erf), dtype=np.float32)


