"""Compare the answers of two stores: the index's own files, and Milvus.

Purpose: the conformance figure of docs/scaling.md.
Run: python benchmarks/stores.py [--set dev] [--uri FOLDER_OR_ADDRESS] [--limit N]

Asks every question of a set of both and prints the share with the same citations (documents, spans and order),
the share with the same answer text, and how long a search takes. Needs: pip install "china-ai-qa[milvus]".
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time

from qa.assistant import Assistant
from qa.evaluation.questions import load_questions
from qa.settings import load_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="dev")
    parser.add_argument("--uri", help="a folder of its own if left out")
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    questions = load_questions(options.set)[: options.limit]
    with tempfile.TemporaryDirectory() as folder:
        local = Assistant.open(settings=load_settings(), own_documents=False)
        began = time.perf_counter()
        other = Assistant.open(settings=load_settings(store="milvus", milvus_uri=options.uri or f"{folder}/milvus.db"), own_documents=False)
        written = time.perf_counter() - began
        same, texts, times = 0, 0, {"local": [], "milvus": []}
        for question in questions:
            answers = []
            for name, assistant in (("local", local), ("milvus", other)):
                answers.append(assistant.ask(question.question, history=question.history))
                began = time.perf_counter()
                assistant.search(question.question)
                times[name].append((time.perf_counter() - began) * 1000)
            one, two = ([(c.document_id, c.start, c.end) for c in a.citations] for a in answers)
            same += one == two
            texts += answers[0].text == answers[1].text
            if one != two:
                print(f"differs: {question.question}\n  local:  {answers[0].text[:150]}\n  milvus: {answers[1].text[:150]}")
    figures = {
        "questions": len(questions),
        "same_citations": round(same / len(questions), 4),
        "same_text": round(texts / len(questions), 4),
        "seconds_to_write": round(written, 1),
        "search_ms": {name: round(statistics.median(spent), 1) for name, spent in times.items()},
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
