"""Reasoning is never shown as answer, however a stream is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.llm.parse import MarkFilter
from qa.llm.thinking import ThinkingFilter

CASES = [
    ("plain answer", "plain answer"),
    ("<think>hidden</think>shown", "shown"),
    ("before <think>hidden</think> after", "before  after"),
    ("<think>never closed", ""),
    ("opened in the prompt</think>shown", "shown"),
    ("a<think>b</think>c<think>d</think>e", "ace"),
    ("1 < 2 and <thin air>", "1 < 2 and <thin air>"),
    ("<think></think>x", "x"),
    ("ends in <thi", "ends in <thi"),
]


@pytest.mark.parametrize(("text", "answer"), CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_reasoning_is_taken_out_of_a_stream(text, answer, size):
    kept = ThinkingFilter()
    for i in range(0, len(text), size):
        kept.feed(text[i : i + size])
    kept.close()
    assert kept.answer == answer


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "think>", "a", "é", "/think>"]), max_size=12), st.integers(1, 9))
def test_the_cut_of_the_stream_makes_no_difference(parts, size):
    text = "".join(parts)
    kept, whole = ThinkingFilter(), ThinkingFilter()
    for i in range(0, len(text), size):
        kept.feed(text[i : i + size])
    whole.feed(text)
    kept.close()
    whole.close()
    assert kept.answer == whole.answer
    assert "<think>" not in kept.answer
    assert "</think>" not in kept.answer


def test_a_reply_that_begins_inside_its_reasoning_shows_nothing_of_it():
    kept = ThinkingFilter(begins_inside=True)
    shown = [kept.feed(piece) for piece in ("I must ", "reason </th", "ink>The an", "swer")] + [kept.close()]
    assert shown == ["", "", "The an", "swer", ""]


@pytest.mark.parametrize(("complete", "answer"), [(True, "no tags at all"), (False, "")])
def test_held_text_without_tags_is_an_answer_only_if_the_model_ended_by_itself(complete, answer):
    kept = ThinkingFilter(begins_inside=True)
    assert kept.feed("no tags at all") == ""
    assert kept.close(complete) == answer


def test_held_text_is_let_go_when_the_reasoning_has_a_field_of_its_own():
    kept = ThinkingFilter(begins_inside=True)
    kept.release()
    assert kept.feed("answer") == "answer"


@pytest.mark.parametrize("size", [1, 2, 5, 50])
def test_invented_numbers_are_taken_out_of_a_stream(size):
    text = "A [1]. B [7]. C [2, 9] and D 【3】[12]. E [sic]."
    marks = MarkFilter(3)
    shown = "".join(marks.feed(text[i : i + size]) for i in range(0, len(text), size)) + marks.close()
    assert shown == "A [1]. B. C [2] and D [3]. E [sic]."
