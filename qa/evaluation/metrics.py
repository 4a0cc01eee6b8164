"""Figures from answers: accuracy, citations, retrieval, abstention, calibration, latency.

Retrieval metrics come from ir-measures; the rest counts. All take plain values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def retrieval(expected: Sequence[Sequence[str]], ranked: Sequence[Sequence[str]]) -> dict[str, float]:
    """Score rankings of document ids against the documents that answer.

    Args:
        expected: for each question the ids that answer (at least one).
        ranked: for each question the retrieved ids, best first, repeats allowed.

    Returns:
        success@1, success@5 (any answering document among the first k), RR@10, nDCG@10.
    """
    import ir_measures
    from ir_measures import RR, Success, nDCG

    # Documents that answer alike are interchangeable: the best-ranked one stands for all of them.
    qrels, run = [], []
    for n, (wanted, found) in enumerate(zip(expected, ranked, strict=True)):
        distinct = list(dict.fromkeys(found))
        best = next((d for d in distinct if d in wanted), wanted[0])
        qrels.append(ir_measures.Qrel(str(n), best, 1))
        run += [ir_measures.ScoredDoc(str(n), d, 1.0 / (rank + 1)) for rank, d in enumerate(distinct)]
    values = ir_measures.calc_aggregate([Success @ 1, Success @ 5, RR @ 10, nDCG @ 10], qrels, run)
    return {str(measure).lower(): float(value) for measure, value in values.items()}


def abstention(should: Sequence[bool], did: Sequence[bool]) -> dict[str, float]:
    """Return precision, recall and F1 of abstaining, and the share of answerable questions refused."""
    pairs = list(zip(should, did, strict=True))
    hit = sum(s and d for s, d in pairs)
    precision = hit / max(1, sum(did))
    recall = hit / max(1, sum(should))
    f1 = 2 * precision * recall / (precision + recall) if hit else 0.0
    refused = sum(d and not s for s, d in pairs) / max(1, sum(not s for s in should))
    return {"precision": precision, "recall": recall, "f1": f1, "answerable_refused": refused}


def calibration(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> dict[str, object]:
    """Return the expected calibration error and the points of the reliability diagram.

    Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (AAAI 2015).
    """
    values, truth = np.asarray(confidence), np.asarray(right, dtype=float)
    number = np.minimum((values * bins).astype(int), bins - 1)
    points, error = [], 0.0
    for b in range(bins):
        inside = number == b
        if inside.any():
            mean, rate, share = values[inside].mean(), truth[inside].mean(), inside.mean()
            error += share * abs(mean - rate)
            points.append([round(float(mean), 4), round(float(rate), 4), int(inside.sum())])
    return {"ece": float(error), "points": points}


def risk_coverage(confidence: Sequence[float], right: Sequence[bool]) -> list[tuple[float, float]]:
    """Return (coverage, risk) as ever less confident answers are given."""
    order = np.argsort(-np.asarray(confidence), kind="stable")
    wrong = np.cumsum(~np.asarray(right, dtype=bool)[order])
    n = np.arange(1, len(order) + 1)
    return [(float(c), float(r)) for c, r in zip(n / len(order), wrong / n, strict=True)]


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return the median and the 95th percentile."""
    return {"p50": float(np.percentile(values, 50)), "p95": float(np.percentile(values, 95))}
