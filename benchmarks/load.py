"""Ask the served page with many readers at once, and measure how long each waits for its whole answer.

Purpose: the figure under load of the README.
Run: python benchmarks/load.py [--clients 20] [--seconds 20] [--changes] [--json FILE]

Starts ``qa serve`` on a free port of 127.0.0.1 with empty folders for conversations and documents, waits
until it is ready, and lets each client ask one development question after the other, as the page does: an
event in Gradio's queue, and the answer as a stream. The time is from asking to the last sentence, pauses
between streamed sentences included. Bounded: asking ends after --seconds (at most 60), and each answer may
take 30 s. The rate limit is lifted: all readers share one address.

With --changes documents are uploaded, replaced and removed through the page's routes all the while, and
every third question is about one of them. Every citation of every answer is then checked: its quote is the
slice that it names of a version of the document that was there between asking and answering.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from latency import limit_threads, machine, spread

from qa.documents import load_corpus
from qa.documents.readers import read_file
from qa.evaluation.questions import load_questions
from qa.library.sources import document_id
from qa.settings import load_settings

LONGEST_S = 60
ANSWER_S = 30
READY_S = 240  # a missing index is built first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=20, help="readers at once")
    parser.add_argument("--seconds", type=float, default=20, help=f"how long to ask, at most {LONGEST_S}")
    parser.add_argument("--threads", type=int, default=2, help="processor threads of the model")
    parser.add_argument("--changes", action="store_true", help="add and remove documents meanwhile, and check every citation")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    options = parser.parse_args()
    seconds = min(options.seconds, LONGEST_S)
    limit_threads(options.threads)
    questions = [q.question for q in load_questions("dev") if not q.history]
    with tempfile.TemporaryDirectory() as data:
        server = subprocess.Popen(
            [sys.executable, "-m", "qa", "serve", "--host", "127.0.0.1"],
            env={**os.environ, "QA_DATA": data, "QA_LIBRARY": f"{data}/library", "QA_REQUESTS_PER_MINUTE": "1000000"},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            address = address_of(server)
            wait_until_ready(address)
            ask(address, questions[-1])
            changes = Changes(address) if options.changes else None
            figures = {"machine": machine(options.threads), **measure(address, questions, options.clients, seconds, changes)}
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
    if options.changes and (figures["wrong"] or figures["changes"]["failed"] or figures["ended"].keys() - {"done"}):
        sys.exit("\n".join(["something went wrong:", *figures["wrong"][:5], *figures["changes"]["failed"][:5], str(figures["ended"])]))


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


def ask(address: str, question: str) -> tuple[str, dict[str, Any]]:
    """Ask as the page does; returns the phase in which the answer ended, "done" if all went well, and the turn."""
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
                    return str(data[0].get("phase") or "failed"), data[0].get("turn") or {}
    return "cut off", {}


_events: dict[str, tuple[int, int]] = {}


def submit_event(address: str) -> tuple[int, int]:
    """Return the part of the page that asks and the number of its event, from the page's own description."""
    if address not in _events:
        for event in httpx.get(f"{address}/config", timeout=10).json()["dependencies"]:
            if event["targets"] and event["targets"][0][1] == "submit":
                _events[address] = (event["targets"][0][0], event["id"])
    return _events[address]


@dataclass
class Version:
    """A text that a document had; it may be cited from the start of the change that brought it to the end of the one that took it."""

    text: str
    since: float
    until: float = float("inf")


class Changes:
    """Uploads, replaces and removes documents, and remembers what every one of them said when."""

    KEPT = 12  # documents at a time

    def __init__(self, address: str) -> None:
        self.address = address
        self.versions: dict[str, list[Version]] = {
            document.id: [Version(document.text, 0.0)] for document in load_corpus(load_settings().corpus).documents
        }
        self.live: dict[str, str] = {}  # id by name
        self.times: list[float] = []
        self.failed: list[str] = []
        self.checked = Counter[str]()
        self._lock = threading.Lock()

    def run(self, end: float) -> None:
        """Change one thing after the other until the time is up."""
        with httpx.Client(base_url=self.address, timeout=60) as client:
            number = 0
            while time.monotonic() < end:
                number += 1
                try:
                    if number % 3 == 0 and len(self.live) > self.KEPT / 2:
                        self._remove(client, next(iter(self.live)))
                    else:
                        self._upload(client, f"cluster-{number % self.KEPT}.md", number)
                except (httpx.HTTPError, OSError, KeyError, ValueError) as error:
                    self.failed.append(f"{type(error).__name__}: {error}")

    def _upload(self, client: httpx.Client, name: str, number: int) -> None:
        content = report(name, number)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "0.md")
            path.write_text(content, encoding="utf-8")
            text = read_file(path, name=name).text
        began = time.monotonic()
        # The text may be cited before its upload has been answered, so it is known from here on.
        pending = Version(text, began)
        with self._lock:
            known = self.live.get(name)
            identity = known or document_id("library", name)
            self.versions.setdefault(identity, []).append(pending)
        answer = client.post("/library/files", files=[("files", (name, content.encode()))])
        answer.raise_for_status()
        last = json.loads(answer.text.splitlines()[-1])
        self.times.append((time.monotonic() - began) * 1000)
        result = last["results"][0] if last["step"] == "done" else {"status": last.get("error", last["step"])}
        if result["status"] not in ("added", "updated") or result["document"] != identity:
            raise ValueError(f"upload of {name}: {result}")
        with self._lock:
            for version in self.versions[identity][:-1]:
                version.until = min(version.until, time.monotonic())
            self.live[name] = identity

    def _remove(self, client: httpx.Client, name: str) -> None:
        began = time.monotonic()
        with self._lock:
            identity = self.live.pop(name)
        client.post("/library/remove", json={"ids": [identity]}).raise_for_status()
        self.times.append((time.monotonic() - began) * 1000)
        with self._lock:
            for version in self.versions[identity]:
                version.until = min(version.until, time.monotonic())

    def question(self) -> str:
        """Return a question about a document that is there."""
        with self._lock:
            names = list(self.live) or ["cluster-1.md"]
        return f"How many cards did the {title(secrets.choice(names))} have in July 2026?"

    def check(self, turn: dict[str, Any], asked: float, answered: float) -> list[str]:
        """Return what is wrong with the citations of an answer."""
        wrong = []
        for citation in turn.get("citations", ()):
            identity, start, end = citation["document"], citation["start"], citation["end"]
            with self._lock:
                versions = list(self.versions.get(identity, ()))
                self.checked[citation["collection"]] += 1
            there = [v for v in versions if v.since <= answered and asked <= v.until]
            if not any(v.text[start:end] == citation["quote"] for v in there):
                wrong.append(f"{identity} {start}-{end}: {citation['quote'][:80]!r} stood in none of {len(there)} versions of that time")
        return wrong


CLUSTERS = ("Aspen", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ivy", "Juniper", "Kapok", "Larch")


def title(name: str) -> str:
    return f"{CLUSTERS[int(name.removeprefix('cluster-').removesuffix('.md'))]} cluster"


def report(name: str, number: int) -> str:
    """Write a small report; its figures and the places of its sentences change with the number."""
    subject = title(name)
    filler = "The operators published no further details. " * (number % 7)
    return (
        f"# Report on the {subject}\n\n{filler}In July 2026 the {subject} had {1000 + 7 * number:,} cards.\n\n"
        f"## Use\n\nThe {subject} ran at {40 + number % 50} percent of its capacity in August 2026. {filler}\n"
    )


def measure(address: str, questions: list[str], clients: int, seconds: float, changes: Changes | None) -> dict[str, Any]:
    times: list[float] = []
    wrong: list[str] = []
    phases: Counter[str] = Counter()
    lock = threading.Lock()
    began = time.monotonic()
    end = began + seconds

    def read(number: int) -> None:
        turn = number * len(questions) // clients  # readers begin at different questions
        while time.monotonic() < end:
            start = time.monotonic()
            question = changes.question() if changes and turn % 3 == 0 else questions[turn % len(questions)]
            try:
                phase, answer = ask(address, question)
            except httpx.HTTPError as error:
                phase, answer = type(error).__name__, {}
            now = time.monotonic()
            problems = changes.check(answer, start, now) if changes else []
            with lock:
                phases[phase] += 1
                wrong.extend(problems)
                if phase == "done":
                    times.append((now - start) * 1000)
            turn += 1

    changing = threading.Thread(target=changes.run, args=(end,), daemon=True) if changes else None
    if changing:
        changing.start()
    readers = [threading.Thread(target=read, args=(n,), daemon=True) for n in range(clients)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(timeout=seconds + ANSWER_S + 5)
    if changing:
        changing.join(timeout=90)
    took = time.monotonic() - began
    return {
        "clients": clients,
        "seconds": round(took, 1),
        "answers": spread(times),
        "slowest": round(max(times), 1) if times else None,
        "per_second": round(len(times) / took, 1),
        "mean": round(statistics.fmean(times), 1) if times else None,
        "ended": dict(phases),
        **({"changes": {**spread(changes.times), "failed": changes.failed}, "checked": dict(changes.checked), "wrong": wrong} if changes else {}),
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
    if "changes" in figures:
        rows["documents added, replaced and removed"] = figures["changes"]["n"]
        rows["95th percentile of such a change, ms"] = figures["changes"]["p95"]
        rows["changes that failed"] = len(figures["changes"]["failed"])
        rows["citations checked"] = ", ".join(f"{n:,} ({name})" for name, n in sorted(figures["checked"].items()))
        rows["wrong citations"] = len(figures["wrong"])
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
