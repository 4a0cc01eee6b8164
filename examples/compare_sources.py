"""Show what different documents and publishers say about one question, in order of date.

Install: pip install .            (from a clone of this repository)
Run:     python examples/compare_sources.py "How much did training DeepSeek-V3 cost?"
"""


from __future__ import annotations

import sys

import qa


def main() -> int:
    """Ask every document that search finds on its own, then print values that disagree."""
    question = " ".join(sys.argv[1:]) or "How much did training DeepSeek-V3 cost?"
    assistant = qa.Assistant.open()
    found = dict.fromkeys(hit.document_id for hit in assistant.search(question, k=8))
    answers = [assistant.ask(question, filters=qa.Filters(documents=(document,))) for document in found]
    for citation in sorted((a.citations[0] for a in answers if not a.abstained), key=lambda c: c.as_of):
        quote = " ".join(citation.quote.split())
        print(f"{citation.as_of}  {quote}\n    {'; '.join(s.publisher for s in citation.sources)}\n")
    for conflict in assistant.ask(question).conflicts:
        print("Sources disagree:", *(f"{v.value} ({v.date})" for v in conflict.values), sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
