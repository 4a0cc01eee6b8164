"""What a question asks for: its kind, names, years, period and sides."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Literal

from qa.retrieval.query import Query
from qa.text.glossary import Entry
from qa.text.quantities import dates

Kind = Literal["number", "date", "entity", "yesno", "definition", "list", "comparison", "change", "why", "general"]

# Tried in this order; the first that matches names the kind.
_PATTERNS: tuple[tuple[Kind, str], ...] = (
        ("why", r"\bwhy\b|\bhow come\b|\bwhat (?:is|was|were|are) the (?:reason|point|cause|rationale|reasoning|logic)|\breasons?\b|\bwhat explains\b|为什么|为何|原因|何以|缘由"),
        (
            "change",
            r"\bhow (?:did|has|have|was|were)\b.*\b(?:chang|develop|evolv|grow|grew|shift|progress|mov|fall|fell|rise|rose|risen)"
            r"|\b(?:trend|timeline|over time|over the years|trajectory|evolution|year by year)\b|变化|怎么变|[变增涨升降跌]到了?(?:多少|几)|变成了?(?:多少|几|什么)|演变|走势|趋势|历程|如何发展|怎么发展|逐年",
        ),
        (
            "comparison",
            r"\bcompar|\bversus\b|\bvs\.?\b|\bdifference between\b|\bdiffer(?:s|ed)? (?:from|between)\b|\bnext to\b|\bwhich of\b|\b(?:than|against) (?:in )?(?:the )?(?:US|America|China|its)"
            r"|\bhow (?:much|far|many)\b.*\b(?:than|ahead|behind)\b|相比|比较|对比|与.+(?:差距|之比)|还是|孰|分别|谁更|哪个更",
        ),
        ("list", r"^(?:list|name|enumerate)\b|\b(?:which|what) (?:two|three|four|five|six|other|\d) |\b(?:which|what) (?:\w+ ){0,3}(?:\w+(?:ies|[^aeius]s)) (?:are|were|have|did|do|has)\b|\bwhat are\b|哪些|哪[两二三四五几]|列出|列举|有何"),
        ("date", r"\bwhen\b|\b(?:release|launch|listing|start|publication|effective|filing) dates?\b|\bdate of\b|\b(?:what|which) (?:date|day|month|year)\b|\bsince when\b|\bhow (?:old|recently)\b|何时|什么时候|哪(?:一)?[年天月]|几月|日期|多久前"),
        (
            "number",
            r"\bhow (?:many|much|large|big|small|high|low|long|often|fast|far|wide|expensive|cheap|old)\b|\bwhat (?:share|percent|percentage|proportion|"
            r"number|amount|price|cost|score|size|rate|figure|value|valuation|fraction|portion|count|tally|total|revenue|loss|profit|capital|budget|target)\b|\b(?:count|tally|price|cost|revenue|net loss|profit|valuation|market share|downloads|shipments|users|mau|dau|drop|fall|score|parameters?)\s*(?:of|in|for|by|latest|20\d\d|\?|$)|\b(?:number|share|percentage|cost|price|total|value|"
            r"valuation|score|size|revenue|growth rate|market share) of\b|多少|几[家个项款次亿万倍成]|多[大高长快贵远]|占比|比例|规模|金额|数量|估值|得分",
        ),
        ("entity", r"\b(?:who|whom|whose)\b|\b(?:which|what) (?:\w+ )?(?:company|firm|lab|laboratory|city|country|province|person|model|chip|agency|ministry|university|organi[sz]ation|body|court|law|benchmark|maker|start-?up|state|institution|team|investor|regulator)\b|谁|哪(?:家|个|座|款|所|位|国|一家|一个)"),
        ("yesno", r"^\s*(?:did|does|do|is|are|was|were|has|have|had|can|could|will|would|may|must|should)\b|是否|有没有|是不是|能否|吗\s*[？?]?\s*$"),
        ("why", r"\bhow (?:do|does|did|can|could|is|are|was|were)\b|如何|怎样|怎么"),
        ("definition", r"^\s*what(?:'s| is| was| does)\b|^\s*(?:define|explain|describe)\b|什么是|是什么|指什么|定义"),
)  # fmt: skip
_KINDS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _PATTERNS)

_LATEST = re.compile(r"\b(?:latest|most recent|newest|currently|current|now|so far|to date|today|at last count)\b|最新|目前|最近|现在|如今|迄今", re.IGNORECASE)
_EARLIEST = re.compile(r"\b(?:first|earliest|initially|originally|original)\b|首次|最早|最初|第一[次个款]|首个|首款", re.IGNORECASE)
_BOUND = re.compile(
    r"\b(?P<op>before|prior to|until|up to|by|as of|at|after|since|from)\s+(?:the\s+)?(?P<part>start of|beginning of|early|mid-?|middle of|late|end of|year-end|end-?)?\s*(?P<when>[A-Za-z]*\.?\s*\d{0,2},?\s*(?:19|20)\d\d)"
    r"|(?P<zwhen>(?:19|20)\d\d年(?:\d{1,2}月)?(?:\d{1,2}日)?)(?P<zpart>[初中底末])?(?P<zop>之?前|以前|之?后|以后|以来|起)"
    r"|(?P<zop2>截至|截止|到)(?P<zwhen2>(?:19|20)\d\d年(?:\d{1,2}月)?(?:\d{1,2}日)?)(?P<zpart2>[初中底末])?",
    re.IGNORECASE,
)


Aspect = Entry | str | int
"""A known name, a word written like one ("V3"), or a year."""
_YEARS_THROUGH = re.compile(r"(?:19|20)\d\d年?\s*(?:[-–—~]|to|and|through|until|至|到)\s*(?:19|20)\d\d", re.IGNORECASE)
_PAIR = re.compile(
    r"(?<![\w.-])([A-Za-z]+-?\d[\w.]*)\s*(?:and|or|vs\.?|versus|against|to|与|和|跟|对|比|还是|到)\s*(?:the )?([A-Za-z]+-?\d[\w.]*)(?![\w-])", re.IGNORECASE
)
# Questions that ask how accounts differ: "what do A and B each say", "two different years", "媒体给的数字一致吗".
_DISPUTED = re.compile(
    r"\b(?:disagree\w*|conflict(?:s|ing)?|contradict\w*|circulat\w+|disputed?|two different|float around|"
    r"(?:(?:which|what) (?:two|rival|competing)|why .{0,16}\btwo) (?:[\w-]+ ){0,2}(?:figures|numbers|values|dates|counts|rates|marks|scores|totals)|"
    r"(?:which|what) two (?:\w+ )?years|"
    r"different (?:figures|numbers|values|dates|accounts|estimates|counts)|"
    r"(?:sources|reports|accounts|media|estimates|figures|numbers|they) (?:seem to |appear to )?(?:differ|vary|agree|concur|tally)|(?:^|[,;] (?:and )?|\band )do(?:es)? .+ (?:agree|concur|tally)\b|according to (?:the )?various|(?:does|do)n.t (?:seem to )?agree|"
    r"each (?:say|report|give|count|put|estimate)|(?:which|what) (?:is|are) (?:right|correct|they))\b"
    r"|\bwhat (?:did|do|does) .+ and (?:what )?(?:did|do|does) .+ (?:say|count|reckon|estimate|report|give)\b"
    r"|[两几]种(?:不同(?:的)?)?(?:说法|数字)|两个(?:不同(?:的)?)?(?:数(?![据学码])|年份|日期|说法)|不同(?:的)?说法|(?:各家|报道|媒体|各方).{0,4}怎么说|数字不一|有[何啥什哪].{0,2}不同|说法(?:不一|一致|有)|一致吗|一样吗|相同吗|是否(?:一致|相同|一样)|不一致|不同机构|不同(?:来源|媒体|报道|统计|数字)|出入|矛盾|差在哪|哪个(?:数(?![据学码])|说法|(?:才)?对(?=[？?]|$))|几个数(?![据学码])|到底|究竟",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Period:
    """A bound on the dates of statements, as YYYYMMDD numbers; 0 and 99999999 are open."""

    since: int = 0
    until: int = 99_999_999


@dataclass(frozen=True)
class Analysis:
    """A question, read for answering."""

    query: Query
    kind: Kind
    order: Literal["", "latest", "earliest"]
    period: Period | None
    sides: tuple[Entry, ...]

    @property
    def aspects(self) -> tuple[Aspect, ...]:
        """The two things or years that the question sets side by side, for each of which the answer needs evidence; empty if none."""
        if self.sides or self.kind in ("date", "definition", "why", "yesno"):
            return self.sides
        pair = _PAIR.search(self.query.text)
        if pair and pair[1].lower() != pair[2].lower():
            return (pair[1], pair[2])
        years = sorted(self.query.years)
        # "2014-2023" and "from 2014 to 2023" are one time, unless the question is what changed in it.
        apart = self.kind == "change" or not _YEARS_THROUGH.search(self.query.text)
        return tuple(years) if len(years) == 2 and apart and self.kind in ("comparison", "number", "change") else ()

    @property
    def disputed(self) -> bool:
        """Whether the question asks how accounts differ."""
        return _DISPUTED.search(self.query.text) is not None

    @property
    def language(self) -> Literal["en", "zh"]:
        """The language of the answer's own words."""
        return self.query.language


_MORE = re.compile(r"\b(?:more|fewer|less|larger|bigger|higher|lower|greater|faster|cheaper|ahead|better|longer)\b|更|高于|低于|多于|少于|超过", re.IGNORECASE)


def analyse(query: Query) -> Analysis:
    """Recognise what a question asks for."""
    text = query.text
    kind: Kind = next((k for k, pattern in _KINDS if pattern.search(text)), "general")
    sides = _sides(query)
    if kind == "comparison" and len(sides) < 2:
        sides = ()
    elif len(sides) >= 2 and (kind in ("number", "general", "definition", "entity", "list") or (kind == "yesno" and _MORE.search(text))):
        kind = "comparison"
    order: Literal["", "latest", "earliest"] = ""
    if _LATEST.search(text):
        order = "latest"
    elif _EARLIEST.search(text):
        order = "earliest"
    return Analysis(query, kind, order, _period(text), sides if kind == "comparison" else ())


_JOIN = re.compile(r"\s*(?:,|、|/|and|or|versus|vs\.?|with|to|than|against|和|与|跟|同|还是|及|比|or the|and the|than the|versus the|with the|to the)\s*(?:in |that of |of |by |for |from |with )?(?:the )?", re.IGNORECASE)


def _sides(query: Query) -> tuple[Entry, ...]:
    """Names of one kind that stand side by side ("Qwen and DeepSeek", "the US versus China")."""
    names = [m for m in query.mentions if m.entry.is_name]
    for first, second in itertools.pairwise(names):
        between = query.text[first.end : second.start]
        alike = first.entry.kind == second.entry.kind or {first.entry.kind, second.entry.kind} <= {"company", "lab", "model", "product"}
        if first.entry != second.entry and alike and _JOIN.fullmatch(between):
            return (first.entry, second.entry)
    return ()


def _period(text: str) -> Period | None:
    match = _BOUND.search(text)
    if match is None:
        return None
    group = match.groupdict()
    written = group["when"] or group["zwhen"] or group["zwhen2"] or ""
    found = dates(written.strip())
    if not found:
        return None
    value = int(found[0].value)
    op = (group["op"] or group["zop"] or group["zop2"] or "").lower()
    part = (group["part"] or group["zpart"] or group["zpart2"] or "").lower()
    first, last = _bounds(value, part)
    if op in ("before", "prior to") or op.endswith("前"):
        return Period(until=first - 1)
    if op in ("until", "up to", "by", "as of", "截至", "截止", "到"):
        return Period(until=last)
    if op in ("after",) or op.endswith("后"):
        return Period(since=last + 1)
    if op == "since" or op in ("以来", "起"):
        return Period(since=first)
    return None


def _bounds(value: int, part: str) -> tuple[int, int]:
    """Return the first and last day of a year, month or day, or of a part of a year."""
    year, month, day = value // 10_000, value // 100 % 100, value % 100
    if day:
        return value, value
    if month:
        return value, value + 31
    if part.startswith(("start", "begin", "early", "初")):
        return year * 10_000 + 101, year * 10_000 + 331
    if part.startswith(("mid", "middle", "中")):
        return year * 10_000 + 501, year * 10_000 + 831
    return year * 10_000 + 101, year * 10_000 + 1231
