"""Reading Chinese through a dictionary, and searching one language with a question in the other."""

import numpy as np
import pytest

from qa.embedding import Encoded
from qa.embedding.chinese import ChineseReader
from qa.index.lexical import LexicalIndex
from qa.retrieval import translation
from qa.retrieval.query import QueryReader
from qa.retrieval.translation import Alternative, Group, scores, translate
from qa.text.dictionary import COST_STEPS, COST_ZERO, SEPARATOR, ChineseWords, Dictionary, chinese_words, dictionary
from qa.text.glossary import Entry, Glossary
from qa.text.reading import content_spans, read_chinese
from qa.text.tokens import search_tokens

WORDS = {
    # word: (cost, glosses)
    "研究": (8, "research|study"),
    "研究生": (11, "graduate student"),
    "生命": (9, "life|living being"),
    "命": (10, "life|fate"),
    "起源": (11, "origin|source"),
    "的": (3, "of"),
    "银行": (8, "bank"),
    "岸": (11, "bank|shore|beach|coast"),
    "河": (9, "river"),
    "模型": (9, "model"),
}


def made(words=WORDS, traditional=("銀", "银")):
    costs = "".join(chr(COST_ZERO + COST_STEPS * cost) for cost, _ in words.values())
    parts = ["# a test", *traditional, "\n".join(words), costs, "\n".join(g for _, g in words.values())]
    return Dictionary(SEPARATOR.join(p.encode() for p in parts))


@pytest.fixture
def small(monkeypatch):
    known = made()
    turned = ChineseWords(SEPARATOR.join(p.encode() for p in ("# a test", "bank\nriver\nriver bank", "银行 岸\n河\n河岸 岸")))
    monkeypatch.setattr(translation, "dictionary", lambda: known)
    monkeypatch.setattr(translation, "chinese_words", lambda: turned)
    return known


def index(*texts):
    return LexicalIndex.build([search_tokens(t) for t in texts])


def asked(text, *entries):
    return QueryReader(Glossary(entries)).read(text)


# The dictionary


def test_the_likeliest_words_are_found_not_the_longest():
    assert made().words("研究生命的起源") == ["研究", "生命", "的", "起源"]


def test_a_character_that_is_no_word_stands_alone():
    assert made().words("鑫研究") == ["鑫", "研究"]


def test_no_run_no_words():
    assert made().words("") == []


def test_traditional_characters_are_written_simplified():
    assert made().simplified("銀行 bank") == "银行 bank"


def test_glosses_come_in_order_and_an_unknown_word_has_none():
    assert made().glosses("研究") == ("research", "study")
    assert made().glosses("模") == ()


@pytest.mark.parametrize(("word", "gloss"), [("华沙", "Warsaw"), ("素数", "prime number"), ("人工智能", "artificial intelligence")])
def test_the_shipped_dictionary_knows(word, gloss):
    assert gloss in dictionary().glosses(word)


def test_the_shipped_dictionary_cuts_traditional_text():
    known = dictionary()
    assert known.words(known.simplified("藥房技術員什麼")) == ["药房", "技术员", "什么"]


def test_the_shipped_dictionary_goes_back_by_stems():
    assert "素数" in chinese_words()(search_tokens("prime numbers"))
    assert chinese_words()(["no", "such", "term"]) == ()


def test_glosses_hold_no_notes_readings_or_references():
    known = dictionary()
    found = " ".join(g for w in "克 什么 北大 特斯拉 沪 药房".split() for g in known.glosses(w))
    assert not set("[]()/") & set(found)
    assert "CL:" not in found


# Reading


def test_each_word_becomes_its_usual_gloss_and_the_rest_stays():
    assert read_chinese("GPT-4的模型，2023", made()).text == "GPT-4 model,2023"


def test_every_character_of_a_reading_can_be_traced():
    text = "銀行用GPT-4研究模型"
    reading = read_chinese(text, made())
    for word, source in (("bank", "銀行"), ("GPT-4", "GPT-4"), ("GPT", "GPT"), ("research", "研究"), ("model", "模型")):
        start = reading.text.index(word)
        a, b = reading.source(start, start + len(word))
        assert text[a:b] == source


def test_a_text_of_function_words_alone_reads_as_nothing():
    assert read_chinese("的", made()).text == ""


def test_content_words_are_found_where_they_stand():
    text = "R1的銀行研究生命的起源"
    assert [text[a:b] for a, b in content_spans(text, made())] == ["銀行", "研究", "生命", "起源"]


class Letters:
    """One token a letter; remembers what it was asked to encode."""

    identity, dim, token_dim = "letters", 2, 2

    def __init__(self):
        self.seen = []

    def count_tokens(self, texts):
        return [len(t) for t in texts]

    def unknown_share(self, text):
        return sum(not c.isascii() for c in text) / max(1, len(text))

    def encode(self, texts):
        for text in texts:
            self.seen.append(text)
            offsets = np.asarray([(i, i + 1) for i in range(len(text))], dtype=np.int32).reshape(-1, 2)
            ones = np.ones((len(text), 2), dtype=np.float32)
            yield Encoded(ones[0] if len(text) else np.zeros(2, np.float32), ones, ones, offsets)


def test_english_passes_through_the_reader_untouched():
    inner = Letters()
    text = "A model, naïvely priced at 5 €."
    (encoded,) = ChineseReader(inner).encode([text])
    assert inner.seen == [text]
    assert encoded.offsets.tolist() == [[i, i + 1] for i in range(len(text))]


def test_chinese_is_encoded_in_english_with_the_offsets_of_the_chinese():
    inner = Letters()
    (encoded,) = ChineseReader(inner).encode(["素数R1"])
    assert inner.seen == ["prime number R1"]
    assert {tuple(o) for o in encoded.offsets.tolist()[:12]} == {(0, 2)}
    assert encoded.offsets.tolist()[-2:] == [[2, 3], [3, 4]]


def test_a_model_that_reads_no_chinese_reads_it_through_the_dictionary():
    inner = Letters()
    assert inner.unknown_share("人工智能") == 1.0
    assert ChineseReader(inner).unknown_share("人工智能") == 0.0


def test_the_identity_names_the_dictionary():
    assert ChineseReader(Letters()).identity.startswith("letters+zh@")


def test_sizes_are_those_of_the_text_that_is_shown():
    assert ChineseReader(Letters()).count_tokens(["素数"]) == [2]


# Search


def test_a_chinese_question_finds_the_english_text_with_another_gloss(small):
    found, _ = scores(index("a study of life", "a model of the market", "the shore"), translate(asked("研究生命")))
    assert found.argmax() == 0
    assert found[1] == found[2] == 0


def test_several_alternatives_of_one_word_count_once():
    words = index("bank shore beach coast", "bank water sand wind", "other words stand here")
    one = Group("岸", tuple(Alternative((t,), 1.0) for t in ("bank", "shore", "beach", "coast")), 1.0)
    found, possible = scores(words, [one])
    assert found[0] == pytest.approx(found[1])
    assert 0 < found[0] <= possible


def test_a_word_whose_alternatives_stand_everywhere_counts_little():
    texts = [f"people speak of item{i}" for i in range(20)]
    words = index(*texts, "the origin people speak of")
    common, rare = (Group("x", (Alternative((t,), 1.0),), 1.0) for t in ("peopl", "origin"))
    assert scores(words, [common])[1] < 0.2 * scores(words, [rare])[1]


def test_all_of_a_term_is_worth_more_than_a_part_of_it():
    words = index("prime number theory", "the number of seats", "prime time news")
    found, _ = scores(words, [Group("素数", (Alternative(("prime", "number"), 1.0),), 1.0)])
    assert found[0] > 1.5 * max(found[1], found[2])


def test_an_unknown_word_lowers_what_is_reached_of_a_question():
    words = index("a bank", "a river")
    known = Group("银行", (Alternative(("bank",), 1.0),), 1.0)
    full, possible = scores(words, [known])
    same, more = scores(words, [known, Group("鑫", (), 1.0)])
    assert full.tolist() == same.tolist()
    assert more > possible


def test_an_english_question_finds_chinese_by_word_and_by_term(small):
    words = index("河岸很长。", "银行的模型。", "一条河。")
    found, _ = scores(words, translate(asked("river bank")))
    assert found.argmax() == 0
    found, _ = scores(words, translate(asked("the bank")))
    assert found.argmax() == 1


def test_latin_names_and_numbers_stay_as_they_are(small):
    chinese = index("DeepSeek在2023年发布模型", "另一个模型")
    assert scores(chinese, translate(asked("DeepSeek 2023")))[0].tolist()[1] == 0
    english = index("DeepSeek released it in 2023", "another one")
    found, _ = scores(english, translate(asked("DeepSeek在2023年研究什么")))
    assert found[0] > 0
    assert found[1] == 0


def test_the_glossary_comes_before_the_dictionary(small):
    entry = Entry("Riverside Bank Group", "河银行", ("RBG",), "company")
    groups = translate(asked("河银行的模型", entry))
    assert [a.tokens for a in groups[0].alternatives] == [("riversid", "bank", "group"), ("rbg",)]
    assert [g.written for g in groups] == ["河银行", "模型"]


def test_a_name_that_the_glossary_has_in_one_language_only_is_looked_up(small):
    groups = translate(asked("银行模型", Entry("", "银行模型", (), "product")))
    assert [g.written for g in groups] == ["银行", "模型"]


def test_what_stands_in_a_text_is_counted_whatever_the_number_of_texts(small):
    texts = ["filler words here"] * 40
    few, many = (scores(index("a river bank", *texts[:n], "the bank"), translate(asked("河岸")))[0] for n in (2, 40))
    assert few.argmax() == many.argmax() == 0
    assert np.count_nonzero(few) == np.count_nonzero(many) == 2


def test_a_question_names_things_in_english_by_the_glossary():
    query = asked("深度求索的模型", Entry("DeepSeek", "深度求索", (), "company"))
    assert query.translation == "DeepSeek model"
    assert asked("Which model?").translation == ""


def test_a_word_asked_twice_counts_once(small):
    assert len(translate(asked("模型模型"))) == 1


@pytest.mark.parametrize("text", ["的", "？", "谁", "of the"])
def test_a_question_without_content_scores_nothing(small, text):
    found, possible = scores(index("a bank", "河"), translate(asked(text)))
    assert not found.any()
    assert possible == 0
