"""Measure search in a large index: build time, memory, disk, times of each stage, and recall of each form of dense search.

Purpose: the figures of docs/scaling.md.
Run: python benchmarks/scale.py --passages 100000 [--texts FILE ...] [--work FOLDER] [--threads 2] [--kinds] [--json FILE]

The corpus is made from a small real one (see scale_corpus.py): real passages with words exchanged, real encodings
perturbed. Questions are those of the shipped development set, encoded by the model. Exact search over the same
vectors says what is right for the dense part, BM25 over all postings for the lexical part. What was built is
kept in --work and used again. Every search runs in a fresh process, whose memory is that of a server.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WARM_UP = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--texts", type=Path, nargs="*", default=[], help="files of one text a line, beside the shipped corpus")
    parser.add_argument("--work", type=Path, default=Path("/tmp/qa-scale"))
    parser.add_argument("--threads", type=int, default=2, help="processes and threads of the build")
    parser.add_argument("--kinds", action="store_true", help="build and measure every form of dense search, HNSW included")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--child", choices=["search", "kinds"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(options.threads)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    index = options.work / f"grown-{options.passages}"
    if options.child:
        figures = {"search": measure_search, "kinds": measure_kinds}[options.child](index, options.questions)
        print(json.dumps(figures))
        return
    figures = prepare(options, index)
    for child in ["search", *(["kinds"] if options.kinds else [])]:
        command = [sys.executable, __file__, "--child", child, "--passages", str(options.passages), "--work", str(options.work)]
        command += ["--questions", str(options.questions), "--threads", str(options.threads)]
        figures[child] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def prepare(options: argparse.Namespace, index: Path) -> dict[str, Any]:
    """Make what is not there yet: the base of real texts, and the large index."""
    from scale_corpus import base, grow

    from qa.documents.corpus import load_corpus
    from qa.embedding import open_embedder
    from qa.index import current_generation, read_manifest
    from qa.settings import load_settings

    settings = load_settings()
    embedder = open_embedder(settings.model, options.threads)
    real = options.work / "base"
    if not (real / "CURRENT").is_file():
        base(options.texts, real, load_corpus(settings.corpus), embedder, settings.max_tokens)
    seconds = None
    if not (index / "CURRENT").is_file():
        shutil.rmtree(index, ignore_errors=True)
        began = time.perf_counter()
        grow(real, index, options.passages, embedder, options.threads)
        seconds = round(time.perf_counter() - began, 1)
    of_base, manifest = (read_manifest(f, current_generation(f)) for f in (real, index))
    return {
        "passages": manifest.passages,
        "segments": len(manifest.segments),
        "load": os.getloadavg()[0],
        "threads": options.threads,
        "disk_gb": round(manifest.bytes / 1e9, 2),
        "write_seconds": seconds,
        "dense": manifest.dense.model_dump(),
        "real_passages": of_base.passages,
        "real_encoding_seconds": of_base.seconds,
    }


def memory() -> dict[str, float]:
    """Return this process's memory in MB: all of it, and without the pages of mapped files, which the system may take back."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) / 1000 for line in lines if line.startswith(("VmRSS", "RssAnon", "RssFile"))}
    return {"resident_mb": round(found["VmRSS"]), "own_mb": round(found["RssAnon"]), "mapped_mb": round(found["RssFile"])}


def spread(seconds: list[float]) -> dict[str, float]:
    """Return median and 95th percentile in milliseconds."""
    import numpy as np

    return {"p50_ms": round(float(np.median(seconds)) * 1e3, 2), "p95_ms": round(float(np.quantile(seconds, 0.95)) * 1e3, 2)}


def timed(calls: list[Any]) -> tuple[dict[str, float], list[Any]]:
    times, results = [], []
    for call in calls:
        began = time.perf_counter()
        results.append(call())
        times.append(time.perf_counter() - began)
    return spread(times[WARM_UP:] or times), results


def measure_search(index: Path, count: int) -> dict[str, Any]:
    """Time each stage with the questions of the development set; the first ones warm up."""
    import numpy as np

    from qa.answering.pipeline import answer
    from qa.assistant import question_embedder
    from qa.evaluation.questions import load_questions
    from qa.index.snapshot import Snapshot
    from qa.retrieval.filters import Filters
    from qa.retrieval.pool import FOUND, LocalStage, Scope
    from qa.retrieval.search import Searcher
    from qa.settings import load_settings

    embedder = question_embedder(load_settings())
    began = time.perf_counter()
    snapshot = Snapshot.load(index)
    opened = time.perf_counter() - began
    searcher = Searcher(snapshot, embedder)
    texts = [q.question for q in load_questions("dev")][: count + WARM_UP]
    figures: dict[str, Any] = {"open_seconds": round(opened, 2), "exact": snapshot.vectors.exact, "questions": len(texts) - WARM_UP}
    figures["memory_opened"] = memory()
    began = time.perf_counter()
    answer(searcher, texts[0], [], Filters(), 3)
    figures["first_answer_seconds"] = round(time.perf_counter() - began, 2)
    began = time.perf_counter()
    answer(searcher, "How many parametrs has DeepSek R1?", [], Filters(), 3)
    figures["first_mistyped_answer_seconds"] = round(time.perf_counter() - began, 2)
    list(map(searcher.search, texts[:WARM_UP]))
    figures["hybrid"], hits = timed([lambda t=t: searcher.search(t, 10) for t in texts])
    searcher.encode.cache_clear()
    figures["hybrid_again"], _ = timed([lambda t=t: searcher.search(t, 10) for t in texts])
    searcher.encode.cache_clear()
    asked = [searcher.reader.read(t) for t in texts if t.isascii()]
    figures["one_language"], _ = timed([lambda q=q: searcher.hits([searcher.rank(q)], 10) for q in asked])
    figures["memory"] = memory()
    searcher.encode.cache_clear()
    figures["answer"], _ = timed([lambda t=t: answer(searcher, t, [], Filters(), 3) for t in texts])
    figures["memory_after_answers"] = memory()
    figures["load"] = os.getloadavg()[0]
    print(json.dumps(figures), file=sys.stderr, flush=True)
    english = [t for t in texts if t.isascii()]
    figures["encode_question"], encoded = timed([lambda t=t: next(iter(embedder.encode([t]))) for t in english])
    queries = [searcher.reader.read(t) for t in english]
    scope = Scope(Filters(), "en", ~snapshot.chinese)
    stage = LocalStage(snapshot)
    figures["dense_candidates"], _ = timed([lambda e=e: stage.dense(e.pooled, FOUND, scope) for e in encoded])
    figures["dense"], dense = timed([lambda e=e: snapshot.vectors.search(e.pooled, 10, scope.admitted)[0] for e in encoded])
    terms = [{t: q.weights.get(t, 1.0) for t in q.tokens} for q in queries]
    figures["lexical"], lexical = timed([lambda t=t: stage.lexical(t, FOUND, scope) for t in terms])
    figures["memory_all"] = memory()
    # What is right: every vector and every posting.
    admitted = scope.admitted
    right = 0
    sample = list(zip(encoded, dense, strict=True))[WARM_UP:]
    times = []
    for e, found in sample:
        began = time.perf_counter()
        cosines = snapshot.vectors.scores(e.pooled)
        times.append(time.perf_counter() - began)
        cosines[~admitted] = -2
        right += len(set(np.argsort(-cosines, kind="stable")[:10].tolist()) & set(found.tolist()))
    figures["dense_recall_at_10"] = round(right / (10 * len(sample)), 4)
    figures["dense_exact"] = spread(times)
    right = total = 0
    times = []
    for t, found in list(zip(terms, lexical, strict=True))[WARM_UP:]:
        began = time.perf_counter()
        scores = snapshot.words.scores(t, t)
        times.append(time.perf_counter() - began)
        scores[~admitted] = 0
        best = [r for r in np.argsort(-scores, kind="stable")[:10].tolist() if scores[r] > 0]
        right += len(set(best) & set(found.tolist()))
        total += len(best)
    figures["lexical_ten_best_among_candidates"] = round(right / (total or 1), 4)
    figures["lexical_exact"] = spread(times)
    # The same hybrid search with every passage scored.
    asked = slice(WARM_UP, WARM_UP + (40 if len(snapshot.passages) < 200_000 else 8))  # seconds each in a large index
    figures["same_first_hit"], figures["same_of_ten"] = agreement(searcher, texts[asked], hits[asked])
    return figures


def agreement(searcher: Any, texts: list[str], hits: list[Any]) -> tuple[float, float]:
    """Return the share of questions with the same first hit as when all passages are scored, and of the same ten."""
    whole = type(searcher)(searcher.snapshot, searcher._embedder)
    whole._stage = None
    first = ten = total = 0
    for text, found in zip(texts, hits, strict=True):
        right = [h.passage_id for h in whole.search(text, 10)]
        got = [h.passage_id for h in found]
        first += right[:1] == got[:1]
        ten += len(set(right) & set(got))
        total += len(right)
    return round(first / (len(texts) or 1), 4), round(ten / (total or 1), 4)


def measure_kinds(index: Path, count: int) -> dict[str, Any]:
    """Build each form of dense search over the index's vectors and measure it with encoded questions."""
    import faiss
    import numpy as np

    from qa.assistant import question_embedder
    from qa.evaluation.questions import load_questions
    from qa.index import approximate
    from qa.index import lists as lists_module
    from qa.index.joined import Joined
    from qa.index.segment import Segment
    from qa.index.snapshot import current_generation, read_manifest
    from qa.index.vectors import Vectors, cover
    from qa.settings import load_settings

    threads = faiss.omp_get_max_threads()
    embedder = question_embedder(load_settings())
    texts = [q.question for q in load_questions("dev") if q.language == "en"][:count]
    queries = np.stack([next(iter(embedder.encode([t]))).pooled for t in texts])
    entries = read_manifest(index, current_generation(index)).segments
    tables = [approximate.Table(e.name, Segment(index / e.name, e).tables["vectors"]) for e in entries]
    joined = Joined([t.vectors for t in tables])
    exact = Vectors([t.vectors for t in tables])
    faiss.omp_set_num_threads(threads)
    truth = approximate.exact(joined, queries, 10)
    figures: dict[str, Any] = {}
    faiss.omp_set_num_threads(1)
    flat, _ = timed([lambda q=q: exact.scores(q) for q in queries[:60]])
    figures["flat"] = {**flat, "recall_at_10": 1.0}
    work = index / "dense-kinds"
    for kind in ("ivf-sq8", "ivf-pq"):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        faiss.omp_set_num_threads(threads)
        entry = approximate.build(work, tables, joined.width, kind=kind)
        faiss.omp_set_num_threads(1)
        figures[kind] = {"build": entry.model_dump(include={"kind", "recall", "probes", "seconds", "bytes"})}
        if entry.name:
            info, lists = lists_module.open_lists(work, entry)
            vectors = Vectors([t.vectors for t in tables], [cover(info, lists, [t.name for t in tables])])
            for name in ("first", "second"):
                speed, found = timed([lambda q=q, v=vectors: v.search(q, 10)[0] for q in queries])
                figures[kind][name] = speed
            right = sum(len(set(a.tolist()) & set(b.tolist())) for a, b in zip(truth, found, strict=True))
            figures[kind]["recall_at_10"] = round(right / truth.size, 4)
    shutil.rmtree(work, ignore_errors=True)
    figures["hnsw32"] = hnsw(joined, queries, truth, threads)
    return figures


def hnsw(joined: Any, queries: Any, truth: Any, threads: int) -> dict[str, Any]:
    """Measure an HNSW graph over whole vectors, for comparison; nothing is written."""
    import faiss

    index = faiss.IndexHNSWFlat(joined.width, 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 80
    faiss.omp_set_num_threads(threads)
    before, began = memory()["own_mb"], time.perf_counter()
    for piece in joined.pieces():
        index.add(piece)
    figures: dict[str, Any] = {"build_seconds": round(time.perf_counter() - began, 1), "memory_mb": round(memory()["own_mb"] - before)}
    faiss.omp_set_num_threads(1)
    for ef in (16, 64, 256, 512, 1024, 2048):
        index.hnsw.efSearch = ef
        speed, found = timed([lambda q=q: index.search(q[None], 10)[1][0] for q in queries])
        right = sum(len(set(a.tolist()) & set(b.tolist())) for a, b in zip(truth, found, strict=True))
        figures[f"ef_{ef}"] = {**speed, "recall_at_10": round(right / truth.size, 4)}
        if right / truth.size >= 0.98:
            break
    return figures


if __name__ == "__main__":
    main()
