import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.index.lexical import LexicalIndex, Parameters

TERMS = st.sampled_from(["model", "chip", "gap", "模型", "型", "r1", "2025"])
WORDS, IDEOGRAPHS = Parameters(k1=1.2, b=0.75), Parameters(k1=0.5, b=0.3)


def bm25(texts, query) -> list[float]:
    """Okapi BM25 straight from its definition, with Lucene's inverse document frequency.

    Words and ideographs count their own lengths, against the texts that hold any of their sort.
    """
    scores = []
    for text in texts:
        score = 0.0
        for term in dict.fromkeys(query):
            k1, b = (WORDS.k1, WORDS.b) if term.isascii() else (IDEOGRAPHS.k1, IDEOGRAPHS.b)
            lengths = [sum(t.isascii() == term.isascii() for t in other) for other in texts]
            filled = [n for n in lengths if n] or [1]
            length = sum(t.isascii() == term.isascii() for t in text) / (sum(filled) / len(filled))
            n = sum(term in t for t in texts)
            idf = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
            frequency = text.count(term)
            score += idf * frequency * (k1 + 1) / (frequency + k1 * (1 - b + b * length))
        scores.append(score)
    return scores


@given(st.lists(st.lists(TERMS, max_size=8), min_size=1, max_size=8), st.lists(TERMS, max_size=5))
def test_scores_agree_with_the_definition(texts, query):
    assert LexicalIndex.build(texts, WORDS, IDEOGRAPHS).scores(query) == pytest.approx(bm25(texts, query), rel=1e-5, abs=1e-6)


def test_a_hand_computed_score():
    index = LexicalIndex.build([["a", "b"], ["a", "a"], ["c", "c"]], Parameters(k1=1.2, b=0.6))
    idf = math.log(1 + 2.5 / 1.5)
    assert index.scores(["b"]) == pytest.approx([idf * 2.2 / 2.2, 0, 0], rel=1e-6)
    assert index.scores(["c"]) == pytest.approx([0, 0, idf * 2 * 2.2 / 3.2], rel=1e-6)


def test_weights_multiply_and_repeated_query_tokens_count_once():
    index = LexicalIndex.build([["a", "b"], ["b"]])
    assert index.scores(["a", "a"]) == pytest.approx(index.scores(["a"]))
    assert index.scores(["a"], {"a": 0.5}) == pytest.approx(index.scores(["a"]) * 0.5)


def test_unknown_terms_score_nothing_and_are_the_rarest():
    index = LexicalIndex.build([["a"], ["a", "b"]])
    assert not index.scores(["zzz"]).any()
    assert index.idf("zzz") > index.idf("b") > index.idf("a") > 0
    assert "a" in index
    assert "zzz" not in index


@pytest.mark.parametrize("texts", [[], [[]], [[], []]])
def test_nothing_to_index(texts):
    scores = LexicalIndex.build(texts).scores(["a"])
    assert scores.shape == (len(texts),)
    assert not scores.any()


def test_saved_and_loaded_scores_the_same(tmp_path):
    texts = [["a", "模型"], ["b", "a", "a"], []]
    built = LexicalIndex.build(texts)
    built.save(tmp_path, "words")
    loaded = LexicalIndex.load(tmp_path, "words")
    assert np.array_equal(loaded.scores(["a", "模型"]), built.scores(["a", "模型"]))
    assert loaded.terms == ["a", "b", "模型"]
    assert loaded.size == 3
