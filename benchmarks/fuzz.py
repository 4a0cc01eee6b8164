"""Damage small files of every format, over and over, and see that each is read or refused: nothing else.

    python benchmarks/fuzz.py --seconds 60
    python benchmarks/fuzz.py --inputs 1000 --only seed.pdf
    python benchmarks/fuzz.py --properties 5000

One reading process is kept for all inputs of a format. Prints for each reader how many inputs were
read, refused, broke the reading process (contained: the user gets a refusal) or ran over 10 s, and
the slowest. Inputs that broke, hung or raised are kept in --keep; the exit status is 1 if any hung or
raised, or if an offset was wrong. ``--properties`` runs the properties of tests/test_fuzz.py instead
(sentences, passages, front matter, questions, encodings), each on that many random examples.
"""

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import reader_files as files
from fuzzing import LIMITS, mutated, read_damaged

from qa.documents.readers import Reader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="time for all formats together")
    parser.add_argument("--inputs", type=int, default=0, help="inputs for each format instead of a time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=files.SEEDS, action="append", help="formats, all if left out")
    parser.add_argument("--keep", type=Path, help="folder for inputs that went wrong")
    parser.add_argument("--properties", type=int, default=0, help="examples for each property, instead of damaged files")
    options = parser.parse_args()
    if options.properties:
        properties(options.properties)
        return
    names = options.only or list(files.SEEDS)
    failed = False
    total: Counter[str] = Counter()
    print(f"{'reader':<12}{'inputs':>9}{'read':>9}{'refused':>9}{'broke':>7}{'hung':>6}{'raised':>8}{'slowest':>10}")
    for name in names:
        counts, slowest = fuzz(name, options, options.seconds / len(names))
        failed |= bool(counts["hung"] or counts["raised"])
        total += counts
        show(name.removeprefix("seed."), counts, f"{slowest:.2f} s")
    show("all", total, "")
    sys.exit(1 if failed else 0)


def properties(examples: int) -> None:
    """Run every property; the first that fails ends the run with hypothesis's report."""
    import hypothesis
    import test_fuzz

    many = hypothesis.settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck))
    for name, test in vars(test_fuzz).items():
        if name.startswith("test_") and getattr(test, "is_hypothesis_test", False):
            start = time.monotonic()
            many(test)()
            print(f"{name}: {examples:,} examples, {time.monotonic() - start:.0f} s", flush=True)


def fuzz(name: str, options: argparse.Namespace, seconds: float) -> tuple[Counter[str], float]:
    rng = random.Random(f"{options.seed} {name}")
    seed = files.SEEDS[name]()
    counts: Counter[str] = Counter()
    slowest = 0.0
    end = time.monotonic() + seconds
    with Reader(LIMITS) as reader:
        while counts.total() < options.inputs if options.inputs else time.monotonic() < end:
            data = mutated(seed, rng)
            start = time.monotonic()
            try:
                outcome = read_damaged(reader, data, name)
            except Exception as error:  # any error but a refusal is what is looked for
                outcome = "raised"
                print(f"{name}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
            slowest = max(slowest, time.monotonic() - start)
            counts[outcome] += 1
            if options.keep and outcome in ("raised", "hung", "broke"):
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{outcome}-{counts[outcome]}-{name}").write_bytes(data)
    return counts, slowest


def show(name: str, counts: Counter[str], slowest: str) -> None:
    figures = [counts.total(), counts["read"], counts["refused"], counts["broke"], counts["hung"], counts["raised"]]
    print(f"{name:<12}" + "".join(f"{n:>{w},}" for n, w in zip(figures, (9, 9, 9, 7, 6, 8), strict=True)) + f"{slowest:>10}", flush=True)


if __name__ == "__main__":
    main()
