"""Every store finds the same passages and leads to the same answers as the index's own files with every passage scored."""

import importlib.util

import numpy as np
import pytest
from samples import CASES, HashEmbedder

from qa.answering.pipeline import answer
from qa.errors import StoreUnreachable
from qa.index import Snapshot, build_index
from qa.retrieval.filters import Filters
from qa.retrieval.pool import LocalStage, Scope
from qa.retrieval.search import Searcher

MILVUS = importlib.util.find_spec("pymilvus") is not None and importlib.util.find_spec("milvus_lite") is not None
needs_milvus = pytest.mark.skipif(not MILVUS, reason='Milvus is not installed: pip install "china-ai-qa[milvus]"')
STORES = ["local", pytest.param("milvus", marks=needs_milvus)]


@pytest.fixture(scope="module")
def snapshot(shared_index):
    return Snapshot.load(shared_index)


@pytest.fixture(scope="module", params=STORES)
def stage(request, snapshot, tmp_path_factory):
    if request.param == "local":
        return LocalStage(snapshot)
    from qa.retrieval.milvus import MilvusStage

    return MilvusStage(snapshot, str(tmp_path_factory.mktemp("store") / "milvus.db"))


def scope(snapshot, language="en", **filters):
    chosen = Filters(**filters)
    admitted = Searcher(snapshot, HashEmbedder()).admitted(chosen) & (snapshot.chinese == (language == "zh"))
    return Scope(chosen, language, admitted)


def test_the_nearest_vectors_are_found(stage, snapshot):
    inside = scope(snapshot)
    for row in np.flatnonzero(inside.admitted)[:6].tolist():
        query = snapshot.vectors[row]
        cosines = np.where(inside.admitted, snapshot.vectors.scores(query), -2)
        assert set(stage.dense(query, 5, inside).tolist()) == set(np.argsort(-cosines, kind="stable")[:5].tolist())


def test_the_best_texts_by_words_are_found(stage, snapshot):
    inside = scope(snapshot)
    reader = Searcher(snapshot, HashEmbedder()).reader
    for question, document, _ in CASES[:5]:
        query = reader.read(question)
        terms = {t: query.weights.get(t, 1.0) for t in query.tokens}
        found = stage.lexical(terms, 3, inside)
        right = np.where(inside.admitted, snapshot.words.scores(query.tokens, query.weights), 0)
        assert right[found[0]] == pytest.approx(right.max())
        assert snapshot.passages[int(found[0])].document_id == document


@pytest.mark.parametrize(
    "filters",
    [
        {"topics": ("models",)},
        {"documents": ("qwq-32b", "ai-patents")},
        {"since": "2025-03", "until": "2025-07"},
        {"until": "2024"},
        {"collections": ("corpus",)},
        {"collections": ("none",)},
    ],
)
def test_only_passages_inside_of_the_scope_are_found(stage, snapshot, filters):
    inside = scope(snapshot, **filters)
    found = stage.dense(snapshot.vectors[0], 50, inside)
    assert set(found.tolist()) == set(np.flatnonzero(inside.admitted).tolist())


def test_words_that_no_text_holds_find_nothing(stage, snapshot):
    assert len(stage.lexical({"xyzzy": 1.0}, 5, scope(snapshot))) == 0
    assert len(stage.lexical({}, 5, scope(snapshot))) == 0


def test_answers_have_the_citations_that_scoring_every_passage_gives(stage, snapshot):
    whole, staged = Searcher(snapshot, HashEmbedder()), Searcher(snapshot, HashEmbedder(), stage=stage)
    for question, _, wanted in CASES:
        one, two = (answer(s, question, [], Filters(), 3) for s in (whole, staged))
        assert wanted in two.text
        assert [(c.document_id, c.start, c.end) for c in one.citations] == [(c.document_id, c.start, c.end) for c in two.citations]


@needs_milvus
def test_the_collection_follows_the_index(corpus, tmp_path):
    from qa.documents import load_corpus
    from qa.retrieval.milvus import MilvusStage

    uri, index = str(tmp_path / "milvus.db"), tmp_path / "index"
    for text in ("6 March 2025", "7 March 2025"):
        path = corpus / "en" / "qwq-32b.md"
        path.write_text(path.read_text(encoding="utf-8").replace("6 March 2025", text), encoding="utf-8")
        build_index(load_corpus(corpus), index, HashEmbedder(), 200)
        snapshot = Snapshot.load(index)
        stage = MilvusStage(snapshot, uri)
        assert stage._count("") == len(snapshot.passages)
        every = stage.dense(snapshot.vectors[0], 100, scope(snapshot))
        assert set(every.tolist()) == set(np.flatnonzero(~snapshot.chinese).tolist())


@needs_milvus
def test_an_address_without_an_engine_is_said_in_one_sentence(snapshot):
    from qa.retrieval.milvus import MilvusStage

    with pytest.raises(StoreUnreachable, match=r"Milvus at http://127.0.0.1:9 failed .*check QA_MILVUS_URI"):
        MilvusStage(snapshot, "http://127.0.0.1:9")
