"""Figures from answers: shares with intervals, citations, retrieval, abstention, calibration, latency.

Retrieval metrics come from ir-measures, intervals from SciPy; the rest counts. All take plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Supports = Callable[[str, Sequence[str]], bool]
LEVEL = 0.95
RESAMPLES = 9_999  # SciPy's own default: p and interval ends are then good to about half a point
SEED = 20_260_701  # any fixed number: the same answers give the same report


def share(values: Iterable[bool]) -> dict[str, Any]:
    """Count what holds, with the 95% interval of Wilson (1927).

    Returns:
        count, n, share, low, high; the last three are None where n is 0.
    """
    from scipy.stats import binomtest

    listed = [bool(v) for v in values]
    count, n = sum(listed), len(listed)
    if not n:
        return {"count": 0, "n": 0, "share": None, "low": None, "high": None}
    interval = binomtest(count, n).proportion_ci(LEVEL, method="wilson")
    return {"count": count, "n": n, "share": count / n, "low": _rounded(interval.low), "high": _rounded(interval.high)}


def _rounded(value: float) -> float:
    return round(float(value), 6)  # enough to print any digit that n supports


def statement_support(statement: str, quotes: Sequence[str], supports: Supports) -> tuple[bool, list[bool]]:
    """Judge a statement's citations as ALCE does: do they support it, and is each of them needed?

    Gao et al., "Enabling Large Language Models to Generate Text with Citations" (EMNLP 2023),
    https://arxiv.org/abs/2305.14627, section 3: recall is 1 if the citations jointly support the
    statement. A citation is precise if recall is 1 and it supports the statement alone, or the
    others no longer do without it.

    Args:
        statement: one sentence of an answer.
        quotes: what its citations quote.
        supports: tells whether quotes jointly support a statement.

    Returns:
        Recall of the statement, and for each citation whether it is precise.
    """
    if not quotes or not supports(statement, quotes):
        return False, [False] * len(quotes)
    precise = []
    for n, quote in enumerate(quotes):
        others = [*quotes[:n], *quotes[n + 1 :]]
        precise.append(supports(statement, [quote]) or not others or not supports(statement, others))
    return True, precise


def retrieval(expected: Sequence[Sequence[str]], ranked: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Score rankings of document ids against the documents that answer.

    Documents that answer alike are interchangeable: the best-ranked one stands for all of them.

    Args:
        expected: for each question the ids that answer (at least one).
        ranked: for each question the retrieved ids, best first, repeats allowed.

    Returns:
        n, and the means of success@1, success@5 (an answering document among the first k, which is
        recall@k for interchangeable documents), rr@10 and ndcg@10; only n where there is no question.
    """
    import ir_measures
    from ir_measures import RR, Success, nDCG

    if not expected:
        return {"n": 0}
    qrels, run = [], []
    for n, (wanted, found) in enumerate(zip(expected, ranked, strict=True)):
        distinct = list(dict.fromkeys(found))
        best = next((d for d in distinct if d in wanted), wanted[0])
        qrels.append(ir_measures.Qrel(str(n), best, 1))
        run += [ir_measures.ScoredDoc(str(n), d, 1.0 / (rank + 1)) for rank, d in enumerate(distinct)]
    measures = [Success @ 1, Success @ 5, RR @ 10, nDCG @ 10]
    values = ir_measures.calc_aggregate(measures, qrels, run)
    return {"n": len(expected)} | {str(m).lower(): _rounded(values[m]) for m in measures}


def abstention_f1(should: NDArray[np.bool_], did: NDArray[np.bool_], axis: int = -1) -> NDArray[np.float64]:
    """Return the F1 of abstaining along an axis; 0 where nothing was rightly withheld."""
    hit = (should & did).sum(axis=axis)
    either = should.sum(axis=axis) + did.sum(axis=axis)
    return np.asarray(2 * hit / np.maximum(1, either), dtype=float)


def abstention(should: Sequence[bool], did: Sequence[bool]) -> dict[str, Any]:
    """Return precision, recall and F1 of abstaining, and the share of answerable questions refused.

    F1 comes with the 95% percentile interval of a bootstrap over questions; its ends are None
    where all questions are alike, so that there is nothing to draw from.
    """
    pairs = list(zip(should, did, strict=True))
    wanted, done = np.asarray(should, dtype=bool), np.asarray(did, dtype=bool)
    low, high = _f1_interval(wanted, done)
    return {
        "precision": share(s for s, d in pairs if d),
        "recall": share(d for s, d in pairs if s),
        "f1": {"value": _rounded(float(abstention_f1(wanted, done))), "low": low, "high": high},
        "answerable_refused": share(d for s, d in pairs if not s),
    }


def _f1_interval(should: NDArray[np.bool_], did: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    from scipy.stats import bootstrap

    if len(set(zip(should.tolist(), did.tolist(), strict=True))) < 2:
        return None, None
    found = bootstrap(
        (should, did), abstention_f1, paired=True, vectorized=True, n_resamples=RESAMPLES, batch=1000, confidence_level=LEVEL,
        method="percentile", rng=np.random.default_rng(SEED),
    )  # fmt: skip
    return _rounded(found.confidence_interval.low), _rounded(found.confidence_interval.high)


def calibration(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> dict[str, Any]:
    """Return the expected calibration error and the points of the reliability diagram.

    Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (AAAI 2015),
    with bins of equal width.

    Returns:
        n, ece (None where n is 0) and points: mean confidence, share right and count of each bin
        that holds answers.
    """
    values, truth = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
    number = np.minimum((values * bins).astype(int), bins - 1)
    points, error = [], 0.0
    for b in range(bins):
        inside = number == b
        if inside.any():
            mean, rate = values[inside].mean(), truth[inside].mean()
            error += float(inside.mean() * abs(mean - rate))
            points.append([_rounded(mean), _rounded(rate), int(inside.sum())])
    return {"n": len(values), "ece": _rounded(error) if len(values) else None, "points": points}


def risk_coverage(confidence: Sequence[float], right: Sequence[bool], total: int) -> list[list[float]]:
    """Return the risk of answering only what is at least so confident, for each confidence that occurs.

    El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification" (JMLR 2010).

    Args:
        confidence: of each answer given.
        right: whether that answer is right.
        total: all questions, those without an answer too.

    Returns:
        [coverage, risk]: share of all questions answered, and share of these answers that are
        wrong; coverage grows.
    """
    values, truth = np.asarray(confidence, dtype=float), np.asarray(right, dtype=bool)
    points = []
    for least in np.unique(values)[::-1]:
        inside = values >= least
        points.append([_rounded(inside.sum() / total), _rounded((inside & ~truth).sum() / inside.sum())])
    return points


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return n, mean, median, 95th percentile (linear interpolation) and greatest; only n where empty."""
    if not len(values):
        return {"n": 0}
    p50, p95 = np.percentile(values, [50, 95])
    return {"n": len(values), "mean": round(float(np.mean(values)), 2), "p50": round(float(p50), 2), "p95": round(float(p95), 2),
            "max": round(float(max(values)), 2)}  # fmt: skip
