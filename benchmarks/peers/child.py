"""One stage of one peer, in the peer's own environment; ``run.py`` starts it and reads the last line."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]  # "run" is a common name


def main() -> None:
    name, stage, home = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    content = json.loads((home / "data.json").read_text(encoding="utf-8"))
    peer: dict[str, Any] = {}
    exec(compile((Path(__file__).parent / "adapters" / f"{name}.py").read_text(encoding="utf-8"), name, "exec"), peer)
    folder = home / f"{name}-index"
    model = peer["load"]()
    figures = {"ingest": ingest, "cold": cold, "warm": warm}[stage](peer, model, content, folder)
    print("\n" + json.dumps(figures))


def ingest(peer: dict[str, Any], model: Any, content: dict[str, Any], folder: Path) -> dict[str, Any]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    peer["encode"](model, "warm up")
    began, spent = time.perf_counter(), time.process_time()
    count = peer["ingest"](model, content["passages"], folder)
    return {
        "wall": time.perf_counter() - began,
        "cpu": time.process_time() - spent,
        "passages": count,
        "bytes": sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()),
    }


def cold(peer: dict[str, Any], model: Any, content: dict[str, Any], folder: Path) -> dict[str, Any]:
    checked(peer["query"](peer["open"](model, folder), content["questions"][0]))
    return {"cold_cpu": time.process_time()}


def warm(peer: dict[str, Any], model: Any, content: dict[str, Any], folder: Path) -> dict[str, Any]:
    store = peer["open"](model, folder)
    times, over = [], []
    for i, question in enumerate(content["questions"]):
        began = time.perf_counter()
        found = peer["query"](store, question)
        middle = time.perf_counter()
        checked(found)
        again = time.perf_counter()
        peer["encode"](model, question)
        plain = time.perf_counter() - again
        if i >= 10:
            times.append((middle - began) * 1000)
            over.append((middle - began - plain) * 1000)
    return {"query": statistics.median(times), "query_p95": statistics.quantiles(times, n=20)[-1], "over": statistics.median(over)}


def checked(found: list[dict[str, Any]]) -> None:
    """Five passages, each with where it stands."""
    if len(found) != 5 or not all(f["document"] and f["text"] and f["end"] > f["start"] >= 0 for f in found):
        sys.exit(f"not five passages with offsets: {found}")


if __name__ == "__main__":
    main()
