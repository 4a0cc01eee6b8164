"""Let a model make a follow-up stand alone; what it may not do is bring in names or figures of its own."""

from __future__ import annotations

from collections.abc import Sequence

from qa.errors import BadReply
from qa.llm.client import LanguageModel
from qa.llm.facts import held
from qa.llm.prompts import rewrite_messages
from qa.text.glossary import Glossary
from qa.text.language import has_cjk

LONGEST = 1000  # characters; a question that is longer was not asked


def rewritten(model: LanguageModel, question: str, history: Sequence[str], glossary: Glossary) -> str:
    """Return a question that stands alone.

    Args:
        model: rewrites.
        question: the follow-up.
        history: the questions before it, oldest first.
        glossary: the known names.

    Raises:
        LanguageModelError: the model fails, or what it wrote is no such question: several lines,
            another language, or a name, date or number that nobody has said.
    """
    lines = [line.strip() for line in model.complete(rewrite_messages(question, history)).splitlines() if line.strip()]
    if len(lines) != 1 or len(lines[0]) > LONGEST:
        raise BadReply(f"{model.label} did not write one question")
    text = lines[0].removeprefix("<question>").removesuffix("</question>").strip().strip("\"“”")
    if not text or has_cjk(text) != has_cjk(question):
        raise BadReply(f"{model.label} changed the question's language")
    missing = held(text, [*history, question], "", glossary).missing
    if missing:
        raise BadReply(f"{model.label} brought in what nobody asked about: {missing[0]}")
    return text
