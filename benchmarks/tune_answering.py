"""Fit the weights of sentence choice and of confidence.

Purpose: write qa/answering/weights.json. Only the development split and the training questions
(answering_train.jsonl, see answering_data.py) are read.
Run: python benchmarks/tune_answering.py [--write]

Sentence weights: softmax regression over the candidate sentences of each question; a sentence is
right in proportion to the expected patterns that it meets. Confidence: logistic regression on
whether the question has an answer (English on English) or the chosen evidence is right (elsewhere).
Both are fitted for each regime, the sentence weights with an L2 pull towards those fitted on all
regimes. Printed figures are cross-validated on the development split (five folds by question); the
weights written are fitted on the whole of it. Confidence is scaled on held-out development questions, where
unanswerable ones are as frequent as in the test split and rarer than among the training questions.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass

import numpy as np
from answering_data import TrainingQuestion, load_training
from scipy.ndimage import uniform_filter
from scipy.optimize import minimize

from qa.answering import scoring
from qa.answering.analysis import analyse
from qa.answering.evidence import FEATURES, Candidate
from qa.answering.pipeline import HOME, SURE, gather, resolve
from qa.answering.select import choose, order_candidates
from qa.answering.sufficiency import FEATURES as CONFIDENCE_FEATURES
from qa.answering.sufficiency import confidence_features
from qa.assistant import Assistant
from qa.evaluation.questions import Question, load_questions
from qa.retrieval.filters import Filters

FOLDS = 5
STANDARD_C = 0.1
PULL = 0.6
TRAINING_SHARE = 0.25
"""Weight of a training question in confidence, against 1 for a development question: most of those without an
answer ask for an attribute that nothing states, fewer for another year or name, as users do."""


@dataclass
class Case:
    question: Question | TrainingQuestion
    regime: str
    analysis: object
    pool: list[Candidate]
    x: np.ndarray
    y: np.ndarray


def standing_alone(assistant: Assistant, question: Question | TrainingQuestion) -> str:
    return resolve(assistant._searcher, question.question, question.history, Filters())


def collect(assistant: Assistant, questions: list[Question | TrainingQuestion]) -> list[Case]:
    searcher = assistant._searcher
    cases = []
    for question in questions:
        analysis = analyse(searcher.reader.read(standing_alone(assistant, question)))
        # Both languages for every question: confidence must tell which of the two holds the answer.
        for language in ("en", "zh"):
            found = gather(searcher, analysis, Filters(), language, 3)
            pool = [c for _, c in found.ordered]
            if not pool:
                continue
            x = np.asarray([[c.features[f] for f in FEATURES] for c in pool])
            y = np.asarray([gain(question, c) for c in pool])
            cases.append(Case(question, found.regime, analysis, pool, x, y))
    return cases


def gain(question: Question | TrainingQuestion, candidate: Candidate) -> float:
    if isinstance(question, TrainingQuestion):
        return question.gain(candidate)
    if not question.answerable:
        return 0.0
    text = " ".join(candidate.text.split())
    met = np.mean([re.search(p, text, re.IGNORECASE) is not None for p in question.expect])
    return float(met) * (1.0 if candidate.document.id in question.documents else 0.5)


def fit_softmax(cases: list[Case], prior: np.ndarray, pull: float) -> np.ndarray:
    used = [c for c in cases if c.y.max() > 0]

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        total, grad = 0.0, np.zeros_like(w)
        for case in used:
            z = case.x @ w
            z -= z.max()
            p = np.exp(z) / np.exp(z).sum()
            target = np.where(case.y >= case.y.max() * 0.99, case.y, case.y * 0.3)
            # Probability mass on right sentences, whichever of them: -log sum(p * y).
            mass = float((p * target).sum()) + 1e-9
            total -= np.log(mass)
            grad -= case.x.T @ (p * target / mass - p)
        total += pull * float(((w - prior) ** 2).sum())
        return total, grad + 2 * pull * (w - prior)

    return minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(prior)).x


def fit_logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fit a logistic regression on standardised features; return weights and bias for raw ones."""
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-6
    z = np.column_stack([(x - mean) / deviation, np.ones(len(x))])

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        p = 1 / (1 + np.exp(-np.clip(z @ w, -30, 30)))
        value = -(weight * (y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9))).sum()
        pull = np.append(w[:-1], 0.0) / STANDARD_C
        return float(value + 0.5 * (w[:-1] ** 2).sum() / STANDARD_C), z.T @ (weight * (p - y)) + pull

    w = minimize(loss, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B").x
    return np.append(w[:-1] / deviation, w[-1] - (w[:-1] * mean / deviation).sum())


def install(weights: dict[str, dict[str, object]]) -> None:
    models = {name: scoring.Model(**raw) for name, raw in weights.items()}
    scoring._models = lambda: models  # type: ignore[assignment]


def rechoose(assistant: Assistant, case: Case) -> tuple[bool, dict[str, float]]:
    ordered = order_candidates(case.pool, case.regime)
    chosen = choose(case.analysis, ordered, 3, scoring.model(case.regime).extra)
    text = " ".join(" ".join(c.text.split()) for c in chosen)
    right = case.question.answerable and case.question.met_by(text)
    return right, confidence_features(case.analysis, chosen, case.pool, ordered, assistant.snapshot)


def train(assistant: Assistant, cases: list[Case], extra: float) -> dict[str, dict[str, object]]:
    start = np.asarray([5.0 if f in ("late", "lexical", "coverage") else 0.3 for f in FEATURES])
    shared = fit_softmax(cases, start, 0.1)
    regimes = {r: fit_softmax([c for c in cases if c.regime == r], shared, PULL) for r in scoring.REGIMES}
    weights = {
        r: {"sentence": dict(zip(FEATURES, map(float, w), strict=True)), "confidence": {}, "bias": 0.0, "threshold": 0.5, "extra": extra}
        for r, w in regimes.items()
    }
    install(weights)
    rows = [(case, *rechoose(assistant, case)) for case in cases]
    for name in scoring.REGIMES:
        mine = [(case, right, f) for case, right, f in rows if case.regime == name]
        x = np.asarray([[f[k] for k in CONFIDENCE_FEATURES] for _, _, f in mine])
        # Where two languages compete the target is a right answer, which tells the one that holds it from the other;
        # English documents hold nearly everything, so for English questions it is whether there is an answer.
        y = np.asarray([float(case.question.answerable if name == "en" else right) for case, right, _ in mine])
        share = np.asarray([TRAINING_SHARE if isinstance(case.question, TrainingQuestion) else 1.0 for case, _, _ in mine])
        w = fit_logistic(x, y, share)
        weights[name]["confidence"] = dict(zip(CONFIDENCE_FEATURES, map(float, w[:-1]), strict=True))
        weights[name]["bias"] = float(w[-1])
    install(weights)
    return weights


def evaluate(assistant: Assistant, questions: list[Question]) -> list[tuple[Question, float, str, bool, bool]]:
    """Run both languages as the pipeline does; return confidence, regime, right and first right."""
    searcher = assistant._searcher
    rows = []
    for question in questions:
        analysis = analyse(searcher.reader.read(standing_alone(assistant, question)))
        found = [gather(searcher, analysis, Filters(), language, 3) for language in ("en", "zh")]
        found.sort(key=lambda e: "-" in e.regime)
        entry = []
        for e in found:
            text = " ".join(" ".join(c.text.split()) for c in e.chosen)
            right = question.answerable and bool(e.chosen) and question.met_by(text)
            first = right and question.met_by(" ".join(e.chosen[0].text.split()))
            entry.append((e.confidence, e.regime, right, first))
        rows.append((question, entry))
    return rows


def platt(rows) -> tuple[float, float]:
    """Scale confidences to what real questions show (Platt 1999): made-up near misses shift them."""
    picks = [entry[0] if entry[0][0] + HOME >= entry[1][0] else entry[1] for _, entry in rows]
    picks = [p for p in picks if p[0] > 0.0]  # 0 marks what is out of reach, by rule
    z = np.asarray([np.log(p[0] / (1 - p[0])) for p in picks])
    y = np.asarray([float(p[2]) for p in picks])

    def loss(w: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-(w[0] * z + w[1])))
        return float(-(y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9)).sum())

    scale, shift = minimize(loss, np.asarray([1.0, 0.0]), method="Nelder-Mead").x
    return float(scale), float(shift)


def calibrate(confidence: float, scale: float, shift: float) -> float:
    if confidence == 0.0:
        return 0.0
    return float(1 / (1 + np.exp(-(scale * np.log(confidence / (1 - confidence)) + shift))))


def outcome(rows, thresholds: dict[str, float]) -> dict[str, float]:
    tp = fp = fn = right = answerable = first = 0
    for question, entry in rows:
        own = entry[0]
        other = entry[1]
        pick = other if own[0] < SURE and other[0] > own[0] + HOME and other[0] >= thresholds[other[1]] else own
        abstain = pick[0] < thresholds[pick[1]]
        if question.answerable:
            answerable += 1
            fp += abstain
            right += (not abstain) and pick[2]
            first += (not abstain) and pick[3]
        else:
            tp += abstain
            fn += not abstain
    return {
        "right": right / max(1, answerable), "first": first / max(1, answerable), "f1": 2 * tp / max(1, 2 * tp + fp + fn),
        "refused": fp / max(1, answerable), "unanswerable_answered": fn / max(1, tp + fn),
    }  # fmt: skip


def choose_thresholds(rows) -> dict[str, float]:
    """Choose the thresholds that make right answers and the F1 of abstaining greatest together.

    English on English and the rest have one each; English questions on Chinese passages get a high
    one of their own: English documents cover nearly all that Chinese ones do, so that turning to
    Chinese for an English question must be well founded. Each figure is the mean over thresholds nearby: with a
    few dozen unanswerable questions the single best one is chance.
    """
    own, zh, foreign = (np.arange(0.10, 0.90, 0.05) for _ in range(3))
    figures = np.zeros((len(own), len(zh), len(foreign)))
    for i, j, k in np.ndindex(figures.shape):
        o = outcome(rows, {"en": float(own[i]), "zh": float(zh[j]), "zh-en": float(foreign[k]), "en-zh": 0.85})
        figures[i, j, k] = o["right"] + o["f1"]
    i, j, k = np.unravel_index(uniform_filter(figures, size=3, mode="nearest").argmax(), figures.shape)
    return {"en": float(own[i]), "zh": float(zh[j]), "zh-en": float(foreign[k]), "en-zh": 0.85}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write qa/answering/weights.json")
    parser.add_argument("--extra", type=float, default=4.0, help="how far below the best sentence a further one may score")
    args = parser.parse_args()
    assistant = Assistant.open(own_documents=False)
    questions = load_questions("dev")
    training = load_training(assistant.snapshot.glossary)
    cases = collect(assistant, [*questions, *training])
    print(f"{len(questions)} development and {len(training)} training questions, {len(cases)} cases")
    held: list = []
    for fold in range(FOLDS):
        part = [q for i, q in enumerate(questions) if i % FOLDS == fold]
        ids = {q.id for q in part}
        train(assistant, [c for c in cases if c.question.id not in ids], args.extra)
        held += evaluate(assistant, part)
    scale, shift = platt(held)
    held = [(q, [(calibrate(c, scale, shift), *rest) for c, *rest in entry]) for q, entry in held]
    thresholds = choose_thresholds(held)
    figures = outcome(held, thresholds)
    for name, value in figures.items():
        print(f"cross-validated {name}: {value:.4f}")
    print("thresholds", {k: round(v, 2) for k, v in thresholds.items()})
    weights = train(assistant, cases, args.extra)
    for name, threshold in thresholds.items():
        weights[name]["threshold"] = threshold
        weights[name]["confidence"] = {k: v * scale for k, v in weights[name]["confidence"].items()}
        weights[name]["bias"] = weights[name]["bias"] * scale + shift
    for name in scoring.REGIMES:
        print(name, {k: round(v, 2) for k, v in weights[name]["sentence"].items()})
        print("   ", {k: round(v, 2) for k, v in weights[name]["confidence"].items()}, round(weights[name]["bias"], 2))
    if args.write:
        text = json.dumps({n: _rounded(w) for n, w in weights.items()}, indent=1) + "\n"
        scoring.WEIGHTS_FILE.write_text(text, encoding="utf-8")
        print(f"wrote {scoring.WEIGHTS_FILE}")


def _rounded(value):
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
