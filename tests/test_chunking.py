import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import HashEmbedder, markdown

from qa.chunking import chunk
from qa.documents import Document, Section, parse_markdown


def count(texts) -> list[int]:
    """One token a word or ideograph, at least one a text."""
    return [max(1, len(re.findall(r"[㐀-鿿]|[^\W㐀-鿿]+", t))) for t in texts]


def document(text: str, cuts=()) -> Document:
    edges = [0, *sorted({min(c, len(text)) for c in cuts}), len(text)]
    sections = tuple(Section(heading=f"S{n}", start=a, end=b) for n, (a, b) in enumerate(pairwise(edges)))
    return Document(id="d", title="T", language="en", topic="chips", as_of="2025-01-01", text=text, sections=sections)


PIECES = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=12),
    st.sampled_from(
        ["One two three. ", "A sentence, with a comma; and more words here. ", "中国人工智能。", "\n\n", "\r\n", " ", "\t", "😀", "e\u0301",
         "\u2028", "x" * 50, "- item\n", "Dr. Li came. ", "word " * 30, "字" * 40]
    ),
)  # fmt: skip


@given(st.lists(PIECES, max_size=30).map("".join), st.lists(st.integers(0, 600), max_size=3), st.integers(1, 40))
def test_passages_are_exact_ordered_and_hold_every_sentence_once(text, cuts, max_tokens):
    whole = document(text, cuts)
    passages = chunk(whole, count, max_tokens)
    covered = [False] * len(text)
    position = 0
    for passage in passages:
        assert position <= passage.start < passage.end <= len(text)
        position = passage.end
        section = whole.section_at(passage.start)
        assert section.start <= passage.start
        assert passage.end <= section.end
        assert passage.heading == section.heading
        assert passage.id == f"d:{passage.start}"
        assert (passage.sentences[0][0], passage.sentences[-1][1]) == (passage.start, passage.end)
        inside = passage.start
        for start, end in passage.sentences:
            assert inside <= start < end
            inside = end
            covered[start:end] = [True] * (end - start)
        size = sum(count([text[a:b] for a, b in passage.sentences]))
        assert size <= max_tokens or len(passage.sentences) == 1
    for start, end in whole.sentences:
        assert all(covered[i] or text[i].isspace() for i in range(start, end))
    assert len({p.id for p in passages}) == len(passages)


def test_a_short_section_is_one_passage():
    whole = parse_markdown(markdown("deepseek-r1"), "x")
    passages = chunk(whole, HashEmbedder().count_tokens)
    assert [p.heading for p in passages] == ["The company", "The model"]
    assert whole.text[passages[0].start : passages[0].end].startswith("DeepSeek was founded")


def test_paragraphs_stay_together_where_they_fit():
    paragraph = "One two three four. Five six seven eight."
    whole = document("\n\n".join([paragraph] * 3))
    assert [whole.text[p.start : p.end] for p in chunk(whole, count, 10)] == [paragraph] * 3
    for max_tokens in (16, 24, 40):
        for passage in chunk(whole, count, max_tokens):
            assert set(whole.text[passage.start : passage.end].split("\n\n")) == {paragraph}
    assert len(chunk(whole, count, 100)) == 1


def test_a_long_paragraph_is_cut_into_even_parts():
    whole = document(" ".join(f"Sentence number {n} has six words." for n in range(20)))
    sizes = [sum(count([whole.text[p.start : p.end]])) for p in chunk(whole, count, 50)]
    assert len(sizes) == 3
    assert max(sizes) <= 50
    assert max(sizes) - min(sizes) <= 12


def test_a_sentence_too_long_is_cut_at_a_comma():
    whole = document("one two three four five, six seven eight nine ten")
    assert [whole.text[p.start : p.end] for p in chunk(whole, count, 6)] == ["one two three four five,", "six seven eight nine ten"]


@pytest.mark.parametrize("text", ["", " \n\n \t"])
def test_no_text_gives_no_passages(text):
    assert chunk(document(text), count) == []


def test_headings_are_in_no_passage():
    whole = parse_markdown(markdown("manus-agent"), "x")
    for passage in chunk(whole, HashEmbedder().count_tokens):
        assert "Maker" not in whole.text[passage.start : passage.end]
        assert "Demonstrations" not in whole.text[passage.start : passage.end]
