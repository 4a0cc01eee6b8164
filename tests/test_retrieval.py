import numpy as np
import pytest
from pydantic import ValidationError
from samples import CASES, DOCUMENTS

from qa import Filters
from qa.errors import BadQuestion
from qa.retrieval.pool import minmax


def test_faiss_agrees_with_numpy(assistant):
    vectors = assistant.snapshot.vectors
    n = len(vectors)
    matrix = vectors[:n]
    assert np.linalg.norm(matrix, axis=1) == pytest.approx(np.ones(n), abs=1e-5)
    rng = np.random.default_rng(7)
    for query in [*matrix[:5], *rng.standard_normal((5, matrix.shape[1])).astype(np.float32)]:
        rows, scores = vectors.search(query, n)
        expected = matrix @ query
        assert scores == pytest.approx(np.sort(expected)[::-1], abs=1e-5)
        assert expected[rows] == pytest.approx(scores, abs=1e-5)
        assert vectors.scores(query) == pytest.approx(expected, abs=1e-6)
        admitted = expected < np.median(expected)
        assert set(vectors.search(query, 3, admitted)[0]) == set(np.argsort(np.where(admitted, -expected, 9))[:3])


@pytest.mark.parametrize(("question", "document", "text"), CASES)
def test_the_right_document_comes_first_in_its_language(assistant, question, document, text):
    language = assistant.document(document).language
    assert assistant.search(question, k=3, filters=Filters(languages=(language,)))[0].document_id == document


@pytest.mark.parametrize(
    ("question", "document"),
    [("When did Tencent present Hunyuan Turbo S?", "hunyuan-turbo-s"), ("腾讯何时发布混元Turbo S？", "tencent-zh")],
)
def test_of_two_documents_that_answer_the_one_in_the_language_of_the_question_comes_first(assistant, question, document):
    hits = assistant.search(question, k=2)
    assert {h.document_id for h in hits} == {"hunyuan-turbo-s", "tencent-zh"}
    assert hits[0].document_id == document


def test_hits_are_exact_slices_in_falling_order(assistant):
    hits = assistant.search("models of DeepSeek and Alibaba", k=10)
    assert [h.rank for h in hits] == list(range(1, len(hits) + 1))
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert len({h.passage_id for h in hits}) == len(hits)
    for hit in hits:
        document = assistant.document(hit.document_id)
        assert document.text[hit.start : hit.end] == hit.text
        assert (hit.title, hit.language, hit.as_of) == (document.title, document.language, document.as_of)
        assert 0 <= hit.score <= 1
        assert hit.signals


def test_k_bounds_the_result(assistant):
    assert len(assistant.search("model", k=1)) == 1
    assert len(assistant.search("model", k=1000)) <= len(assistant.snapshot.passages)
    assert [h.passage_id for h in assistant.search("model", k=2)] == [h.passage_id for h in assistant.search("model", k=5)][:2]
    with pytest.raises(BadQuestion, match="k must be at least 1, not 0"):
        assistant.search("model", k=0)


def test_the_same_query_gives_the_same_hits(assistant):
    assert assistant.search("chip sales", k=5) == assistant.search("chip sales", k=5)


def test_a_query_of_unknown_words_does_not_fail(assistant):
    for query in ("zzzz qqqq", "the of and", "龘龘", "12345678901234567890", "a" * 500):
        assistant.search(query, k=3)


@pytest.mark.parametrize(
    "filters",
    [
        Filters(topics=("market",)),
        Filters(topics=("models", "agents")),
        Filters(languages=("zh",)),
        Filters(languages=("en",)),
        Filters(documents=("qwq-32b", "ernie-x1")),
        Filters(since="2025-03-06"),
        Filters(until="2024"),
        Filters(since="2025", until="2025-03"),
        Filters(topics=("models",), languages=("zh",), since="2025-02-28", until="2025-02-28"),
    ],
)
def test_filters_admit_exactly_what_they_say(assistant, filters):
    def admitted(document) -> bool:
        return (
            (not filters.topics or document.topic in filters.topics)
            and (not filters.languages or document.language in filters.languages)
            and (not filters.documents or document.id in filters.documents)
            and (not filters.since or document.as_of >= filters.since)
            and (not filters.until or document.as_of <= filters.until + "-99"[: 3 * (len(filters.until) < 10)] * 2)
        )

    expected = {d.id for d in assistant.documents if admitted(d)}
    assert expected
    assert expected < set(DOCUMENTS)
    for question in ("DeepSeek Alibaba Baidu Tencent model market revenue 2024 2025", "腾讯发布的人工智能模型和产业规模"):
        found = {h.document_id for h in assistant.search(question, k=50, filters=filters)}
        assert found <= expected
        answer = assistant.ask(question, filters=filters)
        assert {c.document_id for c in answer.citations} <= expected
        assert {h.document_id for h in answer.hits} <= expected


def test_a_scope_of_one_passage_is_searched_like_any_other(assistant):
    scope = Filters(documents=("qwq-32b",))
    assert [h.document_id for h in assistant.search("When did Alibaba release QwQ-32B?", filters=scope)] == ["qwq-32b"]
    assert "6 March 2025" in assistant.ask("When did Alibaba release QwQ-32B?", filters=scope).text


def test_a_scope_without_documents_gives_no_hits_and_an_abstention(assistant):
    nothing = Filters(documents=("nobody",))
    assert assistant.search("DeepSeek", filters=nothing) == []
    answer = assistant.ask("Who founded DeepSeek in Hangzhou?", filters=nothing)
    assert answer.abstained
    assert answer.citations == answer.hits == ()


@pytest.mark.parametrize("bad", [{"since": "spring"}, {"until": "25"}, {"languages": ("fr",)}, {"flavour": "sweet"}])
def test_bad_filters_are_refused(bad):
    with pytest.raises(ValidationError):
        Filters(**bad)


def test_minmax_by_hand():
    assert minmax(np.asarray([1, 3, 2], dtype=np.float32)) == pytest.approx([0, 1, 0.5])
    assert len(set(minmax(np.asarray([2, 2, 2], dtype=np.float32)).tolist())) == 1
    assert minmax(np.asarray([], dtype=np.float32)).shape == (0,)
    inside = np.asarray([True, False, True])
    assert minmax(np.asarray([1, 9, 2], dtype=np.float32), inside)[inside] == pytest.approx([0, 1])


def test_late_interaction_agrees_with_its_definition(assistant):
    searcher = assistant._searcher
    query = searcher.reader.read("reasoning model of Alibaba")
    ranking = searcher.rank(query)
    snapshot = assistant.snapshot
    for row, score in zip(ranking.rows, ranking.signals["late"], strict=True):
        tokens = snapshot.tokens[snapshot.token_rows[row] : snapshot.token_rows[row + 1]].astype(np.float32) / 127
        expected = (ranking.encoded.tokens @ tokens.T).max(axis=1).mean()
        assert score == pytest.approx(expected, abs=1e-5)
