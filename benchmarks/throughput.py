"""Measure questions per second with 1, 4 and 16 clients at once, and whether encoding questions in batches would pay.

Purpose: the figures of docs/scaling.md.
Run: python benchmarks/throughput.py [--set dev] [--seconds 10] [--clients 1 4 16]

Clients are threads that ask one assistant the questions of a set, each its own part, without waiting. Then questions are
encoded one by one and in batches of 4 and 16: the most that batching of concurrent questions could save.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import threading
import time

from qa.assistant import Assistant, question_embedder
from qa.evaluation.questions import load_questions
from qa.settings import load_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="dev")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    options = parser.parse_args()
    questions = load_questions(options.set)
    settings = load_settings()
    assistant = Assistant.open(settings=settings, own_documents=False)
    for question in questions[:24]:
        assistant.ask(question.question)
    asked = {n: run(assistant, questions, n, options.seconds) for n in options.clients}
    figures = {"load": os.getloadavg()[0], "processors": os.cpu_count(), "ask": asked}
    figures["encode_per_second"] = encoding(settings, [q.question for q in questions])
    print(json.dumps(figures, indent=1))


def run(assistant: Assistant, questions: list, clients: int, seconds: float) -> dict[str, float]:
    """Ask for some seconds with some clients; return questions per second and the times of one."""
    times: list[float] = []
    stop = time.perf_counter() + seconds

    def client(first: int) -> None:
        at = first
        while (began := time.perf_counter()) < stop:
            assistant._view.searcher.encode.cache_clear()  # no question is answered from the memory of the last ones
            assistant.ask(questions[at % len(questions)].question)
            times.append(time.perf_counter() - began)
            at += clients

    threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - began
    p95 = statistics.quantiles(times, n=20)[-1]
    return {"per_second": round(len(times) / spent, 1), "p50_ms": round(statistics.median(times) * 1e3, 1), "p95_ms": round(p95 * 1e3, 1)}


def encoding(settings: object, texts: list[str]) -> dict[int, float]:
    """Return questions encoded per second at each size of a batch."""
    embedder = question_embedder(settings)  # type: ignore[arg-type]
    found = {}
    for size in (1, 4, 16):
        began = time.perf_counter()
        for first in range(0, len(texts), size):
            list(embedder.encode(texts[first : first + size]))
        found[size] = round(len(texts) / (time.perf_counter() - began), 1)
    return found


if __name__ == "__main__":
    main()
