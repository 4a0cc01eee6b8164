import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.text.tokens import fold, search_tokens


def test_english_words_are_stemmed_and_stop_words_dropped():
    assert search_tokens("The models were shrinking") == search_tokens("model shrinks")
    assert search_tokens("what is the of and") == []


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("1,048 papers", "1048 papers"),
        ("Ｈ２０ chip", "H20 chip"),
        ("café", "cafe"),
        ("Alibaba’s cloud", "Alibaba's cloud"),
        ("AI related", "AI-related"),
    ],
)
def test_spellings_of_one_thing_give_the_same_tokens(question, document):
    assert set(search_tokens(question)) == set(search_tokens(document))


@pytest.mark.parametrize(
    ("question", "document", "shared"),
    [
        ("DeepSeek R1", "DeepSeek-R1", {"deepseek", "r", "1"}),
        ("QwQ 32B", "QwQ-32B", {"qwq", "32"}),
        ("ERNIE 4.5", "ERNIE-4.5", {"erni", "4.5"}),
    ],
)
def test_a_name_written_apart_shares_its_parts_with_the_name_written_together(question, document, shared):
    assert shared <= set(search_tokens(question)) & set(search_tokens(document))


def test_names_with_digits_are_also_kept_whole():
    assert "h20" in search_tokens("the H20 chip")
    assert "h20" not in search_tokens("the H200 chip")
    assert "r1" in search_tokens("R1")
    assert "r1" not in search_tokens("R2")
    assert "qwq-32b" in search_tokens("QwQ-32B")


def test_the_country_us_is_no_stop_word():
    assert search_tokens("US") == ["us"]


def test_chinese_gives_characters_and_bigrams():
    tokens = search_tokens("人工智能")
    assert {"人", "工", "智", "能", "人工", "工智", "智能"} == set(tokens)
    assert "的" not in search_tokens("中国的模型")


def test_percent_sign_and_word_are_the_same():
    assert set(search_tokens("69.7%")) == set(search_tokens("69.7 percent"))


@given(st.text(max_size=120))
def test_any_text_gives_clean_tokens_and_case_does_not_matter(text):
    tokens = search_tokens(text)
    assert all(t and not any(c.isspace() for c in t) for t in tokens)
    assert tokens == search_tokens(text)


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing(text):
    assert fold(fold(text)) == fold(text)
