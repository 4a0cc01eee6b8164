"""The judge: which sentence answers, and which only looks like it."""

import sys

import numpy as np
import onnx
import pytest

from qa.answering.analysis import analyse
from qa.answering.evidence import candidates
from qa.answering.judge import FILE, MARKS, Judge, Pairs, judged, pairs_of, shipped
from qa.answering.select import reorder
from qa.answering.traits import TRAITS
from qa.errors import ModelUnavailable
from qa.retrieval.filters import Filters

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def searcher(model_assistant):
    return model_assistant._searcher


def judge_all(searcher, question, language="en"):
    analysis = analyse(searcher.reader.read(question))
    ranking = searcher.rank(analysis.query, Filters(), language)
    pool = candidates(analysis, ranking, searcher.snapshot)
    return pool, judged(analysis, ranking, pool, searcher.snapshot, searcher.encoder), analysis, ranking


def random_pairs(lengths, tokens=5, seed=3):
    rng = np.random.default_rng(seed)
    vectors = [rng.normal(size=(n, 128)).astype(np.float32) for n in (tokens, *lengths)]
    question, *sentences = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in vectors]
    marks, traits = (rng.random(shape, dtype=np.float32) for shape in ((len(lengths), tokens, MARKS), (len(lengths), TRAITS)))
    return Pairs(question, marks, traits, tuple(sentences))


def test_a_sentence_is_judged_the_same_alone_and_beside_longer_ones():
    pairs = random_pairs((4, 30, 1))
    together = shipped().logits(pairs)
    for i, logit in enumerate(together):
        alone = shipped().logits(Pairs(pairs.question, pairs.marks[i : i + 1], pairs.traits[i : i + 1], pairs.sentences[i : i + 1]))[0]
        assert alone == pytest.approx(logit, abs=1e-4)


def test_order_of_a_sentences_tokens_does_not_matter_but_which_they_are_does():
    pairs = random_pairs((12,))
    turned = Pairs(pairs.question, pairs.marks, pairs.traits, (pairs.sentences[0][::-1].copy(),))
    other = Pairs(pairs.question, pairs.marks, pairs.traits, (-pairs.sentences[0],))
    logit = shipped().logits(pairs)[0]
    assert shipped().logits(turned)[0] == pytest.approx(logit, abs=1e-4)
    assert abs(shipped().logits(other)[0] - logit) > 1e-3


@pytest.mark.parametrize(
    ("answerable", "near_miss"),
    [
        ("When did Tencent present Hunyuan Turbo S?", "When did Tencent withdraw Hunyuan Turbo S?"),
        ("Who founded DeepSeek?", "Who sued DeepSeek?"),
        ("How small was the MMLU gap in 2024?", "How small was the MMLU gap in 2016?"),
        ("腾讯什么时候发布混元Turbo S？", "腾讯什么时候下架混元Turbo S？"),
    ],
)
def test_a_near_miss_is_judged_worse_than_the_question_that_is_answered(searcher, answerable, near_miss):
    language = "zh" if "？" in answerable else "en"
    best = [max(judge_all(searcher, q, language)[1].values()) for q in (answerable, near_miss)]
    assert best[0] > best[1] + 1


def test_marks_and_traits_have_the_documented_shape(searcher):
    pool, _, analysis, ranking = judge_all(searcher, "Who founded DeepSeek?")
    pairs = pairs_of(analysis, ranking, pool[:3], searcher.snapshot)
    assert pairs.marks.shape == (3, len(pairs.question), MARKS)
    assert pairs.traits.shape == (3, TRAITS)
    assert all(s.ndim == 2 and len(s) for s in pairs.sentences)
    assert np.isfinite(pairs.marks).all()
    assert np.isfinite(pairs.traits).all()


def test_vectors_of_another_model_are_not_judged(searcher):
    pool, _, analysis, ranking = judge_all(searcher, "Who founded DeepSeek?")
    assert judged(analysis, ranking, pool, searcher.snapshot, "another-model@0123456789abcdef") == {}


def test_without_logits_the_order_stays():
    ordered = [(2.0, object()), (1.0, object())]
    assert reorder(ordered, {}, "en") == ordered


@pytest.mark.parametrize("content", [b"no weights", b""])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "judge.onnx").write_bytes(content)
    with pytest.raises(ModelUnavailable, match=r"judge\.onnx is no judge"):
        Judge.load(tmp_path / "judge.onnx")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelUnavailable, match=r"judge\.onnx is no judge"):
        Judge.load(tmp_path / "judge.onnx")


def test_a_file_that_says_nothing_of_its_encoder_is_refused(tmp_path):
    model = onnx.load(str(FILE))
    del model.metadata_props[:]
    onnx.save(model, str(tmp_path / "judge.onnx"))
    with pytest.raises(ModelUnavailable):
        Judge.load(tmp_path / "judge.onnx")


def test_a_judge_that_reads_other_inputs_is_refused(tmp_path):
    model = onnx.load(str(FILE))
    next(i for i in model.graph.input if i.name == "traits").name = "features"
    for node in model.graph.node:
        node.input[:] = ["features" if name == "traits" else name for name in node.input]
    onnx.save(model, str(tmp_path / "judge.onnx"))
    with pytest.raises(ModelUnavailable, match="it reads"):
        Judge.load(tmp_path / "judge.onnx")


def test_without_onnx_runtime_answers_are_chosen_without_the_judge_and_the_log_says_so(searcher, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    shipped.cache_clear()
    try:
        assert judge_all(searcher, "Who founded DeepSeek?")[1] == {}
    finally:
        shipped.cache_clear()
    assert "without the judge" in caplog.text
