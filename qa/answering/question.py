"""The question as it comes from outside."""

from __future__ import annotations

import re
import unicodedata

from qa.errors import BadQuestion


def check_question(question: str, max_chars: int) -> str:
    """Return a question without control characters and surrounding space.

    Raises:
        BadQuestion: it is not text, empty, too long, or holds no letter or digit.
    """
    if not isinstance(question, str):
        raise BadQuestion(f"a question must be text, not {type(question).__name__}")
    if len(question) > max_chars:
        raise BadQuestion(f"the question has {len(question):,} characters; the limit is {max_chars:,}: ask a shorter one")
    if "\0" in question or "\ufffd" in question or any(0xD800 <= ord(c) <= 0xDFFF for c in question):
        raise BadQuestion("the question holds bytes that are not text; type it in English or Chinese")
    clean = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in question)
    clean = " ".join(clean.split())
    if not clean:
        raise BadQuestion("the question is empty; ask something like: How small is the MMLU gap?")
    if not re.search(r"\w", clean):
        raise BadQuestion("the question holds no words; ask something like: How small is the MMLU gap?")
    return clean
