"""What an abstention says: which times, names and words are lacking, and what there is instead."""

import pytest

from qa.answering.analysis import analyse
from qa.answering.facts import dates_of
from qa.answering.lacking import Time, _titled, units_of
from qa.answering.missing import Gap, abstention_text, gap_of
from qa.answering.pipeline import gather
from qa.answering.spelling import Spelling
from qa.retrieval.filters import Filters
from qa.retrieval.query import QueryReader
from qa.text.glossary import Entry, Glossary

GLOSSARY = Glossary(
    [
        Entry("China", "中国", ("Chinese",), "place"),
        Entry("Zhipu AI", "智谱", ("Zhipu",), "company"),
        Entry("Wan", "万相", (), "model"),
        Entry("AI Index 2026", "", (), "report"),
        Entry("Megvii", "旷视科技", ("Face++",), "company"),
        Entry("number of", "", (), "term"),
        Entry("net loss", "净亏损", (), "term"),
    ]
)


def units(text):
    return [(u.kind, u.text) for u in units_of(analyse(QueryReader(GLOSSARY).read(text)))]


def gap(assistant, question):
    """Return what is lacking for a question, as if the assistant abstained."""
    searcher = assistant._searcher
    analysis = analyse(searcher.reader.read(question))
    found = gather(searcher, analysis, Filters(), analysis.language, 3)
    return analysis, gap_of(analysis, found.ordered, found.ranking, assistant.snapshot)


def said(assistant, question):
    analysis, found = gap(assistant, question)
    return found.parts, abstention_text(analysis, found)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Zhipu's net loss for the third quarter of 2024?", [("name", "Zhipu"), ("term", "net loss"), ("time", "third quarter of 2024")]),
        ("What did Zhipu's chief say on 5 March 2026?", [("name", "Zhipu"), ("word", "chief"), ("time", "5 March 2026")]),
        ("What does the AI Index 2026 cost?", [("name", "AI Index 2026"), ("word", "cost")]),
        ("number of annotators", [("word", "annotators")]),
        ("Could you please tell me who wants to keep along?", []),
        ("What fine do they face?", [("word", "fine"), ("word", "face")]),
        ("What is Face++?", [("name", "Face")]),
        ("智谱2025年上半年的净亏损是多少？", [("name", "智谱"), ("time", "2025年上半年"), ("term", "净亏损")]),
        ("2024年底的用户数", [("time", "2024年底"), ("word", "用户")]),
        ("万相4.0有几种版本", [("name", "万相4.0"), ("word", "版本")]),
        ("谁是保荐人？", [("word", "保"), ("word", "荐")]),
        ("流量费要多少钱", [("word", "流量费"), ("word", "要多少钱")]),
    ],
)
def test_a_question_is_cut_into_its_units(question, expected):
    found = units(question)
    assert [u for u in expected if u not in found] == []
    assert len([u for u in found if u[0] != "word"]) == len([u for u in expected if u[0] != "word"])


def test_a_part_of_a_year_is_one_with_its_year():
    found = units_of(analyse(QueryReader(GLOSSARY).read("Zhipu's net loss in Q3 2024, and in the second half?")))
    assert [u.what for u in found if u.kind == "time"] == [Time(20240000, "Q3"), Time(0, "H2")]


def test_a_missing_year_stands_beside_the_years_that_there_are(assistant):
    parts, text = said(assistant, "What was the MMLU gap between American and Chinese models in 2020?")
    assert parts == ("2020",)
    assert "statements for 2023 and 2024, not for 2020" in text
    assert "MMLU" in text


def test_a_year_that_is_there_is_not_called_missing(assistant):
    parts, text = said(assistant, "What was the MMLU gap between American and Chinese models in 2023?")
    assert "2023" not in parts
    assert "not for" not in text


@pytest.mark.parametrize(
    ("text", "titled"),
    [
        ("The AI Index 2025 finds that", True),
        ("The best-known figure of the 2025 edition is", True),
        ("《2025年人工智能指数报告》", False),
        ("据2025年报告", True),
        ("In 2025 the share rose", False),
        ("It rose in March 2025", False),
        ("By the end of 2025", False),
    ],
)
def test_a_year_in_a_title_dates_nothing(text, titled):
    assert _titled(text, dates_of(text)[0]) is titled


def test_a_missing_name_is_named(assistant):
    parts, text = said(assistant, "How many patents on generative AI did inventors in Brazil file between 2014 and 2023?")
    assert "Brazil" in parts
    assert "Brazil" in text


def test_names_of_the_same_kind_are_told_beside_a_missing_one(assistant):
    parts, text = said(assistant, "What did Tencent call its reasoning model R1 under the MIT licence?")
    assert "Tencent" in parts
    assert "DeepSeek" in text
    assert "R1" not in parts


def test_china_is_not_said_to_be_there_where_no_statement_names_it(assistant):
    _, text = said(assistant, "Which lawyer did Butterfly Effect hire in China?")
    assert "speaks of China" not in text
    assert "and China" not in text


def test_a_missing_attribute_is_named_without_filler(assistant):
    parts, text = said(assistant, "Could you tell me which lawyer advised Butterfly Effect on Manus?")
    assert any("lawyer" in p for p in parts)
    assert not {"tell", "Could", "which"} & set(" ".join(parts).split())
    assert "Manus" not in parts
    assert "“lawyer" in text


def test_what_nothing_is_said_about(assistant):
    parts, text = said(assistant, "What is the height of Mount Kilimanjaro?")
    assert any("Kilimanjaro" in p for p in parts)
    assert len(parts) <= 3
    assert text.startswith("The corpus does not answer this.")


@pytest.mark.parametrize("question", ["DeepSeek 2019年发布了什么模型？", "珠穆朗玛峰有多高？", "Manus的律师是谁？"])
def test_a_chinese_question_is_answered_in_chinese(assistant, question):
    analysis, found = gap(assistant, question)
    parts, text = found.parts, abstention_text(analysis, found)
    assert text.startswith("语料库没有回答这个问题。")
    assert not any(word in text for word in ("corpus", "statement", "nearest", " and ", " or "))
    assert parts
    assert all(p in question for p in parts)


def test_chinese_words_stay_whole(assistant):
    parts, _ = said(assistant, "Manus的律师是谁？")
    assert "律师" in parts


def test_a_lone_ideograph_is_named_only_where_it_is_rare(assistant):
    assert "钨" in said(assistant, "DeepSeek的钨每吨多少？")[0]
    assert "吨" not in said(assistant, "DeepSeek的钨每吨多少？")[0]


def test_at_most_three_parts(assistant):
    parts, _ = said(assistant, "Did Walmart, Nestle, Unilever and Danone buy olive oil, malaria vaccines and aspirin in 1999?")
    assert len(parts) == 3
    assert parts[0] == "1999"


def test_without_evidence_the_gap_has_no_passage(assistant):
    searcher = assistant._searcher
    analysis = analyse(searcher.reader.read("What is the height of Mount Kilimanjaro?"))
    found = gather(searcher, analysis, Filters(), "en", 3)
    empty = gap_of(analysis, [], found.ranking, assistant.snapshot)
    assert empty.nearest == ""
    assert "Kilimanjaro" in " ".join(empty.parts)
    assert abstention_text(analysis, Gap()) == "The corpus does not answer this."


def test_the_same_question_gives_the_same_words(assistant):
    question = "What was the MMLU gap between American and Chinese models in 2020?"
    assert said(assistant, question) == said(assistant, question)


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("Which lawyer was it?", "Which lawyer was it?"),  # no "layer"
        ("Who invented raesoning models?", "Who invented reasoning models?"),
    ],
)
def test_an_english_word_is_not_taken_for_a_slip(assistant, question, read):
    assert Spelling(assistant.snapshot).correct(question) == read
