"""Measure what one more document costs an index that is large already.

Purpose: adding a document to 100,000 passages should take under 2 s beside its own encoding.
Run: python benchmarks/increment.py [--passages 100000] [--folder DIR] [--json FILE]

The model is a fake one that costs next to nothing and whose own time is taken off. First an index of
generated documents is built (or taken over from an earlier run in the same folder). Then, three times
each: a document is added, searched for, replaced and removed, in fresh processes and in one that
runs on. "Opening" is loading the new generation, "first search" one search in it, which also reads and
checks the blocks that it needs.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fake_embedder import FakeEmbedder

from qa.documents.model import Document, Section
from qa.index import Snapshot, read_manifest, update_index
from qa.index.snapshot import CURRENT, current_generation
from qa.retrieval.search import Searcher

MAX_TOKENS = 200
BATCH = 2000  # documents of one addition while the index is made
PASSAGES_A_DOCUMENT = 10
SYLLABLES = [a + b for a in "bcdfghklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "in", "ol", "us")]


def made_up(number: int) -> Document:
    """Make a document of about ten passages whose words follow Zipf's law."""
    rng = random.Random(number)
    words = ["".join(rng.choices(SYLLABLES, k=2)) if rng.random() < 0.2 else SYLLABLES[int(rng.paretovariate(0.9)) % 160] for _ in range(1400)]
    sentences = [" ".join(words[i : i + 20]).capitalize() + f" {number}-{i}." for i in range(0, len(words), 20)]
    text = "\n\n".join(" ".join(sentences[i : i + 7]) for i in range(0, len(sentences), 7))
    section = Section(heading="Report", start=0, end=len(text))
    return Document(id=f"doc-{number}", title=f"Report {number}", language="en", topic="", as_of="2025-01-01", text=text, sections=(section,))


def make(folder: Path, passages: int) -> None:
    """Fill a folder up to a number of passages."""
    embedder, number = FakeEmbedder(), 0
    while True:
        if (folder / CURRENT).is_file():
            manifest = read_manifest(folder, current_generation(folder))
            number = manifest.documents
            print(f"{manifest.passages:,} passages of {number:,} documents", file=sys.stderr)
            if manifest.passages >= passages:
                return
        batch: Iterator[Document] = (made_up(n) for n in range(number, number + min(BATCH, passages // PASSAGES_A_DOCUMENT + 1)))
        update_index(folder, list(batch), [], embedder, MAX_TOKENS)


def timed(folder: Path, embedder: FakeEmbedder, add: list[Document], remove: list[str]) -> dict[str, float]:
    """Change the index and use it; return seconds of each step, without those of the model."""
    spent, began = embedder.seconds, time.perf_counter()
    update_index(folder, add, remove, embedder, MAX_TOKENS)
    changed = time.perf_counter()
    figures = {"change": changed - began - (embedder.seconds - spent)}
    snapshot = Snapshot.load(folder)
    searcher = Searcher(snapshot, embedder)
    opened = time.perf_counter()
    searcher.search(add[0].text.partition(".")[0] if add else "nothing of it is left")
    figures |= {"opening": opened - changed, "first search": time.perf_counter() - opened}
    assert bool(add) == ("doc-new" in snapshot.documents)
    return figures


def steps(number: int) -> list[tuple[str, list[Document], list[str]]]:
    new = [made_up(10_000_000 + number + i).model_copy(update={"id": "doc-new"}) for i in range(2)]
    return [("add", [new[0]], []), ("replace", [new[1]], []), ("remove", [], ["doc-new"])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where the index is made and kept; a temporary folder if not given")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, number = options.child
        add, remove = next((a, r) for n, a, r in steps(int(number)) if n == name)
        print(json.dumps(timed(options.folder, FakeEmbedder(), add, remove)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        make(folder, options.passages)
        rows: dict[tuple[str, str], list[dict[str, float]]] = {}
        embedder = FakeEmbedder()
        for run in range(options.runs):
            for name, add, remove in steps(run * 10):
                rows.setdefault((name, "running process"), []).append(timed(folder, embedder, add, remove))
        for run in range(options.runs):
            for name, _, _ in steps(run * 10 + 5):
                command = [sys.executable, __file__, "--folder", str(folder), "--child", name, str(run * 10 + 5)]
                began = time.perf_counter()
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                figures = {**json.loads(done.stdout), "whole process": time.perf_counter() - began}
                rows.setdefault((name, "fresh process"), []).append(figures)
        manifest = read_manifest(folder, current_generation(folder))
    result: dict[str, Any] = {"passages": manifest.passages, "segments": len(manifest.segments), "bytes": manifest.bytes, "medians": {}}
    for (name, where), found in rows.items():
        result["medians"][f"{name}, {where}"] = {k: round(statistics.median(f[k] for f in found), 3) for k in found[0]}
    size = f"{manifest.passages:,} passages in {len(manifest.segments)} segments, {manifest.bytes / 1e9:.2f} GB"
    columns = ("change", "opening", "first search", "whole process")
    print(f"{size}; median seconds of {options.runs} runs\n\n| what | {' | '.join(columns)} |\n| --- | --- | --- | --- | --- |")
    for name, figures in result["medians"].items():
        print(f"| {name} | " + " | ".join(f"{figures[k]:.3f}" if k in figures else "" for k in columns) + " |")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
