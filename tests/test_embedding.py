"""Both forms of a model, plain and accelerated, give the same vectors, with any head and any kind of model."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from qa.embedding import AccelerationUnavailable, OnnxEmbedder, SentenceTransformerEmbedder, accelerated, open_embedder
from qa.embedding.head import Head
from qa.embedding.model import TOKEN_HEAD, embedded_model_folder
from qa.embedding.words import extended
from qa.errors import ModelUnavailable

pytestmark = pytest.mark.model

TEXTS = [
    "How small is the MMLU gap between US and Chinese models?",
    "DeepSeek是谁创立的？",
    "QwQ-32B, İstanbul and 🤖 in one line",
    "word " * 400,
    "",
]
EXTRA = "仅黢"  # characters that the base vocabulary lacks


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("forms")


def write_head(path, fork, about):
    """A head of the base model's own upper layers, slightly changed, with a random projection."""
    rng = np.random.default_rng(fork)
    base = load_file(embedded_model_folder(check=False) / "model.safetensors")
    tensors = {"projection.weight": rng.standard_normal((32, 384)).astype(np.float16)}
    for i in range(fork):
        prefix = f"encoder.layer.{6 - fork + i}."
        own = {n.removeprefix(prefix): t for n, t in base.items() if n.startswith(prefix)}
        tensors |= {f"layers.{i}.{n}": (t * (1 + 0.02 * rng.standard_normal(t.shape))).astype(np.float16) for n, t in own.items()}
    if about.get("extra"):
        tensors["words.extra"] = (0.05 * rng.standard_normal((len(about["extra"]), 384))).astype(np.float16)
    save_file(tensors, path, metadata={"fork": str(fork), "dim": "32", **about})
    return path


def assert_close(fast, full, least):
    """Same tokens, and vectors within a cosine of each other."""
    assert (fast.identity, fast.dim, fast.token_dim) == (full.identity, full.dim, full.token_dim)
    assert fast.count_tokens(TEXTS) == full.count_tokens(TEXTS)
    for text, a, b in zip(TEXTS, fast.encode(TEXTS), full.encode(TEXTS), strict=True):
        assert fast.unknown_share(text) == full.unknown_share(text)
        np.testing.assert_array_equal(a.offsets, b.offsets)
        assert a.hidden.shape == b.hidden.shape
        assert a.pooled @ b.pooled > least
        np.testing.assert_allclose(np.linalg.norm(a.tokens, axis=1), 1, atol=1e-5)
        if len(a.tokens):
            assert (a.tokens * b.tokens).sum(axis=1).mean() > least
            norms = np.linalg.norm(a.hidden, axis=1) * np.linalg.norm(b.hidden, axis=1)
            assert ((a.hidden * b.hidden).sum(axis=1) / norms).mean() > least


HEADS = {
    "shipped": None,
    "upper two, beside the base": (2, {"pooled": "base"}),
    "all six, pooled, extra words": (6, {"pooled": "head", "extra": EXTRA}),
    "upper three, pooled": (3, {"pooled": "head"}),
}


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_accelerated_and_plain_agree(kind, precision, cache, tmp_path, monkeypatch):
    head = write_head(tmp_path / "head.safetensors", *HEADS[kind]) if HEADS[kind] else TOKEN_HEAD
    monkeypatch.setattr(accelerated, "PRECISIONS", (precision,))
    fast = OnnxEmbedder(head=head, cache=cache)
    full = SentenceTransformerEmbedder(head=head)
    assert_close(fast, full, 0.97 if precision == "int8" else 0.99995)
    if HEADS[kind] and HEADS[kind][1].get("extra"):
        plain = OnnxEmbedder(head=TOKEN_HEAD, cache=cache)
        assert plain.unknown_share(EXTRA) == 1
        assert fast.unknown_share(EXTRA) == 0
        a, b = fast.encode([EXTRA[0], EXTRA[1]])
        assert a.pooled @ b.pooled < 0.999  # each has an embedding of its own


def test_a_pooled_head_changes_the_pooled_vector(cache, tmp_path):
    beside = OnnxEmbedder(head=write_head(tmp_path / "a.safetensors", 3, {"pooled": "base"}), cache=cache)
    inside = OnnxEmbedder(head=write_head(tmp_path / "b.safetensors", 3, {"pooled": "head"}), cache=cache)
    base = OnnxEmbedder(head=tmp_path / "none.safetensors", cache=cache)
    a, b, c = (next(iter(e.encode(TEXTS[:1]))) for e in (beside, inside, base))
    np.testing.assert_array_equal(a.pooled, c.pooled)
    np.testing.assert_array_equal(a.tokens, b.tokens)
    assert b.pooled @ c.pooled < 0.999


def test_a_text_has_the_same_vectors_alone_among_others_and_on_any_number_of_threads(cache):
    one, four = OnnxEmbedder(threads=1, cache=cache), OnnxEmbedder(threads=4, cache=cache)
    texts = [f"{text} {i}" for i in range(30) for text in TEXTS]
    for a, b in zip(one.encode(texts), four.encode(texts), strict=True):
        for name in ("pooled", "hidden", "tokens", "offsets"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    alone = next(iter(four.encode(texts[7:8])))
    np.testing.assert_array_equal(alone.tokens, list(one.encode(texts[:8]))[7].tokens)


def test_encoding_may_stop_early_and_passes_errors_on(cache, monkeypatch):
    embedder = OnnxEmbedder(threads=2, cache=cache)
    results = embedder.encode(TEXTS * 20)
    next(results)
    results.close()
    monkeypatch.setattr(embedder, "_encode", lambda encoding: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(embedder.encode(TEXTS))


def test_opening_needs_no_torch(cache):
    OnnxEmbedder(cache=cache)
    code = (
        "import sys; from pathlib import Path; from qa.embedding import OnnxEmbedder;"
        f"list(OnnxEmbedder(cache=Path({str(cache)!r})).encode(['Who?']));"
        "print({'torch', 'transformers', 'onnx', 'sentence_transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_processor_without_exact_int8_gets_float32(cache, monkeypatch):
    monkeypatch.setattr(accelerated, "CLOSE", 0.9999)
    assert OnnxEmbedder(cache=cache).precision == "fp32"
    monkeypatch.setattr(accelerated, "CLOSE", 1.1)
    with pytest.raises(AccelerationUnavailable, match="precision"):
        OnnxEmbedder(cache=cache)


@pytest.mark.parametrize("left", [0, 100, 20_000_000])
def test_a_damaged_form_is_made_anew(left, cache, tmp_path, caplog):
    OnnxEmbedder(cache=cache)
    whole = next(cache.glob("*-int8.onnx"))
    path = tmp_path / accelerated._file_name("all-MiniLM-L6-v2", OnnxEmbedder(cache=cache).identity)
    path = path.with_name(path.name + "-int8.onnx")
    path.write_bytes(whole.read_bytes()[:left])
    assert OnnxEmbedder(cache=tmp_path).precision == "int8"
    assert path.stat().st_size > 20_000_000
    assert "made anew" in caplog.text


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    assert OnnxEmbedder(cache=tmp_path / "file").precision == "int8"
    assert "cannot be written" in caplog.text


def test_a_plain_model_serves_where_nothing_else_can_and_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.warns(RuntimeWarning, match="without acceleration.*pip install onnxruntime"):
        embedder = open_embedder()
    assert isinstance(embedder.inner, SentenceTransformerEmbedder)


@pytest.mark.parametrize(
    ("about", "damage"),
    [({"pooled": "both"}, None), ({"extra": "仅仅"}, None), ({"extra": "仅黢"}, "words.extra"), ({}, "projection.weight")],
)
def test_a_head_whose_parts_do_not_fit_is_refused(about, damage, tmp_path):
    path = write_head(tmp_path / "head.safetensors", 1, about)
    if damage:
        tensors = load_file(path)
        tensors.pop(damage)
        save_file(tensors, path, metadata={"fork": "1", **about})
    with pytest.raises(ModelUnavailable, match="head"):
        Head.load(path)


def test_what_is_no_head_is_refused(tmp_path):
    (tmp_path / "head").write_bytes(b"no head")
    with pytest.raises(ModelUnavailable, match="no token head"):
        Head.load(tmp_path / "head")


def test_a_known_character_cannot_be_added():
    description = (embedded_model_folder(check=False) / "tokenizer.json").read_text(encoding="utf-8")
    with pytest.raises(ModelUnavailable, match="vocabulary"):
        extended(description, "a")


# Other models: small ones with random weights, saved by sentence-transformers


@pytest.fixture(scope="module")
def save_model(tmp_path_factory):
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

    def save(kind, pooling, **changes):
        folder = tmp_path_factory.mktemp("model")
        torch.manual_seed(1)
        config = {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 192, "vocab_size": 30522, **changes}
        model = BertModel(BertConfig(**config)) if kind == "bert" else XLMRobertaModel(XLMRobertaConfig(**config, pad_token_id=1))
        for name, value in model.named_parameters():  # random normalisations too
            if "LayerNorm" in name:
                value.data += 0.1 * torch.randn_like(value)
        model.save_pretrained(folder / "bert")
        for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
            shutil.copy(embedded_model_folder(check=False) / file, folder / "bert")
        parts = Transformer(str(folder / "bert")), Pooling(96, pooling_mode=pooling)
        SentenceTransformer(modules=list(parts), device="cpu").save(str(folder / "saved"))
        return str(folder / "saved")

    return save


@pytest.mark.parametrize(
    ("kind", "pooling", "changes"),
    [("bert", "mean", {}), ("bert", "cls", {"hidden_act": "gelu_new"}), ("xlm-roberta", "mean", {"max_position_embeddings": 514})],
)
def test_other_models_have_an_accelerated_form(kind, pooling, changes, save_model, cache):
    model = save_model(kind, pooling, **changes)
    assert_close(OnnxEmbedder(model, cache=cache), SentenceTransformerEmbedder(model), 0.97)
    code = (
        "import sys; from pathlib import Path; from qa.embedding import OnnxEmbedder;"
        f"OnnxEmbedder({model!r}, cache=Path({str(cache)!r})); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_changed_weights_get_a_form_of_their_own(save_model, cache):
    import os

    model = save_model("bert", "mean")
    before = accelerated._file_name(model, "x")
    weights = next(p for p in accelerated.Path(model).rglob("*.safetensors"))
    os.utime(weights, ns=(1, 1))
    assert accelerated._file_name(model, "x") != before


@pytest.mark.parametrize(
    ("pooling", "changes", "reason"), [("max", {}, "pooling"), ("mean", {"hidden_act": "relu"}, "activation is relu")]
)
def test_a_model_of_another_kind_is_served_plain(pooling, changes, reason, save_model, cache, monkeypatch):
    model = save_model("bert", pooling, **changes)
    monkeypatch.setattr(accelerated, "cache_folder", lambda: cache)
    with pytest.warns(RuntimeWarning, match=reason):
        embedder = open_embedder(model)
    assert next(iter(embedder.encode(["one"]))).pooled.shape == (96,)


def test_a_missing_model_is_refused():
    with pytest.raises(ModelUnavailable):
        open_embedder("no/such-model-folder")


def test_the_check_of_a_form_is_in_its_file(cache):
    embedder = OnnxEmbedder(cache=cache)
    about = embedder._session.get_modelmeta().custom_metadata_map
    check = json.loads(about["check"])
    assert len(check["pooled"]) == embedder.dim
    assert next(iter(embedder.encode([accelerated.CHECK]))).pooled @ np.asarray(check["pooled"]) > 0.99
