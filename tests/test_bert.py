"""The NumPy encoder gives the vectors of sentence-transformers."""

import subprocess
import sys

import numpy as np
import pytest

TEXTS = [
    "How small is the MMLU gap between US and Chinese models?",
    "DeepSeek是谁创立的？",
    "QwQ-32B, İstanbul and 🤖 in one line",
    "word " * 400,
    "",
]


@pytest.mark.model
def test_numpy_and_sentence_transformers_agree():
    from qa.bert import NumpyEmbedder
    from qa.embedding import SentenceTransformerEmbedder

    fast, full = NumpyEmbedder(), SentenceTransformerEmbedder()
    assert (fast.identity, fast.dim, fast.token_dim) == (full.identity, full.dim, full.token_dim)
    assert fast.count_tokens(TEXTS) == full.count_tokens(TEXTS)
    for text, a, b in zip(TEXTS, fast.encode(TEXTS), full.encode(TEXTS), strict=True):
        assert fast.unknown_share(text) == full.unknown_share(text)
        np.testing.assert_array_equal(a.offsets, b.offsets)
        for name in ("pooled", "hidden", "tokens"):
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=2e-5)


@pytest.mark.model
def test_encoding_a_question_loads_no_torch():
    code = "import sys; from qa.bert import NumpyEmbedder; list(NumpyEmbedder().encode(['Who?'])); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
