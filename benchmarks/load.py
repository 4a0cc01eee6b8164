"""Ask the served page with many readers at once, and measure how long each waits for its whole answer.

Purpose: the figure under load of the README.
Run: python benchmarks/load.py [--clients 20] [--seconds 20] [--json FILE]

Starts ``qa serve`` on a free port of 127.0.0.1 with an empty folder for conversations, waits until it is
ready, and lets each client ask one development question after the other, as the page does: an event in
Gradio's queue, and the answer as a stream. The time is from asking to the last sentence, pauses between
streamed sentences included. Bounded: asking ends after --seconds (at most 60), and each answer may take 30 s.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from latency import limit_threads, machine, spread

from qa.evaluation.questions import load_questions

LONGEST_S = 60
ANSWER_S = 30
READY_S = 240  # a missing index is built first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=20, help="readers at once")
    parser.add_argument("--seconds", type=float, default=20, help=f"how long to ask, at most {LONGEST_S}")
    parser.add_argument("--threads", type=int, default=2, help="processor threads of the model")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    options = parser.parse_args()
    seconds = min(options.seconds, LONGEST_S)
    limit_threads(options.threads)
    questions = [q.question for q in load_questions("dev") if not q.history]
    with tempfile.TemporaryDirectory() as data:
        server = subprocess.Popen(
            [sys.executable, "-m", "qa", "serve", "--host", "127.0.0.1"], env={**os.environ, "QA_DATA": data}, stdout=subprocess.PIPE, text=True
        )
        try:
            address = address_of(server)
            wait_until_ready(address)
            ask(address, questions[-1])
            figures = {"machine": machine(options.threads), **measure(address, questions, options.clients, seconds)}
            figures["server_mb"] = memory_mb(server.pid)
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
    print(markdown(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if not figures["answers"]["n"]:
        sys.exit("no question was answered")


def address_of(server: subprocess.Popen[str]) -> str:
    """Read the address from the server's first line; it takes the next free port by itself."""
    line = server.stdout.readline() if server.stdout else ""
    if "http://" not in line:
        sys.exit("qa serve did not start; run it by itself to see why")
    return line.split(" at ")[1].split()[0]


def wait_until_ready(address: str) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        status = httpx.get(f"{address}/readyz", timeout=10).json()
        if status["state"] == "ready":
            return
        if status["state"] == "failed":
            sys.exit(status["error"])
        time.sleep(0.25)
    sys.exit(f"the server was not ready after {READY_S} s")


def ask(address: str, question: str) -> str:
    """Ask as the page does; returns the phase in which the answer ended, "done" if all went well."""
    session = secrets.token_hex(8)
    with httpx.Client(base_url=address, timeout=ANSWER_S) as client:
        part, event = submit_event(address)
        sent = {"data": [], "event_data": {"request": session, "question": question}, "fn_index": event, "trigger_id": part}
        client.post("/gradio_api/queue/join", json={**sent, "session_hash": session}).raise_for_status()
        with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                if message.get("msg") == "process_completed":
                    data = message.get("output", {}).get("data") or [{}]
                    return str(data[0].get("phase") or "failed")
    return "cut off"


_events: dict[str, tuple[int, int]] = {}


def submit_event(address: str) -> tuple[int, int]:
    """Return the part of the page that asks and the number of its event, from the page's own description."""
    if address not in _events:
        for event in httpx.get(f"{address}/config", timeout=10).json()["dependencies"]:
            if event["targets"] and event["targets"][0][1] == "submit":
                _events[address] = (event["targets"][0][0], event["id"])
    return _events[address]


def measure(address: str, questions: list[str], clients: int, seconds: float) -> dict[str, Any]:
    times: list[float] = []
    phases: Counter[str] = Counter()
    lock = threading.Lock()
    began = time.monotonic()
    end = began + seconds

    def read(number: int) -> None:
        turn = number * len(questions) // clients  # readers begin at different questions
        while time.monotonic() < end:
            start = time.perf_counter()
            try:
                phase = ask(address, questions[turn % len(questions)])
            except httpx.HTTPError as error:
                phase = type(error).__name__
            with lock:
                phases[phase] += 1
                if phase == "done":
                    times.append((time.perf_counter() - start) * 1000)
            turn += 1

    readers = [threading.Thread(target=read, args=(n,), daemon=True) for n in range(clients)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(timeout=seconds + ANSWER_S + 5)
    took = time.monotonic() - began
    return {
        "clients": clients,
        "seconds": round(took, 1),
        "answers": spread(times),
        "slowest": round(max(times), 1) if times else None,
        "per_second": round(len(times) / took, 1),
        "mean": round(statistics.fmean(times), 1) if times else None,
        "ended": dict(phases),
    }


def memory_mb(process: int) -> float | None:
    """Return the most memory that a process has held, where the system tells."""
    status = Path(f"/proc/{process}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((round(int(line.split()[1]) / 1000, 0) for line in lines if line.startswith("VmHWM")), None)


def markdown(figures: dict[str, Any]) -> str:
    where, answers = figures["machine"], figures["answers"]
    rows = {
        "answers": answers["n"],
        "answers per second": figures["per_second"],
        "median, ms": answers["median"],
        "95th percentile, ms": answers["p95"],
        "slowest, ms": figures["slowest"],
        "not answered": sum(n for phase, n in figures["ended"].items() if phase != "done"),
        "most memory of the server, MB": figures["server_mb"],
    }
    head = [
        f"{figures['clients']} readers at once for {figures['seconds']} s; {where['threads']} threads of {where['cpu']} "
        f"({where['processors']} processors, load {where['load']} before), readers on the same machine.",
        "",
        "| | |",
        "| --- | ---: |",
    ]
    return "\n".join(head + [f"| {name} | {'-' if value is None else value} |" for name, value in rows.items()])


if __name__ == "__main__":
    main()
