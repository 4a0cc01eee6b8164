"""What of a question stands in a statement: its times, names, terms and words, one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from qa.answering.analysis import Analysis
from qa.answering.demands import EVERYWHERE, unknown_names
from qa.answering.evidence import Candidate
from qa.answering.expected import names_in
from qa.answering.facts import PART_OF_YEAR, dates_of, parts_of_year, tokens_of, years_of
from qa.answering.matching import word_spans
from qa.index.snapshot import Snapshot
from qa.retrieval.search import Ranking
from qa.text.dictionary import dictionary
from qa.text.glossary import Entry
from qa.text.language import has_cjk
from qa.text.tokens import STOP_WORDS

NEAR = 5  # statements that count as near
LIKE = 0.7  # cosine of token vectors from which a word counts as said in other words
_COMMON_COST = 7.0  # a Chinese word this frequent (-log of its share) names no topic
# Words of questions that name no topic: what people ask with, do in general, and say beside the point.
_FILLER = frozenset(
    """ask answer tell say said says told know knew known think believe mean want wanted wish need needed keep kept along like look looking
    find found see seen show shown give given gave get got make made makes take took taken come came comes go going goes went put set use
    used uses using do done try tried happen happened help hold holds held let lead leads led bring brought call called cleared reach
    reached become became remain stay turn win won begin began start started end ended ending stop stopped fall fell report reported reports
    according account accounted represent represents exactly actual roughly around approximately kindly please thanks thank hello hi hey
    dear quick question memo note wonder wondering curious grateful could would might may must shall can cannot able way ways thing things
    kind kinds sort type part parts portion fraction side case cases number numbers figure figures amount sum volume value size level
    rate date day days week month months year years time times last latest next recent recently current currently now today tomorrow
    yesterday ago later early late first second third new old big small large long short far near high low good better best great many
    much few several various another different same similar separate own able around across among against inside within without into onto
    per via plus minus versus vs about one ones two three four five six seven eight nine ten hundred thousand million billion trillion
    name names named list say-so correctly following latter former really ever never still already yet just even quite rather too
    else instead enough almost nearly only alone together apart away back forth here there everywhere anywhere somewhere who whom whose
    what which when where why how whether did does was were been being is are has have had""".split()
)
_FILLER_ZH = frozenset(
    """一共 总共 几个 有没有 是不是 那个 这个 一次 现在 目前 请问 时候 时间 主要 之后 后来 其中 到底 究竟 到目前为止 以来 名字 百分之 本人 相关
    开始 举行 进行 哪儿 怎么办 多久 多大 多长 多重 几天 几年 几分 我 想 说 叫 要 给 里 啊 啥 来 去 做 让 按 放 拿 才 可 好 大 新 老 钱 花 卖 张
    辆 台 颗 篇 座 条 款 项 件 只 块 部 份 批 轮 趟 架 艘 所 家 名 位 单 总 占 天 号""".split()
)

_PRICE_ZH = re.compile("[卖花要]?多少钱")
_MONEY_ZH = frozenset("元价费")
_ENDINGS = frozenset("人员率费价额量权者")
_VERSION = re.compile(r"[\s-]?[Vv]?(?!(?:19|20)\d\d(?![\d.]))(?:\d+\.\d+|\d{3,4}(?![\d,.]|\s?(?:[年亿万]|billion|million|people)))(?![\d%])")

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
    what: Time | Entry | frozenset[str]


def units_of(analysis: Analysis) -> list[Unit]:
    """Cut a question into its units in order of position; numbers and words that name no topic are left out."""
    query = analysis.query
    text = query.text
    wide = [(m.start, m.end) for m in query.mentions if m.entry.is_name and any(m.start <= d.start and d.end <= m.end for d in dates_of(text))]
    found = [u for u in _times(text) if not _meets(u.start, u.end, wide)]

    def add(start: int, end: int, kind: Kind, what: Entry | frozenset[str]) -> None:
        if what and not _meets(start, end, [(u.start, u.end) for u in found]):
            written = text[start:end].removesuffix("'s").removesuffix("’s")
            found.append(Unit(start, start + len(written), written, kind, what))

    for word in unknown_names(text, [(m.start, m.end) for m in query.mentions]):
        at = text.find(word)
        if any(map(str.isdigit, word)) or len(word) > 1:
            add(at, at + len(word), "name", tokens_of(word))
    for mention in query.mentions:
        version = _VERSION.match(text, mention.end) if mention.entry.is_name else None
        if version:  # "Wan 4.0" is not the known "Wan"
            add(mention.start, version.end(), "name", tokens_of(version.group()))
        if mention.entry.is_name or not all(map(_idle, text[mention.start : mention.end].split())):
            add(mention.start, mention.end, "name" if mention.entry.is_name else "term", mention.entry)
    for match in _PRICE_ZH.finditer(text):
        add(*match.span(), "word", _MONEY_ZH)
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
        forms = unit.what.tokens if isinstance(unit.what, Entry) else (tokens_of(unit.text),)
        return any(all(t in self._snapshot.words for t in form) for form in forms)

    def held_by(self, unit: Unit, candidate: Candidate) -> bool:
        """Tell whether a statement or its headings hold a unit; a year in a heading counts where the statement says none."""
        heading = self._heading(candidate)
        what = unit.what
        if isinstance(what, Time):
            return _timed(what, candidate.text, heading)
        text = f"{heading} {candidate.text}"
        if isinstance(what, Entry):
            return what.en in EVERYWHERE or what.named_in(text) or any(map(tokens_of(text).issuperset, what.tokens))
        if unit.kind == "word" and not self._own:
            return True
        return any(w in text for w in what) if has_cjk(unit.text) else tokens_of(text) >= what

    def lack(self, unit: Unit) -> float:
        """Return how clearly the nearest statement lacks a word: its rarity, 0 to 1, less how near the statement's words come."""
        snapshot = self._snapshot
        rarity = max((snapshot.words.idf(t) for t in tokens_of(unit.text)), default=0.0) / snapshot.words.idf("")
        return rarity - self._like(unit, self.anchor) if self.anchor else rarity

    def fits(self, candidate: Candidate, units: Sequence[Unit]) -> bool:
        """Tell whether a statement speaks of all units, a word perhaps in other words, and holds what the question expects."""
        if candidate.features["kind"] < 0.5:
            return False
        return all(self.held_by(u, candidate) or (u.kind == "word" and self._like(u, candidate) >= LIKE) for u in units)

    def times(self, candidates: Sequence[Candidate], lacking: Unit) -> list[str]:
        """Return the times that statements name, as exact as the one that is lacking, the nearest to it, in order."""
        asked = lacking.what
        assert isinstance(asked, Time)
        found: set[tuple[int, str]] = set()
        for candidate in candidates:
            text = candidate.text
            dates = [int(d.value) for d in dates_of(text)]
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

    def others(self, candidates: Sequence[Candidate], lacking: Unit) -> list[str]:
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


def _timed(asked: Time, text: str, heading: str) -> bool:
    dates = [int(d.value) for d in dates_of(text)]
    years = frozenset(d // 10_000 for d in dates) or years_of(heading)
    if asked.part and asked.part not in (parts_of_year(text) or parts_of_year(heading)):
        return False
    if asked.value % 10_000 == 0:
        return not asked.value or asked.value // 10_000 in years
    dates = dates or [int(d.value) for d in dates_of(heading)]
    return any(d == asked.value or (asked.value % 100 == 0 and d // 100 == asked.value // 100) for d in dates)


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
