"""How a question is read and how sentences are judged, without a model."""

from dataclasses import replace

import pytest

from qa.answering.accounts import told
from qa.answering.analysis import Period, analyse
from qa.answering.comparison import compare
from qa.answering.conflicts import conflict, disagreement, rivals, superseded
from qa.answering.demands import Version, demands_of, met, surroundings, unknown_names
from qa.answering.disputes import disputes
from qa.answering.evidence import FEATURES, Candidate
from qa.answering.facts import parts_of_year, quantities_of
from qa.answering.followups import standalone
from qa.answering.pipeline import gather
from qa.answering.select import choose, without_repeats
from qa.answering.sufficiency import of_another_time
from qa.answering.verify import support
from qa.documents.model import Document, Reference, Section, Source
from qa.retrieval.filters import Filters
from qa.retrieval.query import QueryReader
from qa.text.glossary import Entry, Glossary

GLOSSARY = Glossary(
    [
        Entry("United States", "美国", ("US",), "place"),
        Entry("China", "中国", ("Chinese",), "place"),
        Entry("Alibaba", "阿里巴巴", (), "company"),
        Entry("Baidu", "百度", (), "company"),
        Entry("QwQ-32B", "", (), "model"),
        Entry("Ascend", "昇腾", (), "chip"),
        Entry("Qwen", "通义千问", (), "model"),
        Entry("ERNIE", "文心", (), "model"),
        Entry("Zhipu AI", "智谱", ("Zhipu",), "company"),
        Entry("revenue", "收入", (), "term"),
    ]
)


def read(text):
    return analyse(QueryReader(GLOSSARY).read(text))


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many robots were installed in 2024?", "number"),
        ("Nvidia Mellanox takeover price", "number"),
        ("When was QwQ-32B released?", "date"),
        ("Seedance 2.0 release date", "date"),
        ("Who founded DeepSeek?", "entity"),
        ("Did Alibaba open the weights?", "yesno"),
        ("What is a mixture of experts?", "definition"),
        ("Which two carmakers got approvals?", "list"),
        ("Compare Alibaba and Baidu", "comparison"),
        ("How did the share develop?", "change"),
        ("Why did Alibaba choose Apache 2.0?", "why"),
        ("阿里巴巴的收入是多少？", "number"),
        ("谁创立了智谱？", "entity"),
        ("百度什么时候发布文心一言？", "date"),
        ("为什么要开源？", "why"),
    ],
)
def test_kinds_of_question(question, kind):
    assert read(question).kind == kind


@pytest.mark.parametrize(
    ("question", "period"),
    [
        ("What was known before 2023?", Period(until=20230100)),
        ("Revenue as of mid-2025?", Period(until=20250831)),
        ("Chips sold since 2024", Period(since=20240101)),
        ("截至2025年6月有多少用户？", Period(until=20250631)),
        ("How many in 2024?", None),
    ],
)
def test_bounds_of_time(question, period):
    found = read(question).period
    if period is None:
        assert found is None
    else:
        assert found is not None
        assert found.since == period.since
        assert found.until == period.until


def test_sides_of_a_comparison_stand_side_by_side():
    assert [s.en for s in read("Compare the US and China").sides] == ["United States", "China"]
    assert read("Who founded Alibaba?").sides == ()


def judge(question, sentence, heading="", passage=""):
    demands = demands_of(read(question))
    around = surroundings(demands, heading, f"{passage} {sentence}")
    return met(demands, sentence, around, lambda m: 0.0, [1.0 for _ in demands.measures])


def test_a_sentence_must_speak_of_the_year_that_is_asked():
    question = "What was Zhipu's revenue in 2023?"
    assert judge(question, "Zhipu AI had a revenue of 124.5 million yuan in 2023.").product == 1.0
    assert judge(question, "Zhipu AI had a revenue of 312 million yuan in 2024.").years == 0.0
    assert judge(question, "Baidu had a revenue of 5 billion yuan in 2023.").all_names == 0.0
    assert judge(question, "Zhipu AI lost 788 million yuan in 2023.").measures == 0.0


def test_a_name_in_the_heading_or_the_passage_counts_for_less():
    question = "What did Alibaba pay?"
    own, near, far = judge(question, "Alibaba paid."), judge(question, "It paid.", "Alibaba"), judge(question, "It paid.", "", "Alibaba")
    assert own.all_names > near.all_names > far.all_names > judge(question, "It paid.").all_names == 0.0


def test_another_quarter_is_not_the_one_asked_for():
    question = "How many rides in the first quarter of 2026?"
    assert judge(question, "In the first quarter of 2026 there were 3 million rides.").parts == 1.0
    assert judge(question, "In the fourth quarter of 2025 there were 3 million rides.").parts == 0.0
    assert parts_of_year("第二季度和上半年, Q3") == {"Q2", "H1", "Q3"}


def test_half_a_year_is_not_the_whole_of_it_nor_half_a_month():
    half = "Zhipu AI lost 2.4 billion yuan in the first half of 2025."
    assert judge("What did Zhipu AI lose in the whole of 2025?", half).timely is False
    assert judge("What did Zhipu AI lose in 2025?", half).timely
    assert judge("What did Zhipu AI lose in the whole of 2025?", "Zhipu AI lost 5 billion yuan in 2025.").timely
    assert judge("智谱2025年全年亏损多少？", "智谱2025年上半年亏损24亿元。").timely is False
    assert parts_of_year("in the first half of January 2026 and the second half of 2025") == {"H2"}


def test_what_is_sure_of_another_year_does_not_answer():
    wanted = read("What was Zhipu's revenue in 2020?")
    texts = ("Zhipu AI had a revenue of 124.5 million yuan in 2023.", "Zhipu AI was founded before 2020.")
    other, right = (
        Candidate(row, row, None, 0, 0, met(demands_of(wanted), text, surroundings(demands_of(wanted), "", text), lambda m: 0.0, [1.0]), {})
        for row, text in enumerate(texts)
    )
    assert of_another_time([other], {})
    assert of_another_time([other, right], {0: 1.0, 1: -2.0})
    assert not of_another_time([other, right], {0: 1.0, 1: 0.5})
    assert not of_another_time([right], {1: -9.0})


def test_words_written_like_names_are_names():
    assert unknown_names("How many patents did Kenya file in June?", []) == ("Kenya",)
    assert unknown_names("GPT-7 的参数量是多少？", [(0, 3)]) == ("GPT-7",)
    assert unknown_names("Which firm leads?", []) == ()
    assert unknown_names("模型(Which one?)有多大", []) == ()


@pytest.mark.parametrize(
    ("question", "held", "lacking"),
    [
        ("When was the Ascend 920 released?", "Huawei plans the Ascend 910C and 920.", "Huawei released the Ascend 910C, 950 and 960."),
        ("昇腾920的算力是多少？", "昇腾（Ascend）920将于2026年推出。", "昇腾910C的算力为780 TFLOPS。"),
        ("How many parameters does Qwen 9 have?", "Qwen9-Max has two trillion parameters.", "Qwen2.5-72B is one of 9 models; Qwen 9.5 is not."),
        ("When did ERNIE 8.0 come out?", "Baidu presented ERNIE 8.0.", "Baidu presented ERNIE 5.0 on 8 January."),
    ],
)
def test_a_number_behind_a_name_is_part_of_it(question, held, lacking):
    (version,) = [n for n in demands_of(read(question)).names if isinstance(n, Version)]
    assert version.named_in(held)
    assert not version.named_in(lacking)


@pytest.mark.parametrize(
    "question", ["Did Qwen 3 times lead?", "Ascend 2025 sales", "通义千问3月下载量", "Did Qwen 700 million downloads count?", "DeepSeek 5 papers"]
)
def test_other_numbers_behind_names_are_no_versions(question):
    assert not any(isinstance(n, Version) for n in demands_of(read(question)).names)


@pytest.mark.parametrize(
    ("previous", "question", "complete"),
    [
        ("How much revenue did Zhipu AI make in 2022?", "And the year after?", "How much revenue did Zhipu AI make in 2023?"),
        ("How much revenue did Zhipu AI make in 2022?", "And in 2024?", "How much revenue did Zhipu AI make in 2024?"),
        ("How much revenue did Zhipu AI make in 2022?", "What about Baidu?", "How much revenue did Baidu make in 2022?"),
        ("How many rides in the fourth quarter of 2024?", "And in the quarter after that?", "How many rides in the first quarter of 2025?"),
        ("When did Alibaba release QwQ-32B?", "How many parameters does it have?", "How many parameters does QwQ-32B have?"),
        ("2023年智谱的收入是多少？", "那百度呢？", "2023年百度的收入是多少？"),
        ("Who founded Alibaba?", "What is the revenue of Baidu in 2023?", "What is the revenue of Baidu in 2023?"),
    ],
)
def test_follow_ups_stand_alone(previous, question, complete):
    assert standalone(question, [previous], GLOSSARY) == complete


def test_a_pronoun_may_stand_for_what_the_answer_named():
    complete = standalone("How did it respond?", ["Which company did the US list?"], GLOSSARY, lambda q: "The US listed Zhipu AI.")
    assert complete.startswith("How did Zhipu AI respond?".rstrip("?"))


def test_support_needs_every_number_date_and_name():
    quote = "Alibaba had a revenue of 5.5 billion yuan in 2023."
    assert support(quote, [quote], GLOSSARY) == "supported"
    assert support("In 2023 Alibaba took in 5.5 billion yuan.", [quote], GLOSSARY) == "supported"
    assert support("In 2024 Alibaba took in 5.5 billion yuan.", [quote], GLOSSARY) == "partly"
    assert support("Baidu had 7 chips.", [quote], GLOSSARY) == "unsupported"
    assert support(quote, [], GLOSSARY) == "unsupported"


def candidate(text, row, passage=0):
    document = Document(
        id="d", title="T", language="en", topic="chips", as_of="2026-12-31", text=text, sections=(Section(heading="", start=0, end=len(text)),)
    )
    return Candidate(row, passage, document, 0, len(text), judge("Who?", text), {})


def test_a_sentence_that_says_that_accounts_differ_is_a_conflict():
    pair = told(candidate("The number of deleted items is given as 960,000 in most reports and as 96,000 by AIHubX.", 1))
    assert [q.value for q in pair] == [960_000, 96_000]
    pair = told(candidate("The date is reported differently: one site has 29 January 2026, others have 2 February 2026.", 1), dated=True)
    assert [q.value for q in pair] == [20260129, 20260202]
    assert told(candidate("Exports rose from 50,000 in May to 60,000 in June.", 1)) == ()


def test_who_counted_is_primary_unless_it_tells_both_values():
    source = Source(publisher="IDC", title="Shipments", date="2026", url="https://example.org")

    def sourced(text, row):
        found = candidate(text, row)
        document = found.document.model_copy(update={"sources": (source,), "references": (Reference(offset=len(text), source=0),)})
        return replace(found, document=document)

    one, other = sourced("IDC counted 812,000 chips.", 1), sourced("A blog counted 700,000 chips.", 5)
    both = sourced("The number is given as 812,000 by IDC and as 700,000 by a blog.", 9)
    values = [quantities_of(c.text)[0] for c in (one, other)]
    assert [v.note for v in conflict("chips", [(one, 1, values[0]), (other, 2, values[1])]).values] == ["primary", ""]
    assert [v.note for v in conflict("chips", [(both, 1, q) for q in quantities_of(both.text)]).values] == ["", ""]


def test_rivals_are_the_same_quantity_at_the_same_time():
    best = candidate("Huawei delivered about 812,000 chips in China in 2025, says IDC.", 1)
    same = candidate("Huawei delivered about 805,000 chips in China in 2025, SemiAnalysis says.", 9, passage=3)
    later = candidate("Huawei delivered about 900,000 chips in China in 2026, says IDC.", 10, passage=3)
    other = candidate("Cambricon sold some 700,000 boards abroad in 2025.", 11, passage=4)
    assert [r[0].row for r in rivals(best, [best, same, later, other])] == [9]


def chosen(*texts):
    found = [candidate(text, 10 * n, passage=n) for n, text in enumerate(texts)]
    for one in found:
        one.features["coverage"] = 1.0
    return found


def test_a_question_on_disagreement_gets_the_values_of_one_quantity():
    analysis = read("How many Ascend chips will Huawei make in 2026? Bloomberg and SemiAnalysis don't agree.")
    assert analysis.disputed
    assert not read("How many Ascend chips did Huawei make?").disputed
    found = disagreement(
        chosen(
            "Bloomberg expected Huawei to make 600,000 chips in 2026.",
            "SemiAnalysis expected only 300,000 chips from Huawei in 2026.",
            "Huawei was founded in Shenzhen.",
        ),
        set(),
        dated=False,
    )
    assert [q.value for _, q in found] == [600_000, 300_000]


def test_a_rounded_value_is_no_conflict():
    best, rounded = chosen("ByteDance planned to spend USD 22.7 billion in 2026.", "ByteDance planned to spend USD 23 billion in 2026.")
    assert rivals(best, [best, rounded]) == []


def test_an_older_value_of_the_same_quantity_is_outdated():
    older = "China had 249 million users of generative AI in December 2024, CNNIC said."
    newer = "China had 515 million users of generative AI in June 2025, CNNIC said."
    other = "DeepSeek had 97 million users abroad in March 2026."
    assert superseded(chosen(older, newer, other)) == {0: 1}


def test_a_sentence_whose_figures_and_dates_stand_above_is_left_out():
    first = "The lead fell to 0.3 percentage points at the end of 2024 from 17.5 points at the end of 2023."
    again = "The lead thus shrank from 17.5 to 0.3 percentage points."
    dated = "The lead fell from 17.5 to 0.3 percentage points by May 2025."
    single = "The lead was 0.3 percentage points."
    other = "Of the 17.5 million chips every third, or 0.3, was sold abroad."
    kept = without_repeats(chosen(first, again, dated, single, other))
    assert [c.text for c in kept] == [first, dated, single, other]


def test_accounts_side_by_side_are_told():
    pairs = {
        "LightGen has over 2 million photonic neurons by most accounts, while one account says over one million.": [2e6, 1e6],
        "The Financial Times put the price at about USD 2 billion, whereas some Chinese-language media wrote of USD 3-5 billion.": [2e9, 3e9],
        "Joint papers rose fivefold in the reckoning of the AI Index 2022, or roughly fourfold in that of the AI Index 2023.": [5, 4],
        "QuestMobile统计日活跃用户为7,352万，而依据AICPB数据的报道称只有3,000万。": [73_520_000, 30_000_000],
    }
    for text, values in pairs.items():
        assert [q.value for q in told(candidate(text, 1))] == values
    assert told(candidate("IDC reported 40,000 chips in 2024, and it said that 60,000 followed in 2025.", 1)) == ()
    assert told(candidate("The service took in tokens on 27-28 February 2025, reports say, and one report has 24 countries.", 1)) == ()


def test_dates_side_by_side_may_lack_their_year():
    dates = {
        "In mid-March 2026 it was adopted, on 12 March according to Hamidun News and on 13 March according to Strider.": [20260312, 20260313],
        "Meta made public on 29 or 30 December 2025 that it was buying Manus.": [20251229, 20251230],
        "2023年：梁文锋创立深度求索，维基百科记为5月，The Decoder则记为7月。": [20230500, 20230700],
        "Huawei plans it for the fourth quarter of 2026, whereas another report of Reuters names the fourth quarter of 2025.": [20261000, 20251000],
    }
    for text, values in dates.items():
        assert [q.value for q in told(candidate(text, 1), dated=True)] == values
    assert told(candidate("In mid-January 2025, reports say, the rule came out, but on 15 January 2025 others said no.", 1), dated=True) == ()


def found_in(question, *texts):
    analysis = read(question)
    evidence = chosen(*texts)
    return disputes(analysis, evidence, [(10.0 - n, c) for n, c in enumerate(evidence)], 3.0), evidence


def test_a_plain_question_gets_the_conflict_that_the_evidence_tells_of():
    (found,), _ = found_in(
        "How many humanoid robots did Unitree ship in 2025?",
        "Unitree says that it shipped more than 5,500 humanoid robots in 2025.",
        "Unitree's own statement of more than 5,500 humanoid robots shipped in 2025 exceeds the 4,200 that Omdia lists for the company.",
    )
    assert [(v.value, v.citation) for v in found.values] == [("5,500", 2), ("4,200", 2)]
    (found,), _ = found_in(
        "How large was the revenue of Kunlunxin in 2025?",
        "Analysts put the revenue of Kunlunxin in 2025 at about 1.3 billion yuan.",
        "Other estimates of the revenue of Kunlunxin in 2025 lie at about 3.5 to 5 billion yuan.",
    )
    assert [(v.value, v.citation) for v in found.values] == [("1.3 billion yuan", 1), ("3.5 to 5 billion yuan", 2)]


def test_a_question_that_offers_two_values_gets_both_where_the_evidence_has_them():
    (found,), _ = found_in(
        "Was the plan adopted on the 12th or the 13th?", "Hamidun dates the adoption of the plan to 12 March 2026, Strider to 13 March 2026."
    )
    assert [v.value for v in found.values] == ["12 March 2026", "13 March 2026"]


def test_no_conflict_is_reported_about_what_was_not_asked():
    accounts = "The cost of the campaign is reported differently: USD 5 million by one site and USD 6 million by another."
    assert found_in("How many chips did Huawei ship in 2025?", "Huawei shipped 812,000 chips in 2025.", accounts)[0] == []
    assert found_in("Who leads the campaign?", accounts)[0] == []


def scored(*texts):
    return [(10.0 - n / 10, c) for n, c in enumerate(chosen(*texts))]


def test_each_year_of_a_comparison_gets_its_figure():
    ordered = scored(
        "Between 2014 and 2023 the total of families was 54,000.",
        "The count of families was followed closely in 2014.",
        "In 2014 there were 733 families.",
        "In 2023 there were 14,000 families.",
    )
    texts = [c.text for c in choose(read("Count of families: 2014 against 2023?"), ordered, 3, 3.0)]
    assert any("733" in text for text in texts)
    assert any("14,000" in text for text in texts)
    assert read("How many families were there from 2014 to 2023?").aspects == ()
    assert read("How do V2 and V3 differ in parameters?").aspects == ("V2", "V3")


def test_the_sides_of_a_comparison_get_their_difference():
    glossary = GLOSSARY
    analysis = read("Which had more revenue in 2023, Alibaba or Baidu?")
    found = compare(analysis, chosen("Alibaba had 5.5 billion yuan in 2023, and Baidu 4 billion yuan."), glossary)
    assert [(s.name, s.value, s.citation) for s in found.sides] == [("Alibaba", "5.5 billion yuan", 1), ("Baidu", "4 billion yuan", 1)]
    assert found.difference == 1.5e9
    assert found.computed == "Computed from [1]: a difference of 1.5 billion yuan (1.4 times)."
    assert compare(analysis, chosen("Alibaba had 5.5 billion yuan in 2023, and Baidu had 7% more staff."), glossary) is None


def test_a_figure_belongs_to_the_name_that_follows_in_or_for():
    analysis = read("Which had more revenue in 2023, Alibaba or Baidu?")
    found = compare(analysis, chosen("In 2023 it was 67% for Alibaba, 39% for Baidu and 36% elsewhere."), GLOSSARY)
    assert [(s.name, s.value) for s in found.sides] == [("Alibaba", "67%"), ("Baidu", "39%")]


def test_candidates_hold_their_features_in_the_order_of_the_weights(assistant):
    searcher = assistant._searcher
    found = gather(searcher, analyse(searcher.reader.read("Who founded DeepSeek?")), Filters(), "en", 3)
    assert [tuple(c.features) for _, c in found.ordered] == [FEATURES] * len(found.ordered)


def test_a_range_is_one_value():
    assert told(candidate("Reports differ: sources disagree between 10 to 12 models.", 1)) == ()
