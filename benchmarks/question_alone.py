"""Tell answerable training questions from others by their words alone, without a look at any evidence.

Purpose: to know how far an area under the ROC curve on the training questions speaks of evidence. Whatever this finds, a model
that reads the question can learn as well, and much of it is only how the questions were written: "cost" and "why did" count
against an answer here, since near misses often ask so. So nothing like it is part of the product.
Run: python benchmarks/question_alone.py [--without-pairs]

In pairs, where a question with an answer stands beside one without in the same words but for one, it should find little.

Logistic regression on words and pairs of words (Chinese: up to three characters), three parts by document, each judged by what was
learned from the other two; then all of it on the development questions that stand alone. The test split is not read.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence

import numpy as np
from answering_data import FILES, TrainingQuestion, load_training
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline

from qa.evaluation.questions import Question, load_questions
from qa.text.glossary import Glossary

FOLDS = 3
ANALYSERS = {"en": {"analyzer": "word", "ngram_range": (1, 2)}, "zh": {"analyzer": "char_wb", "ngram_range": (1, 3)}}
TOLD = 12  # terms that are shown for either side


def learned(questions: Sequence[TrainingQuestion], language: str) -> Pipeline:
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2, **ANALYSERS[language]), LogisticRegression(C=3, max_iter=500))
    return model.fit([q.question for q in questions], [q.answerable for q in questions])


def area(questions: Sequence[TrainingQuestion | Question], logits: np.ndarray) -> float:
    return float(roc_auc_score([q.answerable for q in questions], logits))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-pairs", action="store_true", help="only the questions that were written one by one")
    options = parser.parse_args()
    every = load_training(Glossary(()), [f for f in FILES if not (options.without_pairs and "pairs" in f.name)])
    for language in ANALYSERS:
        questions = [q for q in every if q.language == language]
        fold = np.asarray([zlib.crc32((q.documents or (q.id,))[0].encode()) % FOLDS for q in questions])
        logits = np.zeros(len(questions))
        for part in range(FOLDS):
            apart = np.flatnonzero(fold == part)
            model = learned([q for q, f in zip(questions, fold, strict=True) if f != part], language)
            logits[apart] = model.decision_function([questions[i].question for i in apart])
        print(f"{language}: area {area(questions, logits):.3f} on {len(questions)} training questions", end=", ")
        for why in sorted({q.why for q in questions} - {""}):
            kept = [i for i, q in enumerate(questions) if q.answerable or q.why == why]
            print(f"{why} {area([questions[i] for i in kept], logits[kept]):.3f}", end=", ")
        paired = [i for i, q in enumerate(questions) if q.pair >= 0]
        if paired:
            print(f"in pairs {area([questions[i] for i in paired], logits[paired]):.3f} ({len(paired)})", end=", ")
        asked = [q for q in load_questions("dev") if q.language == language and not q.history]
        model = learned(questions, language)
        print(f"development {area(asked, model.decision_function([q.question for q in asked])):.3f} ({len(asked)})")
        order = np.argsort(model[1].coef_[0])
        terms = model[0].get_feature_names_out()
        for name, some in (("without", order[:TOLD]), ("with", order[::-1][:TOLD])):
            print(f"    {name} an answer: {', '.join(terms[some])}", flush=True)


if __name__ == "__main__":
    main()
