import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.text.sentences import sentence_spans


def split(text: str) -> list[str]:
    return [text[a:b] for a, b in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" \n\t ", []),
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It fell from 17.5 to 0.3 points. Then it rose.", ["It fell from 17.5 to 0.3 points.", "Then it rose."]),
        ("Dr. Li met Mr. Wang on 3 Jan. 2025. They talked.", ["Dr. Li met Mr. Wang on 3 Jan. 2025.", "They talked."]),
        ("He said: “It works.” Then he left.", ["He said: “It works.”", "Then he left."]),
        ("模型发布了。成本是多少？很低！", ["模型发布了。", "成本是多少？", "很低！"]),
        ("他说：“可以。”然后走了。", ["他说：“可以。”", "然后走了。"]),
        ("A line that goes on after the break because it is longer than sixty signs\nand ends here. Next.", None),
        ("- first item\n- second item", ["- first item", "- second item"]),
        ("Version 4.5 of ERNIE and GPT-4.1 exist. Yes.", ["Version 4.5 of ERNIE and GPT-4.1 exist.", "Yes."]),
    ],
)
def test_splits_where_a_reader_would(text, sentences):
    found = split(text)
    if sentences is None:
        sentences = ["A line that goes on after the break because it is longer than sixty signs\nand ends here.", "Next."]
    assert found == sentences


def test_abbreviated_country_stays_with_its_noun():
    assert split("The U.S. Commerce Department acted. China replied.") == ["The U.S. Commerce Department acted.", "China replied."]


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("aB1.!? \n\r\t。！？…\"'”’)-#|*，;:中国😀\u2028\u3000\u00a0")), max_size=200))
def test_spans_are_ordered_trimmed_and_hold_everything_once(text):
    spans = sentence_spans(text)
    position = 0
    for start, end in spans:
        assert start >= position
        assert not text[position:start].strip()
        assert start < end
        assert text[start:end] == text[start:end].strip()
        position = end
    assert not text[position:].strip()


@given(st.text(alphabet="ab. \n中。", max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_a_part_of_a_text_gives_spans_inside_that_part(text, a, b):
    start, end = sorted((min(a, len(text)), min(b, len(text))))
    for x, y in sentence_spans(text, start, end):
        assert start <= x < y <= end
