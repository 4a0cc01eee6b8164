"""Fit the weights of sentence choice and of confidence.

Purpose: write qa/answering/weights.json.
Run: python benchmarks/tune_answering.py --unseen FILE [--processes 2] [--write]
FILE is what ``train_judge.py --folds`` wrote: for each training question the logits of a judge that has not seen its document.

Sentence weights: softmax regression over the candidate sentences of each training question; a sentence is right in proportion
to the answers that it holds. Then the share of the judge's logit, by how far the sentence that comes first answers.
Confidence: logistic regression, each weight with the sign of its meaning, on whether the question has an answer (English on
English) or the chosen evidence is right (elsewhere). All are fitted for each regime, the sentence weights with an L2 pull
towards those of all regimes. The development split fits no weight: it scales confidence, since unanswerable questions are
rarer there, as among users, than in the training questions, and chooses the thresholds together with the training questions, of
which unanswerable ones count as much as in the development split. The figures printed are those of both, and the areas under
the ROC curve of confidence on training questions by cross-validation. The test split is not read.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from answering_data import TrainingQuestion, load_training
from scipy.ndimage import uniform_filter
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

from qa.answering import judge, pipeline, scoring
from qa.answering.analysis import analyse
from qa.answering.evidence import FEATURES, Candidate, candidates
from qa.answering.pipeline import HOME, JUDGED, SURE, gather, resolve
from qa.answering.scoring import REGIMES, regime_of
from qa.answering.sufficiency import FEATURES as UNJUDGED_FEATURES
from qa.answering.sufficiency import JUDGED_FEATURES
from qa.assistant import Assistant
from qa.evaluation.questions import Question, load_questions
from qa.retrieval.filters import Filters

FOLDS = 5
STANDARD_C = 0.1
PULL = 6.0
MOST_REFUSED = 0.04
CONFIDENCE_FEATURES = (*UNJUDGED_FEATURES, *JUDGED_FEATURES)
DIFFERING = {"worst_unmet", "unknown", "low_coverage", "low_cosine", "low_identity", "rival"}
AGREEING = set(CONFIDENCE_FEATURES) - DIFFERING - {"several", "judge_several"}
OFF_TOPIC = 4.0  # what a training question on another subject counts: for each near miss there are four times as many in the development split
ROUNDS = 3  # of scaling confidences, which decide from which language an answer is taken
UNJUDGED_EXTRA = 0.75  # without the judge scores lie closer together
SHARES = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0)
Weights = dict[str, dict[str, object]]


@dataclass
class Lesson:
    """The candidate sentences of a question in one language.

    Attributes:
        regime: of question and language.
        x: (n, features).
        y: (n,) how far each answers.
        rows: their numbers.
    """

    id: str
    regime: str
    x: np.ndarray
    y: np.ndarray
    rows: list[int]


@dataclass
class Outcome:
    """What the pipeline does with a question in one language.

    Attributes:
        features: of confidence; empty if there is no evidence.
        reachable: whether the language can answer at all.
        right, first: whether the chosen sentences hold everything asked, and the first alone.
    """

    id: str
    regime: str
    features: np.ndarray
    reachable: bool
    right: bool
    first: bool


class Work:
    """One process's part: an assistant, the questions, and logits of judges that have not seen them."""

    def __init__(self, unseen: Path) -> None:
        self.assistant = Assistant.open(own_documents=False)
        training = load_training(self.assistant.snapshot.glossary)
        self.questions = {q.id: q for q in [*training, *load_questions("dev")]}
        file = np.load(unseen)
        logits = iter(zip(file["rows"].tolist(), file["logits"].tolist(), strict=True))
        self.unseen = {key: dict(next(logits) for _ in range(n)) for key, n in zip(file["keys"].tolist(), file["lengths"].tolist(), strict=True)}

    def lessons(self, id: str) -> list[Lesson]:
        question, searcher, found = self.questions[id], self.assistant._searcher, []
        analysis = analyse(searcher.reader.read(question.question))
        for language in ("en", "zh"):
            pool = candidates(analysis, searcher.rank(analysis.query, Filters(), language), searcher.snapshot)
            y = np.asarray([gain(question, c) for c in pool], dtype=np.float32)
            if len(pool):
                x = np.asarray([list(c.features.values()) for c in pool], dtype=np.float32)
                found.append(Lesson(id, regime_of(question.language, language), x, y, [c.row for c in pool]))
        return found

    def outcomes(self, id: str, weights: Weights) -> list[Outcome]:
        install(weights)
        pipeline.judged = judge.judged
        question, searcher, found = self.questions[id], self.assistant._searcher, []
        analysis = analyse(searcher.reader.read(resolve(searcher, question.question, question.history, Filters())))
        for language in ("en", "zh"):
            pipeline.judged = self.judged(f"{id} {language}")
            evidence = gather(searcher, analysis, Filters(), language, 3)
            text = " ".join(" ".join(c.text.split()) for c in evidence.chosen)
            right = question.answerable and bool(evidence.chosen) and question.met_by(text)
            first = right and question.met_by(" ".join(evidence.chosen[0].text.split()))
            features = np.asarray([evidence.features.get(k, judge.UNJUDGED) for k in CONFIDENCE_FEATURES]) if evidence.features else np.zeros(0)
            found.append(Outcome(id, evidence.regime, features, evidence.confidence > 0, right, first))
        return found

    def judged(self, key: str) -> Callable[..., dict[int, float]]:
        known = self.unseen.get(key)

        def read(*args: object) -> dict[int, float]:
            found = judge.judged(*args)  # type: ignore[arg-type]
            if known is None:  # a development question, which no judge has seen
                return found
            return {row: known[row] for row in found if row in known}

        return read


_work: list[Work] = []


def _begin(unseen: Path) -> None:
    _work.append(Work(unseen))


def _lessons(id: str) -> list[Lesson]:
    return _work[0].lessons(id)


def _outcomes(task: tuple[str, Weights]) -> list[Outcome]:
    return _work[0].outcomes(*task)


def gain(question: Question | TrainingQuestion, candidate: Candidate) -> float:
    if isinstance(question, TrainingQuestion):
        return question.gain(candidate)
    if not question.answerable:
        return 0.0
    text = " ".join(candidate.text.split())
    met = np.mean([re.search(p, text, re.IGNORECASE) is not None for p in question.expect])
    return float(met) * (1.0 if candidate.document.id in question.documents else 0.5)


class Lists:
    """Lists of candidates one after another, for sums over each."""

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        self.lessons = [lesson for lesson in lessons if lesson.y.max() > 0]
        self.cuts = np.cumsum([0, *(len(lesson.y) for lesson in self.lessons)])[:-1]
        self.owner = np.repeat(np.arange(len(self.lessons)), [len(lesson.y) for lesson in self.lessons])
        self.x = np.concatenate([lesson.x for lesson in self.lessons]).astype(np.float64)
        y = np.concatenate([lesson.y for lesson in self.lessons]).astype(np.float64)
        self.target = np.where(y >= np.maximum.reduceat(y, self.cuts)[self.owner] * 0.99, y, y * 0.3)

    def loss(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """Return -log of the probability mass on right sentences, and its derivative by each score."""
        p = np.exp(z - np.maximum.reduceat(z, self.cuts)[self.owner])
        p /= np.add.reduceat(p, self.cuts)[self.owner]
        mass = np.add.reduceat(p * self.target, self.cuts) + 1e-9
        return float(-np.log(mass).sum()), p - p * self.target / mass[self.owner]


def fit_sentences(lists: Lists, prior: np.ndarray, pull: float) -> np.ndarray:
    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        value, by_score = lists.loss(lists.x @ w)
        return value + pull * float(((w - prior) ** 2).sum()), lists.x.T @ by_score + 2 * pull * (w - prior)

    return minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(prior)).x


def fit_share(lessons: Sequence[Lesson], weights: np.ndarray, unseen: dict[str, dict[int, float]]) -> float:
    """Choose the judge's share by how far the first of the best sentences that it has read answers."""
    read = []
    for lesson in lessons:
        scores = lesson.x @ weights
        known = unseen.get(f"{lesson.id} {lesson.regime.split('-')[-1]}", {})
        best = [i for i in np.argsort(-scores, kind="stable")[:JUDGED] if lesson.rows[i] in known]
        if best and lesson.y[best].max() > 0:
            read.append((scores[best], np.asarray([known[lesson.rows[i]] for i in best]), lesson.y[best]))
    return max(SHARES, key=lambda share: np.mean([y[np.argmax(score + share * logit)] for score, logit, y in read]))


def fit_logistic(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Fit a logistic regression on standardised features; return weights and bias for raw ones.

    Weights have the sign that their meaning gives them: most training questions without an answer are near misses, which
    resemble the evidence more than answerable ones do, and free weights would trust evidence for being unlike the question.
    """
    names = CONFIDENCE_FEATURES[: x.shape[1]]
    bounds = [(0, None) if f in AGREEING else (None, 0) if f in DIFFERING else (None, None) for f in names]
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-6
    z = np.column_stack([(x - mean) / deviation, np.ones(len(x))])

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        p = 1 / (1 + np.exp(-np.clip(z @ w, -30, 30)))
        value = -(counts * (y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9))).sum()
        pull = np.append(w[:-1], 0.0) / STANDARD_C
        return float(value + 0.5 * (w[:-1] ** 2).sum() / STANDARD_C), z.T @ (counts * (p - y)) + pull

    w = minimize(loss, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)]).x
    return np.append(w[:-1] / deviation, w[-1] - (w[:-1] * mean / deviation).sum())


def install(weights: Weights) -> None:
    models = {name: scoring.Model(**raw) for name, raw in weights.items()}
    scoring._models = lambda: models  # type: ignore[assignment]


def sentence_weights(lessons: Sequence[Lesson], unseen: dict[str, dict[int, float]], extra: float) -> Weights:
    start = np.asarray([5.0 if f in ("late", "lexical", "coverage") else 0.3 for f in FEATURES])
    shared = fit_sentences(Lists(lessons), start, 0.1)
    weights: Weights = {}
    for regime in REGIMES:
        own = [lesson for lesson in lessons if lesson.regime == regime]
        w = fit_sentences(Lists(own), shared, PULL)
        weights[regime] = {
            "sentence": dict(zip(FEATURES, map(float, w), strict=True)), "confidence": {}, "bias": 0.0, "threshold": 0.5, "extra": extra,
            "judge": fit_share(own, w, unseen), "unjudged": {}, "unjudged_bias": 0.0, "unjudged_extra": UNJUDGED_EXTRA * extra,
        }  # fmt: skip
    return weights


def fit_confidence(weights: Weights, outcomes: Sequence[Outcome], questions: dict[str, TrainingQuestion]) -> None:
    for regime in REGIMES:
        own = [o for o in outcomes if o.regime == regime and len(o.features)]
        x = np.stack([o.features for o in own])
        # Where two languages compete the target is a right answer, which tells the one that holds it from the other;
        # English documents hold nearly everything, so for English questions it is whether there is an answer.
        y = np.asarray([float(questions[o.id].answerable if regime == "en" else o.right) for o in own])
        counts = np.asarray([OFF_TOPIC if questions[o.id].why == "off_topic" else 1.0 for o in own])
        part = np.arange(len(own)) % FOLDS
        for key, bias, names in (("confidence", "bias", CONFIDENCE_FEATURES), ("unjudged", "unjudged_bias", UNJUDGED_FEATURES)):
            known = x[:, : len(names)]
            z = np.zeros(len(own))
            for fold in range(FOLDS):
                w = fit_logistic(known[part != fold], y[part != fold], counts[part != fold])
                z[part == fold] = known[part == fold] @ w[:-1] + w[-1]
            w = fit_logistic(known, y, counts)
            weights[regime][key] = dict(zip(names, map(float, w[:-1]), strict=True))
            weights[regime][bias] = float(w[-1])
            print(f"{key}, {regime}: area {roc_auc_score(y, z):.4f} ({len(y)} training questions)", flush=True)


Entry = tuple[Question | TrainingQuestion, list[tuple[float, str, bool, bool]]]
"""A question, and confidence, regime, right and first right in its own language and the other."""


def entries(weights: Weights, outcomes: Sequence[Outcome], questions: Sequence[Question | TrainingQuestion]) -> Iterator[Entry]:
    install(weights)
    of: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        of.setdefault(outcome.id, []).append(outcome)
    for question in questions:
        entry = []
        for o in sorted(of[question.id], key=lambda o: "-" in o.regime):
            known = o.reachable and len(o.features)
            sure = scoring.confidence(dict(zip(CONFIDENCE_FEATURES, o.features.tolist(), strict=True)), o.regime) if known else 0.0
            entry.append((sure, o.regime, o.right, o.first))
        yield question, entry


def platt(rows: Sequence[Entry]) -> tuple[float, float]:
    """Scale confidences to what questions show among which few are unanswerable (Platt 1999)."""
    picks = [entry[0] if entry[0][0] + HOME >= entry[1][0] else entry[1] for _, entry in rows]
    picks = [p for p in picks if p[0] > 0.0]  # 0 marks what is out of reach, by rule
    z = np.asarray([np.log(p[0] / (1 - p[0])) for p in picks])
    y = np.asarray([float(p[2]) for p in picks])

    def loss(w: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-(w[0] * z + w[1])))
        return float(-(y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9)).sum())

    scale, shift = minimize(loss, np.asarray([1.0, 0.0]), method="Nelder-Mead").x
    return float(scale), float(shift)


class Answers:
    """What the assistant would do with questions at some thresholds."""

    def __init__(self, rows: Sequence[Entry], like: Sequence[Question] = ()) -> None:
        """Take entries; unanswerable ones count as much as makes their share, and that of near misses among them, as in other questions."""
        self.answerable = np.asarray([q.answerable for q, _ in rows])
        self.sure = np.asarray([[e[0] for e in entry] for _, entry in rows])
        self.regime = np.asarray([[REGIMES.index(e[1]) for e in entry] for _, entry in rows])
        self.right = np.asarray([[e[2] for e in entry] for _, entry in rows])
        self.first = np.asarray([[e[3] for e in entry] for _, entry in rows])
        self.weight = np.ones(len(rows))
        near = np.asarray([not q.answerable and getattr(q, "why", "") != "off_topic" for q, _ in rows])
        for group, near_miss in ((near, True), (~near & ~self.answerable, False)) if like else ():
            wanted = sum(not q.answerable and q.near_miss == near_miss for q in like) / sum(q.answerable for q in like)
            self.weight[group] = wanted * self.answerable.sum() / group.sum()

    def figures(self, thresholds: dict[str, float]) -> dict[str, float]:
        """Return shares, out of answerable or of unanswerable questions, and the F1 of abstaining."""
        least = np.asarray([thresholds[r] for r in REGIMES])[self.regime]
        own, other = self.sure.T
        pick = ((own < SURE) & (other > own + HOME) & (other >= least[:, 1])).astype(int)
        line = np.arange(len(pick))
        abstained = self.sure[line, pick] < least[line, pick]
        answered = self.answerable & ~abstained
        withheld = self.weight[~self.answerable & abstained].sum()
        told, refused = self.weight[~self.answerable & ~abstained].sum(), self.weight[self.answerable & abstained].sum()
        every = self.answerable.sum()
        return {
            "right": float(self.right[line, pick][answered].sum() / every), "first": float(self.first[line, pick][answered].sum() / every),
            "f1": float(2 * withheld / max(1e-9, 2 * withheld + told + refused)), "refused": float(refused / every),
            "unanswerable_answered": float(told / max(1e-9, told + withheld)),
        }  # fmt: skip


def choose_thresholds(judges: Sequence[Answers]) -> dict[str, float]:
    """Choose the thresholds that make the F1 of abstaining greatest, refusing no more than MOST_REFUSED of the answerable questions.

    English questions on Chinese passages get a high one of their own: English documents cover nearly all that Chinese ones do, so
    that turning to Chinese for an English question must be well founded. Each figure is the mean over sets of questions and over
    thresholds nearby: with a few dozen unanswerable questions the single best one is chance.
    """
    own, zh, foreign = (np.arange(0.10, 0.90, 0.05) for _ in range(3))
    figures = np.zeros((len(own), len(zh), len(foreign)))
    for i, j, k in np.ndindex(figures.shape):
        found = [a.figures({"en": float(own[i]), "zh": float(zh[j]), "zh-en": float(foreign[k]), "en-zh": 0.85}) for a in judges]
        figures[i, j, k] = np.mean([f["f1"] - 5 * max(0.0, f["refused"] - MOST_REFUSED) for f in found])
    i, j, k = np.unravel_index(uniform_filter(figures, size=3, mode="nearest").argmax(), figures.shape)
    return {"en": float(own[i]), "zh": float(zh[j]), "zh-en": float(foreign[k]), "en-zh": 0.85}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unseen", type=Path, required=True, help="logits on unseen documents, as train_judge.py writes them")
    parser.add_argument("--write", action="store_true", help="write qa/answering/weights.json")
    parser.add_argument("--extra", type=float, default=8.0, help="how far below the best sentence a further one may score")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    dev = load_questions("dev")
    work = Work(args.unseen)
    training = [q for q in work.questions.values() if isinstance(q, TrainingQuestion)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.processes, context, _begin, (args.unseen,)) as pool:
        asked = [q.id for q in training if q.answerable]
        lessons = [lesson for found in pool.map(_lessons, asked, chunksize=50) for lesson in found]
        print(f"{len(training)} training questions, {len(lessons)} lists of candidates", flush=True)
        weights = sentence_weights(lessons, work.unseen, args.extra)
        print("share of the judge", {r: w["judge"] for r, w in weights.items()}, flush=True)
        taught = [o for found in pool.map(_outcomes, [(q.id, weights) for q in training], chunksize=50) for o in found]
        held = [o for found in pool.map(_outcomes, [(q.id, weights) for q in dev], chunksize=20) for o in found]
    fit_confidence(weights, taught, {q.id: q for q in training})
    for _ in range(ROUNDS):
        scale, shift = platt(list(entries(weights, held, dev)))
        print(f"scale {scale:.3f}, shift {shift:.3f}")
        for raw in weights.values():
            for key, bias in (("confidence", "bias"), ("unjudged", "unjudged_bias")):
                raw[key] = {k: v * scale for k, v in raw[key].items()}  # type: ignore[attr-defined]
                raw[bias] = raw[bias] * scale + shift  # type: ignore[operator]
    judged = Answers(list(entries(weights, held, dev)))
    lessons_judged = Answers(list(entries(weights, taught, training)), dev)
    thresholds = choose_thresholds([judged, lessons_judged])
    for name, answers in (("development", judged), ("training, unanswerable ones as in development,", lessons_judged)):
        print(name, ", ".join(f"{key} {value:.4f}" for key, value in answers.figures(thresholds).items()))
    print("thresholds", {k: round(v, 2) for k, v in thresholds.items()})
    for name, raw in weights.items():
        raw["threshold"] = thresholds[name]
        print(name, {k: round(v, 2) for k, v in raw["sentence"].items()})  # type: ignore[attr-defined]
        print("   ", {k: round(v, 2) for k, v in raw["confidence"].items()}, round(raw["bias"], 2))  # type: ignore[attr-defined,call-overload]
    if args.write:
        text = json.dumps({n: _rounded(w) for n, w in weights.items()}, indent=1) + "\n"
        scoring.WEIGHTS_FILE.write_text(text, encoding="utf-8")
        print(f"wrote {scoring.WEIGHTS_FILE}")


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
