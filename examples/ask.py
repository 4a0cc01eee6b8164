"""Ask one question and print the answer with its citations.

Install: pip install .            (from a clone of this repository)
Run:     python examples/ask.py "How small is the MMLU gap between US and Chinese models?"
"""


from __future__ import annotations

import sys

import qa


def main() -> int:
    """Answer the question on the command line."""
    question = " ".join(sys.argv[1:]) or "How small is the MMLU gap between US and Chinese models?"
    try:
        answer = qa.ask(question)
    except qa.QAError as error:
        print(error, file=sys.stderr)
        return 1
    print(answer.text)
    for citation in answer.citations:
        print(f"\n[{citation.number}] {citation.title}, as of {citation.as_of}")
        for source in citation.sources:
            print(f"    {source.publisher}, {source.title!r}, {source.date} {source.url}")
    if answer.abstained:
        print("\nNearest:", *(f"  {hit.title} > {hit.section}" for hit in answer.hits[:3]), sep="\n")
    print(f"\nconfidence {answer.confidence:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
