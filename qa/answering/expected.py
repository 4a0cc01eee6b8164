"""What an answer must hold: money, a share, a count of something, a date, or a name of some kind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from qa.answering.analysis import Analysis
from qa.answering.facts import dates_of, quantities_of, tokens_of
from qa.text.glossary import Entry, Glossary

Type = Literal["", "quantity", "money", "percent", "count", "date", "day", "name"]

OTHER_QUANTITY = 0.4  # what a figure of another sort is worth: revenue is asked, a share is given
OTHER_NAME = 0.4

_MONEY = re.compile(
    r"\b(?:how much (?:money|funding|capital|revenue|profit|cash|investment|did .+ (?:cost|raise|spend|pay|invest|lose|earn|make))|"
    r"price|costs?|revenue|net loss|net profit|loss|profit|valuation|valued|market (?:value|capitali[sz]ation)|salary|salaries|earn|budget|"
    r"capital expenditure|capex|fine|funding|worth|spend|spending|raised?|invest(?:ed|ment)?)\b"
    r"|多少钱|价格|售价|收入|营收|净利|净亏|亏损?了?多少|利润|估值|市值|薪[资酬水]|年薪|金额|融资|花费|成本|预算|资本开支|投资额?|罚款",
    re.IGNORECASE,
)
# Asked for at the head of a question of no other kind: "What fine did ... pay?"
_SUM = re.compile(
    r"^\W*(?:and )?(?:what|which|whose) (?:[\w'’-]+ ){0,2}?(?:fines?|penalt(?:y|ies)|salar(?:y|ies)|wages?|prices?|pay|costs?|budget|bonus|"
    r"dividends?|fees?|rent|sum|sales|turnover|income|earnings)\b|罚金|工资|月薪|奖金|房租|租金|费用|分红",
    re.IGNORECASE,
)
_PERCENT = re.compile(
    r"\b(?:what (?:share|percent(?:age)?|proportion|fraction|portion)|share of|percentage of|percent of|market share|what part of|"
    r"growth rate|how fast)\b|百分之几|百分比|占比|比例|份额|占.{0,12}多少|增长率|增速|增幅|同比",
    re.IGNORECASE,
)
_MANY = re.compile(
    r"\bhow many ((?:[a-z'’-]+ ){0,3}?[a-z'’-]+)(?= (?:did|does|do|are|is|was|were|has|have|had|in|of|at|on|by|from|can|could|will|would|per|"
    r"took|take|use|used|cover|make|made|belong|to|with|and|that|for)\b|[?,]|\s*$)"
    r"|\bnumber of ((?:[a-z'’-]+ ){0,2}?[a-z'’-]+)(?= (?:in|at|on|by|that|did|do|is|was|of|for|who)\b|[?,]|\s*$)",
    re.IGNORECASE,
)
_MANY_ZH = re.compile(r"(?:多少|几)(?:个|家|名|位|人|项|款|台|辆|颗|座|篇|次|件|条|部|所|种|块|张|艘|架)?(?:的)?([\u4e00-\u9fff]{0,4})")
_DAY = re.compile(r"\b(?:what|which|exact) (?:day|date)\b|\bon what day\b|哪一?[天日]|几[月号日]|日期", re.IGNORECASE)
_WHICH = r"\b(?:which|what) (?:\w+[- ]){0,3}?"
_NAMES: tuple[tuple[str, frozenset[str]], ...] = (
    (r"\bwh(?:o|om|ose)\b|谁|何人|哪[位些]人", frozenset({"person", "company", "lab", "organisation", "agency"})),
    (
        _WHICH + r"(?:company|companies|firms?|start-?ups?|makers?|labs?|developers?|vendors?)\b|哪[家些几].{0,4}(?:公司|企业|厂商)",
        frozenset({"company", "lab"}),
    ),
    (
        _WHICH + r"(?:banks?|suppliers?|customers?|investors?|backers?|partners?|carmakers?|chipmakers?|manufacturers?|foundr(?:y|ies)|"
        r"operators?|insurers?|publishers?|newspapers?|magazines?|outlets?|clients?|buyers?|contractors?|brands?|brokers?|retailers?|"
        r"funds?|hospitals?|schools?|courts?|think tanks?)\b"
        r"|哪[家个些](?:银行|供应商|客户|投资者|车企|运营商|媒体|券商|基金|医院|法院|代工厂?|平台|巨头)",
        frozenset({"company", "lab", "organisation", "agency"}),
    ),
    (
        _WHICH + r"(?:country|countries|city|cities|province|provinces|place|state|region)\b|\bwhere\b"
        r"|哪[个些座几].{0,3}(?:国家?|城市|市|省|地区?)|哪里|何处|在哪",
        frozenset({"place"}),
    ),
    (_WHICH + r"(?:models?|chips?|products?|apps?)\b|哪[个些款种].{0,4}(?:模型|芯片|产品|应用)", frozenset({"model", "chip", "product"})),
    (
        _WHICH + r"(?:agency|ministry|body|regulator|department|universit(?:y|ies)|organi[sz]ations?|institut\w+)\b"
        r"|哪[个些几].{0,4}(?:部门|机构|大学|组织)",
        frozenset({"agency", "organisation"}),
    ),
)
_NAME_KINDS = tuple((re.compile(pattern, re.IGNORECASE), kinds) for pattern, kinds in _NAMES)
PROPER = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][a-z]+(?:[- ][A-Z][a-z]+)+\b")


@dataclass(frozen=True)
class Expected:
    """What an answer must hold.

    Attributes:
        type: "" if the question does not tell.
        nouns: search tokens of what is counted; empty if it is not said.
        kinds: kinds of glossary entries, for a name.
    """

    type: Type
    nouns: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()


def expected_of(analysis: Analysis) -> Expected:
    """Read off a question what its answer must hold."""
    text, kind = analysis.query.text, analysis.kind
    if kind == "date":
        return Expected("day" if _DAY.search(text) else "date")
    if kind in ("number", "comparison", "change"):
        many = _MANY.search(text) or _MANY_ZH.search(text)
        if _PERCENT.search(text):
            return Expected("percent")
        if _MONEY.search(text) and not (many and many.re is _MANY):
            return Expected("money")
        nouns = next((g for g in many.groups() if g), "") if many else ""
        return Expected("count" if many and many.re is _MANY else "quantity", frozenset(t for t in tokens_of(nouns) if len(t) > 1))
    if kind in ("entity", "general", "definition") and _SUM.search(text):
        return Expected("money")
    if kind in ("entity", "list", "general"):
        for pattern, kinds in _NAME_KINDS:
            if pattern.search(text):
                return Expected("name", kinds=kinds)
    return Expected("")


def fit(expected: Expected, analysis: Analysis, text: str, glossary: Glossary) -> float:
    """Return how far a sentence holds what is expected and the question does not say itself, 0 to 1; 0.5 if nothing is expected."""
    asked = analysis.query.text
    if expected.type == "":
        return 0.5
    if expected.type in ("date", "day"):
        said = {d.value for d in dates_of(asked)}
        new = [d for d in dates_of(text) if d.value not in said]
        if expected.type == "day" and new:
            return 1.0 if any(d.value % 100 for d in new) else OTHER_QUANTITY
        return float(bool(new))
    if expected.type == "name":
        named = {e for e in names_in(text, glossary) if e not in analysis.query.names}
        if any(e.kind in expected.kinds for e in named):
            return 1.0
        proper = any(p not in asked for p in PROPER.findall(text))
        return OTHER_NAME * 2 if proper else OTHER_NAME if named else 0.0
    said = {q.value for q in quantities_of(asked)}
    figures = [q for q in quantities_of(text) if q.value not in said]
    if not figures:
        return 0.0
    if expected.type == "quantity":
        return 1.0
    if expected.type in ("money", "percent"):
        same = {"money": ("money",), "percent": ("percent", "points")}[expected.type]
        return 1.0 if any(q.kind in same for q in figures) else OTHER_QUANTITY
    counts = [q for q in figures if q.kind == "count"]
    if not counts:
        return OTHER_QUANTITY / 2
    if not expected.nouns:
        return 1.0
    near = max(len(expected.nouns & tokens_of(text[max(0, q.start - 40) : q.end + 50])) for q in counts)
    return OTHER_QUANTITY + (1 - OTHER_QUANTITY) * near / len(expected.nouns)


@lru_cache(maxsize=50_000)
def names_in(text: str, glossary: Glossary) -> frozenset[Entry]:
    """Return the names of a text that the glossary knows."""
    return frozenset(m.entry for m in glossary.mentions(text) if m.entry.is_name)
