"""The trained head of the embedded model: upper layers, a projection to token vectors, extra words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors import SafetensorError, safe_open

from qa.embedding.model import Floats
from qa.errors import ModelUnavailable

Tensors = Mapping[str, Floats]


@dataclass(frozen=True)
class Head:
    """What a head's file holds.

    Attributes:
        layers: names and weights of each copied upper layer; their number is where the head forks off.
        projection: (token_dim, dim), from last hidden states to token vectors.
        pooled: "base": pooled vector and hidden states come from the base model's own layers. "head": both
            come from the head's, and the base layers above the fork are not run.
        extra: characters that the head adds to the vocabulary.
        words: (len(extra), dim), their embeddings.
    """

    layers: tuple[Tensors, ...]
    projection: Floats
    pooled: Literal["base", "head"]
    extra: str
    words: Floats

    @classmethod
    def load(cls, path: Path) -> Head:
        """Read a head.

        Raises:
            ModelUnavailable: the file is no head, or its parts don't fit together.
        """
        try:
            with safe_open(str(path), framework="np") as file:
                about = file.metadata() or {}
                tensors = {name: np.asarray(file.get_tensor(name), dtype=np.float32) for name in file.keys()}  # noqa: SIM118
            projection = tensors["projection.weight"]
            layers = tuple(starting_with(tensors, f"layers.{i}.") for i in range(int(about["fork"])))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise ModelUnavailable(f"{path} is no token head ({error}); restore the file that came with this package") from error
        pooled = about.get("pooled", "base")
        extra = about.get("extra", "")
        words = tensors.get("words.extra", np.zeros((0, projection.shape[1]), dtype=np.float32))
        fits = words.shape == (len(extra), projection.shape[1]) and len(set(extra)) == len(extra)
        if not layers or not all(layers) or pooled not in ("base", "head") or not fits:
            raise ModelUnavailable(f"{path}: the parts of the token head don't fit together; restore the file that came with this package")
        return cls(layers, projection, pooled, extra, words)


def starting_with(tensors: Tensors, prefix: str) -> dict[str, Floats]:
    """Return the tensors whose names start with a prefix, named without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
