"""Measure the memory and the time that a large ingestion takes.

Purpose: ingesting 100 MB of text should stay under 2.5 GB of memory and show how it gets on.
Run: python benchmarks/memory.py --text FILE [--megabytes 100] [--real] [--one] [--folder DIR] [--json FILE]

Every line of the text is a document; the lines are repeated with other figures in them until there is
enough, so that no passage repeats another. The model is a fake one that costs next to nothing, or with
--real the embedded one. With --one all of it is one single document, the worst case.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fake_embedder import FakeEmbedder

from qa.documents.model import Document, Section
from qa.index import read_manifest, update_index
from qa.index.snapshot import current_generation
from qa.text.language import has_cjk


def varied(lines: list[str], size: int) -> Iterator[str]:
    """Yield lines with other figures in every round, until they have a number of bytes."""
    total = 0
    for round_ in itertools.count():
        for line in lines:
            text = f"{round_}. " + re.sub(r"\d+", lambda m, r=round_: str(int(m.group()) + r), line)
            total += len(text.encode())
            yield text
            if total >= size:
                return


def document(number: int, text: str) -> Document:
    section = Section(heading="", start=0, end=len(text))
    language = "zh" if has_cjk(text) else "en"
    return Document(id=f"line-{number}", title=f"Line {number}", language=language, topic="", as_of="", text=text, sections=(section,))  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="a text file, one document a line")
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--real", action="store_true", help="encode with the embedded model")
    parser.add_argument("--one", action="store_true", help="make it one document")
    parser.add_argument("--folder", type=Path, help="where the index is made; a temporary folder if not given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    options = parser.parse_args()
    lines = [line for line in options.text.read_text(encoding="utf-8").splitlines() if line.strip()]
    texts = list(varied(lines, int(options.megabytes * 1e6)))
    size = sum(len(t.encode()) for t in texts)
    documents = [document(0, "\n\n".join(texts))] if options.one else [document(n, t) for n, t in enumerate(texts)]
    del texts
    if options.real:
        from qa.embedding import SentenceTransformerEmbedder

        embedder = SentenceTransformerEmbedder()
    else:
        embedder = FakeEmbedder()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    began, said = time.perf_counter(), 0.0

    def progress(done: int, total: int) -> None:
        nonlocal said
        spent = time.perf_counter() - began
        if spent - said >= 10:
            said = spent
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            left = (total - done) * spent / done
            print(f"{done:,} of {total:,} passages, {done / spent:.0f} a second, {left:.0f} s left, peak {memory:.2f} GB", file=sys.stderr)

    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary) / "index"
        update_index(folder, documents, [], embedder, 200, progress)
        seconds = time.perf_counter() - began
        manifest = read_manifest(folder, current_generation(folder))
    result = {
        "megabytes": round(size / 1e6, 1),
        "documents": manifest.documents,
        "passages": manifest.passages,
        "model": manifest.model,
        "seconds": round(seconds, 1),
        "passages_per_second": round(manifest.passages / seconds, 1),
        "peak_gb_before": round(before, 2),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "index_gb": round(manifest.bytes / 1e9, 2),
    }
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
