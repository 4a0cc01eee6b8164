"""Briefs: planned, searched twice, and every sentence a quote of its citation."""

import shutil
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llm_server import Fails, Says, Server
from samples import HashEmbedder, open_hash

from qa.assistant import Assistant
from qa.documents import load_corpus
from qa.documents.series import Series
from qa.errors import BadQuestion, SettingsError
from qa.index import Snapshot, build_index
from qa.research import Finished, Looked, Planned, Searching, Writing, to_html, to_markdown
from qa.research.charts import charts
from qa.research.figures import clause, date_of
from qa.research.plan import make_plan, subjects_of
from qa.retrieval.filters import Filters
from qa.retrieval.query import QueryReader
from qa.settings import Provider, load_settings
from qa.text.glossary import Entry, Glossary
from qa.text.quantities import quantities

DEEPSEEK = "What has DeepSeek achieved and what did R1 cost?"
NOTHING = "Which tea does the mayor of Reykjavik drink on Sundays?"


def exact(assistant, brief):
    """Assert that every sentence and figure rests on the exact words of a document."""
    cited = {c.number: c for c in brief.references}
    assert list(cited) == list(range(1, len(cited) + 1))
    for citation in cited.values():
        assert assistant.document(citation.document_id).text[citation.start : citation.end] == citation.quote
        assert citation.sources
    sentences = [s for part in brief.sections for s in part.sentences]
    for sentence in sentences:
        assert sentence.text == cited[sentence.citations[0]].quote
    for figure in brief.figures:
        assert figure.what in cited[figure.citation].quote
        assert figure.value in figure.what
    for row in brief.timeline:
        assert row.statement == " ".join(cited[row.citation].quote.split())
    assert {n for s in (*sentences, *brief.summary) for n in s.citations} <= set(cited)


def test_every_sentence_of_a_brief_is_a_quote_and_none_stands_twice(assistant):
    brief = assistant.research(DEEPSEEK)
    exact(assistant, brief)
    sentences = [s.text for part in brief.sections for s in part.sentences]
    assert len(sentences) == len(set(sentences)) >= 3
    assert any("294,000" in s for s in sentences)
    assert 1 <= len(brief.summary) <= 5
    assert any(f.value == "USD 294,000" and f.unit == "USD" for f in brief.figures)
    assert (brief.mode, brief.stopped, brief.language) == ("extractive", False, "en")
    assert brief.title == "What has DeepSeek achieved and what did R1 cost"


def test_the_same_question_gives_the_same_brief(assistant):
    assert assistant.research(DEEPSEEK) == assistant.research(DEEPSEEK)


def test_the_steps_come_in_order_and_count_what_is_asked(assistant):
    steps = []
    brief = assistant.research("What has DeepSeek achieved?", progress=steps.append, max_questions=9)
    kinds = [type(s) for s in steps]
    assert kinds[0] is Planned
    assert kinds[-2:] == [Writing, Finished]
    assert Looked in kinds
    searched = [s for s in steps if isinstance(s, Searching)]
    assert [s.question for s in searched] == [s.question for s in brief.asked]
    assert [s.number for s in searched] == list(range(1, len(searched) + 1))
    assert len(searched) <= 9
    assert {s.round for s in brief.asked} <= {1, 2}


def test_sections_hold_what_their_aspect_is_about(assistant):
    brief = assistant.research("What is known about DeepSeek?")
    by_aspect = {s.aspect: s for s in brief.sections}
    assert all("DeepSeek" in s.text or "R1" in s.text or "Liang" in s.text for part in brief.sections for s in part.sentences)
    for aspect in {"cost", "performance", "size"} & by_aspect.keys():
        assert all(any(c.isdigit() for c in s.text) for s in by_aspect[aspect].sentences)


def test_aspects_without_evidence_are_gaps_that_were_asked_for_twice(assistant):
    brief = assistant.research("What is known about Manus?", max_questions=30)
    assert brief.gaps
    asked = {s.question: s for s in brief.asked}
    assert all(asked[g.question].found == 0 for g in brief.gaps)
    assert any(s.round == 2 for s in brief.asked)


def test_a_question_beyond_the_corpus_gives_an_empty_brief_that_says_so(assistant):
    brief = assistant.research(NOTHING)
    assert (brief.summary, brief.sections, brief.references, brief.figures) == ((), (), (), ())
    assert [g.question for g in brief.gaps] == [NOTHING]
    assert [s.aspect for s in brief.asked] == ["main"]


def test_sources_that_disagree_are_told_with_both_values(assistant):
    brief = assistant.research("How large was the revenue of the Chinese cloud market in 2024?")
    exact(assistant, brief)
    values = {v.value for c in brief.conflicts for v in c.values}
    assert {"40 billion US dollars", "46 billion US dollars"} <= values
    quotes = {c.number: c.quote for c in brief.references}
    assert all(v.value in quotes[v.citation] for c in brief.conflicts for v in c.values)


def test_a_sentence_that_tells_of_differing_accounts_is_noted_once(tmp_path, shared_corpus):
    corpus = shutil.copytree(shared_corpus, tmp_path / "corpus")
    told = "The cost of the last training stage of R1 is reported differently: USD 294,000 by Nature and USD 350,000 by another account."
    path = corpus / "en" / "deepseek-r1.md"
    path.write_text(path.read_text().replace("## The company", f"## Accounts\n{told}[^s]\n\n## The company"))
    build_index(load_corpus(corpus), tmp_path / "index", HashEmbedder(), 200)
    brief = open_hash(corpus, tmp_path / "index").research("What is known about DeepSeek R1?")
    assert [[v.value for v in c.values] for c in brief.conflicts] == [["USD 294,000", "USD 350,000"]]
    assert {brief.references[v.citation - 1].quote for c in brief.conflicts for v in c.values} == {told}


def test_a_chinese_question_gives_a_chinese_brief(assistant):
    brief = assistant.research("2028年中国人工智能产业规模预计达到多少？")
    exact(assistant, brief)
    assert brief.language == "zh"
    assert any("8110亿元" in s.text for part in brief.sections for s in part.sentences)
    assert brief.sections[0].heading == "证据所述"


def test_a_scope_holds_for_every_search(assistant):
    brief = assistant.research(DEEPSEEK, filters=Filters(documents=("ernie-x1",)))
    assert {c.document_id for c in brief.references} <= {"ernie-x1"}


def test_stopping_keeps_what_was_found(assistant):
    asked = []

    def after_two():
        return len(asked) >= 2

    brief = assistant.research(DEEPSEEK, progress=lambda s: asked.append(s) if isinstance(s, Searching) else None, stop=after_two)
    assert brief.stopped
    assert len(brief.asked) == 2
    assert "Stopped" in brief.notes[0]
    exact(assistant, brief)
    nothing = assistant.research(DEEPSEEK, stop=lambda: True)
    assert (nothing.stopped, nothing.asked, nothing.references) == (True, (), ())


@pytest.mark.parametrize(("question", "more", "message"), [("", {}, "empty"), ("DeepSeek?", {"max_questions": 0}, "1 to 60")])
def test_what_cannot_be_asked_is_refused_at_once(assistant, question, more, message):
    with pytest.raises(BadQuestion, match=message):
        assistant.stream_research(question, **more)


def test_an_unknown_model_is_refused_at_once(assistant):
    with pytest.raises(SettingsError):
        assistant.stream_research(DEEPSEEK, llm="no-such-model")


def test_years_of_a_question_are_asked_one_by_one(assistant):
    searcher = assistant._searcher
    query = searcher.reader.read("How did the MMLU gap change from 2022 to 2024?")
    hits = searcher.search(query.text, 5)
    from qa.research.collect import topics_and_years

    plan = make_plan(query, *topics_and_years(hits, searcher), 20)
    assert [t.year for t in plan.tasks if t.key == "year"] == [2022, 2023, 2024]
    assert plan.years == (2022, 2024)
    brief = assistant.research(query.text)
    exact(assistant, brief)


@pytest.mark.parametrize(
    ("question", "names", "named"),
    [
        ("How do DeepSeek and Baidu compare?", ["DeepSeek", "Baidu"], True),
        ("What about China's progress in robot surgery?", ["progress robot surgery"], False),
    ],
)
def test_the_subject_is_a_name_where_there_is_one_else_the_field(assistant, question, names, named):
    found = subjects_of(assistant._searcher.reader.read(question))
    assert [s.named for s in found] == [named] * len(names)
    if named:
        assert [s.name for s in found] == names
    else:
        assert "robot surgery" in found[0].name


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Robotaxis in China", "How large are robotaxis in China, and how fast do they grow?"),
        ("How do Chinese people see AI law?", "How large is AI law in China, and how fast does it grow?"),
        ("中国的自动驾驶出租车", "中国的自动驾驶出租车的规模有多大，增长多快？"),
    ],
)
def test_sub_questions_are_worded_for_one_thing_or_several(question, expected):
    terms = [Entry("robotaxi", "自动驾驶出租车", ("robotaxis",), "term"), Entry("AI law", "", (), "term")]
    entries = [*terms, Entry("China", "中国", ("Chinese",), "place")]
    plan = make_plan(QueryReader(Glossary(entries)).read(question), Counter({"driving": 3}), [], 20)
    assert expected in [t.question for t in plan.tasks]


def test_the_clause_of_a_figure_is_a_slice_that_is_long_enough():
    text = "In 2025, according to the maker, sales were 5,500 units, up 30%, of which 900 went abroad."
    at = text.index("900")
    assert clause(text, at, at + 3, 5) == "of which 900 went abroad."
    wide = clause(text, at, at + 3, 60)
    assert wide in text
    assert "5,500" in wide


@pytest.mark.parametrize(
    ("text", "figure", "date"),
    [
        ("The gap fell from 17.5 percentage points in 2023 to 0.3 percentage points in 2024.", "17.5", "2023"),
        ("The gap fell from 17.5 percentage points in 2023 to 0.3 percentage points in 2024.", "0.3", "2024"),
        ("The AI Index 2026 puts private AI investment in 2025 at USD 285.9 billion.", "USD 285.9 billion", "2025"),
        ("In March 2025 sales were 40 million units, and by 30 June 2025 they were 55 million units.", "40 million", "2025-03"),
        ("In March 2025 sales were 40 million units, and by 30 June 2025 they were 55 million units.", "55 million", "2025-06-30"),
        ("2023年投资为77.6亿美元，2024年为93亿美元。", "77.6亿美元", "2023"),
        ("2023年投资为77.6亿美元，2024年为93亿美元。", "93亿美元", "2024"),
        ("In 2024 investment recovered, and it was 44.5% higher than in 2023.", "44.5%", "2024"),
        ("The GPT 2026 model has 40 million users.", "40 million", "1999"),
    ],
)
def test_a_figure_has_the_date_that_belongs_to_it(text, figure, date):
    quantity = next(q for q in quantities(text) if q.start == text.index(figure))
    assert date_of(text, quantity, "1999") == date


def test_a_series_becomes_a_chart_only_where_it_names_the_subject(assistant):
    points = (("2023", 1.0), ("2024", 2.0))
    fits = Series("fits", "Parameters of the DeepSeek models", "billion", points, ())
    other = Series("other", "Parameters of the Baidu models", "billion", points, ())
    said = ["DeepSeek models have parameters."]

    def fitting(question, *series):
        plan = make_plan(assistant._searcher.reader.read(question), Counter(), [], 5)
        return [c.slug for c in charts(question, plan, said, series, "en")]

    assert fitting("How many parameters do models of DeepSeek have?", other, fits) == ["fits"]
    assert fitting("How large were models of DeepSeek in 2019?", fits) == []


@pytest.mark.parametrize(
    ("question", "years"),
    [
        ("What happened to DeepSeek?", (0, 0)),
        ("What happened to DeepSeek in 2024?", (2024, 2024)),
        ("What did DeepSeek do from 2023 to 2025?", (2023, 2025)),
        ("What has DeepSeek done since 2023?", (2023, 9999)),
        ("What did the 2017 plan promise?", (0, 0)),
        ("2024年DeepSeek的情况如何？", (2024, 2024)),
    ],
)
def test_the_years_of_a_question_bound_what_joins(assistant, question, years):
    plan = make_plan(assistant._searcher.reader.read(question), Counter(), [2023, 2026], 20)
    assert plan.years == years



# With a language model


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def writing(server, shared_corpus, shared_index):
    provider = Provider(base_url=server.url, timeout_s=2, retries=0)
    settings = load_settings(corpus=shared_corpus, index=shared_index, llm={"test": provider})
    return Assistant(settings, Snapshot.load(shared_index), HashEmbedder())


PLAN = "1. Who founded DeepSeek?\n- How much did the last training stage of R1 cost?\nNo question at all\n今天天气如何？"


def test_a_model_plans_and_writes_a_summary_of_which_only_supported_sentences_stay(server, writing):
    def summary(asked):
        return f"The last training stage of R1 cost DeepSeek USD 294,000 {asked.cite('294,000')}. DeepSeek owns the moon [1]."

    server.says(PLAN, summary)
    brief = writing.research(DEEPSEEK, llm="test")
    assert [s.question for s in brief.asked][1:3] == ["Who founded DeepSeek?", "How much did the last training stage of R1 cost?"]
    assert all("weather" not in s.question and "天气" not in s.question for s in brief.asked)
    assert brief.mode == "llm:test:test-model"
    assert [s.text for s in brief.summary] == ["The last training stage of R1 cost DeepSeek USD 294,000."]
    assert {s.support for s in brief.summary} == {"supported"}
    assert brief.usage is not None
    exact(writing, brief)


@pytest.mark.parametrize(
    "script", [(Fails(500),), ("I would rather not.",), (PLAN, Says("DeepSeek owns the moon [1].")), (PLAN, Says("x", breaks="drop"))]
)
def test_a_model_that_fails_leaves_rules_and_quotes_and_a_note(server, writing, script):
    server.says(*script)
    brief = writing.research(DEEPSEEK, llm="test")
    assert brief.mode == "extractive"
    assert brief.notes
    assert brief.summary
    exact(writing, brief)
    assert all(s.text == brief.references[s.citations[0] - 1].quote for s in brief.summary)


WORDS = "DeepSeek R1 Qwen 2024 2025年 中国 比较 和 and since how what ? ； ERNIE X1 gap % $5 🤖 <b> cost ()[] \\ \u202e".split()


@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=9))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_the_brief_is_exact_or_the_question_refused(assistant, words):
    try:
        brief = assistant.research(" ".join(words), max_questions=6)
    except BadQuestion:
        return
    exact(assistant, brief)
    assert len(brief.asked) <= 6
    assert to_html(brief).count("<b>") == len(brief.references)  # the numbers of references and nothing that was asked
    assert to_markdown(brief)
