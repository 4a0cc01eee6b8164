"""The cross-encoder: reads question and sentence together and tells whether the one answers the other.

Relevance does not tell whether a sentence holds what is asked ("Who funded LightGen?" beside a sentence on who
built it). Nogueira and Cho, "Passage Re-ranking with BERT" (2019), https://arxiv.org/abs/1901.04085. Its lower layers
are the encoder's; only the upper ones and the weights of the score are its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from qa.embedding.accelerated import FORM, cache_folder, embedded_encoder, open_or_make
from qa.embedding.head import Head, Tensors, starting_with
from qa.embedding.model import TOKEN_HEAD, Floats, embedded_model_folder, file_sha256
from qa.embedding.words import Words
from qa.errors import ModelUnavailable

CROSS_ENCODER = TOKEN_HEAD.with_name("cross_encoder.safetensors")
MAX_QUESTION, MAX_PAIR = 48, 160  # tokens, as in training


@dataclass(frozen=True)
class CrossWeights:
    """What the file holds.

    Attributes:
        layers: the upper layers.
        score, bias: (1, dim) and (1,), from the first token to the logit.
        head: SHA-256 of the token head whose lower layers stand below.
    """

    layers: tuple[Tensors, ...]
    score: Floats
    bias: Floats
    head: str

    @classmethod
    def load(cls, path: Path) -> CrossWeights:
        """Read the weights; matrices are kept as int8 with a scale for each row.

        Raises:
            ModelUnavailable: the file is no cross-encoder.
        """
        try:
            with safe_open(str(path), framework="np") as file:
                about = file.metadata() or {}
                raw = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            tensors = {name: np.asarray(value, dtype=np.float32) for name, value in raw.items()}
            for name in [n for n, value in raw.items() if value.dtype == np.int8]:
                tensors[name] *= tensors.pop(f"{name}.scale")[:, None]
            layers = tuple(starting_with(tensors, f"layers.{i}.") for i in range(int(about["fork"])))
            return cls(layers, tensors["head.weight"], tensors["head.bias"], about["head"])
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise ModelUnavailable(f"{path} is no cross-encoder ({error}); restore the file that came with this package") from error


class CrossEncoder:
    """Scores pairs of a question and a sentence."""

    def __init__(self, threads: int = 2, *, path: Path = CROSS_ENCODER, head: Path = TOKEN_HEAD, cache: Path | None = None) -> None:
        """Open the accelerated form, making it first where there is none.

        Args:
            threads: pairs scored at a time, each on one thread.
            path: the cross-encoder's weights.
            head: the encoder's, on whose lower layers they were trained.
            cache: folder of the accelerated forms; one in the user's cache folder where None.

        Raises:
            ModelUnavailable: the weights can't be read, or were trained on another encoder.
            AccelerationUnavailable: ONNX Runtime or onnx can't be imported.
        """
        name = hashlib.sha256(f"{FORM} {file_sha256(path)} {file_sha256(head)}".encode()).hexdigest()[:16]
        self._session = open_or_make((cache or cache_folder()) / f"cross-encoder-{name}.onnx", partial(_make, path, head))
        self._words = Words((embedded_model_folder() / "tokenizer.json").read_text(encoding="utf-8"), MAX_PAIR)
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def scores(self, question: str, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return a logit for each sentence: the higher, the surer it answers the question."""
        asked, *read = (e.ids[1:-1] for e in self._words.read([question, *sentences]))
        asked = asked[:MAX_QUESTION]
        pairs = [(asked, ids[: MAX_PAIR - 3 - len(asked)]) for ids in read]
        found = self._pool.map(self._score, pairs) if self._pool else map(self._score, pairs)
        return np.fromiter(found, dtype=np.float32, count=len(pairs))

    def _score(self, pair: tuple[list[int], list[int]]) -> float:
        question, sentence = pair
        ids = np.asarray([[101, *question, 102, *sentence, 102]])
        types = np.asarray([[0] * (len(question) + 2) + [1] * (len(sentence) + 1)])
        (score,) = self._session.run(None, {"ids": ids, "types": types})
        return float(score.ravel()[0])


def _make(path: Path, head_file: Path) -> bytes:
    from qa.embedding import graph

    weights, head = CrossWeights.load(path), Head.load(head_file)
    if weights.head != file_sha256(head_file):
        raise ModelUnavailable(f"{path} was trained on another encoder than {head_file}; restore the files that came with this package")
    encoder, _, _ = embedded_encoder()
    with safe_open(str(embedded_model_folder() / "model.safetensors"), framework="np") as file:
        types = np.asarray(file.get_tensor("embeddings.token_type_embeddings.weight"), dtype=np.float32)
    lower = head.layers[: len(head.layers) - len(weights.layers)]
    return graph.build_cross_encoder(encoder, lower, weights.layers, types, weights.score, weights.bias, "int8")
