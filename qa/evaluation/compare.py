"""Compare an evaluation with an earlier one, question by question, with significance."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from qa.errors import EvaluationError
from qa.evaluation.metrics import RESAMPLES, SEED, abstention_f1
from qa.evaluation.questions import Question
from qa.evaluation.run import Outcome, Verdict

ALPHA = 0.05  # one-sided: a change of this size in this direction has to be rarer than that by chance
SHOWN = 10  # ids named in one line
SUMMARY = ("questions", "answer_accuracy", "first_sentence_accuracy", "citations", "abstention", "latency_ms")


class Bits(NamedTuple):
    """What a baseline keeps of one question."""

    verdict: Verdict
    first_right: bool
    valid: bool
    digest: str

    @property
    def good(self) -> bool:
        """Whether the assistant did what it should."""
        return self.verdict in ("right", "withheld")

    @property
    def gave_none(self) -> bool:
        """Whether there was no answer."""
        return self.verdict in ("refused", "withheld")


class BaselineSet(BaseModel):
    """An earlier evaluation of one question set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subset: int
    summary: dict[str, Any]
    questions: dict[str, Bits]


class Baseline(BaseModel):
    """Earlier evaluations by name of the set: the file ``baseline.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    sets: dict[str, BaselineSet]

    def of(self, name: str) -> BaselineSet:
        """Return the evaluation of a set.

        Raises:
            EvaluationError: there is none.
        """
        if name not in self.sets:
            held = ", ".join(self.sets) or "nothing"
            raise EvaluationError(f"the baseline holds {held}, not {name}; write one with: qa eval {name} --out DIR")
        return self.sets[name]


@dataclass(frozen=True)
class Change:
    """One figure before and after, over the questions that both evaluations asked.

    ``p`` is one-sided, in the direction of the change: how often so large a change would come
    about if before and after were interchangeable.
    """

    name: str
    before: float
    after: float
    n: int
    p: float

    @property
    def word(self) -> str:
        """Say "better" or "worse" if the change is significant, else "no significant change"."""
        if self.p >= ALPHA or self.before == self.after:
            return "no significant change"
        return "better" if self.after > self.before else "worse"


@dataclass(frozen=True)
class Comparison:
    """An evaluation beside its baseline.

    Attributes:
        paired: how many questions were compared.
        unpaired: how many were not, since the baseline lacks them or they read otherwise there.
        changes: the figures.
        better, worse: id, verdict before, verdict after.
        failures: why the gate fails; empty where it passes.
    """

    paired: int
    unpaired: int
    changes: tuple[Change, ...]
    better: tuple[tuple[str, str, str], ...]
    worse: tuple[tuple[str, str, str], ...]
    failures: tuple[str, ...]


def question_digest(question: Question) -> str:
    """Return eight hex digits that change when the question or what it expects does."""
    return hashlib.sha256(question.model_dump_json().encode()).hexdigest()[:8]


def bits(outcome: Outcome) -> Bits:
    """Return what a baseline keeps of an outcome."""
    return Bits(outcome.verdict, outcome.first_right, outcome.valid, question_digest(outcome.question))


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        EvaluationError: it cannot be read or is no baseline.
    """
    try:
        return Baseline.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path}: cannot be read as a baseline; write one with: qa eval test --out DIR") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise EvaluationError(f"{path}: not a baseline ({place}: {first['msg']}); write one with: qa eval test --out DIR") from error


def baseline_text(
    name: str, outcomes: Sequence[Outcome], summary: Mapping[str, Any], subset: int, known: Baseline | None = None
) -> str:
    """Return the text of a baseline file: this evaluation, and the other sets of a known baseline."""
    entry = BaselineSet(
        subset=subset,
        summary={key: summary[key] for key in SUMMARY},
        questions={o.question.id: bits(o) for o in outcomes},
    )
    merged = Baseline(format=1, sets=dict(sorted({**(known.sets if known else {}), name: entry}.items())))
    text = json.dumps(merged.model_dump(mode="json"), ensure_ascii=False, indent=1)
    return re.sub(r"\[[^][{}]*\]", lambda m: " ".join(m.group().split()), text) + "\n"  # one line a question


def compare(name: str, outcomes: Sequence[Outcome], baseline: Baseline) -> Comparison:
    """Compare an evaluation with a baseline of the same set, by question id.

    The gate fails on a significant loss of answer accuracy or abstention F1, and on any citation
    that is not valid, whatever the baseline says.

    Raises:
        EvaluationError: the baseline lacks the set, or no question is in both.
    """
    earlier = baseline.of(name).questions
    pairs: list[tuple[str, Bits, Bits]] = []
    for outcome in outcomes:
        new = bits(outcome)
        old = earlier.get(outcome.question.id)
        if old and old.digest == new.digest:
            pairs.append((outcome.question.id, old, new))
    if not pairs:
        raise EvaluationError(f"no question of {name} reads as it did in the baseline; write a new one with: qa eval {name} --out DIR")
    answerable = [(old, new) for _, old, new in pairs if new.verdict in ("right", "wrong", "refused")]
    changes = []
    if answerable:
        changes.append(_paired_share("answer accuracy", answerable, lambda b: b.verdict == "right"))
        changes.append(_paired_share("first-sentence accuracy", answerable, lambda b: b.first_right))
    changes.append(_paired_f1([(old, new) for _, old, new in pairs]))
    return Comparison(
        paired=len(pairs),
        unpaired=len(outcomes) - len(pairs),
        changes=tuple(changes),
        better=tuple((i, old.verdict, new.verdict) for i, old, new in pairs if new.good and not old.good),
        worse=tuple((i, old.verdict, new.verdict) for i, old, new in pairs if old.good and not new.good),
        failures=_failures(changes, outcomes),
    )


def _failures(changes: Sequence[Change], outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    found = [
        f"{c.name} fell from {c.before:.1%} to {c.after:.1%} over {c.n} questions (p = {c.p:.4f})"
        for c in changes
        if c.word == "worse" and c.name in ("answer accuracy", "abstention F1")
    ]
    broken = [o.question.id for o in outcomes if not o.valid]
    if broken:
        more = f" and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
        found.append(f"{len(broken)} of {len(outcomes)} answers hold a citation that is not valid: {', '.join(broken[:SHOWN])}{more}")
    return tuple(found)


def _paired_share(name: str, pairs: Sequence[tuple[Bits, Bits]], holds: Callable[[Bits], bool]) -> Change:
    """Compare shares; the randomisation test of paired yes and no is the exact sign test (McNemar)."""
    from scipy.stats import binomtest

    before, after = sum(holds(old) for old, _ in pairs), sum(holds(new) for _, new in pairs)
    won = sum(holds(new) and not holds(old) for old, new in pairs)
    lost = sum(holds(old) and not holds(new) for old, new in pairs)
    p = float(binomtest(max(won, lost), won + lost, 0.5, alternative="greater").pvalue) if won != lost else 1.0
    return Change(name, before / len(pairs), after / len(pairs), len(pairs), p)


def _paired_f1(pairs: Sequence[tuple[Bits, Bits]]) -> Change:
    """Compare the F1 of abstaining by a paired randomisation test."""
    from scipy.stats import permutation_test

    # 2: should abstain, 1: did. A pair shares the first, so that swapping it moves the second only.
    should = np.array([2 * (new.verdict in ("withheld", "overreached")) for _, new in pairs])
    before = should + [old.gave_none for old, _ in pairs]
    after = should + [new.gave_none for _, new in pairs]

    def f1(codes: NDArray[np.int_], axis: int) -> NDArray[np.float64]:
        return abstention_f1(codes >= 2, codes % 2 == 1, axis)

    def difference(a: NDArray[np.int_], b: NDArray[np.int_], axis: int) -> NDArray[np.float64]:
        return np.asarray(f1(a, axis) - f1(b, axis))

    observed = float(difference(after, before, -1))
    p = 1.0
    if observed:
        test = permutation_test(
            (after, before), difference, permutation_type="samples", vectorized=True, n_resamples=RESAMPLES, batch=1000,
            alternative="greater" if observed > 0 else "less", rng=np.random.default_rng(SEED),
        )  # fmt: skip
        p = float(test.pvalue)
    return Change("abstention F1", float(f1(before, -1)), float(f1(after, -1)), len(pairs), p)
