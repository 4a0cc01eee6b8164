"""Make a follow-up stand alone: carry over what the conversation was about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa.text.glossary import Entry, Glossary, Mention
from qa.text.quantities import dates
from qa.text.tokens import search_tokens

_OPENER = re.compile(
    r"^\s*(?:and|but|so|also|then|what about|how about|same for|what of|ok(?:ay)?,?|那么|那|而|还有|另外)[\s,，:：]*", re.IGNORECASE
)
_PRONOUN = re.compile(
    r"\b(?:its|their|his|her|it|they|them|he|she|that|this|those|these|the company|the firm|the model|the lab|the plan|the law|the rules?|the chip|the city|the fund)\b(?! (?:year|much|many))|它们?|他们?|她|该(?:公司|模型|计划|企业|城市|机构|芯片)|这(?:家公司|个模型|款模型|项)|其(?!他|中|它)",
    re.IGNORECASE,
)
_POSSESSIVE = re.compile(r"^(?:its|their|his|her|其)$", re.IGNORECASE)
_ABOUT = re.compile(r"^\s*(?:and|but|what about|how about|what of|same for|那么|那|and for|and in)\b|^\s*那|呢\s*[？?]?\s*$", re.IGNORECASE)
_COMPARE = re.compile(r"^\s*(?:and\s+)?(?:how does (?:that|it|this) compare|compare (?:that|it|this|them)|compared? (?:with|to))\b|^(?:和|与|跟).+(?:相比|比较)", re.IGNORECASE)
_SHORT = 4  # content tokens; a shorter question without a name leans on the conversation


def standalone(question: str, history: Sequence[str], glossary: Glossary) -> str:
    """Rewrite a question so that it can be understood without the conversation.

    Args:
        question: what was asked.
        history: the questions before, oldest first, each already standing alone.
        glossary: the known names.

    Returns:
        The question itself if it is complete, else one with the names and years it leans on.
    """
    if not history or not question.strip():
        return question
    previous = history[-1]
    names = _names(question, glossary)
    years = dates(question)
    content = search_tokens(_OPENER.sub("", question))
    leans = bool(_ABOUT.search(question)) or _PRONOUN.search(question) is not None or bool(_COMPARE.search(question))
    if not leans and (names or len(content) > _SHORT):
        return question
    earlier = _names(previous, glossary)
    if _COMPARE.search(question) and names:
        return f"{previous.rstrip('?？ ')} compared with {names[0].entry.en}?" if question.isascii() else f"{previous.rstrip('?？ ')}，与{names[0].entry.zh or names[0].entry.en}相比？"
    bare = _bare(question, names)
    if _ABOUT.search(question) and bare:
        swapped = _swap(previous, earlier, names, question)
        if swapped:
            return swapped
    resolved = _replace_pronoun(question, earlier, previous)
    missing = [m.entry for m in earlier if not any(m.entry == e for e in (n.entry for n in _names(resolved, glossary)))]
    if missing and not names and resolved == question:
        resolved = _append(resolved, [_form(e, question) for e in missing])
    if not years and not names and resolved == question and dates(previous):
        resolved = _append(resolved, [previous[dates(previous)[0].start : dates(previous)[0].end]])
    if _ABOUT.search(question) and years and not names:
        return _swap(previous, earlier, [], question) or resolved
    if not _names(resolved, glossary) and len(search_tokens(resolved)) <= _SHORT:
        resolved = _append(resolved, [previous.rstrip("?？ ")])
    return resolved


def _names(text: str, glossary: Glossary) -> list[Mention]:
    return [m for m in glossary.mentions(text) if m.entry.is_name]


def _bare(question: str, names: Sequence[Mention]) -> bool:
    """Tell whether a follow-up is only a name or a time: "And Baidu?", "And in 2023?"."""
    rest = question
    for mention in reversed(names):
        rest = rest[: mention.start] + " " + rest[mention.end :]
    for date in reversed(dates(rest)):
        rest = rest[: date.start] + " " + rest[date.end :]
    rest = _OPENER.sub("", rest)
    return len([t for t in search_tokens(rest) if t not in ("呢", "year", "end")]) <= 1


def _swap(previous: str, earlier: Sequence[Mention], names: Sequence[Mention], question: str) -> str:
    """Put the new name or year in the place of the old one in the previous question."""
    result = previous
    if names:
        new = names[0]
        alike = [m for m in earlier if _class(m.entry) == _class(new.entry)] or list(earlier)
        if not alike:
            return ""
        old = alike[0]
        result = result[: old.start] + question[new.start : new.end] + result[old.end :]
    new_dates = dates(question)
    if new_dates:
        written = question[new_dates[0].start : new_dates[0].end]
        old_dates = dates(result)
        if old_dates:
            old_date = old_dates[0]
            result = result[: old_date.start] + written + result[old_date.end :]
        elif result.isascii():
            result = result.rstrip("?？ ") + f" in {written}?"
        else:
            result = written + result
    return result if result != previous else ""


def _class(entry: Entry) -> str:
    return "maker" if entry.kind in ("company", "lab", "model", "product") else entry.kind


def _replace_pronoun(question: str, earlier: Sequence[Mention], previous: str) -> str:
    match = _PRONOUN.search(question)
    if match is None or not earlier:
        return question
    name = previous[earlier[0].start : earlier[0].end]
    zh = not question.isascii()
    if match.group().lower() in ("that", "this", "those", "these"):
        return question
    if _POSSESSIVE.match(match.group()):
        name += "的" if zh else "'s"
    return question[: match.start()] + name + question[match.end() :]


def _append(question: str, parts: Sequence[str]) -> str:
    mark = "？" if question.rstrip().endswith("？") else "?"
    return f"{question.rstrip('?？ ')} ({', '.join(parts)}){mark}"


def _form(entry: Entry, question: str) -> str:
    return entry.zh if entry.zh and not question.isascii() else entry.en or entry.zh
