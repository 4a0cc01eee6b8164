"""Every metric against values worked out by hand."""

from math import log2, sqrt

import numpy as np
import pytest

from qa.evaluation.metrics import (
    abstention,
    abstention_f1,
    calibration,
    retrieval,
    risk_coverage,
    share,
    spread,
    statement_support,
)

Z = 1.959964  # 97.5% point of the normal distribution


def test_share_counts_and_gives_wilsons_interval():
    found = share([True, True, True, False])
    p, n = 3 / 4, 4
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    assert (found["count"], found["n"], found["share"]) == (3, 4, 0.75)
    assert found["low"] == pytest.approx(centre - half, abs=1e-4)
    assert found["high"] == pytest.approx(centre + half, abs=1e-4)


def test_share_of_nothing_is_none_and_not_zero():
    assert share([]) == {"count": 0, "n": 0, "share": None, "low": None, "high": None}


def test_share_takes_a_generator_and_extremes():
    assert share(x > 0 for x in (1, 2))["high"] == 1.0
    assert share([False])["low"] == 0.0


def words(statement, quotes):
    """Support as in a reader's head: every word of the statement stands in some quote."""
    return set(statement.split()) <= set(" ".join(quotes).split())


@pytest.mark.parametrize(
    ("quotes", "recall", "precise"),
    [
        (["a b"], True, [True]),
        (["a b", "x"], True, [True, False]),  # the second neither supports nor is needed
        (["a", "b"], True, [True, True]),  # each is needed
        (["a b", "b a"], True, [True, True]),  # each supports alone
        (["a", "b", "x"], True, [True, True, False]),
        (["a", "b", "a"], True, [False, True, False]),  # "a" twice: neither copy is needed, neither supports alone
        (["a b", "a"], True, [True, False]),
        (["a"], False, [False]),
        (["a", "x"], False, [False, False]),
        ([], False, []),
    ],
)
def test_statement_support_follows_alce(quotes, recall, precise):
    assert statement_support("a b", quotes, words) == (recall, precise)


def test_statement_support_with_the_assistants_own_check():
    from qa.answering.verify import support
    from qa.text.glossary import Entry, Glossary

    glossary = Glossary([Entry("Baidu", "百度", (), "company"), Entry("Alibaba", "阿里巴巴", (), "company")])

    def supports(statement, quotes):
        return support(statement, quotes, glossary) == "supported"

    statement = "Baidu spent 11 percent in 2024."
    assert statement_support(statement, [statement], supports) == (True, [True])
    assert statement_support(statement, ["In 2024 Baidu spent 11 percent.", "Alibaba was silent."], supports) == (True, [True, False])
    assert statement_support(statement, ["Baidu spoke in 2024.", "It spent 11 percent."], supports) == (True, [True, True])
    assert statement_support(statement, ["Alibaba spent 11 percent in 2024."], supports) == (False, [False])
    assert statement_support(statement, ["Baidu spent 12 percent in 2024."], supports) == (False, [False])


def test_retrieval_by_hand():
    found = retrieval([["a"], ["b", "c"]], [["a", "x"], ["x", "x", "y", "c", "b"]])
    # first: rank 1. second: repeats fall together, so c stands at rank 3, and b, its equal, does not count again.
    assert found == {
        "n": 2,
        "success@1": 1 / 2,
        "success@5": 2 / 2,
        "rr@10": pytest.approx((1 + 1 / 3) / 2, abs=1e-4),
        "ndcg@10": pytest.approx((1 + 1 / log2(3 + 1)) / 2, abs=1e-4),
    }


def test_retrieval_counts_questions_whose_ranking_is_empty_or_misses():
    found = retrieval([["a"], ["a"], ["a"], ["a"]], [["a"], [], ["x"], ["b", "c", "d", "e", "f", "a"]])
    assert (found["n"], found["success@1"], found["success@5"]) == (4, 0.25, 0.25)
    assert found["rr@10"] == pytest.approx((1 + 0 + 0 + 1 / 6) / 4, abs=1e-4)


def test_retrieval_of_no_questions():
    assert retrieval([], []) == {"n": 0}


def test_abstention_by_hand():
    should = [True, True, True, False, False, False, False]
    did = [True, True, False, True, False, False, False]
    found = abstention(should, did)
    assert (found["precision"]["count"], found["precision"]["n"]) == (2, 3)
    assert (found["recall"]["count"], found["recall"]["n"]) == (2, 3)
    assert (found["answerable_refused"]["count"], found["answerable_refused"]["n"]) == (1, 4)
    assert found["f1"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert 0 <= found["f1"]["low"] < 2 / 3 < found["f1"]["high"] <= 1
    assert abstention(should, did) == found  # the bootstrap is seeded


def test_abstention_f1_along_an_axis():
    should = np.array([[True, False], [True, False], [False, False]])
    did = np.array([[True, False], [False, True], [False, False]])
    # 2 TP / (wanted + done): 2*1/(1+1), 2*0/(1+1), 0/max(1, 0)
    assert abstention_f1(should, did).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(("should", "did", "value"), [([True], [True], 1.0), ([False], [False], 0.0), ([True], [False], 0.0)])
def test_abstention_of_one_question_has_no_interval(should, did, value):
    assert abstention(should, did)["f1"] == {"value": value, "low": None, "high": None}


def test_calibration_by_hand():
    found = calibration([0.95, 0.85, 0.85, 0.15, 1.0], [True, True, False, False, True])
    # bins from 0.1: |0.15 - 0| of 1; from 0.8: |0.85 - 1/2| of 2; from 0.9, 1.0 included: |0.975 - 1| of 2
    assert found["ece"] == pytest.approx((0.15 * 1 + 0.35 * 2 + 0.025 * 2) / 5, abs=1e-4)
    assert found["points"] == [[0.15, 0.0, 1], [0.85, 0.5, 2], [0.975, 1.0, 2]]
    assert found["n"] == 5


def test_calibration_of_no_answers():
    assert calibration([], []) == {"n": 0, "ece": None, "points": []}


def test_risk_coverage_by_hand():
    # equal confidences cannot be told apart, so they come in together; one of five questions has no answer
    points = risk_coverage([0.8, 0.9, 0.5, 0.8], [False, True, True, True], 5)
    assert points == [[1 / 5, 0.0], [3 / 5, pytest.approx(1 / 3, abs=1e-4)], [4 / 5, 1 / 4]]
    assert risk_coverage([], [], 5) == []


def test_spread_by_hand():
    assert spread([40, 10, 20, 30]) == {"n": 4, "mean": 25.0, "p50": 25.0, "p95": 30 + 0.85 * 10, "max": 40.0}
    assert spread([]) == {"n": 0}
