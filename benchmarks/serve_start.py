"""Measure how long ``qa serve`` takes from the start of its process to the page and to the first answer.

Purpose: the figures on starting the page in docs/performance.md.
Run: python benchmarks/serve_start.py [--runs 5] [--threads 2] [--json FILE]

Each run is a fresh process on a free port of 127.0.0.1 with empty folders for conversations and documents. Seconds from its
start: until the page has arrived, until its first answer has arrived whole (asked as the page does, as soon as the page was
there and the assistant ready; pauses between streamed sentences included).
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
from pathlib import Path

import httpx
from latency import COLD_QUESTION, limit_threads, machine
from load import address_of, ask, submit_event, wait_until_ready

STEPS = {"page": "page", "answer": "first answer"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="fresh processes")
    parser.add_argument("--threads", type=int, default=2, help="processor threads")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    options = parser.parse_args()
    limit_threads(options.threads)
    start()  # brings the files into the system's memory
    runs = [start() for _ in range(options.runs)]
    figures = {"machine": machine(options.threads), **{name: [round(r[name], 2) for r in runs] for name in STEPS}}
    print(f"| qa serve, seconds from its start, {options.runs} fresh processes | median | least | most |\n| --- | ---: | ---: | ---: |")
    for name, text in STEPS.items():
        print(f"| {text} | {statistics.median(figures[name]):.2f} | {min(figures[name]):.2f} | {max(figures[name]):.2f} |")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def start() -> dict[str, float]:
    """Serve, load the page, ask, stop; returns the seconds of each step."""
    with tempfile.TemporaryDirectory() as data:
        began = time.perf_counter()
        server = subprocess.Popen(
            [sys.executable, "-m", "qa", "serve", "--host", "127.0.0.1"],
            env={**os.environ, "QA_DATA": data, "QA_LIBRARY": f"{data}/library"},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            address = address_of(server)
            httpx.get(f"{address}/", timeout=60).raise_for_status()
            page = time.perf_counter() - began
            submit_event(address)  # part of the page that a browser holds already
            wait_until_ready(address)
            phase, _ = ask(address, COLD_QUESTION)
            answer = time.perf_counter() - began
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
    if phase != "done":
        sys.exit(f"the first question was not answered: {phase}")
    return {"page": page, "answer": answer}


if __name__ == "__main__":
    main()
