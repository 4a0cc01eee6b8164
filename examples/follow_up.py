"""Hold a short conversation: each follow-up is completed from the questions before it.

Install: pip install .            (from a clone of this repository)
Run:     python examples/follow_up.py
"""


from __future__ import annotations

import sys

import qa

QUESTIONS = (
    "How many generative AI users did China have in December 2025?",
    "And a year earlier?",
    "Who founded DeepSeek?",
    "And Moonshot?",
)


def main() -> int:
    """Ask the questions in order, handing each the answers so far."""
    assistant = qa.Assistant.open()
    history: list[qa.Answer] = []
    for question in QUESTIONS:
        answer = assistant.ask(question, history=history)
        print(f"> {question}")
        if answer.standalone_question != question:
            print(f"  understood as: {answer.standalone_question}")
        print(f"  {answer.sentences[0].text if answer.sentences else answer.text}\n")
        history.append(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
