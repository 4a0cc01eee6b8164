"""Make a follow-up stand alone: carry over what the conversation was about."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from qa.text.glossary import Entry, Glossary, Mention
from qa.text.language import has_cjk
from qa.text.quantities import dates
from qa.text.tokens import search_tokens

_OPENER = re.compile(
    r"^\s*(?:and|but|so|also|then|what about|how about|same for|what of|ok(?:ay)?,?|那么|那|而|还有|另外)[\s,，:：]*", re.IGNORECASE
)
_ABOUT = re.compile(r"^\s*(?:and|but|what about|how about|what of|same for)\b|^\s*(?:那|而)|呢\s*[？?]?\s*$", re.IGNORECASE)
_PRONOUN = re.compile(r"\b(?:its|their|his|her|it|they|them|he|she)\b|它们?的?|他们?的?|她的?|其(?![他中它实余])", re.IGNORECASE)
_POINTER = re.compile(
    r"\b(?:that|this|those|these|there)\b(?! (?:year|much|many))|\b(?:the|both) (?:company|firm|model|lab|plan|law|rules?|chip|city|fund|same|two)\b|"
    r"该|这|两者|上述",
    re.IGNORECASE,
)
_COMPARE = re.compile(
    r"^\s*(?:and\s+)?(?:how (?:does|do|did) (?:that|it|this|they) compare|compare (?:that|it|this|them)|compared? (?:with|to))\b|^(?:和|与|跟).+(?:相比|比较)",
    re.IGNORECASE,
)
_WORD_NUMBER = {"a": 1, "one": 1, "the": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10, "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5}
_SHIFT = re.compile(
    r"\b(?P<n>a|one|the|two|three|four|five|ten|\d+)\s+(?P<unit>year|quarter)s?\s+(?P<way>before|earlier|prior|previously|after|later)\b(?:\s+that)?"
    r"|\b(?:the\s+)?(?P<way2>previous|preceding|prior|following|next)\s+(?P<unit2>year|quarter)\b"
    r"|(?P<zway>前一|上一|再往前一|后一|下一|次)(?P<zunit>年|个?季度)|(?P<zn>[一两二三四五\d])(?P<zunit2>年)(?P<zway2>前|后)(?!来)",
    re.IGNORECASE,
)
_QUARTERS = ("first", "second", "third", "fourth")
_SHORT = 4  # content tokens; a shorter question without a name leans on the conversation
_THINGS = frozenset({"model", "product", "chip", "law", "programme", "report"})
_GENERIC = frozenset({"China", "United States", "Beijing", "Washington"})


def standalone(question: str, history: Sequence[str], glossary: Glossary, answer_to: Callable[[str], str] | None = None) -> str:
    """Rewrite a question so that it can be understood without the conversation.

    Args:
        question: what was asked.
        history: the questions before, oldest first, each already standing alone.
        glossary: the known names.
        answer_to: gives the sentence that answers an earlier question; asked when a pronoun stands
            for what that answer named.

    Returns:
        The question itself if it is complete, else one with the names and years it leans on.
    """
    if not history or not question.strip():
        return question
    previous = history[-1]
    shifted = _shift(question, previous)
    if shifted:
        return shifted
    names = _names(question, glossary)
    content = search_tokens(_OPENER.sub("", question))
    pronoun = _PRONOUN.search(question)
    opens = _ABOUT.search(question) is not None
    leans = opens or pronoun is not None or _POINTER.search(question) is not None or _COMPARE.search(question) is not None
    if not leans and (names or len(content) > _SHORT):
        return question
    earlier = _names(previous, glossary)
    if _COMPARE.search(question) and names:
        return _compared(previous, names[0].entry)
    if opens and _bare(question, names):
        swapped = _swap(previous, earlier, names, question)
        if swapped:
            return swapped
    if (pronoun is not None and not opens | (_POINTER.search(question) is not None)) or (pronoun is not None and len(content) <= _SHORT + 3):
        name = _antecedent(earlier, previous, glossary, answer_to)
        if name:
            possessive = pronoun.group().lower() in ("its", "their", "his", "her") or pronoun.group() == "其"
            form = (name + ("的" if has_cjk(question) else "'s")) if possessive else name + ("的" if pronoun.group().endswith("的") else "")
            resolved = _OPENER.sub("", question[: pronoun.start()] + form + question[pronoun.end() :])
            if name in previous:
                return resolved[0].upper() + resolved[1:]
            return f"{resolved.rstrip('?？ ')} ({previous.rstrip('?？ ')})" + _mark(question)
    return f"{_OPENER.sub('', question).rstrip('?？ 呢')} ({previous.rstrip('?？ ')})" + _mark(question)


def _mark(question: str) -> str:
    return "？" if has_cjk(question) else "?"


def _names(text: str, glossary: Glossary) -> list[Mention]:
    return [m for m in glossary.mentions(text) if m.entry.is_name]


def _compared(previous: str, other: Entry) -> str:
    stem = previous.rstrip("?？ ")
    if has_cjk(previous):
        return f"{stem}，与{other.zh or other.en}相比？"
    return f"{stem} compared with {other.en}?"


def _shift(question: str, previous: str) -> str:
    """Resolve "the year before that" against the date of the previous question; "" if there is none."""
    match = _SHIFT.search(question)
    if match is None or len(search_tokens(_SHIFT.sub(" ", _OPENER.sub("", question)))) > 1:
        return ""
    group = match.groupdict()
    way = (group["way"] or group["way2"] or group["zway"] or group["zway2"] or "").lower()
    count = (group["n"] or group["zn"] or "1").lower()
    steps = _WORD_NUMBER.get(count, int(count) if count.isdigit() else 1)
    back = way in ("before", "earlier", "prior", "previously", "previous", "preceding") or "前" in way or "上" in way
    unit = (group["unit"] or group["unit2"] or group["zunit"] or group["zunit2"] or "").lower()
    steps = -steps if back else steps
    if "quarter" in unit or "季" in unit:
        return _shift_quarter(previous, steps)
    found = dates(previous)
    if not found:
        return ""
    year = str(int(found[-1].value) // 10_000)
    return previous.replace(year, str(int(year) + steps))


def _shift_quarter(previous: str, steps: int) -> str:
    match = re.search(r"\b(first|second|third|fourth) quarter of (\d{4})|(\d{4})年第([一二三四])季度", previous, re.IGNORECASE)
    if match is None:
        return ""
    if match.group(1):
        number = int(match.group(2)) * 4 + _QUARTERS.index(match.group(1).lower()) + steps
        written = f"{_QUARTERS[number % 4]} quarter of {number // 4}"
    else:
        number = int(match.group(3)) * 4 + "一二三四".index(match.group(4)) + steps
        written = f"{number // 4}年第{'一二三四'[number % 4]}季度"
    return previous[: match.start()] + written + previous[match.end() :]


def _bare(question: str, names: Sequence[Mention]) -> bool:
    """Tell whether a follow-up is only a name or a time: "And Baidu?", "And in 2023?"."""
    rest = question
    for mention in reversed(names):
        rest = rest[: mention.start] + " " + rest[mention.end :]
    for date in reversed(dates(rest)):
        rest = rest[: date.start] + " " + rest[date.end :]
    left = [t for t in search_tokens(_OPENER.sub("", rest)) if t not in ("呢", "end", "那呢", "那", "year")]
    return not left and bool(names or dates(question))


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
        elif has_cjk(result):
            result = written + result
        else:
            result = result.rstrip("?？ ") + f" in {written}?"
    return result if result != previous else ""


def _class(entry: Entry) -> str:
    return "maker" if entry.kind in ("company", "lab", "model", "product") else entry.kind


def _antecedent(earlier: Sequence[Mention], previous: str, glossary: Glossary, answer_to: Callable[[str], str] | None) -> str:
    """Return what a pronoun stands for: a name of the previous question, else one of its answer."""
    own = [m for m in earlier if m.entry.en not in _GENERIC]
    if own:
        # "When did Alibaba release QwQ-32B?" - "How many parameters does it have?": the thing, not its maker.
        thing = next((m for m in own if m.entry.kind in _THINGS), own[0])
        return previous[thing.start : thing.end]
    if answer_to is not None:
        sentence = answer_to(previous)
        said = {m.entry for m in earlier}
        for mention in _names(sentence, glossary):
            if mention.entry not in said and mention.entry.en not in _GENERIC and mention.entry.kind in ("company", "lab", "model", "product", "person"):
                return sentence[mention.start : mention.end]
    return previous[earlier[0].start : earlier[0].end] if earlier else ""
