"""Ask the questions that were written without knowledge of the corpus, and count what is answered, refused and withheld.

Purpose: the figures on questions asked blind (answering_data.py tells how they came about).
Run: python benchmarks/blind_questions.py [--set test] [--list]

Right is an answer whose quotes hold what the labelled evidence states, as the same words, figure, date or name. The labels know one
way to say it, so that an answer may be right and not count. Intervals are of 95 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from answering_data import TrainingQuestion, load_blind
from sklearn.metrics import roc_auc_score

from qa import Answer, Assistant
from qa.evaluation.metrics import abstention, share


@dataclass(frozen=True)
class Outcome:
    """A question and what became of it."""

    question: TrainingQuestion
    answer: Answer

    @property
    def right(self) -> bool:
        return not self.answer.abstained and self.question.met_by(" ".join(" ".join(c.quote.split()) for c in self.answer.citations))


def show(name: str, outcomes: Sequence[Outcome]) -> None:
    answerable, others = ([o for o in outcomes if o.question.answerable == value] for value in (True, False))
    abstained = abstention([not o.question.answerable for o in outcomes], [o.answer.abstained for o in outcomes])
    rows = {
        "right": share(o.right for o in answerable),
        "refused": abstained["answerable_refused"],
        "withheld": abstained["recall"],
        "near misses withheld": share(o.answer.abstained for o in others if o.question.near_miss),
    }
    print(name)
    for label, row in rows.items():
        print(f"  {label}: {row['count']} of {row['n']}, {row['share']:.1%} ({row['low']:.1%} to {row['high']:.1%})")
    found = abstained["f1"]
    area = roc_auc_score([o.question.answerable for o in outcomes], [o.answer.confidence for o in outcomes])
    print(f"  F1 of abstaining {found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f}), area under the ROC curve of confidence {area:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=("train", "dev", "test"), default="test")
    parser.add_argument("--list", action="store_true", help="print what was refused, told though unanswerable, or not right")
    options = parser.parse_args()
    assistant = Assistant.open(own_documents=False)
    questions = load_blind(assistant.snapshot.glossary, options.set)
    outcomes = [Outcome(q, assistant.ask(q.question)) for q in questions]
    for language, name in (("en", "English"), ("zh", "Chinese")):
        show(name, [o for o in outcomes if o.question.language == language])
    show("both", outcomes)
    if options.list:
        for o in outcomes:
            verdict = "refused" if o.answer.abstained else "not right" if o.question.answerable else "told"
            if o.answer.abstained == o.question.answerable or (o.question.answerable and not o.right):
                told = " / ".join(o.question.answers) or o.question.why
                print(f"{verdict} {o.answer.confidence:.2f} | {o.question.question} | {told} | {o.answer.text[:200]}")


if __name__ == "__main__":
    main()
