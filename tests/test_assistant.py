import json
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from samples import CASES, DOCUMENTS, HashEmbedder

import qa
from qa.answering.analysis import analyse
from qa.answering.pipeline import gather
from qa.answering.question import check_question
from qa.errors import BadQuestion, UnknownDocument


def bytes_of(answer) -> str:
    return answer.model_dump_json(exclude={"timings_ms"})


def check_contract(assistant, answer) -> None:
    """Assert everything that other programs rely on, whatever the answer is."""
    numbers = [c.number for c in answer.citations]
    assert numbers == list(range(1, len(numbers) + 1))
    for c in answer.citations:
        document = assistant.document(c.document_id)
        assert document.text[c.start : c.end] == c.quote
        assert c.quote.strip()
        assert c.title == document.title
        assert c.sources
        assert set(c.sources) <= set(document.sources)
        assert 0 <= c.score <= 1
    for sentence in answer.sentences:
        assert sentence.citations
        assert set(sentence.citations) <= set(numbers)
        assert all(0 <= a < b <= len(sentence.text) for a, b in sentence.marks)
        assert all(f"[{n}]" in answer.text for n in sentence.citations)
    for conflict in answer.conflicts:
        assert len(conflict.values) >= 2
        assert {v.citation for v in conflict.values} <= set(numbers)
        for value in conflict.values:
            assert value.value in answer.citations[value.citation - 1].quote
    for hit in answer.hits:
        assert assistant.document(hit.document_id).text[hit.start : hit.end] == hit.text
    assert 0 <= answer.confidence <= 1
    assert answer.text.strip()
    assert answer.mode == "extractive"
    assert answer.timings_ms["total"] >= 0
    if answer.abstained:
        assert answer.sentences == answer.citations == answer.conflicts == ()
    else:
        assert answer.sentences
    assert qa.Answer.model_validate_json(answer.model_dump_json()) == answer


@pytest.mark.parametrize(("question", "document", "text"), CASES)
def test_obvious_questions_get_their_cited_answer(assistant, question, document, text):
    answer = assistant.ask(question)
    check_contract(assistant, answer)
    assert not answer.abstained
    assert text in answer.text
    assert text in "".join(c.quote for c in answer.citations if c.document_id == document)


@pytest.mark.parametrize("question", ["What is the height of Mount Kilimanjaro?", "Who won the football final of 1974?", "珠穆朗玛峰有多高？"])
def test_what_the_corpus_does_not_hold_is_not_answered(assistant, question):
    answer = assistant.ask(question)
    check_contract(assistant, answer)
    assert answer.abstained


def test_an_abstention_says_what_is_missing(assistant):
    answer = assistant.ask("What is the height of Mount Kilimanjaro?")
    assert any("Kilimanjaro" in m for m in answer.missing)


@pytest.mark.parametrize("question", [*(q for q, _, _ in CASES), "What is the height of Mount Kilimanjaro?", "Compare Alibaba and Baidu."])
def test_the_same_question_gives_the_same_bytes(assistant, question):
    assert bytes_of(assistant.ask(question)) == bytes_of(assistant.ask(question))


@pytest.mark.parametrize(("question", "language"), [("Who founded DeepSeek?", "en"), ("DeepSeek由谁创立？", "zh")])
def test_the_answer_speaks_the_language_of_the_question(assistant, question, language):
    assert assistant.ask(question).language == language


def test_sources_of_a_citation_lead_to_the_publication(assistant):
    citation = assistant.ask("When did Alibaba release QwQ-32B?").citations[0]
    assert citation.sources[0].model_dump() == {
        "publisher": "Example Press",
        "title": "Report on QwQ-32B, the reasoning model of Alibaba",
        "date": "2025-03-06",
        "url": "https://example.org/qwq-32b",
    }


def test_rival_values_become_a_conflict(assistant):
    answer = assistant.ask("What revenue had the Chinese cloud market in 2024?")
    check_contract(assistant, answer)
    (conflict,) = answer.conflicts
    values = {v.value for v in conflict.values}
    assert any("40 billion" in v for v in values)
    assert any("46 billion" in v for v in values)
    assert {answer.citations[v.citation - 1].document_id for v in conflict.values} == {"revenue-first", "revenue-second"}


def test_a_comparison_cites_both_sides(assistant):
    answer = assistant.ask("Which company released its model first, Alibaba or Baidu?")
    check_contract(assistant, answer)
    assert {"qwq-32b", "ernie-x1"} <= {c.document_id for c in answer.citations}


def test_a_comparison_cites_nothing_that_merely_names_both_sides(assistant):
    answer = assistant.ask("How many patents on generative AI did China and the United States file?")
    check_contract(assistant, answer)
    assert "38,210" in answer.text
    assert "6,276" in answer.text
    assert {c.document_id for c in answer.citations} == {"ai-patents"}


def test_answers_are_frozen_and_json_names_the_contract(assistant):
    answer = assistant.ask("Who founded DeepSeek in Hangzhou?")
    with pytest.raises(ValueError, match="frozen"):
        answer.text = "changed"
    plain = json.loads(answer.model_dump_json())
    assert {
        "question", "standalone_question", "text", "sentences", "citations", "hits", "abstained", "missing", "conflicts", "confidence",
        "language", "mode", "timings_ms",
    } <= set(plain)  # fmt: skip
    assert {"number", "quote", "document_id", "title", "section", "start", "end", "as_of", "sources", "score"} <= set(plain["citations"][0])
    assert {"title", "publisher", "url", "date"} == set(plain["citations"][0]["sources"][0])
    assert {"text", "citations", "support"} <= set(plain["sentences"][0])


@hypothesis_settings(max_examples=60)
@given(
    st.text(alphabet=st.one_of(st.characters(), st.sampled_from("whatisDeepSeek R1 中国人工智能模型2025?？")), max_size=80)
    | st.lists(st.sampled_from("when did DeepSeek R1 and Alibaba 2025 cost 多少 模型 ? vs not the".split())).map(" ".join)
)
def test_any_text_is_answered_within_the_contract_or_refused_in_one_line(assistant, question):
    try:
        answer = assistant.ask(question)
    except BadQuestion as error:
        lines = str(error).splitlines()
    else:
        check_contract(assistant, answer)
        lines = [answer.text]
    assert len(lines) == 1


# --- bad questions -----------------------------------------------------------------------------

BAD = [
    ("", "the question is empty"),
    ("   \n\t\u3000", "the question is empty"),
    ("\x01\x02\x1b", "the question is empty"),
    ("\u200b\u200e\ufeff", "the question is empty"),
    ("😀🎉", "the question holds no words"),
    ("?!…。", "the question holds no words"),
    ("who?" * 1_250_000, "the question has 5,000,000 characters; the limit is 2,000: ask a shorter one"),
    ("\x00\x01binary", "bytes that are not text"),
    (b"\xff\xfe\x80".decode("utf-8", errors="replace"), "bytes that are not text"),
    (b"\xff\xfe\x80".decode("utf-8", errors="surrogateescape"), "bytes that are not text"),
    (None, "a question must be text, not NoneType"),
    (b"Who?", "a question must be text, not bytes"),
]


@pytest.mark.parametrize(("question", "message"), BAD, ids=lambda v: repr(v)[:20])
def test_bad_questions_get_one_clear_sentence(assistant, question, message):
    for call in (assistant.ask, assistant.search):
        with pytest.raises(BadQuestion, match=message) as caught:
            call(question)
        assert len(str(caught.value).splitlines()) == 1
        assert len(str(caught.value)) < 200


def test_control_characters_and_line_breaks_inside_a_question_do_not_matter(assistant):
    plain = assistant.ask("When did Alibaba release QwQ-32B?")
    noisy = assistant.ask("\u202eWhen did\r\n\tAlibaba\x07 release\u200b QwQ-32B?\x1b\n")
    assert noisy.text == plain.text
    assert not any(unicodedata.category(c) in ("Cc", "Cf") for c in noisy.question)


def test_a_question_of_the_longest_length_is_answered(assistant):
    limit = assistant.settings.max_question_chars
    assert check_question("a" * limit, limit)
    check_contract(assistant, assistant.ask(("When did Alibaba release QwQ-32B? " * 100)[:limit]))
    with pytest.raises(BadQuestion):
        check_question("a" * (limit + 1), limit)


def test_full_width_and_decomposed_spellings_find_the_same(assistant):
    assert "6 March 2025" in assistant.ask("When did Alibaba release ＱｗＱ-32B?").text


def test_an_unknown_document_is_named(assistant):
    with pytest.raises(UnknownDocument, match=r"no document has the id 'nobody'; list them with: qa documents"):
        assistant.document("nobody")


def test_documents_are_all_there(assistant):
    assert {d.id for d in assistant.documents} == set(DOCUMENTS)


# --- follow-ups --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "question", "document", "text"),
    [
        (["How many patents on generative AI did inventors in China file?"], "And the United States?", "ai-patents", "6,276"),
        (["Who founded DeepSeek in Hangzhou?"], "When did it release the reasoning model R1?", "deepseek-r1", "20 January 2025"),
        (["Who founded DeepSeek?", "When did Alibaba release QwQ-32B?"], "How many parameters does it have?", "qwq-32b", "32 billion"),
    ],
)
def test_a_follow_up_leans_on_the_conversation(assistant, history, question, document, text):
    answer = assistant.ask(question, history=history)
    check_contract(assistant, answer)
    assert answer.question == question
    assert answer.standalone_question != question
    assert text in answer.text
    assert document in {c.document_id for c in answer.citations}


def test_a_complete_question_ignores_the_conversation(assistant):
    question = "When did Alibaba release QwQ-32B?"
    answer = assistant.ask(question, history=["Who founded DeepSeek in Hangzhou?"])
    assert answer.standalone_question == question
    assert answer.text == assistant.ask(question).text


def test_history_takes_questions_answers_and_mappings(assistant):
    first = assistant.ask("When did Alibaba release QwQ-32B?")
    texts = [
        assistant.ask("And Baidu?", history=[h]).standalone_question
        for h in (first, first.question, {"question": first.question}, first.model_dump(mode="json"))
    ]
    assert len(set(texts)) == 1
    assert "Baidu" in texts[0] != "And Baidu?"


@pytest.mark.parametrize("history", [[""], ["   "], ["😀"], ["x" * 100_000], ["\x00"], ["?"] * 50])
def test_odd_history_never_breaks_a_question(assistant, history):
    check_contract(assistant, assistant.ask("And Baidu?", history=history))
    assert "6 March 2025" in assistant.ask("When did Alibaba release QwQ-32B?", history=history).text


# --- the real model ----------------------------------------------------------------------------


@pytest.mark.model
@pytest.mark.parametrize(("question", "document", "text"), CASES)
def test_the_embedded_model_answers_the_obvious_questions(model_assistant, question, document, text):
    answer = model_assistant.ask(question)
    check_contract(model_assistant, answer)
    assert text in answer.text
    assert document in {c.document_id for c in answer.citations}
    assert bytes_of(model_assistant.ask(question)) == bytes_of(answer)


@pytest.mark.model
def test_the_embedded_model_reads_english_and_chinese_through_the_dictionary(model_assistant):
    embedder = model_assistant._searcher._embedder
    assert embedder.unknown_share("How small is the gap?") == 0
    assert embedder.unknown_share("中国的人工智能专利数量占全球多少") == 0


@pytest.mark.model
def test_the_embedded_model_encodes_in_order_with_unit_vectors_and_exact_offsets(model_assistant):
    embedder = model_assistant._searcher._embedder
    texts = ["A short one.", "A much longer text about chips. " * 30, "x", "中国"]
    results = list(embedder.encode(texts))
    assert len(results) == len(texts)
    for text, result in zip(texts, results, strict=True):
        (alone,) = embedder.encode([text])
        assert result.pooled == pytest.approx(alone.pooled, abs=1e-4)
        assert float((result.pooled**2).sum()) == pytest.approx(1, abs=1e-4)
        assert (result.tokens**2).sum(axis=1) == pytest.approx([1.0] * len(result.tokens), abs=1e-3)
        assert len(result.tokens) == len(result.hidden) == len(result.offsets)
        assert all(0 <= a < b <= len(text) for a, b in result.offsets)
    assert results[0].pooled.shape == (embedder.dim,)
    assert results[0].tokens.shape[1] == embedder.token_dim
    assert list(embedder.encode([])) == []


def test_the_hash_embedder_keeps_the_same_promise():
    first, second = (next(HashEmbedder().encode(["DeepSeek R1", "R1"])) for _ in range(2))
    assert (first.pooled == second.pooled).all()
    assert float((first.pooled**2).sum()) == pytest.approx(1, abs=1e-5)


def test_questions_at_once_get_the_answers_that_they_get_one_by_one(assistant, monkeypatch):
    # So little memory that every question pushes out what another one is about to use.
    monkeypatch.setattr("qa.index.terms.KEPT", 4)
    questions = [question for question, *_ in CASES] * 6
    alone = [bytes_of(assistant.ask(q)) for q in questions]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            together = [bytes_of(answer) for answer in pool.map(assistant.ask, questions)]
    finally:
        sys.setswitchinterval(interval)
    assert together == alone


def test_another_version_of_a_model_is_not_answered(assistant):
    assert not assistant.ask("When did Tencent present Hunyuan Turbo S?").abstained
    answer = assistant.ask("When did Tencent present Hunyuan Turbo S 9.5?")
    assert answer.abstained
    assert any("9.5" in part for part in answer.missing)


def test_an_overlong_text_in_the_conversation_is_no_question_before(assistant):
    long = "When did Alibaba release QwQ-32B?" + " really" * assistant.settings.max_question_chars
    assert assistant.ask("And Baidu?", history=[long]).standalone_question == "And Baidu?"


def test_a_time_from_the_conversation_may_be_misunderstood(assistant):
    searcher = assistant._searcher
    analysis = analyse(searcher.reader.read("How small was the MMLU gap in 2016?"))
    own, carried = (gather(searcher, analysis, qa.Filters(), "en", 3, dated) for dated in (True, False))
    assert own.confidence == 0 < carried.confidence
