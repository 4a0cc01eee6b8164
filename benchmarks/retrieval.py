"""Measure the product's own passages, index and search on public sets.

Purpose: the table of docs/retrieval.md. Nothing here retrieves: texts become documents, the product
cuts, encodes, indexes and searches them, and this script counts.
Run: python benchmarks/retrieval.py SET --data DIR [--json FILE] [--index FOLDER] [--without SIGNAL]

SET and what DIR must hold:
    xquad      xquad.en*.json, xquad.zh*.json   paragraphs for a question; also across the languages
    sentences  xquad.en*.json                   the first sentence chosen holds the gold answer
    chunking   corpora/*.md, questions.jsonl    characters of the reference excerpts in what is returned
    docs       documents.json, questions*.json  sections of a product's documentation

Intervals are 95 % bootstrap intervals over questions (2,000 resamples, fixed seed). Latency is that of
one question through ``Searcher``, its encoding included. Published rows stand beside the measured ones
with where they come from; they are for the whole sets, so a part of a set compares only roughly.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ir_measures
import numpy as np
from ir_measures import RR, P, R, nDCG
from rich.console import Console
from rich.table import Table

from qa.answering.analysis import analyse
from qa.answering.pipeline import gather
from qa.documents.corpus import Corpus
from qa.documents.model import Document, Section
from qa.embedding import Embedder, open_embedder
from qa.index.builder import build_index
from qa.index.snapshot import Snapshot
from qa.retrieval.excerpts import Excerpts
from qa.retrieval.filters import Filters
from qa.retrieval.search import REGIMES, Searcher
from qa.settings import Settings
from qa.text.glossary import Glossary

RESAMPLES = 2_000
SEED = 7
DEPTH = 40  # passages asked for where sections or paragraphs are ranked
CHUNKS = 5  # passages returned in the chunking evaluation
SENTENCE_TOKENS = 800  # budget of the chunking evaluation's sentence mode; about 380 are used on average
FIXED_TOKENS = 380  # budget of the same mode filled to the brim, without a margin

MTEB = "MTEB leaderboard, XQuADRetrieval"
CHROMA = "Chroma, Evaluating Chunking Strategies for Retrieval, 2024"
COOKBOOK = "anthropic-cookbook, retrieval_augmented_generation"
PUBLISHED: dict[str, list[tuple[str, dict[str, float], str]]] = {
    "xquad en": [
        ("NV-Embed-v2, 7B", {"nDCG@10": 0.990}, MTEB),
        ("inf-retriever-v1, 7B", {"nDCG@10": 0.985}, MTEB),
        ("multilingual-e5-large", {"nDCG@10": 0.984}, MTEB),
        ("bm25s", {"nDCG@10": 0.965}, MTEB),
        ("all-MiniLM-L6-v2", {"nDCG@10": 0.944}, MTEB),
    ],
    "xquad zh": [
        ("inf-retriever-v1, 7B", {"nDCG@10": 0.978}, MTEB),
        ("NV-Embed-v2, 7B", {"nDCG@10": 0.972}, MTEB),
        ("multilingual-e5-large", {"nDCG@10": 0.964}, MTEB),
        ("all-MiniLM-L6-v2", {"nDCG@10": 0.242}, MTEB),
    ],
    "chunking, 5 passages": [
        ("LLM chunker (GPT-4o), text-embedding-3-large", {"recall": 0.919, "precision": 0.039, "IoU": 0.039}, CHROMA),
        ("Cluster 400, text-embedding-3-large", {"recall": 0.913, "precision": 0.045, "IoU": 0.045}, CHROMA),
        ("Recursive 200, text-embedding-3-large", {"recall": 0.881, "precision": 0.070, "IoU": 0.069}, CHROMA),
        ("Recursive 200, all-MiniLM-L6-v2", {"recall": 0.757, "precision": 0.065, "IoU": 0.065}, CHROMA),
    ],
    "chunking, sentences": [
        ("Cluster 200, text-embedding-3-large", {"recall": 0.873, "precision": 0.080, "IoU": 0.080}, CHROMA),
    ],
    "docs": [
        ("summaries and LLM re-ranking, Voyage 2", {"P@3": 0.437, "R@3": 0.693, "F1@3": 0.536, "RR@3": 0.865}, COOKBOOK),
        ("summaries, Voyage 2", {"P@3": 0.453, "R@3": 0.714, "F1@3": 0.555, "RR@3": 0.773}, COOKBOOK),
        ("basic, Voyage 2", {"P@3": 0.428, "R@3": 0.659, "F1@3": 0.519, "RR@3": 0.737}, COOKBOOK),
    ],
}


class DataMissing(SystemExit):
    """A file of the set is not there."""


@dataclass
class Part:
    """One row of the report: what was measured on one set of questions."""

    name: str
    questions: int
    passages: int
    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    latency_ms: dict[str, float]
    published: list[dict[str, Any]] = field(default_factory=list)


class Bench:
    """The model, the passage size, and where indexes are built."""

    def __init__(self, embedder: Embedder, folder: Path, max_tokens: int, without: Sequence[str]) -> None:
        self.embedder, self.folder, self.max_tokens, self.without = embedder, folder, max_tokens, without

    def searcher(self, name: str, documents: Iterable[Document], glossary: Glossary | None = None) -> Searcher:
        """Build the product's index of some documents and open it."""
        corpus = Corpus(self.folder, tuple(documents), glossary or Glossary(()))
        build_index(corpus, self.folder / name, self.embedder, self.max_tokens)
        regimes = {n: replace(w, **{signal: 0.0 for signal in self.without}) for n, w in REGIMES.items()}
        searcher = Searcher(Snapshot.load(self.folder / name), self.embedder, regimes)
        searcher.search("warm up")
        return searcher


class Clock:
    """Milliseconds of each call."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, call: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = call()
        self.times.append((time.perf_counter() - began) * 1000)
        return result

    def summary(self) -> dict[str, float]:
        return {"median": round(float(np.median(self.times)), 2), "p95": round(float(np.percentile(self.times, 95)), 2)}


def find(folder: Path, pattern: str) -> list[Path]:
    files = sorted(folder.glob(pattern))
    if not files:
        raise DataMissing(f"{folder} holds no {pattern}; give the folder of the set with --data")
    return files


def document(name: str, title: str, language: str, text: str, heading: str = "") -> Document:
    section = Section(heading=heading, start=0, end=len(text))
    return Document(id=name, title=title, language=language, topic="", as_of="2000-01-01", text=text, sections=(section,))  # type: ignore[arg-type]


Derived = Callable[[dict[str, Any]], dict[str, Any]]


def part(name: str, values: dict[str, np.ndarray], clock: Clock, passages: int, derived: Derived | None = None) -> Part:
    """Average per-question values, with bootstrap intervals."""
    names, table = list(values), np.stack(list(values.values()), axis=1)
    rng = np.random.default_rng(SEED)
    picks = rng.integers(0, len(table), (RESAMPLES, len(table)))
    means = table[picks].mean(axis=1)
    point = dict(zip(names, table.mean(axis=0), strict=True))
    drawn = {n: means[:, i] for i, n in enumerate(names)}
    if derived:
        point |= derived(point)
        drawn |= derived(drawn)
    intervals = {n: (round(float(np.percentile(d, 2.5)), 4), round(float(np.percentile(d, 97.5)), 4)) for n, d in drawn.items()}
    rounded = {n: round(float(v), 4) for n, v in point.items()}
    published = [{"system": s, "values": v, "source": o} for s, v, o in PUBLISHED.get(name, [])]
    return Part(name, len(table), passages, rounded, intervals, clock.summary(), published)


def measured(qrels: dict[str, dict[str, int]], run: dict[str, list[str]], measures: Sequence[Any]) -> dict[str, np.ndarray]:
    """Return each measure for each question, by ir-measures."""
    scored = {q: {d: float(len(ranked) - i) for i, d in enumerate(ranked)} for q, ranked in run.items()}
    position = {q: i for i, q in enumerate(qrels)}
    values = {str(m): np.zeros(len(qrels)) for m in measures}
    for metric in ir_measures.iter_calc(measures, qrels, scored):
        values[str(metric.measure)][position[metric.query_id]] = metric.value
    return values


def ranked_documents(searcher: Searcher, question: str, k: int) -> list[str]:
    """Rank documents by their best passage."""
    return list(dict.fromkeys(hit.document_id for hit in searcher.search(question, k)))


# XQuAD


@dataclass(frozen=True)
class Asked:
    id: str
    question: str
    paragraph: str
    answers: tuple[str, ...]


def read_xquad(folder: Path, language: str) -> tuple[list[Document], list[Asked]]:
    documents, asked = [], []
    for file in find(folder, f"xquad.{language}*.json"):
        for a, article in enumerate(json.loads(file.read_text(encoding="utf-8"))["data"]):
            for p, paragraph in enumerate(article["paragraphs"]):
                name = f"{file.name}/{a:03}/{p:03}"
                documents.append(document(name, "", language, paragraph["context"]))
                asked += [Asked(q["id"], q["question"], name, tuple(x["text"] for x in q["answers"])) for q in paragraph["qas"]]
    return documents, asked


def xquad_part(name: str, searcher: Searcher, questions: Sequence[Asked], gold: dict[str, str]) -> Part:
    clock, run = Clock(), {}
    for q in questions:
        run[q.id] = clock(lambda q=q: ranked_documents(searcher, q.question, DEPTH))
    values = measured({q.id: {gold[q.id]: 1} for q in questions}, run, [nDCG @ 10, R @ 1])
    return part(name, values, clock, len(searcher.snapshot.passages))


def xquad(bench: Bench, data: Path, glossary: Path) -> list[Part]:
    parts, searchers, asked = [], {}, {}
    names = Glossary.load(glossary) if glossary.exists() else None
    for language in ("en", "zh"):
        documents, asked[language] = read_xquad(data, language)
        searcher = bench.searcher(f"xquad-{language}", documents)
        gold = {q.id: q.paragraph for q in asked[language]}
        parts.append(xquad_part(f"xquad {language}", searcher, asked[language], gold))
        # Only the rows across languages use names and terms; without any there is nothing to translate with.
        searchers[language] = bench.searcher(f"xquad-{language}", documents, names)
    for a, b in (("zh", "en"), ("en", "zh")):
        gold = {q.id: q.paragraph for q in asked[b]}
        questions = [q for q in asked[a] if q.id in gold]
        if questions:
            parts.append(xquad_part(f"xquad {a} question, {b} paragraphs", searchers[b], questions, gold))
    return parts


def sentences(bench: Bench, data: Path, _glossary: Path) -> list[Part]:
    """Which sentence comes first: by the answering pipeline, and by ``Searcher.sentences`` alone."""
    documents, asked = read_xquad(data, "en")
    searcher = bench.searcher("xquad-en", documents)

    def by_answering(question: str) -> list[str]:
        found = gather(searcher, analyse(searcher.reader.read(question)), Filters(), "en", 3)
        return [c.text for _, c in found.ordered]

    def by_search(question: str) -> list[str]:
        return [s.text for s in Excerpts(searcher).best(question, 3)]

    parts = []
    for name, choose in (("first sentence, answering", by_answering), ("first sentence, search", by_search)):
        clock = Clock()
        ranks = []
        for q in asked:
            texts = clock(lambda q=q, choose=choose: choose(q.question))
            ranks.append([any(a in t for a in q.answers) for t in texts[:3]])
        values = {"holds the answer @1": np.asarray([float(any(r[:1])) for r in ranks]), "@3": np.asarray([float(any(r)) for r in ranks])}
        parts.append(part(name, values, clock, len(searcher.snapshot.passages)))
    return parts


# Chunking evaluation


def characters(spans: Iterable[tuple[str, int, int]]) -> set[tuple[str, int]]:
    return {(name, i) for name, a, b in spans for i in range(a, b)}


def overlap(returned: Sequence[tuple[str, int, int]], reference: Sequence[tuple[str, int, int]]) -> tuple[float, float, float]:
    """Character recall, precision and intersection over union."""
    got, wanted = characters(returned), characters(reference)
    both = len(got & wanted)
    return both / len(wanted), both / len(got) if got else 0.0, both / len(got | wanted)


def read_chunking(folder: Path) -> tuple[list[Document], list[dict[str, Any]]]:
    documents = [document(f.stem, "", "en", f.read_text(encoding="utf-8")) for f in find(folder, "corpora/*.md")]
    names = {d.id for d in documents}
    asked = [json.loads(line) for file in find(folder, "questions*.jsonl") for line in file.open(encoding="utf-8")]
    return documents, [q for q in asked if q["corpus_id"] in names]


def references(question: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(question["corpus_id"], r["start"], r["end"]) for r in question["references"]]


def chunking(bench: Bench, data: Path, _glossary: Path) -> list[Part]:
    documents, asked = read_chunking(data)
    texts = {d.id: d.text for d in documents}
    searcher = bench.searcher("chunking", documents)
    modes: list[tuple[str, Callable[[str], list[tuple[str, int, int]]]]] = [
        ("chunking, 5 passages", lambda q: [(h.document_id, h.start, h.end) for h in searcher.search(q, CHUNKS)]),
        ("chunking, sentences", lambda q: [(s.document_id, s.start, s.end) for s in Excerpts(searcher).pick(q, SENTENCE_TOKENS)]),
        (
            "chunking, sentences to a fixed budget",
            lambda q: [(s.document_id, s.start, s.end) for s in Excerpts(searcher).pick(q, FIXED_TOKENS, margin=10.0)],
        ),
    ]
    parts = []
    for name, choose in modes:
        clock, rows, sizes = Clock(), [], []
        for q in asked:
            spans = clock(lambda q=q, choose=choose: choose(q["question"]))
            rows.append(overlap(spans, references(q)))
            sizes.append(sum(bench.embedder.count_tokens([texts[d][a:b] for d, a, b in spans])))
        table = np.asarray(rows)
        values = {"recall": table[:, 0], "precision": table[:, 1], "IoU": table[:, 2], "tokens returned": np.asarray(sizes, dtype=float)}
        if name.endswith("passages"):
            values["tokens a passage"] = values["tokens returned"] / CHUNKS
        parts.append(part(name, values, clock, len(searcher.snapshot.passages)))
    return parts


# Documentation set


def read_docs(folder: Path) -> tuple[list[Document], list[dict[str, Any]]]:
    """One document a section; its title is the path of its page."""
    documents = {}
    for record in json.loads(find(folder, "documents.json")[0].read_text(encoding="utf-8")):
        link = record["chunk_link"]
        path = urlsplit(link).path.strip("/").replace("/", " > ").replace("-", " ")
        documents[link] = document(link, path, "en", record["text"], record["chunk_heading"])
    return list(documents.values()), [q for f in find(folder, "questions*.json") for q in json.loads(f.read_text(encoding="utf-8"))]


def docs(bench: Bench, data: Path, _glossary: Path) -> list[Part]:
    documents, asked = read_docs(data)
    searcher = bench.searcher("docs", documents)
    clock = Clock()
    run = {q["id"]: clock(lambda q=q: ranked_documents(searcher, q["question"], DEPTH))[:3] for q in asked}
    values = measured({q["id"]: dict.fromkeys(q["correct_chunks"], 1) for q in asked}, run, [P @ 3, R @ 3, RR @ 3])

    def f1(v: dict[str, Any]) -> dict[str, Any]:
        return {"F1@3": 2 * v["P@3"] * v["R@3"] / (v["P@3"] + v["R@3"])}

    return [part("docs", values, clock, len(searcher.snapshot.passages), f1)]


def show(parts: Sequence[Part], console: Console) -> None:
    for p in parts:
        names = list(p.values)
        table = Table(title=f"{p.name}: {p.questions} questions, {p.passages} passages", title_justify="left")
        table.add_column("system")
        for name in names:
            table.add_column(name, justify="right")
        table.add_column("from")
        cells = [
            f"{p.values[n]:.3f} ({p.intervals[n][0]:.3f} to {p.intervals[n][1]:.3f})" if p.values[n] <= 1 else f"{p.values[n]:.0f}"
            for n in names
        ]
        table.add_row("this product", *cells, f"median {p.latency_ms['median']} ms, p95 {p.latency_ms['p95']} ms")
        for row in p.published:
            table.add_row(row["system"], *(f"{row['values'][n]:.3f}" if n in row["values"] else "" for n in names), row["source"])
        console.print(table)


SETS: dict[str, Callable[[Bench, Path, Path], list[Part]]] = {"xquad": xquad, "chunking": chunking, "docs": docs, "sentences": sentences}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--data", type=Path, required=True, help="folder of the set")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--index", type=Path, help="keep the indexes here; a temporary folder if not given")
    parser.add_argument("--without", action="append", default=[], metavar="SIGNAL", help="switch a signal off (for the ablation)")
    parser.add_argument("--max-tokens", type=int, default=Settings().max_tokens, help="upper size of a passage")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--glossary", type=Path, default=Settings().corpus / "glossary.csv", help="names and terms, for the cross-lingual rows")
    args = parser.parse_args()
    unknown = set(args.without) - set(asdict(REGIMES["readable"]))
    if unknown:
        parser.error(f"no signal {sorted(unknown)[0]!r}; there are {', '.join(asdict(REGIMES['en']))}")
    embedder = open_embedder(threads=args.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.index or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        parts = SETS[args.set](Bench(embedder, folder, args.max_tokens, args.without), args.data, args.glossary)
    show(parts, Console(width=150 if not sys.stdout.isatty() else None))
    if args.json:
        body = {"set": args.set, "data": str(args.data), "model": embedder.identity, "max_tokens": args.max_tokens, "without": args.without}
        body["weights"] = {name: asdict(weights) for name, weights in REGIMES.items()}
        body["parts"] = [asdict(p) for p in parts]
        args.json.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
