"""Sentences that tell of two accounts: their values, and the words by which they set one account against another."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache

from qa.answering.evidence import Candidate
from qa.answering.facts import dates_of, quantities_of
from qa.text.quantities import Quantity, is_month, is_range

TOLD_APART = 12.0  # how far two values may lie apart (greater by smaller) where the text says that accounts differ: a lost zero is a conflict too
SET_APART = 1.7  # the same where it only gives them side by side
TOLD_EACH = 3.0  # the same where each of the two sides is told by somebody
BESIDE = 1.25  # factor within which a third value joins the two nearest ones of a sentence
DAYS_APART = 500  # dates further apart than about this many days are those of two events
# Words by which a sentence says that accounts differ, and gives them.
DIFFERS = re.compile(
    r"\b(?:(?:is|are|was|were) (?:reported|given|counted|dated|put|placed) "
    r"(?:differently|as .+ and (?:as|by)|as .+, (?:while|whereas|and)|(?:in|at|on|to) .+ by .+ and (?:in|at|on|to) .+ by)|"
    r"(?:below|above|than) .{3,40}'s (?:own )?(?:figure|count|estimate|number|value|base case|forecast|projection)|"
    r"(?:varies|vary|varied|differs?) (?:between|by|with|from)|is not (?:settled|certain)|also (?:circulates?|appears?)|"
    r"(?:sources|accounts|reports|media|estimates|figures|guides|summaries|tables|counts|polls|forecasts) "
    r"(?:slightly |widely )?(?:disagree|differ|do not (?:agree|match|tally|fit))|(?:forecasts|estimates) .{0,40}\bspread widely|"
    r"two (?:[\w-]+ ){0,2}(?:figures|values|numbers|rates|totals|counts|scores) (?:circulate|for|are (?:given|quoted|reported))|"
    r"the (?:date|day|figure|number|value) given by|"
    r"(?:accounts|reports|estimates) of .{3,60} differ|(?:other|different) (?:estimates|figures|counts|accounts)|widely differing|disputed|"
    r"(?:another|one|a further|a different) (?:[\w-]+ ){0,2}(?:account|report|source|count|site|summary|blog|tracker|review|version|table|article) "
    r"(?:(?:of|on|in|by) .{3,30} )?(?:says?|said|gives?|gave|puts?|has|dates?|mentions?|places?|names?|counts?|attributes?|speaks?|had|wrote)|"
    r"(?:some|other|most) (?:[\w-]+ )?(?:sources|accounts|reports|outlets|tables|media|summaries|trackers|analyses|blogs|articles|write-ups|guides) "
    r"(?:say|said|give|gave|put|have|date|name|count|place|wrote|speak|quote|dates?|differ)|"
    r"by most accounts|(?:own )?(?:statement|figure|count) of .+ (?:exceeds|differs from)|both .+ and .+ (?:are|is) quoted|allows both|"
    r"(?:figures|values|versions|dates|numbers) .*\bcirculate|summari[sz]ed .+ differently|"
    r"depending on (?:the )?(?:account|report|source)s?|(?:reports|coverage) before .+ (?:said|spoke|spoken)|\d{1,2} or \d{1,2} [A-Z][a-z]+ 20\d\d|"
    r"is mistaken)\b"
    r"|说法不一|说法各异|不一致|另有(?:报道|说法|资料|统计)|另一(?:篇|种|份|家).{0,8}(?:称|说|写|记|报|给|显示)|也有(?:一篇)?(?:报道|说法|媒体|资料|分析|观点)|另一(?:报道|说法|来源)|"
    r"[日号](?:或|、)(?:\d+月)?\d+[日号]|则(?:称|说|记|为|写|给出|告诉|显示)|说法并存"
    r"|[两几三]种(?:说法|写法|数字)|有出入|误写|分歧",
    re.IGNORECASE,
)
# Or it sets one account against another: a word of contrast, and twice a word of telling.
_CONTRAST = re.compile(
    r"\b(?:while|whereas|but|instead of|rather than|by contrast|however|although|though|or|and (?:on|in|as|at|by)|against)\b|;|；|而|则|但|，"
)
_TELLS = re.compile(
    r"\b(?:says?|said|puts?|gives?|gave|counts?|counted|names?|reports?|reported|estimates?|estimated|writes?|wrote|speaks?|records?|recorded|"
    r"lists?|arrives? at|mentions?|according to|quotes?|quoted|cited|places?|placed|accounts?|sources?|figures?|reckoning|in that of|"
    r"declares?|claims?|points to|describes?|naming|given by|"
    r"by the dating|dates|coverage|attribute[sd]?|spoke|spoken|depending on)\b|"
    r"称|自报|所列|记录|报道|统计|估计|记为|写作|写成|给出|显示|口径|说法|告诉|预测|认为|的数字",
    re.IGNORECASE,
)
_TWO_SIDES = re.compile(
    r"(?=.*(?:United States|American|\bUS\b(?! (?:dollar|currency))|美国))(?=.*(?:China(?! (?:Morning|Daily|Media))|Chinese|中国))", re.DOTALL
)
_CHANGE = re.compile(r"(?:\b(?:up|down|by|plus|another|extra)|增长|增加|下降|减少|同比|环比)\s*(?:about|around|nearly|约|近)?\s*$", re.IGNORECASE)
_MONTHS = "January February March April May June July August September October November December".split()
_QUARTERS = ["first", "second", "third", "fourth"]
_MONTH = "|".join(_MONTHS)
_DAY_RANGE = re.compile(rf"[-–]\d{{1,2}} (?:{_MONTH})")
_PART_OF_NAME = re.compile(r"[\u4e00-\u9fff]")
_VERSION_OR_DAY = re.compile(r"\d+(?:\.\d+(?![\d.]*(?:[万亿倍个%元]|百分))|\s*[月日])")
_MODEL_NAME = re.compile(r"[A-Z][A-Za-z]*[ -]?$")
_WORD_NUMBERS = {w: n for n, w in enumerate("one two three four five six seven eight nine ten".split(), 1)}
_UP_TO = re.compile(r"[-–](\d+(?:\.\d+)?)\s?(thousand|million|billion|trillion|万亿|亿|万)")
_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "万亿": 1e12, "亿": 1e8, "万": 1e4}
_IN_WORDS = re.compile(rf"\b({'|'.join(_WORD_NUMBERS)})(?:fold\b| times\b|[ -](million|billion)\b)", re.IGNORECASE)
_HALF = re.compile(r"\b(?:about|around|roughly|nearly|almost|over|more than) half\b(?! a)|[约近]一半|过半", re.IGNORECASE)
# Dates without their year, and parts of years: "12 March", "29 or 30 December 2025", "fourth quarter of 2026", "5月", "1月底".
_PARTIAL = re.compile(
    rf"\b(?P<alone>\d{{1,2}})(?=\s*(?:or|and|,)\s*(?:on )?(?:the )?\d{{1,2}} (?P<m0>{_MONTH})\b)"
    rf"|\b(?P<d1>\d{{1,2}}) (?P<m1>{_MONTH})\b"
    rf"|\b(?P<m2>{_MONTH})\b(?=\s*(?:,|;|\.|and|or|by|in|according|$))"
    rf"|\b(?P<q>{'|'.join(_QUARTERS)}) quarter of (?P<yq>(?:19|20)\d\d)"
    r"|(?<![\d年])(?P<m3>\d{1,2})月(?!活)(?:(?P<d3>\d{1,2})[日号]?)?"
)


def told(candidate: Candidate, said: Collection[float] = (), dated: bool = False, plainly: bool = False) -> tuple[Quantity, ...]:
    """Return the values of a sentence that itself says that accounts differ; empty if it doesn't.

    Args:
        candidate: the sentence.
        said: values that the question names; they are no rivals of others.
        dated: the question asks for a date or year.
        plainly: the sentence must say so in so many words; to set two accounts side by side is not enough.
    """
    text = candidate.text
    explicit = DIFFERS.search(text) is not None
    if not explicit and (plainly or len(_TELLS.findall(text)) < 2 or not _CONTRAST.search(text) or _TWO_SIDES.match(text)):
        return ()
    if dated:
        return _told_days([d for d in days(text) if d.value not in said])
    values = [q for q in levels(text) if q.value not in said]
    pairs = [(factor(a, b), a, b) for i, a in enumerate(values) for b in values[i + 1 :] if comparable(a, b) and a.value != b.value]
    pairs = [p for p in pairs if p[0] <= (TOLD_APART if explicit else TOLD_EACH if _told_each(text, p[1], p[2]) else SET_APART)]
    if not explicit or len(pairs) == 1:
        pairs = [p for p in pairs if not _of_two_times(text, p[1], p[2])]
    if not pairs:
        return ()
    _, a, b = min(pairs, key=lambda p: p[0])
    near = [q for q in values if comparable(q, a) and max(factor(q, a), factor(q, b)) <= BESIDE]
    return tuple(sorted({q.value: q for q in [a, b, *near]}.values(), key=lambda q: q.start))


def _told_each(text: str, a: Quantity, b: Quantity) -> bool:
    """Tell whether somebody tells the first value, and after a word of contrast somebody the other."""
    first, last = sorted((a, b), key=lambda q: q.start)
    turns = [m.end() for m in _CONTRAST.finditer(text) if first.end <= m.start() and m.end() <= last.start]
    return any(_TELLS.search(text[:turn]) and _TELLS.search(text[turn:]) for turn in turns)


def _of_two_times(text: str, a: Quantity, b: Quantity) -> bool:
    """Tell whether two values belong to two years: each stands nearest to another one."""
    found = dates_of(text)
    if len({int(d.value) // 10_000 for d in found}) < 2:
        return False
    years = [int(min(found, key=lambda d: min(abs(d.start - q.end), abs(q.start - d.end))).value) // 10_000 for q in (a, b)]
    return years[0] != years[1]


def _told_days(found: Sequence[Quantity]) -> tuple[Quantity, ...]:
    """Return the dates among which accounts differ: the finest that lie near to each other, two at least."""
    exact = [d for d in found if d.value % 100]
    months = [d for d in found if d.value % 10_000 and not d.value % 100]
    years = [d for d in found if not d.value % 10_000]
    for group in (exact, months, exact + months, years, found):
        distinct = {d.value: d for d in reversed(group)}
        # "In mid-January Washington published, and on 15 January": the month of a day is no other date.
        exact_months = {d.value // 100 for d in distinct.values() if d.value % 100}
        distinct = {v: d for v, d in distinct.items() if v % 100 or v // 100 not in exact_months}
        near = [d for d in distinct.values() if any(o.value != d.value and days_between(o, d) <= DAYS_APART * 3 for o in distinct.values())]
        if len(near) > 1:
            nearest = min(days_between(a, b) for i, a in enumerate(near) for b in near[i + 1 :])
            close = [d for d in near if any(o is not d and days_between(o, d) <= max(nearest * 2, 92) for o in near)]
            return tuple(sorted(close, key=lambda d: d.start))
    return ()


def days_between(a: Quantity, b: Quantity) -> float:
    """Return about how many days lie between two dates; what is not said of one counts as 0."""
    count = [v // 10_000 * 365 + (v // 100 % 100) * 30.4 + v % 100 for v in (int(a.value), int(b.value))]
    return abs(count[0] - count[1])


@lru_cache(maxsize=50_000)
def days(text: str) -> tuple[Quantity, ...]:
    """Return the dates of a sentence in order, quarters and those whose year stands elsewhere in it too."""
    found = list(dates_of(text))
    known = found[:]
    for match in _PARTIAL.finditer(text):
        group = match.groupdict()
        if group["q"]:  # "2026" alone is no date of its own in "the fourth quarter of 2026"
            found = [d for d in found if not match.start() <= d.start < match.end()]
            month, year = 3 * _QUARTERS.index(group["q"].lower()) + 1, int(group["yq"])
        elif any(d.start < match.end() and match.start() < d.end for d in known):
            continue
        else:
            word = group["m0"] or group["m1"] or group["m2"]
            month = _MONTHS.index(word) + 1 if word else int(group["m3"])
            nearest = min(known, key=lambda d: (int(d.value) // 100 % 100 != month, abs(d.start - match.start())), default=None)
            year = int(nearest.value) // 10_000 if nearest else 0
        day = int(group["alone"] or group["d1"] or group["d3"] or 0)
        if 1 <= month <= 12 and day <= 31:
            found.append(Quantity(*match.span(), "date", year * 10_000 + month * 100 + day, ""))
    return tuple(sorted(found, key=lambda d: d.start))


@lru_cache(maxsize=50_000)
def levels(text: str) -> tuple[Quantity, ...]:
    """Return the quantities of a sentence that are no part of a name or a date, nor tell by how much something changed.

    A range ("3.5 to 5 billion yuan") is one value, that of its lower end.
    """
    found: list[Quantity] = []
    end = -1
    for quantity in (*quantities_of(text), *_in_words(text)):
        before = text[: quantity.start]
        closes = end >= 0 and is_range(text[end : quantity.start])
        end = quantity.end
        if closes:
            if found and is_range(text[found[-1].end : quantity.start]):
                found[-1] = replace(found[-1], end=quantity.end)
            continue
        upper = _UP_TO.match(text, quantity.end)  # "USD 3-5 billion"
        if upper and quantity.value < 1000:
            quantity = replace(quantity, end=upper.end(), value=quantity.value * _SCALES[upper[2]])
        if quantity.kind == "count" and _DAY_RANGE.match(text, quantity.end):  # "27-28 February"
            continue
        named = quantity.kind == "count" and quantity.value < 100 and before.strip() and _MODEL_NAME.search(before)
        inside = _PART_OF_NAME.search(before[-1:]) is not None and _VERSION_OR_DAY.match(text[quantity.start :]) is not None
        if not is_month(quantity.unit) and not named and not inside and not _CHANGE.search(before[-20:]):
            found.append(quantity)
    return tuple(sorted(found, key=lambda q: q.start))


def _in_words(text: str) -> list[Quantity]:
    """Return "fivefold", "one million" and "about half" as quantities."""
    halves = [Quantity(*m.span(), "percent", 50.0, "%") for m in _HALF.finditer(text)]
    return halves + [
        Quantity(*m.span(), "count", _WORD_NUMBERS[m[1].lower()] * (_SCALES[m[2].lower()] if m[2] else 1.0), "" if m[2] else "fold")
        for m in _IN_WORDS.finditer(text)
    ]


def comparable(a: Quantity, b: Quantity) -> bool:
    """Tell whether two quantities may be values of one thing."""
    return a.kind == b.kind and bool(a.value and b.value) and (a.unit == b.unit or a.kind == "count")


def factor(a: Quantity, b: Quantity) -> float:
    """Return how many times the greater of two quantities is the smaller."""
    return max(a.value, b.value) / min(a.value, b.value) if a.value and b.value else float("inf")


def rounded(a: float, b: float) -> bool:
    """Tell whether two values are the same once the finer one is rounded to the digits of the other."""
    digits = min(len(f"{v:.12g}".replace(".", "").split("e")[0].strip("0")) for v in (a, b))
    return f"{a:.{digits}g}" == f"{b:.{digits}g}"
