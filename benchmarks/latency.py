"""Measure how long an answer takes: warm in one process, and cold from a fresh one.

Purpose: the latency figures of the README.
Run: python benchmarks/latency.py [--set dev] [--threads 2] [--runs 3] [--no-cold] [--json FILE]

Warm: every question of a set through ``Assistant.ask``, then every one through ``Assistant.search``, after
a warm-up. The warm-up asks the last questions and the measured pass begins with the first, so that no
question is still in the searcher's memory of recent ones. Cold: ``qa ask`` in fresh processes, the wall time
of the command as a user has it, and the median over runs. A second series of fresh processes says where the
time goes: importing other people's modules (those that the command turned out to need), sentence-transformers
loading a model where it is used at all, and this project's own code; start and end of the interpreter stand apart.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

WARM_UP = 24  # questions; by then the statements that questions share have been read once
COLD_QUESTION = "How small is the MMLU gap between US and Chinese models?"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="dev", help="dev, test, or a JSON Lines file")
    parser.add_argument("--threads", type=int, default=2, help="processor threads")
    parser.add_argument("--runs", type=int, default=3, help="fresh processes of each cold series")
    parser.add_argument("--no-cold", action="store_true", help="measure only warm")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        split_cold_start(options.child)
        return
    limit_threads(options.threads)
    figures: dict[str, Any] = {"machine": machine(options.threads), "set": options.set}
    figures["warm"] = warm(options.set, options.threads)
    if not options.no_cold:
        figures["cold"] = cold(options.runs)
    print(markdown(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def limit_threads(threads: int) -> None:
    """Must run before NumPy and torch are imported; children inherit it."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "QA_THREADS"):
        os.environ[name] = str(threads)


def machine(threads: int) -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")), cpu)
    load = round(os.getloadavg()[0], 1)
    return {"cpu": cpu, "processors": os.cpu_count(), "load": load, "threads": threads, "python": platform.python_version()}


def warm(name: str, threads: int) -> dict[str, Any]:
    from qa.assistant import Assistant
    from qa.evaluation.questions import load_questions
    from qa.settings import load_settings

    questions = load_questions(name)
    assistant = Assistant.open(settings=load_settings(threads=threads))
    for question in questions[-WARM_UP:]:
        assistant.ask(question.question, history=question.history)
        assistant.search(question.question)
    stages: dict[str, list[float]] = {}
    answered, worked = [], []
    for question in questions:
        began, used = time.perf_counter(), time.process_time()
        answer = assistant.ask(question.question, history=question.history)
        answered.append((time.perf_counter() - began) * 1000)
        worked.append((time.process_time() - used) * 1000)
        for stage, spent in answer.timings_ms.items():
            stages.setdefault(stage, []).append(spent)
    searched = [timed(lambda q=q: assistant.search(q.question)) for q in questions]
    return {
        "ask": spread(answered),
        "ask_english": spread([ms for ms, q in zip(answered, questions, strict=True) if q.language == "en"]),
        "ask_chinese": spread([ms for ms, q in zip(answered, questions, strict=True) if q.language == "zh"]),
        "ask_processor": spread(worked),
        "search": spread([ms for ms, _ in searched]),
        "search_processor": spread([ms for _, ms in searched]),
        "stages": {stage: spread(spent) for stage, spent in stages.items() if stage != "total"},
        "passages": assistant.snapshot.manifest.passages,
    }


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return how many milliseconds passed, and how many the processors worked: on a busy machine the first are more."""
    began, used = time.perf_counter(), time.process_time()
    call()
    return (time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000


def spread(milliseconds: Sequence[float]) -> dict[str, Any]:
    """Median and 95th percentile, by linear interpolation."""
    if len(milliseconds) < 2:
        return {"n": len(milliseconds), "median": None, "p95": None}
    cuts = statistics.quantiles(milliseconds, n=20, method="inclusive")
    return {"n": len(milliseconds), "median": round(statistics.median(milliseconds), 1), "p95": round(cuts[-1], 1)}


def cold(runs: int) -> dict[str, Any]:
    """Seconds: medians over fresh processes."""
    command = [sys.executable, "-m", "qa", "ask", COLD_QUESTION]
    wall(command)  # brings the files into the system's memory
    plain = [wall(command) for _ in range(runs)]
    parts: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        child = [sys.executable, str(Path(__file__).resolve()), "--child", folder]
        wall(child)  # finds out which modules the command needs
        for _ in range(runs):
            total = wall(child)
            split = json.loads((Path(folder) / "split.json").read_text(encoding="utf-8"))
            parts.append({"interpreter": total - split["all"], **split})
    medians = {name: round(statistics.median(p[name] for p in parts), 3) for name in parts[0]}
    return {"runs": [round(s, 2) for s in plain], "median": round(statistics.median(plain), 2), "parts": medians}


def wall(command: Sequence[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    spent = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr.strip()}")
    return spent


def split_cold_start(folder: Path) -> None:
    """Run ``qa ask`` in this process and write where its seconds went.

    The first call in a folder writes the modules that the command imported; the next ones import these before
    the command runs, so that importing can be told from running.
    """
    import contextlib
    import importlib
    import io

    # What qa/cli.py and qa/embedding.py set before they import the libraries.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    needed = folder / "modules.json"
    before = set(sys.modules)
    spent = dict.fromkeys(("import", "library", "model", "encode"), 0.0)
    began = time.perf_counter()
    for name in json.loads(needed.read_text(encoding="utf-8")) if needed.exists() else ():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    spent["import"] = time.perf_counter() - began

    from qa import assistant, cli

    def counted(part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                spent[part] += time.perf_counter() - start

        return run

    def load(*arguments: Any) -> Any:
        embedder = make(*arguments)
        encode = embedder.encode
        embedder.encode = counted("encode", lambda texts: list(encode(texts)))
        return embedder

    make = assistant.question_embedder
    assistant.question_embedder = counted("model", load)
    if "sentence_transformers" in sys.modules:
        library = sys.modules["sentence_transformers"]
        library.SentenceTransformer = counted("library", library.SentenceTransformer)
    with contextlib.redirect_stdout(io.StringIO()):
        code = cli.main(["ask", COLD_QUESTION])
    total = time.perf_counter() - began
    if code:
        sys.exit(code)
    if not needed.exists():
        others = [n for n in sys.modules if n not in before and n.partition(".")[0] not in ("qa", "__main__")]
        needed.write_text(json.dumps(others), encoding="utf-8")
    split = {**spent, "model": spent["model"] - spent["library"], "own": total - spent["import"] - spent["library"], "all": total}
    (folder / "split.json").write_text(json.dumps(split), encoding="utf-8")


def markdown(figures: dict[str, Any]) -> str:
    where, hot = figures["machine"], figures["warm"]
    lines = [
        f"{hot['ask']['n']} questions ({figures['set']}) over {hot['passages']:,} passages; {where['threads']} threads of {where['cpu']} "
        f"({where['processors']} processors, load {where['load']} at the start), Python {where['python']}.",
        "",
        "| warm, ms | median | 95th percentile |",
        "| --- | ---: | ---: |",
    ]
    rows = {
        "ask": hot["ask"],
        "ask, English questions": hot["ask_english"],
        "ask, Chinese questions": hot["ask_chinese"],
        **{f"of ask: {stage}": spent for stage, spent in hot["stages"].items()},
        "search": hot["search"],
        "ask, processor time": hot["ask_processor"],
        "search, processor time": hot["search_processor"],
    }
    lines += [f"| {name} | {shown(row['median'])} | {shown(row['p95'])} |" for name, row in rows.items()]
    if "cold" in figures:
        start = figures["cold"]
        names = {
            "interpreter": "start and end of the interpreter",
            "import": "importing libraries",
            "library": "sentence-transformers loading a model",
            "own": "own code",
            "model": "of own code: checking and reading the model",
            "encode": "of own code: encoding the question",
        }
        lines += ["", "| cold, s | median |", "| --- | ---: |", f"| qa ask, {len(start['runs'])} fresh processes | {start['median']:.2f} |"]
        lines += [f"| {text} | {start['parts'][name]:.2f} |" for name, text in names.items()]
    return "\n".join(lines)


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


if __name__ == "__main__":
    main()
