"""What an answer must hold, and how far sentences hold it."""

import pytest

from qa.answering.analysis import analyse
from qa.answering.expected import expected_of, fit
from qa.retrieval.query import QueryReader
from qa.text.glossary import Entry, Glossary

GLOSSARY = Glossary(
    [
        Entry("Baidu", "百度", (), "company"),
        Entry("Alibaba", "阿里巴巴", (), "company"),
        Entry("Robin Li", "李彦宏", (), "person"),
        Entry("Wuhan", "武汉", (), "place"),
    ]
)


def read(text):
    return analyse(QueryReader(GLOSSARY).read(text))


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How much revenue did Baidu make in 2025?", "money"),
        ("What share of the market does Baidu have?", "percent"),
        ("How many robotaxis does Baidu run?", "count"),
        ("When was the order signed?", "date"),
        ("On what day was the order signed?", "day"),
        ("Who leads Baidu?", "name"),
        ("Which city hosts the fleet?", "name"),
        ("百度2025年的收入是多少？", "money"),
        ("百度占市场的比例是多少？", "percent"),
        ("办法是哪天签署的？", "day"),
        ("谁领导百度？", "name"),
        ("What fine did Baidu pay?", "money"),
        ("What penalty did the court set for Baidu?", "money"),
        ("Which bank lent Baidu the sum?", "name"),
        ("百度员工的工资是什么水平？", "money"),
        ("Is it open?", ""),
    ],
)
def test_what_a_question_expects(question, kind):
    assert expected_of(read(question)).type == kind


def worth(question, sentence):
    analysis = read(question)
    return fit(expected_of(analysis), analysis, sentence, GLOSSARY)


def test_a_figure_of_the_right_sort_is_worth_more():
    question = "How much revenue did Baidu make in 2025?"
    assert worth(question, "Baidu took in 5 billion yuan.") > worth(question, "Baidu grew by 7%.") > worth(question, "Baidu grew.")


def test_a_count_must_be_of_what_is_asked():
    question = "How many robotaxis does Baidu run in Wuhan?"
    assert worth(question, "Baidu runs 400 robotaxis in Wuhan.") > worth(question, "Baidu employs 400 engineers in Wuhan.")


def test_a_name_must_be_new_and_of_the_right_kind():
    assert worth("Which company made it?", "Alibaba made it.") == 1.0
    assert worth("Who leads Baidu?", "Baidu is large.") == 0.0
    assert worth("Which city hosts it?", "It is in Wuhan, says Baidu.") > worth("Which city hosts it?", "Baidu hosts it.")


def test_what_the_question_says_itself_is_no_answer():
    assert worth("When in 2025 was it?", "It was in 2025.") == 0.0
    assert worth("On what day was it?", "It was in 2025.") < worth("On what day was it?", "It was on 3 March 2025.")
