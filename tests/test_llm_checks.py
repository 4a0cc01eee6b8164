"""What counts as supported: exact statements one by one, and meaning."""

import pytest
from samples import GLOSSARY

from qa.llm.blocks import Block
from qa.llm.checks import Checker, says
from qa.llm.facts import held
from qa.llm.meaning import Meaning
from qa.text.glossary import Glossary, _rows

NAMES = Glossary(_rows(GLOSSARY, "glossary.csv"))
QUOTE = "Alibaba released the reasoning model QwQ-32B with 32 billion parameters on 6 March 2025, and its share rose by 8.4 percent."


@pytest.mark.parametrize(
    "sentence",
    [
        "QwQ-32B has 32 billion parameters.",
        "Alibaba released QwQ-32B on 6 March 2025.",
        "Alibaba released QwQ-32B in March 2025.",
        "In 2025 Alibaba's share rose by 8.4%.",
        "QwQ-32B has thirty-two billion parameters.",
        "阿里巴巴于2025年3月6日发布QwQ-32B，参数为320亿。",
        "The model came out in spring.",
    ],
)
def test_exact_statements_that_the_quote_holds(sentence):
    assert held(sentence, [QUOTE], "", NAMES).missing == ()


@pytest.mark.parametrize(
    ("sentence", "missing"),
    [
        ("QwQ-32B has 33 billion parameters.", "33 billion"),
        ("Alibaba released QwQ-32B on 7 March 2025.", "7 March 2025"),
        ("Alibaba released QwQ-32B in April 2025.", "April 2025"),
        ("Alibaba's share rose by 8.4 percentage points.", "8.4 percentage points"),
        ("Alibaba's share rose by 8 percent.", "8 percent"),
        ("Alibaba's share rose by eight percent.", "8 percent"),
        ("QwQ-32B has thirty-three billion parameters.", "33 billion"),
        ("阿里巴巴的模型有三十亿参数。", "三十"),
        ("Tencent released QwQ-32B.", "Tencent"),
        ("Together with Zorblatt, Alibaba released QwQ-32B.", "Zorblatt"),
        ("Alibaba released QwQ-64B.", "QwQ-64B"),
        ("Alibaba released QwQ-32B in Q2.", "Q2"),
        ("QwQ-32B is at https://example.org/qwq now.", "https://example.org/qwq"),
        ("百度于2025年3月6日发布QwQ-32B。", "Baidu"),
    ],
)
def test_exact_statements_that_the_quote_lacks(sentence, missing):
    assert missing in held(sentence, [QUOTE], "", NAMES).missing


def test_a_name_may_stand_in_title_or_heading_but_a_figure_may_not():
    quote = "The company released it in March 2025."
    assert held("Baidu released it in March 2025.", [quote], "ERNIE 4.5 of Baidu", NAMES).whole
    assert not held("It has 3 billion users.", [quote], "3 billion users", NAMES).whole


@pytest.mark.parametrize(
    ("sentence", "quote", "turned"),
    [
        ("The ban was not lifted.", "The ban was lifted in July.", True),
        ("The ban was lifted.", "The ban was never lifted.", True),
        ("The ban was not lifted.", "The ban was never lifted.", False),
        ("The gap widened in 2024.", "The gap narrowed in 2024.", True),
        ("The gap shrank in 2024.", "The gap narrowed in 2024.", False),
        ("The first rule holds.", "The first rule holds, but the second one does not hold.", False),
        ("禁令已解除。", "禁令尚未解除。", True),
        ("市场规模增长。", "市场规模下降。", True),
    ],
)
def test_a_sentence_that_turns_its_quote_round_is_caught(sentence, quote, turned):
    assert held(sentence, [quote], "", NAMES).turned is turned


@pytest.fixture(scope="module")
def checker(model_assistant):
    snapshot = model_assistant.snapshot
    blocks = [Block(n, n - 1, p, snapshot.documents[p.document_id]) for n, p in enumerate(snapshot.passages, 1)]
    meaning = Meaning(snapshot, model_assistant._embedder)
    return Checker(blocks, meaning, snapshot.glossary), blocks, meaning, snapshot


def block_of(blocks, phrase):
    return next(b.number for b in blocks if phrase in b.text)


@pytest.mark.model
@pytest.mark.parametrize(
    ("sentence", "phrase", "support"),
    [
        ("The final phase of training R1 was paid for with USD 294,000.", "294,000", "supported"),
        ("Baidu charges half of what DeepSeek R1 costs for ERNIE X1.", "half the price", "supported"),
        ("Nvidia had to write down USD 4.5 billion after the H20 was banned.", "4.5 billion", "supported"),
        ("DeepSeek hired 294,000 gardeners for its offices.", "294,000", "unsupported"),
        ("Manus paints houses and repairs bicycles.", "travel handbook", "unsupported"),
        ("Nvidia had to write down USD 9 billion after the H20 was banned.", "4.5 billion", "partly"),
    ],
)
def test_meaning_is_judged_beyond_the_words(checker, sentence, phrase, support):
    check, blocks, _, _ = checker
    assert check.check(sentence, [block_of(blocks, phrase)]).support == support


@pytest.mark.model
def test_only_the_sentence_that_supports_is_cited(checker):
    check, blocks, _, _ = checker
    number = block_of(blocks, "294,000")
    verdict = check.check("The last training stage of R1 cost DeepSeek USD 294,000.", [number])
    assert len(verdict.places) == 1
    assert "294,000" in blocks[number - 1].sentence(verdict.places[0][1])


@pytest.mark.model
def test_two_sentences_of_a_passage_support_together(checker):
    check, blocks, _, _ = checker
    number = block_of(blocks, "294,000")
    verdict = check.check("DeepSeek released R1 on 20 January 2025, and its last training stage cost USD 294,000.", [number])
    assert verdict.support == "supported"
    assert [n for n, _ in verdict.places] == [number, number]


@pytest.mark.model
def test_no_citation_is_added_where_several_passages_support_a_sentence(checker):
    check, blocks, meaning, snapshot = checker
    number = block_of(blocks, "38,210")
    twice = Checker([*blocks, Block(99, *vars_of(blocks[number - 1]))], meaning, snapshot.glossary)
    sentence = "Inventors in China filed 38,210 patents on generative AI between 2014 and 2023."
    assert check.check(sentence, []).support == "supported"
    assert twice.check(sentence, []).support == "unsupported"


def vars_of(block):
    return block.row, block.passage, block.document


@pytest.mark.model
def test_across_languages_only_exact_statements_are_compared(checker):
    check, blocks, _, _ = checker
    number = block_of(blocks, "on 6 March 2025")
    verdict = check.check("阿里巴巴于2025年3月6日发布QwQ-32B。", [number])
    assert (verdict.support, verdict.crossing) == ("partly", True)
    assert check.check("阿里巴巴于2025年3月7日发布QwQ-32B。", [number]).support == "unsupported"


@pytest.mark.model
def test_quotes_alone_are_judged_alike_for_measuring(checker):
    _, _, meaning, snapshot = checker
    quote = "The last training stage of R1 cost DeepSeek USD 294,000, according to Nature."
    assert says("Nature puts the cost of the last training stage of DeepSeek's R1 at USD 294,000.", [quote], meaning, snapshot.glossary)
    assert not says("The last training stage of R1 cost USD 394,000.", [quote], meaning, snapshot.glossary)
    assert not says("The last training stage of R1 cost USD 294,000.", [""], meaning, snapshot.glossary)
