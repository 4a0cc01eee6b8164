"""Write a research brief as an HTML file, with its steps as they happen.

Install: pip install .            (from a clone of this repository)
Run:     python examples/research.py "What has DeepSeek achieved?"
"""

from __future__ import annotations

import sys
from pathlib import Path

import qa
from qa.research import Searching, Step, to_html


def show(step: Step) -> None:
    """Print each sub-question before it is searched."""
    if isinstance(step, Searching):
        print(f"[{step.number}/{step.total}] {step.question}")


def main() -> int:
    """Research the question of the command line."""
    question = " ".join(sys.argv[1:]) or "What has DeepSeek achieved?"
    brief = qa.Assistant.open().research(question, progress=show)
    Path("brief.html").write_text(to_html(brief), encoding="utf-8")
    print(f"brief.html: {len(brief.references)} quotes, {len(brief.gaps)} gaps")
    return 0


if __name__ == "__main__":
    sys.exit(main())
