"""Turn features into a sentence's score, and the best evidence into a calibrated confidence.

The numbers stand in ``weights.json`` beside this file; ``benchmarks/tune_answering.py`` fits
and writes them.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from qa.answering.evidence import FEATURES, Candidate

WEIGHTS_FILE = Path(__file__).with_name("weights.json")


REGIMES = ("en", "zh", "zh-en", "en-zh")
"""English on English, Chinese on Chinese, a Chinese question on English passages, and the reverse:
the signals mean different things in each, so each has its own weights."""


def regime_of(asked: str, language: str) -> str:
    """Return the regime of a question's language and the passages' language."""
    return language if asked == language else f"{asked}-{language}"


@dataclass(frozen=True)
class Model:
    """Linear weights of one regime.

    Attributes:
        sentence: weight of each sentence feature.
        confidence: weight of each feature of confidence.
        bias: of confidence.
        threshold: confidence below which the assistant abstains.
        extra: how far below the best sentence a further one may score.
        judge: what a logit of the judge adds to a sentence's score.
        unjudged, unjudged_bias, unjudged_extra: the same as confidence, bias and extra where the judge has read nothing.
    """

    sentence: Mapping[str, float]
    confidence: Mapping[str, float]
    bias: float
    threshold: float
    extra: float
    judge: float
    unjudged: Mapping[str, float]
    unjudged_bias: float
    unjudged_extra: float

    @cached_property
    def by_feature(self) -> tuple[float, ...]:
        """The sentence weights in the order of FEATURES, in which candidates hold their features."""
        return tuple(self.sentence.get(name, 0.0) for name in FEATURES)


@lru_cache(maxsize=1)
def _models() -> dict[str, Model]:
    raw = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    return {regime: Model(**raw[regime]) for regime in REGIMES}


def model(regime: str) -> Model:
    """Return the shipped weights of a regime."""
    return _models()[regime]


def sentence_score(candidate: Candidate, regime: str) -> float:
    """Return how well a sentence fits the question; only differences matter."""
    return float(sum(map(operator.mul, candidate.features.values(), model(regime).by_feature)))


def confidence(features: Mapping[str, float], regime: str) -> float:
    """Return the calibrated probability that the evidence answers the question; features without a judge have weights of their own."""
    of = model(regime)
    weights, bias = (of.confidence, of.bias) if "judge" in features else (of.unjudged, of.unjudged_bias)
    z = bias + sum(weights.get(name, 0.0) * value for name, value in features.items())
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, z))))
