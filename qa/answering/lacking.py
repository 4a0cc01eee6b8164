"""What of a question stands in a statement: its times, names, terms and words, one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from qa.answering.analysis import Analysis
from qa.answering.demands import EVERYWHERE, Version, unknown_names, version_behind
from qa.answering.evidence import Candidate
from qa.answering.expected import names_in
from qa.answering.facts import PART_OF_YEAR, dates_of, parts_of_year, tokens_of, years_of
from qa.answering.matching import word_spans
from qa.index.snapshot import Snapshot
from qa.retrieval.search import Ranking
from qa.text.dictionary import dictionary
from qa.text.glossary import Entry
from qa.text.language import has_cjk
from qa.text.quantities import Quantity
from qa.text.tokens import STOP_WORDS

NEAR = 5  # statements that count as near
LIKE = 0.7  # cosine of token vectors from which a word counts as said in other words
_COMMON_COST = 7.0  # a Chinese word this frequent (-log of its share) names no topic
# Words of questions that name no topic: what people ask with, do in general, and say beside the point.
_FILLER = frozenset(
    """able about according account accounted across actual against ago almost alone along already among amount another answer anywhere apart
    approximately are around ask attend attended away back became become been began begin being believe best better big billion boss
    bother bring brought call called came can cannot case cases change changed cleared colleague come comes compare compared compares
    correctly could curious current currently date day days dear did different do does done early eight else end ended ending enough
    enter entered even ever every everywhere exactly fall far fell few figure figures find first five following foresee former forth
    found four fraction gave get give given go goes going good got grateful great had happen happened has have held hello help here
    hey hi high hold holds how hundred impose imposed imposes inside instead into is just keep kept kind kindly kinds knew know known
    large last late later latest latter lead leads led let level like list long look looking low made make makes many may mean memo
    might million minus month months much must name named names near nearly need needed never new next nine note now number numbers
    old one ones only onto own part parts per place please plus portion put question quick quite rate rather reach reached really recent
    recently remain report reported reports represent represents roughly said same say say-so says second see seen separate set seven
    several shall short show shown side similar six size small somewhere sorry sort spoke start started stay still stop stopped sum
    take taken tell ten thank thanks there thing things think third thousand three time times today together told tomorrow too took
    total tried trillion try turn two type use used uses using value various versus via volume vs want wanted was way ways week went
    were what when where whether which who whom whose why win wish within without won wonder wondering would year years yesterday yet""".split()
)
_FILLER_ZH = frozenset(
    """一共 一次 上周 上月 主要 举行 之后 今天 今年 以来 件 份 位 做 其中 几个 几分 几天 几年 到底 到目前为止 单 卖
    占 去 去年 只 叫 可 台 号 名 名字 后来 哪儿 啊 啥 块 多久 多大 多重 多长 大 天 好 家 座 开始 张
    怎么办 总 总共 想 我 所 才 批 拿 按 放 新 时候 时间 明天 明年 昨天 是不是 有没有 本人 本周 本月 条 来
    架 款 现在 百分之 目前 相关 究竟 篇 给 老 艘 花 要 让 说 请问 趟 轮 辆 这个 进行 那个 部 里 钱 项
    颗""".split()
)

_PRICE_ZH = re.compile("[卖花要]?多少钱")
MONEY_ZH = frozenset("元价费")
"""What a statement holds that says how much money (\"多少钱\")."""
_ENDINGS = frozenset("人员率费价额量权者")

Kind = Literal["time", "name", "term", "word"]


@dataclass(frozen=True)
class Time:
    """A year, month, day, or part of a year.

    Attributes:
        value: YYYYMMDD with zeros for what is not said; 0 where only a part of a year is.
        part: "Q3", "H1", or "".
    """

    value: int
    part: str


@dataclass(frozen=True)
class Unit:
    """A piece of a question.

    Attributes:
        start, end: its span in the question.
        text: the piece as the question writes it.
        what: what it stands for; for a word and a name outside the glossary the search tokens that a text must hold, in Chinese
            words of which it must hold one.
    """

    start: int
    end: int
    text: str
    kind: Kind
    what: Time | Entry | Version | frozenset[str]


def units_of(analysis: Analysis) -> list[Unit]:
    """Cut a question into its units in order of position; numbers and words that name no topic are left out."""
    query = analysis.query
    text = query.text
    wide = [(m.start, m.end) for m in query.mentions if m.entry.is_name and any(m.start <= d.start and d.end <= m.end for d in dates_of(text))]
    found = [u for u in _times(text) if not _meets(u.start, u.end, wide)]

    def add(start: int, end: int, kind: Kind, what: Entry | Version | frozenset[str]) -> None:
        if what and not _meets(start, end, [(u.start, u.end) for u in found]):
            written = text[start:end].removesuffix("'s").removesuffix("’s")
            found.append(Unit(start, start + len(written), written, kind, what))

    for word in unknown_names(text, [(m.start, m.end) for m in query.mentions]):
        at = text.find(word)
        if any(map(str.isdigit, word)) or len(word) > 1:
            add(at, at + len(word), "name", tokens_of(word))
    for mention in query.mentions:
        version = version_behind(text, mention)
        if version:  # "Wan 4.0" is not the known "Wan"
            add(mention.start, version.end(), "name", Version(mention.entry, version[1]))
        if mention.entry.is_name or not all(map(_idle, text[mention.start : mention.end].split())):
            add(mention.start, mention.end, "name" if mention.entry.is_name else "term", mention.entry)
    for match in _PRICE_ZH.finditer(text):
        add(*match.span(), "word", MONEY_ZH)
    for start, end in _wide_spans(text):
        if not _idle(text[start:end]):
            add(start, end, "word", _tokens(text[start:end]))
    return sorted(found, key=lambda u: u.start)


def _wide_spans(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text stand; a Chinese one with the ending that makes another word of it ("保荐" + "人")."""
    spans = word_spans(text)
    if not has_cjk(text):
        return spans
    found = []
    for start, end in spans:
        # Where the dictionary cuts the ending off as a word of its own it is not the beginning of the next.
        rest = re.match(r"[\u4e00-\u9fff]+", dictionary().simplified(text[end:]))
        alone = rest is not None and rest.group()[0] in _ENDINGS and dictionary().words(rest.group())[0] == rest.group()[0]
        found.append((start, end + 1) if alone and end - start > 1 and has_cjk(text[start:end]) else (start, end))
    return found


def _meets(start: int, end: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(a < end and start < b for a, b in spans)


def _idle(word: str) -> bool:
    """Tell whether a word names no topic."""
    if has_cjk(word):
        return word in _FILLER_ZH or dictionary().cost(dictionary().simplified(word)) < _COMMON_COST
    lower = word.lower()
    return len(word) == 1 or lower[0].isdigit() or lower in STOP_WORDS or lower in _FILLER


def _tokens(word: str) -> frozenset[str]:
    """Return what a text must hold to hold a word: its search tokens, or the Chinese word itself."""
    return frozenset([dictionary().simplified(word)]) if has_cjk(word) else tokens_of(word)


def _times(text: str) -> Iterator[Unit]:
    """Yield the times of a question; a part of a year that stands beside a year is one with it."""
    parts = [(m.start(), m.end(), next(iter(parts_of_year(m.group())))) for m in PART_OF_YEAR.finditer(text)]
    for date in dates_of(text):
        start, end, value, label = date.start, date.end, int(date.value), ""
        end -= len(text[start:end]) - len(text[start:end].rstrip("中 "))
        for a, b, part in parts:
            if -1 <= a - end <= 2 or -1 <= start - b <= 8:
                start, end, label = min(start, a), max(end, b), part
        parts = [p for p in parts if p[2] != label]
        yield Unit(start, end, text[start:end], "time", Time(value, label))
    for a, b, part in parts:
        yield Unit(a, b, text[a:b], "time", Time(0, part))


class Nearest:
    """The statements nearest to a question, and what they hold of it.

    Attributes:
        candidates: the statements, nearest first.
        anchor: the that of the first few that holds most of the question, names above all; None where there is no statement.
    """

    def __init__(
        self, analysis: Analysis, units: Sequence[Unit], candidates: Sequence[Candidate], ranking: Ranking, snapshot: Snapshot
    ) -> None:
        self.candidates = candidates
        self._language = analysis.language
        self._snapshot = snapshot
        self._asked = analysis.query.names
        self._rows = {number: i for i, number in enumerate(ranking.matches.numbers.tolist())}
        self._matches, self._offsets = ranking.matches.matches, ranking.encoded.offsets
        # Words of the question can only be looked for in statements of its own language.
        self._own = bool(candidates) and candidates[0].document.language == analysis.language
        lasting = [(u, 2 if u.kind == "name" else 1) for u in units if u.kind != "time"]
        self.anchor = max(candidates[:NEAR], key=lambda c: sum(weight * self.held_by(u, c) for u, weight in lasting), default=None)

    def holds(self, unit: Unit) -> bool:
        """Tell whether the nearest statement or its headings hold a unit."""
        return self.anchor is not None and self.held_by(unit, self.anchor)

    def elsewhere(self, units: Sequence[Unit]) -> bool:
        """Tell whether some found statement or its headings hold all units."""
        return any(all(self.held_by(u, c) for u in units) for c in self.candidates)

    def known(self, unit: Unit) -> bool:
        """Tell whether a unit's words stand anywhere in the corpus."""
        if isinstance(unit.what, Time):
            return True
        if isinstance(unit.what, Version):
            return any(self.held_by(unit, c) for c in self.candidates)
        forms = unit.what.tokens if isinstance(unit.what, Entry) else (tokens_of(unit.text),)
        return any(all(t in self._snapshot.words for t in form) for form in forms)

    def held_by(self, unit: Unit, candidate: Candidate, lenient: bool = True) -> bool:
        """Tell whether a statement or its headings hold a unit; a year in a heading counts where the statement says none.

        Args:
            unit: of the question.
            candidate: the statement.
            lenient: names that every document is about count as held.
        """
        heading = self._heading(candidate)
        what = unit.what
        if isinstance(what, Time):
            return _timed(what, candidate.text, heading)
        text = f"{heading} {candidate.text}"
        if isinstance(what, Version):
            return what.named_in(text)
        if isinstance(what, Entry):
            return (lenient and what.en in EVERYWHERE) or what.named_in(text) or any(map(tokens_of(text).issuperset, what.tokens))
        if unit.kind == "word" and not self._own:
            return True
        return _worded(unit, text)

    def lack(self, unit: Unit) -> float:
        """Return how clearly the nearest statement lacks a word: its rarity, 0 to 1, less how near the statement's words come."""
        snapshot = self._snapshot
        rarity = max((snapshot.words.idf(t) for t in tokens_of(unit.text)), default=0.0) / snapshot.words.idf("")
        return rarity - self._like(unit, self.anchor) if self.anchor else rarity

    def fits(self, candidate: Candidate, units: Sequence[Unit]) -> bool:
        """Tell whether a statement speaks of all units and holds what the question expects.

        A word may be said in other words, or by a neighbour in the passage of a statement that says a name itself.
        """
        if candidate.features["kind"] < 0.5:
            return False
        passage = self._snapshot.passages[candidate.passage]
        named = any(u.kind == "name" and isinstance(u.what, Entry) and u.what.named_in(candidate.text) for u in units)
        around = candidate.document.text[passage.start : passage.end] if named else ""
        return all(
            self.held_by(u, candidate) or (u.kind == "word" and (self._like(u, candidate) >= LIKE or _worded(u, around))) for u in units
        )

    def alternatives(self, candidates: Sequence[Candidate], lacking: Unit) -> list[str]:
        """Return the times, or names of the same kind, that statements hold in place of a unit."""
        return self._times(candidates, lacking.what) if isinstance(lacking.what, Time) else self._others(candidates, lacking)

    def _times(self, candidates: Sequence[Candidate], asked: Time) -> list[str]:
        """Return the times that statements name, as exact as the one that is lacking, the nearest to it, in order."""
        found: set[tuple[int, str]] = set()
        for candidate in candidates:
            text = candidate.text
            dates = [int(d.value) for d in dates_of(text) if not _titled(text, d)]
            parts = parts_of_year(text)
            years = {d // 10_000 for d in dates}
            if asked.part:
                found |= {(y * 10_000, p) for y in years for p in parts if len(years) == len(parts) == 1}
            elif asked.value % 10_000:
                found |= {(d // 100 * 100 if not asked.value % 100 else d, "") for d in dates if d % 10_000}
            else:
                found |= {(y * 10_000, "") for y in years}
        nearest = sorted(found, key=lambda t: (abs(t[0] - asked.value), t))[:4]
        return [_written(value, part, self._language) for value, part in sorted(nearest)]

    def _others(self, candidates: Sequence[Candidate], lacking: Unit) -> list[str]:
        """Return the names of the kind of the one that is lacking that statements hold and the question doesn't, most often named first."""
        if not isinstance(lacking.what, Entry):
            return []
        count: dict[Entry, int] = {}
        for candidate in candidates:
            for entry in sorted(names_in(candidate.text, self._snapshot.glossary), key=lambda e: e.en):
                if entry.kind == lacking.what.kind and entry not in self._asked:
                    count[entry] = count.get(entry, 0) + 1
        chosen = sorted(count, key=lambda e: (-count[e], e.en))
        return [(e.zh or e.en) if self._language == "zh" else (e.en or e.zh) for e in chosen]

    def _heading(self, candidate: Candidate) -> str:
        return f"{candidate.document.title} {self._snapshot.passages[candidate.passage].heading}"

    def _like(self, unit: Unit, candidate: Candidate) -> float:
        """Return the mean cosine of a unit's tokens to the nearest ones of a statement; 0.5 where it can't be told."""
        row = self._rows.get(candidate.row)
        if row is None or not self._own or not self._matches.shape[1]:
            return 0.5
        inside = (self._offsets[:, 0] < unit.end) & (self._offsets[:, 1] > unit.start)
        return float(np.mean(self._matches[row][inside])) if inside.any() else 0.5


def _worded(unit: Unit, text: str) -> bool:
    """Tell whether a text holds a unit that is a word or a name outside the glossary."""
    assert isinstance(unit.what, frozenset)
    return any(w in text for w in unit.what) if has_cjk(unit.text) else tokens_of(text) >= unit.what


def _timed(asked: Time, text: str, heading: str) -> bool:
    dates = [int(d.value) for d in dates_of(text)]
    years = frozenset(d // 10_000 for d in dates) or years_of(heading)
    if asked.part and asked.part not in (parts_of_year(text) or parts_of_year(heading)):
        return False
    if asked.value % 10_000 == 0:
        return not asked.value or asked.value // 10_000 in years
    dates = dates or [int(d.value) for d in dates_of(heading)]
    return any(d == asked.value or (asked.value % 100 == 0 and d // 100 == asked.value // 100) for d in dates)


def _titled(text: str, date: Quantity) -> bool:
    """Tell whether a year belongs to a title ("AI Index 2025", "the 2025 edition") and says nothing of when."""
    if date.kind != "year":
        return False
    before = _CAPITAL.search(text, 0, date.start)
    opens = before is not None and (before[1].lower() in STOP_WORDS or before[1] in ("Since", "Within", "Around", "Between", "Late", "Early"))
    return (before is not None and not opens) or _TITLE_AFTER.match(text, date.end) is not None


_CAPITAL = re.compile(r"([A-Z][\w-]*) $")
_TITLE_AFTER = re.compile(r" (?:edition|report|work report|index)\b|(?:年度?)?(?:报告|版|》)")
_MONTHS = "January February March April May June July August September October November December".split()


def _written(value: int, part: str, language: str) -> str:
    """Write a date or a part of a year as a reader does."""
    year, month, day = value // 10_000, value // 100 % 100, value % 100
    if language == "zh":
        if part:
            return f"{year}年" + (f"第{'一二三四'[int(part[1]) - 1]}季度" if part[0] == "Q" else f"{'上下'[int(part[1]) - 1]}半年")
        return f"{year}年" + (f"{month}月" if month else "") + (f"{day}日" if day else "")
    if part:
        return f"{part} {year}"
    return " ".join(filter(None, (str(day) if day else "", _MONTHS[month - 1] if month else "", str(year))))
