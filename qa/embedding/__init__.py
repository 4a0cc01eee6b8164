"""Vectors of text: the ``Embedder`` protocol, and the models behind it.

One pass through the encoder gives three things: the pooled vector for dense search, the token
vectors for late interaction, and the last hidden states, whose mean over a sentence is that
sentence's vector in context.
"""

from __future__ import annotations

import os
import warnings

# An active OpenMP wait made one encoding forty times slower on a busy machine; it must be set
# before torch starts its threads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from qa.embedding import model as _model
from qa.embedding.accelerated import AccelerationUnavailable, OnnxEmbedder
from qa.embedding.chinese import ChineseReader, reading_identity
from qa.embedding.model import (
    EMBEDDED,
    EMBEDDED_SHA256,
    MAX_LENGTH,
    TOKEN_HEAD,
    Embedder,
    Encoded,
    embedded_model_folder,
    file_sha256,
)
from qa.embedding.plain import SentenceTransformerEmbedder

__all__ = [
    "EMBEDDED",
    "EMBEDDED_SHA256",
    "MAX_LENGTH",
    "TOKEN_HEAD",
    "AccelerationUnavailable",
    "ChineseReader",
    "Embedder",
    "Encoded",
    "OnnxEmbedder",
    "SentenceTransformerEmbedder",
    "embedded_model_folder",
    "file_sha256",
    "model_identity",
    "open_embedder",
]


def model_identity(model: str) -> str:
    """Name what the vectors of ``open_embedder(model)`` depend on, without loading it."""
    identity = _model.model_identity(model)
    return reading_identity(identity) if model == EMBEDDED else identity


def open_embedder(model: str = EMBEDDED, threads: int = 2) -> Embedder:
    """Open a model by its accelerated form; where that cannot be made, by sentence-transformers, with a warning.

    The embedded model knows no Chinese and reads it through the dictionary; another one reads it as it can.

    Args:
        model: "all-MiniLM-L6-v2" for the embedded one, else the name or folder of a sentence-transformers model.
        threads: processor threads.

    Raises:
        ModelUnavailable: the model cannot be loaded or has the wrong weights.
    """
    embedder = _open(model, threads)
    return ChineseReader(embedder) if model == EMBEDDED else embedder


def _open(model: str, threads: int) -> Embedder:
    try:
        return OnnxEmbedder(model, threads)
    except AccelerationUnavailable as error:
        embedder = SentenceTransformerEmbedder(model, threads)
        warnings.warn(f"the model {model} runs without acceleration, several times slower: {error}", RuntimeWarning, stacklevel=2)
        return embedder
