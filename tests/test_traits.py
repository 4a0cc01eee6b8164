"""What a sentence holds of what a question may ask for."""

from types import SimpleNamespace

import pytest

from qa.answering.analysis import analyse
from qa.answering.evidence import FEATURES
from qa.answering.sufficiency import of_another_name
from qa.answering.traits import TRAITS, Asked, of_year, rival, traits_of
from qa.retrieval.query import QueryReader
from qa.text.glossary import Entry, Glossary

GLOSSARY = Glossary(
    [
        Entry("Baidu", "百度", (), "company"),
        Entry("Alibaba", "阿里巴巴", (), "company"),
        Entry("Robin Li", "李彦宏", (), "person"),
        Entry("Wuhan", "武汉", (), "place"),
        Entry("Hefei", "合肥", (), "place"),
        Entry("China", "中国", (), "place"),
    ]
)


def read(text):
    return Asked.read(analyse(QueryReader(GLOSSARY).read(text)))


def found(text, title="", heading=""):
    candidate = SimpleNamespace(text=text, passage=0, document=SimpleNamespace(title=title), features=dict.fromkeys(FEATURES, 0.0))
    return candidate, SimpleNamespace(glossary=GLOSSARY, passages=[SimpleNamespace(heading=heading)])


def traits(question, text):
    return traits_of(read(question), *found(text))


def test_there_are_as_many_as_said():
    assert len(traits("How much did Baidu earn?", "Baidu earned 5 billion yuan in 2024.")) == TRAITS


@pytest.mark.parametrize(
    ("place", "question", "having", "lacking"),
    [
        (0, "What did Baidu earn?", "Baidu earned 5 billion yuan.", "Baidu grew by 7%."),
        (0, "Did Baidu earn 5 billion yuan?", "Baidu earned 6 billion yuan.", "Baidu earned 5 billion yuan."),
        (1, "How did Baidu grow?", "Baidu grew by 7%.", "Baidu earned 5 billion yuan."),
        (2, "How many cars does Baidu run?", "Baidu runs 400 cars.", "Baidu runs cars."),
        (3, "When did Baidu start?", "Baidu started on 3 May 2024.", "Baidu started in May 2024."),
        (4, "When did Baidu start?", "Baidu started in May 2024.", "Baidu started early."),
        (5, "Who praised Baidu?", "The firm praised by Jane Roe is Baidu.", "The firm praised by many is Baidu."),
        (6, "What did Baidu earn?", "Baidu earned much.", "Baidu earned 5 billion yuan."),
        (9, "What did Baidu open?", "Baidu plans to open a site.", "Baidu opened a site."),
        (9, "百度开了什么？", "百度计划开设一个园区。", "百度开设了一个园区。"),
    ],
)
def test_what_stands_in_a_sentence_beyond_the_question(place, question, having, lacking):
    assert (traits(question, having)[place], traits(question, lacking)[place]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        ("What did Baidu earn in 2024?", "Baidu earned 5 billion yuan in 2024.", 1.0),
        ("What did Baidu earn in 2025?", "Baidu, which moved in May 2025, earned 5 billion yuan in 2024.", 0.0),
        ("What did Baidu earn in 2025?", "Baidu earned 5 billion yuan.", 0.5),
        ("What did Baidu earn in 2025?", "In 2025 Baidu moved.", 0.5),
        ("What did Baidu earn?", "Baidu earned 5 billion yuan in 2024.", 1.0),
        ("What did Baidu earn before 2025?", "Baidu earned 5 billion yuan in 2024.", 1.0),
        ("百度2025年的收入是多少？", "百度2024年收入50亿元，并于2025年5月搬迁。", 0.0),
    ],
)
def test_a_figure_is_of_the_year_nearest_to_it(question, sentence, expected):
    assert of_year(read(question), sentence) == expected


@pytest.mark.parametrize(
    ("question", "sentence", "heading", "told"),
    [
        ("How many firms has Wuhan?", "Hefei has 300 firms.", "", True),
        ("How many firms has Wuhan?", "Hefei has 300 firms, Wuhan 200.", "", False),
        ("How many firms has Wuhan?", "The city has 300 firms.", "", False),
        ("How many firms has Wuhan?", "Unlike Hefei it has 300 firms.", "Wuhan", False),
        ("How many firms has Wuhan?", "Baidu counts 300 firms.", "", False),
        ("How many firms has Wuhan?", "China has 300 firms.", "", False),
        ("How many firms has China?", "Hefei has 300 firms.", "", False),
        ("武汉有多少企业？", "合肥有300家企业。", "", True),
    ],
)
def test_another_name_of_the_same_sort_in_the_place_of_the_one_asked_about(question, sentence, heading, told):
    assert rival(read(question), *found(sentence, heading=heading)) is told


@pytest.mark.parametrize(
    ("sentences", "told"),
    [
        (("Hefei has 300 firms.",), True),
        (("Hefei has 300 firms.", "Hefei counts 90 labs."), True),
        (("Hefei has 300 firms.", "Wuhan has 200."), False),
        (("Hefei has 300 firms.", "There are 200 of them."), False),
    ],
)
def test_evidence_is_of_another_name_only_if_all_of_it_is(sentences, told):
    analysis = analyse(QueryReader(GLOSSARY).read("How many firms has Wuhan?"))
    chosen = [found(text)[0] for text in sentences]
    assert of_another_name(analysis, chosen, found("")[1]) is told


@pytest.mark.model
def test_what_is_known_of_one_company_does_not_answer_for_another(model_assistant):
    assert not model_assistant.ask("When did Tencent present Hunyuan Turbo S?").abstained
    refused = model_assistant.ask("When did Baidu present Hunyuan Turbo S?")
    assert refused.abstained
    assert "Baidu" in refused.text
