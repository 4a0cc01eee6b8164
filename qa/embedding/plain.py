"""Any sentence-transformers model on torch: the reference, and what serves where nothing faster can."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Encoding

from qa.embedding.head import Head
from qa.embedding.model import EMBEDDED, MAX_LENGTH, TOKEN_HEAD, Encoded, embedded_model_folder, model_identity
from qa.embedding.words import Words, extended, own_tokens
from qa.errors import ModelUnavailable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def load(model: str) -> SentenceTransformer:
    """Load a model.

    Args:
        model: "all-MiniLM-L6-v2" for the embedded one, else a name or folder.

    Raises:
        ModelUnavailable: the model cannot be loaded or has the wrong weights.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    folder = model
    if model == EMBEDDED:
        folder = str(embedded_model_folder())
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        return SentenceTransformer(folder, device="cpu")
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"the model {model!r} cannot be loaded: {str(error).splitlines()[0]}; "
            f"give the folder of a sentence-transformers model, or {EMBEDDED!r}"
        ) from error


def max_length(model: SentenceTransformer) -> int:
    """Return the number of tokens that a model reads."""
    return int(min(model.max_seq_length or MAX_LENGTH, 512))


class SentenceTransformerEmbedder:
    """Any sentence-transformers model; the embedded one also has a trained token head."""

    def __init__(self, model: str = EMBEDDED, threads: int = 2, *, head: Path = TOKEN_HEAD) -> None:
        """Load a model.

        Args:
            model: "all-MiniLM-L6-v2" for the embedded one, else a name or folder.
            threads: processor threads.
            head: the token head of the embedded model; need not exist.

        Raises:
            ModelUnavailable: the model cannot be loaded or has the wrong weights.
        """
        self._model = load(model)
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self._bert: Any = self._model[0].auto_model
        self._head: _TokenHead | None = None
        tokenizer = self._model.tokenizer.backend_tokenizer.to_str()
        if model == EMBEDDED and head.exists():
            trained = Head.load(head)
            self._head = _TokenHead(trained, self._bert)
            tokenizer = extended(tokenizer, trained.extra)
        self._words = Words(tokenizer, max_length(self._model))
        self._identity = model_identity(model, head)
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
        return self._words.count(texts)

    def unknown_share(self, text: str) -> float:
        """Return the share of the text's tokens that the model does not know, 0 to 1."""
        return self._words.unknown_share(text)

    def encode(self, texts: Sequence[str], batch_size: int = 32) -> Iterator[Encoded]:
        """Encode texts; yields one result for each, in order.

        Texts longer than the model reads are cut at its limit.
        """
        # Batches of similar length waste little on padding; windows keep memory bounded.
        window = batch_size * 16
        for begin in range(0, len(texts), window):
            part = self._words.read(texts[begin : begin + window])
            order = sorted(range(len(part)), key=lambda i: len(part[i].ids))
            results: list[Encoded | None] = [None] * len(part)
            for at in range(0, len(order), batch_size):
                numbers = order[at : at + batch_size]
                for i, result in zip(numbers, self._forward([part[i] for i in numbers]), strict=True):
                    results[i] = result
            yield from (r for r in results if r is not None)

    def _forward(self, encodings: list[Encoding]) -> list[Encoded]:
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
            tokens = self._head(output.hidden_states, mask) if self._head else hidden.float()
            tokens = torch.nn.functional.normalize(tokens, dim=-1).numpy()
            states = hidden.float().numpy()
        results = []
        for i, encoding in enumerate(encodings):
            own, offsets = own_tokens(encoding)
            results.append(Encoded(pooled[i], states[i][own], tokens[i][own], offsets))
        return results


class _TokenHead:
    """The trained upper layers, put into the model or run beside its own."""

    def __init__(self, head: Head, bert: Any) -> None:
        import torch

        self.dim = len(head.projection)
        self._projection = torch.from_numpy(head.projection)
        own = bert.encoder.layer[len(bert.encoder.layer) - len(head.layers) :]
        self._fork = len(head.layers)
        self._layers = own if head.pooled == "head" else copy.deepcopy(own).eval()
        for layer, tensors in zip(self._layers, head.layers, strict=True):
            layer.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in tensors.items()})
        self._beside = head.pooled == "base"
        if head.extra:
            table = torch.cat([bert.embeddings.word_embeddings.weight.detach(), torch.from_numpy(head.words)])
            bert.embeddings.word_embeddings = torch.nn.Embedding.from_pretrained(table)

    def __call__(self, hidden_states: Sequence[Any], mask: Any) -> Any:
        """Return (batch, length, dim) token vectors from the encoder's hidden states."""
        state = hidden_states[-1]
        if self._beside:
            # hidden_states[0] is the embedding layer's output, [k] that of layer k.
            state = hidden_states[len(hidden_states) - 1 - self._fork]
            bias = (1.0 - mask[:, None, None, :].to(state.dtype)) * -10000.0
            for layer in self._layers:
                out = layer(state, attention_mask=bias)
                state = out[0] if isinstance(out, tuple) else out
        return state @ self._projection.T
