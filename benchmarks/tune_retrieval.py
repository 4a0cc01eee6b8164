"""Print what each choice of retrieval gives on the development sets; the product's own choice is marked.

Purpose: choose the constants of qa/retrieval/search.py, qa/retrieval/query.py and qa/index/lexical.py.
One choice is varied at a time, from what the product ships.
Run: python benchmarks/tune_retrieval.py --data DIR --index FOLDER [--only NAME ...] [--json FILE]

DIR holds the development halves as benchmarks/retrieval.py wants them: xquad/, chunking/, docs/. The
project's own development questions (qa/evaluation/data/dev.jsonl, asked of the corpus in both languages)
are a fifth set; the test split is never read. Everything goes through ``Searcher``, and each question is
encoded once. FOLDER keeps the indexes.

Columns: en, zh: XQuAD paragraphs, nDCG@10. docs: recall and MRR at 3. chunk: recall of 5 passages.
first: the first sentence holds the answer. IoU and tokens: the sentence mode. own, own-zh, own-x: nDCG@10
of the project's English, Chinese and cross-lingual questions. The choice is by the mean of all but
tokens; where rows lie within 0.002 of each other the shipped one stays.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import retrieval as bench
from ir_measures import RR, R, nDCG

from qa.documents.corpus import load_corpus
from qa.embedding import Encoded, OnnxEmbedder
from qa.evaluation.questions import load_questions
from qa.index.encodings import context_of
from qa.index.lexical import IDEOGRAPHS, WORDS, LexicalIndex, Parameters
from qa.index.snapshot import Snapshot
from qa.retrieval import excerpts, query, search
from qa.retrieval.excerpts import SENTENCE, Excerpts
from qa.retrieval.search import UNREADABLE, WEIGHTS, Searcher
from qa.settings import Settings
from qa.text.glossary import Glossary
from qa.text.tokens import search_tokens

COLUMNS = ("en", "zh", "docs R", "docs MRR", "chunk", "first", "IoU", "tokens", "own", "own-zh", "own-x")


class Remembering(OnnxEmbedder):
    """Encodes each question once."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads=threads)
        self.known: dict[str, Encoded] = {}

    def encode(self, texts: Sequence[str]) -> Iterator[Encoded]:
        if len(texts) > 1:
            yield from super().encode(texts)
            return
        for text in texts:
            if text not in self.known:
                self.known[text] = next(iter(super().encode([text])))
            yield self.known[text]


class Sets:
    """The five development sets, indexed."""

    def __init__(self, data: Path, folder: Path, threads: int) -> None:
        self.embedder = Remembering(threads)
        made = bench.Bench(self.embedder, folder, Settings().max_tokens, [])
        self.snapshots: dict[str, Snapshot] = {}
        self.asked: dict[str, list[Any]] = {}
        for language in ("en", "zh"):
            documents, self.asked[language] = bench.read_xquad(data / "xquad", language)
            self.snapshots[language] = made.searcher(f"xquad-{language}", documents).snapshot
        documents, self.asked["docs"] = bench.read_docs(data / "docs")
        self.snapshots["docs"] = made.searcher("docs", documents).snapshot
        documents, self.asked["chunk"] = bench.read_chunking(data / "chunking")
        self.snapshots["chunk"] = made.searcher("chunking", documents).snapshot
        corpus = load_corpus(Settings().corpus)
        self.asked["own"] = [q for q in load_questions("dev") if q.answerable and not q.history]
        self.snapshots["own"] = made.searcher("product", corpus.documents, Glossary(corpus.glossary.entries)).snapshot

    def searcher(self, name: str, regimes: dict[str, Any]) -> Searcher:
        return Searcher(self.snapshots[name], self.embedder, regimes)

    def measure(self, wanted: Sequence[str], regimes: dict[str, Any], sentence: Any) -> dict[str, float]:
        out: dict[str, float] = {}
        for name in ("en", "zh"):
            if name in wanted:
                searcher = self.searcher(name, regimes)
                run = {q.id: bench.ranked_documents(searcher, q.question, bench.DEPTH) for q in self.asked[name]}
                out[name] = _mean({q.id: {q.paragraph: 1} for q in self.asked[name]}, run, nDCG @ 10)
        if "first" in wanted:
            searcher = self.searcher("en", regimes)
            found = Excerpts(searcher, sentence)
            out["first"] = float(np.mean([any(a in found.best(q.question, 1)[0].text for a in q.answers) for q in self.asked["en"]]))
        if "docs R" in wanted:
            searcher = self.searcher("docs", regimes)
            run = {q["id"]: bench.ranked_documents(searcher, q["question"], bench.DEPTH)[:3] for q in self.asked["docs"]}
            qrels = {q["id"]: dict.fromkeys(q["correct_chunks"], 1) for q in self.asked["docs"]}
            out["docs R"], out["docs MRR"] = _mean(qrels, run, R @ 3), _mean(qrels, run, RR @ 3)
        if "chunk" in wanted:
            searcher = self.searcher("chunk", regimes)
            found = [[(h.document_id, h.start, h.end) for h in searcher.search(q["question"], bench.CHUNKS)] for q in self.asked["chunk"]]
            out["chunk"] = float(np.mean([bench.overlap(f, bench.references(q))[0] for f, q in zip(found, self.asked["chunk"], strict=True)]))
        if "IoU" in wanted:
            searcher = self.searcher("chunk", regimes)
            rows, sizes = [], []
            for q in self.asked["chunk"]:
                picked = Excerpts(searcher, sentence).pick(q["question"], bench.SENTENCE_TOKENS)
                rows.append(bench.overlap([(e.document_id, e.start, e.end) for e in picked], bench.references(q))[2])
                sizes.append(sum(self.embedder.count_tokens([e.text for e in picked])))
            out["IoU"], out["tokens"] = float(np.mean(rows)), float(np.mean(sizes))
        if "own" in wanted:
            searcher = self.searcher("own", regimes)
            groups: dict[str, list[Any]] = {"own": [], "own-zh": [], "own-x": []}
            for q in self.asked["own"]:
                groups["own-x" if q.cross_lingual else "own-zh" if q.language == "zh" else "own"].append(q)
            for name, questions in groups.items():
                run = {q.id: bench.ranked_documents(searcher, q.question, bench.DEPTH) for q in questions}
                # Documents of both languages may be named; finding any of them is enough.
                ranks = [next((i for i, d in enumerate(run[q.id][:10]) if d in q.documents), None) for q in questions]
                out[name] = float(np.mean([0.0 if r is None else 1 / np.log2(r + 2) for r in ranks]))
        return out

    def reindex(self, words: Parameters, ideographs: Parameters) -> None:
        """Count words again with other parameters."""
        for name, snapshot in self.snapshots.items():
            documents = snapshot.documents
            texts = [
                search_tokens(context_of(documents[p.document_id], p)) + search_tokens(documents[p.document_id].text[p.start : p.end])
                for p in snapshot.passages
            ]
            sentences = [search_tokens(documents[p.document_id].text[a:b]) for p in snapshot.passages for a, b in p.sentences]
            self.snapshots[name] = dataclasses.replace(
                snapshot,
                words=LexicalIndex.build(texts, words, ideographs),
                sentence_words=LexicalIndex.build(sentences, words, ideographs),
            )


def _mean(qrels: dict[str, dict[str, int]], run: dict[str, list[str]], measure: Any) -> float:
    return float(bench.measured(qrels, run, [measure])[str(measure)].mean())


def scaled(weights: Any, **changes: float) -> Any:
    """Change some shares and keep the sum at 1."""
    changed = dataclasses.replace(weights, **changes)
    total = sum(dataclasses.astuple(changed))
    return type(weights)(*(round(v / total, 4) for v in dataclasses.astuple(changed)))


ENGLISH = ("en", "docs R", "docs MRR", "chunk", "own")
CHINESE = ("zh", "own-zh", "own-x")


def grid() -> Iterator[tuple[str, str, Sequence[str], dict[str, Any]]]:
    """Yield (choice, value, columns that it can change, keyword or constant)."""
    for name in ("dense", "sentence", "lexical", "context", "late"):
        at = getattr(WEIGHTS, name)
        for value in sorted({0.0, round(at / 2, 3), at, round(at * 1.5, 3)}):
            yield f"WEIGHTS.{name}", f"{value}", ENGLISH, {"readable": scaled(WEIGHTS, **{name: value})}
    yield "UNREADABLE", "words alone", CHINESE, {"unreadable": scaled(UNREADABLE, dense=0.0, late=0.0)}
    for dense, late, context in itertools.product((0.05, 0.1), (0.1, 0.2, 0.3), (0.0, 0.05)):
        changed = scaled(UNREADABLE, dense=dense, late=late, context=context)
        yield "UNREADABLE", f"dense {dense}, late {late}, context {context}", CHINESE, {"unreadable": changed}
    for k1, b in itertools.product((0.9, 1.2, 1.5), (0.4, 0.6, 0.75)):
        yield "BM25 of words", f"k1 {k1}, b {b}", (*ENGLISH, "first"), {"words": Parameters(k1, b)}
    for k1, b in itertools.product((0.4, 0.6, 0.9, 1.2), (0.4, 0.6)):
        yield "BM25 of ideographs", f"k1 {k1}, b {b}", CHINESE, {"ideographs": Parameters(k1, b)}
    for module, name, values, columns in (
        (query, "IDEOGRAPH_WEIGHT", (0.0, 0.3, 0.5, 1.0), CHINESE),
        (query, "EXPANSION_WEIGHT", (0.25, 0.5, 0.75, 1.0), ("own", *CHINESE[1:])),
        (search, "CANDIDATES", (20, 40, 60, 100), ("en", "zh", *ENGLISH[1:])),
        (search, "NEIGHBOUR", (0.0, 0.05, 0.1, 0.2), ENGLISH),
        (search, "ALONE", (0.4, 0.6, 0.8), ENGLISH),
        (search, "CROWDING", (0.0, 0.02, 0.03, 0.05, 0.08), ENGLISH),
        (search, "CROSS", (0.6, 0.8, 1.0, 1.2, 1.5), ("own", *CHINESE[1:])),
        (excerpts, "SENTENCE_PASSAGES", (6, 12, 24), ("first", "IoU")),
        (excerpts, "SENTENCE_MARGIN", (0.1, 0.15, 0.2, 0.3, 1.0), ("IoU",)),
    ):
        for value in values:
            yield name, f"{value}", columns, {"constant": (module, name, value)}
    for name in ("passage", "cosine", "lexical", "near"):
        for value in (0.0, 0.05, 0.1, 0.2, 0.3):
            yield f"SENTENCE.{name}", f"{value}", ("first", "IoU"), {"sentence": dataclasses.replace(SENTENCE, **{name: value})}


def shipped(name: str, change: dict[str, Any]) -> bool:
    if "constant" in change:
        module, attribute, value = change["constant"]
        return bool(getattr(module, attribute) == value)
    ((kind, value),) = change.items()
    return bool(value == {"readable": WEIGHTS, "unreadable": UNREADABLE, "words": WORDS, "ideographs": IDEOGRAPHS, "sentence": SENTENCE}[kind])


def measure_with(sets: Sets, columns: Sequence[str], change: dict[str, Any]) -> dict[str, float]:
    regimes = {"readable": change.get("readable", WEIGHTS), "unreadable": change.get("unreadable", UNREADABLE)}
    columns = [*columns, "own"] if set(columns) & {"own-zh", "own-x"} else columns
    if "words" in change or "ideographs" in change:
        before = dict(sets.snapshots)
        sets.reindex(change.get("words", WORDS), change.get("ideographs", IDEOGRAPHS))
        found = sets.measure(columns, regimes, SENTENCE)
        sets.snapshots = before
        return found
    if "constant" in change:
        module, name, value = change["constant"]
        kept = getattr(module, name)
        # A default argument keeps the value of its definition.
        defaults, margin = Excerpts.pick.__defaults__, name == "SENTENCE_MARGIN"
        setattr(module, name, value)
        if margin:
            Excerpts.pick.__defaults__ = (value,)
        found = sets.measure(columns, regimes, SENTENCE)
        setattr(module, name, kept)
        Excerpts.pick.__defaults__ = defaults
        return found
    return sets.measure(columns, regimes, change.get("sentence", SENTENCE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="choices to vary; all if not given, none for the shipped row alone")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    sets = Sets(args.data, args.index, args.threads)
    rows = [("shipped", "", sets.measure(COLUMNS, {"readable": WEIGHTS, "unreadable": UNREADABLE}, SENTENCE))]
    print(f"{'':44}", *(f"{c:>9}" for c in COLUMNS), f"{'mean':>9}")
    show(*rows[0], False)
    for name, value, columns, change in grid():
        if args.only is None or name in args.only:
            rows.append((name, value, measure_with(sets, columns, change)))
            show(*rows[-1], shipped(name, change))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def show(name: str, value: str, found: dict[str, float], is_shipped: bool) -> None:
    mean = np.mean([v for c, v in found.items() if c != "tokens"])
    cells = (f"{found[c]:9.4f}" if c in found and c != "tokens" else f"{found[c]:9.0f}" if c in found else f"{'':9}" for c in COLUMNS)
    print(f"{'*' if is_shipped else ' '} {name + ' ' + value:42}", *cells, f"{mean:9.4f}", flush=True)


if __name__ == "__main__":
    main()
