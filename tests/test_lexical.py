import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.index.lexical import LexicalIndex, Parameters, PostingsBuilder
from qa.index.terms import prepare

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


def in_segments(texts, cuts) -> LexicalIndex:
    """Index texts in several segments."""
    edges = [0, *sorted(min(c, len(texts)) for c in cuts), len(texts)]
    parts = [p for a, b in itertools.pairwise(edges) for p in LexicalIndex.build(texts[a:b]).parts]
    return LexicalIndex(parts)


@given(st.lists(st.lists(TERMS, max_size=8), min_size=1, max_size=8), st.lists(TERMS, max_size=5), st.lists(st.integers(0, 8), max_size=3))
def test_scores_do_not_depend_on_how_texts_are_spread_over_segments(texts, query, cuts):
    whole, spread = LexicalIndex.build(texts), in_segments(texts, cuts)
    assert spread.scores(query) == pytest.approx(whole.scores(query), rel=1e-6)
    assert [spread.idf(t) for t in query] == [whole.idf(t) for t in query]
    assert spread.size == whole.size


@given(st.lists(st.lists(TERMS, max_size=8), min_size=1, max_size=8), st.lists(TERMS, max_size=5), st.data())
def test_scores_of_some_texts_are_those_of_all(texts, query, data):
    index = in_segments(texts, [len(texts) // 2])
    wanted = np.asarray(data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=6)), dtype=np.int64)
    weights = {"chip": 0.5}
    assert index.scores_at(wanted, query, weights) == pytest.approx(index.scores(query, weights)[wanted], rel=1e-6)


@given(st.lists(st.lists(TERMS, max_size=8), min_size=1, max_size=8), st.lists(TERMS, max_size=5), st.data())
def test_joined_and_thinned_postings_are_those_of_a_new_count(texts, query, data):
    half = len(texts) // 2
    keep = [data.draw(st.booleans()) for _ in texts]
    builder = PostingsBuilder()
    for part, mask in zip((texts[:half], texts[half:]), (keep[:half], keep[half:]), strict=True):
        for postings in LexicalIndex.build(part).parts:
            builder.take(postings, np.asarray(mask, dtype=bool))
    merged = builder.finish()[0]
    fresh = PostingsBuilder()
    for text, wanted in zip(texts, keep, strict=True):
        if wanted:
            fresh.add(text)
    for name, values in fresh.finish()[0].items():
        assert np.array_equal(merged[name], values), name


def test_texts_that_do_not_count_are_scored_but_left_out_of_the_statistics():
    parts = [p for texts in ([["a", "b"], ["b"]], [["a", "b"]]) for p in LexicalIndex.build(texts).parts]
    index, single = LexicalIndex(parts, counted=np.asarray([True, True, False])), LexicalIndex.build([["a", "b"], ["b"]])
    assert index.idf("a") == single.idf("a")
    assert index.size == 2
    assert index.scores(["a", "b"])[:2] == pytest.approx(single.scores(["a", "b"]))
    assert index.scores(["a", "b"])[2] == index.scores(["a", "b"])[0]


def test_postings_add_up_to_the_scores():
    index = in_segments([["a", "b"], ["b"], ["a", "a"]], [1])
    rows, weights = index.postings("a")
    assert rows.tolist() == [0, 2]
    assert weights == pytest.approx(index.scores(["a"])[[0, 2]])
    assert len(index.postings("zzz")[0]) == 0


@given(
    st.lists(st.lists(TERMS, max_size=8), min_size=1, max_size=8),
    st.lists(TERMS | st.just("unknown"), max_size=6),
    st.sets(st.integers(0, 8), max_size=3),
    st.data(),
)
def test_terms_looked_up_together_are_those_looked_up_alone(texts, query, cuts, data):
    counted = np.asarray(data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts))))
    some = np.asarray(data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=5)), dtype=np.int64)
    parts = in_segments(texts, cuts).parts
    alone, together = (LexicalIndex(parts, WORDS, IDEOGRAPHS, counted=counted) for _ in range(2))
    prepare(together, query)
    assert set(together.kept) == set(query)
    for term in query:
        assert together.idf(term) == pytest.approx(alone.idf(term))
        assert (term in together) == (term in alone)
        for one, other in zip(together.postings(term, 0.3), alone.postings(term, 0.3), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)
    np.testing.assert_allclose(together.scores_at(some, query, {"chip": 0.5}), alone.scores_at(some, query, {"chip": 0.5}), rtol=1e-6)


def test_a_large_index_keeps_no_terms(monkeypatch):
    monkeypatch.setattr("qa.index.terms.SMALL", 1)
    index = LexicalIndex.build([["chip"], ["model"]])
    prepare(index, ["chip"])
    assert not index.kept


def test_only_the_last_terms_are_kept(monkeypatch):
    monkeypatch.setattr("qa.index.terms.KEPT", 2)
    index = LexicalIndex.build([["chip"], ["model"]])
    for term in ("chip", "model", "gap"):
        prepare(index, [term])
    assert list(index.kept) == ["model", "gap"]
