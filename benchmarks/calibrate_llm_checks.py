"""Choose the likeness from which a sentence counts as saying what its quotes say (``qa/llm/checks.py``).

    python benchmarks/calibrate_llm_checks.py

On the answers to the development questions, in each question's own language. Right pairs: a clause of
an answering sentence against the sentence, and sentences written by hand that say the same in other
words (``llm_paraphrases.jsonl``). Wrong pairs: the answering sentence against other sentences of its
document, and against shuffled ones that answer other questions. The threshold is the one with the
highest mean of the share of right pairs above it and of wrong pairs below it, each kind counting the
same; where several are equally good, the lowest.

Shown besides, too few or too mixed to decide anything: sentences altered by hand, those of which every
number, date and name stands in the quote apart from the others; and sentences of other documents that
hold everything the question expects and nothing exact that the quote lacks, though often more.

Last, without any threshold: answering sentences altered by rule, one number, year or name each, and how
many of them pass as supported by the sentence that they were made from.
"""

from __future__ import annotations

import json
import random
import re
from itertools import permutations
from pathlib import Path

import numpy as np

from qa.answering.demands import EVERYWHERE
from qa.assistant import Assistant
from qa.evaluation.questions import load_questions
from qa.llm import says
from qa.llm.facts import held
from qa.llm.meaning import Meaning
from qa.text.quantities import quantities, years

SEED = 1
HITS = 20  # passages of a question that are looked at
GRID = np.round(np.arange(0.2, 0.9, 0.005), 3)
RIGHT, WRONG, SHOWN = ("clause", "paraphrase"), ("same document", "shuffled"), ("altered", "altered exactly", "other document")

assistant = Assistant.open(build=False, own_documents=False)
snapshot, meaning = assistant.snapshot, Meaning(assistant.snapshot, assistant._embedder)
rows = {passage.id: row for row, passage in enumerate(snapshot.passages)}


def document(place):
    return snapshot.documents[snapshot.passages[place[0]].document_id]


def text(place):
    start, end = snapshot.passages[place[0]].sentences[place[1]]
    return document(place).text[start:end]


pairs = {regime: {kind: [] for kind in (*RIGHT, *WRONG, *SHOWN)} for regime in ("tokens", "words")}


def add(kind, statement, place):
    pairs[meaning.regime(statement)][kind].append((statement, text(place), meaning.likeness(statement, [place])))


for line in Path(__file__).with_name("llm_paraphrases.jsonl").read_text(encoding="utf-8").splitlines():
    pair = json.loads(line)
    place = next((r, n) for r, p in enumerate(snapshot.passages) for n in range(len(p.sentences)) if text((r, n)) == pair["quote"])
    for sentence in pair["right"]:
        add("paraphrase", sentence, place)
    for sentence in pair["wrong"]:
        add("altered" if held(sentence, [pair["quote"]], "", snapshot.glossary).whole else "altered exactly", sentence, place)


draw, answering = random.Random(SEED), []
for question in load_questions("dev"):
    if not question.answerable or question.history:
        continue
    places = [(rows[h.passage_id], n) for h in assistant.search(question.question, HITS) if h.language == question.language
              for n in range(len(snapshot.passages[rows[h.passage_id]].sentences))]  # fmt: skip
    right = [p for p in places if question.met_by(text(p))][:8]
    answering += right[:1]
    for one, other in permutations(right, 2):
        if document(one).id != document(other).id and held(text(one), [text(other)], "", snapshot.glossary).whole:
            add("other document", text(one), other)
    for place in right[:2]:
        for clause in re.split(r"(?<=[,;])\s+|(?<=[，；])", text(place)):
            if len(clause) > (10 if question.language == "zh" else 25) and clause != text(place):
                add("clause", clause, place)
        for other in [p for p in places if document(p).id == document(place).id and p not in right][:6]:
            add("same document", text(place), other)
for place in answering:
    for other in draw.sample(answering, 6):
        if document(place).id != document(other).id and document(place).language == document(other).language:
            add("shuffled", text(place), other)

for regime, kinds in pairs.items():
    filled = {kind: np.asarray([likeness for *_, likeness in found]) for kind, found in kinds.items() if found}
    score = np.zeros(len(GRID))
    for wanted in (RIGHT, WRONG):
        shares = [[np.mean((v >= t) == (wanted is RIGHT)) for t in GRID] for k, v in filled.items() if k in wanted]
        score += np.mean(shares, axis=0) / 2
    best = GRID[np.isclose(score, score.max())]
    threshold = float(best[0])
    print(f"{regime}: threshold {threshold:.3f}, balanced accuracy {score.max():.3f} (equally good from {best[0]:.3f} to {best[-1]:.3f})")
    for kind, values in filled.items():
        whole = [v for s, quote, v in kinds[kind] if held(s, [quote], "", snapshot.glossary).whole]
        passes = sum(v >= threshold for v in whole)
        print(f"  {kind:<15} {len(values):4} pairs, {np.mean(values >= threshold):6.1%} pass; with exact statements {passes / len(values):6.1%}")


def altered(sentence):
    """Yield a sentence with one number, year or name put wrong."""
    for number in quantities(sentence):
        written = sentence[number.start : number.end]
        at = next(i for i, c in enumerate(written) if c.isdigit())
        other = written[:at] + str(int(written[at]) % 9 + 1) + written[at + 1 :]
        yield "a number", sentence[: number.start] + other + sentence[number.end :]
    for year in sorted(years(sentence)):
        yield "a year", sentence.replace(str(year), str(year - 1))
    for mention in snapshot.glossary.mentions(sentence):
        like = [e for e in snapshot.glossary.entries if e.kind == mention.entry.kind and e != mention.entry and e.is_name]
        if mention.entry.is_name and mention.entry.en not in EVERYWHERE and like:
            other = draw.choice(like)
            name = (other.zh or other.en) if document(place).language == "zh" else (other.en or other.zh)
            if name not in sentence:
                yield "a name", sentence[: mention.start] + name + sentence[mention.end :]


made = {}
for place in dict.fromkeys(answering):
    for kind, sentence in altered(text(place)):
        made.setdefault(kind, []).append(says(sentence, [text(place)], meaning, snapshot.glossary))
for kind, passed in made.items():
    print(f"altered by rule: {kind:<9} {len(passed):4} sentences, {np.mean(passed):6.1%} pass")
