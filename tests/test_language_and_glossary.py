import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import GLOSSARY

from qa.errors import CorpusError
from qa.text.glossary import Entry, Glossary
from qa.text.language import language_of, reading_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How small is the gap?", "en"),
        ("差距有多大？", "zh"),
        ("DeepSeek R1 的训练成本是多少？", "zh"),
        ("", "en"),
        ("12345 😀", "en"),
    ],
)
def test_names_the_language(text, language):
    assert language_of(text) == language


def test_answers_in_chinese_as_soon_as_an_ideograph_is_there():
    assert reading_language("What is 文心?") == "zh"
    assert reading_language("What is ERNIE?") == "en"


@pytest.fixture
def glossary(tmp_path) -> Glossary:
    path = tmp_path / "glossary.csv"
    path.write_text(GLOSSARY, encoding="utf-8")
    return Glossary.load(path)


def named(glossary: Glossary, text: str) -> list[str]:
    return [m.entry.en for m in glossary.mentions(text)]


def test_finds_the_longest_form_once(glossary):
    assert named(glossary, "What did DeepSeek R1 cost?") == ["DeepSeek R1"]
    assert named(glossary, "DeepSeek and deepseek-r1") == ["DeepSeek", "DeepSeek R1"]


def test_finds_chinese_and_mixed_forms(glossary):
    assert named(glossary, "腾讯的混元 Turbo S和文心X1") == ["Tencent", "Hunyuan Turbo S", "ERNIE X1"]


def test_short_names_need_their_capitals(glossary):
    assert named(glossary, "tell us more") == []
    assert named(glossary, "the US and China") == ["United States", "China"]


def test_spans_are_what_was_written(glossary):
    text = "Did Baidu, or 百度, release  ERNIE X1?"
    assert [text[m.start : m.end] for m in glossary.mentions(text)] == ["Baidu", "百度", "ERNIE X1"]


@given(st.text(max_size=80))
def test_mentions_of_any_text_are_ordered_and_inside(text):
    glossary = Glossary([Entry("China", "中国", ("PRC",), "place"), Entry("AI", "人工智能", (), "term")])
    position = 0
    for mention in glossary.mentions(text):
        assert position <= mention.start < mention.end <= len(text)
        position = mention.end


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("en,zh,kind\n", r"glossary\.csv:1: the columns must be"),
        ("en,zh,aliases,kind\nA,B,C\n", r"glossary\.csv:2: the row must have 4 columns"),
        ("en,zh,aliases,kind\nA,B,C,D,E\n", r"glossary\.csv:2: the row must have 4 columns"),
        ("en,zh,aliases,kind\nA,,,dragon\n", r"glossary\.csv:2: unknown kind 'dragon'"),
        ("en,zh,aliases,kind\n,,x,term\n", r"glossary\.csv:2: the row names nothing"),
    ],
)
def test_a_broken_glossary_is_refused_with_file_and_line(tmp_path, content, message):
    path = tmp_path / "glossary.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        Glossary.load(path)


def test_a_glossary_in_another_encoding_is_refused_by_name(tmp_path):
    path = tmp_path / "glossary.csv"
    path.write_bytes("en,zh,aliases,kind\nDeepSeek,深度求索,,company\n".encode("gb18030"))
    with pytest.raises(CorpusError, match=r"glossary\.csv:2: not UTF-8"):
        Glossary.load(path)


def test_a_missing_glossary_is_empty(tmp_path):
    assert len(Glossary.load(tmp_path / "none.csv")) == 0
