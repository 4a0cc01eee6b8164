"""A BERT-like encoder as an ONNX graph with int8 products, for one text at a time.

Running single texts, each on a thread of its own, needs neither padding nor masks, keeps a text's
numbers in the processor's cache, and makes its vectors independent of what is encoded beside it:
the scale of the int8 numbers follows from the text alone. The layers are those of BERT (Devlin et
al. 2018, https://arxiv.org/abs/1810.04805).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from qa.embedding.head import Head, Tensors, starting_with
from qa.embedding.model import Floats

MICROSOFT = "com.microsoft"  # ONNX Runtime's own operators
OPSET = 20
IR_VERSION = 10  # the newest that the oldest admitted ONNX Runtime reads
GELU = {"gelu": "BiasGelu", "gelu_new": "FastGelu", "gelu_pytorch_tanh": "FastGelu"}
REACH = 3.0
"""Standard deviations of a normalised channel that count when channels are brought to one scale."""

Precision = Literal["int8", "fp32"]


@dataclass(frozen=True)
class Encoder:
    """The weights of a BERT-like model, and what its configuration says.

    Attributes:
        words: (vocabulary, dim).
        positions: (longest text, dim), token type 0 included.
        norm: scale and shift after the embeddings.
        layers: weights of each layer, by BERT's names.
        heads: attention heads.
        epsilon: of layer normalisation.
        activation: a key of ``GELU``.
        pooling: how the pooled vector is made of the last hidden states.
    """

    words: Floats
    positions: Floats
    norm: tuple[Floats, Floats]
    layers: tuple[Tensors, ...]
    heads: int
    epsilon: float
    activation: str
    pooling: Literal["mean", "cls"]

    @classmethod
    def of(cls, tensors: Mapping[str, Floats], config: Mapping[str, Any], pooling: Literal["mean", "cls"]) -> Encoder:
        """Arrange a model's tensors.

        Args:
            tensors: by the names of transformers' BertModel or (XLM-)RobertaModel.
            config: the content of ``config.json``.
            pooling: see the class.

        Raises:
            KeyError: a tensor or a value is missing.
        """
        # RoBERTa counts positions from behind the number of its padding token.
        first = 0 if config["model_type"] == "bert" else int(config["pad_token_id"]) + 1
        types = tensors["embeddings.token_type_embeddings.weight"]
        return cls(
            words=tensors["embeddings.word_embeddings.weight"],
            positions=tensors["embeddings.position_embeddings.weight"][first:] + types[0],
            norm=_norm(tensors, "embeddings.LayerNorm"),
            layers=tuple(starting_with(tensors, f"encoder.layer.{i}.") for i in range(int(config["num_hidden_layers"]))),
            heads=int(config["num_attention_heads"]),
            epsilon=float(config["layer_norm_eps"]),
            activation=config["hidden_act"],
            pooling=pooling,
        )


def build(encoder: Encoder, head: Head | None, precision: Precision, about: Mapping[str, str]) -> bytes:
    """Return the graph, serialised.

    Its input is ``ids`` (1, length) int64, its outputs are ``pooled`` (dim,), ``hidden`` (length, dim) and
    ``tokens`` (length, token_dim), the first and the last of unit length.

    Args:
        encoder: the base model.
        head: the token head; without one the token vectors are the normalised hidden states.
        precision: of the products with weights.
        about: what to keep with the graph.
    """
    graph = _Graph(encoder, precision)
    graph.assemble(head)
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("pooled", "hidden", "tokens")]
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "length"])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "encoder", [ids], outputs, graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, dict(about))
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and weights as they are added; a value is known by its name."""

    def __init__(self, encoder: Encoder, precision: Precision) -> None:
        self._encoder, self._precision = encoder, precision
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def assemble(self, head: Head | None) -> None:
        """Add everything from the token numbers to the three outputs."""
        encoder = self._encoder
        state, norm = self._embed(head), encoder.norm
        fork = len(encoder.layers) - (len(head.layers) if head else 0)
        for layer in encoder.layers[:fork]:
            state, norm = self._layer(state, norm, layer)
        forked, forked_norm = state, norm
        for layer in encoder.layers[fork:] if head is None or head.pooled == "base" else ():
            state, norm = self._layer(state, norm, layer)
        for layer in head.layers if head else ():
            forked, forked_norm = self._layer(forked, forked_norm, layer)
        if head and head.pooled == "head":
            state = forked
        first = self._add("Constant", [], value=numpy_helper.from_array(np.asarray([0], dtype=np.int64)))
        hidden = self._add("Squeeze", [state, first], name="hidden")
        if encoder.pooling == "mean":
            pooled = self._add("ReduceMean", [hidden, first], keepdims=0)
        else:
            pooled = self._add("Gather", [hidden, self._weight(np.asarray(0, dtype=np.int64))], axis=0)
        self._add("LpNormalization", [pooled], name="pooled", axis=-1, p=2)
        own = self._product(self._add("Squeeze", [forked, first]), head.projection, None) if head else hidden
        self._add("LpNormalization", [own], name="tokens", axis=-1, p=2)

    def _embed(self, head: Head | None) -> str:
        words = self._encoder.words if head is None else np.concatenate([self._encoder.words, head.words])
        # float16 halves the file; the table is the largest part of a small model.
        rows = self._add("Cast", [self._add("Gather", [self._weight(words.astype(np.float16)), "ids"])], to=TensorProto.FLOAT)
        zero = self._weight(np.asarray([0], dtype=np.int64))
        length = self._add("Shape", ["ids"], start=1, end=2)
        positions = self._add("Slice", [self._weight(self._encoder.positions), zero, length, zero])
        return self._normalised(self._add("Add", [rows, positions]), self._encoder.norm)

    def _layer(self, state: str, norm: tuple[Floats, Floats], tensors: Tensors) -> tuple[str, tuple[Floats, Floats]]:
        """Add one layer; returns its output and the normalisation that this went through last."""
        names = [f"attention.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([tensors[f"{n}.weight"] for n in names])
        bias = np.concatenate([tensors[f"{n}.bias"] for n in names])
        query, key, value = self._add_several("Split", [self._product(state, weight, bias, norm)], 3, axis=-1, num_outputs=3)
        mixed = self._add("MultiHeadAttention", [query, key, value], MICROSOFT, num_heads=self._encoder.heads)
        out = self._product(mixed, *_dense(tensors, "attention.output.dense"))
        norm = _norm(tensors, "attention.output.LayerNorm")
        state = self._normalised(self._add("Add", [out, state]), norm)
        weight, bias = _dense(tensors, "intermediate.dense")
        wide = self._add(GELU[self._encoder.activation], [self._product(state, weight, None, norm), self._weight(bias)], MICROSOFT)
        out = self._product(wide, *_dense(tensors, "output.dense"))
        norm = _norm(tensors, "output.LayerNorm")
        # An addition and a plain normalisation: the fused operator takes four times as long.
        return self._normalised(self._add("Add", [out, state]), norm), norm

    def _normalised(self, value: str, norm: tuple[Floats, Floats]) -> str:
        scale, shift = (self._weight(part) for part in norm)
        return self._add("LayerNormalization", [value, scale, shift], axis=-1, epsilon=self._encoder.epsilon)

    def _product(self, value: str, weight: Floats, bias: Floats | None, norm: tuple[Floats, Floats] | None = None) -> str:
        """Multiply by a weight (out, in); ``norm`` is what the value was normalised with, if it was."""
        weight = weight.T
        if self._precision == "fp32":
            product = self._add("MatMul", [value, self._weight(weight)])
            return product if bias is None else self._add("Add", [product, self._weight(bias)])
        if norm:
            # A few channels are much wider than the rest and would leave these little of the int8 range:
            # all are brought to one width, and the weights make up for it (SmoothQuant, Xiao et al. 2022,
            # https://arxiv.org/abs/2211.10438, with the width read off the normalisation).
            width = REACH * np.abs(norm[0]) + np.abs(norm[1]) + np.float32(1e-6)
            width /= np.exp(np.log(width).mean())
            value = self._add("Mul", [value, self._weight(1 / width)])
            weight = np.asarray(weight * width[:, None], dtype=np.float32)
        scale = np.maximum(np.abs(weight).max(axis=0) / 127, np.float32(1e-12))
        rounded = np.rint(weight / scale).astype(np.int8)
        inputs = [value, self._weight(rounded), self._weight(scale)]
        return self._add("DynamicQuantizeMatMul", inputs if bias is None else [*inputs, "", self._weight(bias)], MICROSOFT)

    def _weight(self, array: NDArray[Any]) -> str:
        name = f"w{len(self.weights)}"
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        self.weights.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def _add(self, operator: str, inputs: list[str], domain: str = "", name: str = "", **attributes: Any) -> str:
        name = name or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], domain=domain, **attributes))
        return name

    def _add_several(self, operator: str, inputs: list[str], count: int, **attributes: Any) -> list[str]:
        names = [f"v{len(self.nodes)}.{i}" for i in range(count)]
        self.nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names


def _dense(tensors: Tensors, name: str) -> tuple[Floats, Floats]:
    return tensors[f"{name}.weight"], tensors[f"{name}.bias"]


def _norm(tensors: Tensors, name: str) -> tuple[Floats, Floats]:
    return tensors[f"{name}.weight"], tensors[f"{name}.bias"]
