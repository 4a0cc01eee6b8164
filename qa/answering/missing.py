"""Say what the evidence lacks and what it has instead, in the question's language.

A question is cut into times, names, terms and words. Each is looked for in the nearest statement and its
headings. What is lacking is named, times and names before words. Beside it stands what statements on the very
same things do hold, so that nothing is said which no statement supports.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qa.answering.analysis import Analysis
from qa.answering.evidence import Candidate
from qa.answering.lacking import MONEY_ZH, Nearest, Time, Unit, units_of
from qa.index.snapshot import Snapshot
from qa.retrieval.search import Ranking
from qa.text.dictionary import dictionary

MOST_PARTS = 3
MOST_OTHERS = 4
"""Most times, names or terms that are told beside what is lacking."""
LEAST_LACK = -0.1
"""Rarity less likeness from which an absent word is worth naming; words below are common, or the statement comes near to them."""
SPREAD = 0.35  # how far below the clearest absent word another may lie and still be named
RARE_COST = 11.5  # -log of the share of all words from which a single ideograph names a topic
_WORDS = {
    "en": {
        "none": "The corpus does not answer this.",
        "time": "On {about}, the corpus has statements for {found}, not for {lacking}.",
        "name": "On {about}, the corpus has statements about {found}, not about {lacking}.",
        "absent": "The nearest statement speaks of {found}, not of {lacking}.",
        "unknown": "Not found: {lacking}.",
        "apart": "No one statement holds {lacking} together with the rest.",
        "unsaid": "The nearest statement speaks of {found}, but does not say what is asked.",
        "nearest": "The nearest passage is “{}”.",
        "word": "“{}”",
        "comma": ", ",
        "and": " and ",
        "or": " or ",
        "space": " ",
    },
    "zh": {
        "none": "语料库没有回答这个问题。",
        "time": "关于{about}，语料库有{found}的陈述，没有{lacking}的。",
        "name": "关于{about}，语料库有{found}的陈述，没有{lacking}的。",
        "absent": "最接近的陈述谈到{found}，没有谈到{lacking}。",
        "unknown": "未找到：{lacking}。",
        "apart": "{lacking}没有与其余内容出现在同一条陈述中。",
        "unsaid": "最接近的陈述谈到{found}，但没有说明所问的内容。",
        "nearest": "最接近的段落是《{}》。",
        "word": "“{}”",
        "comma": "、",
        "and": "和",
        "or": "和",
        "space": "",
    },
}


@dataclass(frozen=True)
class Gap:
    """What the evidence lacks.

    Attributes:
        parts: the times, names and words of the question that are lacking, as the question writes them; three at most.
        text: sentences on what is lacking and what there is instead; "" where nothing can be named.
        nearest: title of the document with the nearest statement; "" where there is none.
    """

    parts: tuple[str, ...] = ()
    text: str = ""
    nearest: str = ""


def gap_of(analysis: Analysis, ordered: Sequence[tuple[float, Candidate]], ranking: Ranking, snapshot: Snapshot) -> Gap:
    """Find what the evidence lacks.

    Args:
        analysis: the question.
        ordered: candidate sentences with their scores, best first.
        ranking: of the passages that hold them.
        snapshot: what was searched.
    """
    units = units_of(analysis)
    nearest = Nearest(analysis, units, [c for _, c in ordered], ranking, snapshot)
    absent = [u for u in units if not nearest.holds(u)]
    named = [u for kind in ("time", "name") for u in absent if u.kind == kind][:MOST_PARTS]
    others = _clearest(nearest, [u for u in absent if u.kind in ("term", "word")])
    if named and len(absent) < len(units):
        # How else a statement on another time or name differs matters little, unless nothing speaks of it at all.
        others = [u for u in others if not nearest.known(u)]
    runs = _joined(analysis.query.text, others)[: MOST_PARTS - len(named)]
    parts = tuple(dict.fromkeys([u.text for u in named] + [text for text, _ in runs]))
    title = nearest.anchor.document.title if nearest.anchor else ""
    return Gap(parts, _told(nearest, units, named, runs, _WORDS[analysis.language]), title)


def abstention_text(analysis: Analysis, gap: Gap) -> str:
    """Write the sentences shown instead of an answer."""
    words = _WORDS[analysis.language]
    nearest = words["nearest"].format(gap.nearest) if gap.nearest else ""
    return words["space"].join(filter(None, (words["none"], gap.text, nearest)))


def _clearest(nearest: Nearest, absent: Sequence[Unit]) -> list[Unit]:
    """Return the absent words worth naming, the clearest first."""
    lack = {u: nearest.lack(u) for u in absent}
    least = max(LEAST_LACK, max(lack.values(), default=0.0) - SPREAD)
    return sorted((u for u in absent if lack[u] >= least), key=lambda u: (-lack[u], u.start))


def _joined(text: str, units: Sequence[Unit]) -> list[tuple[str, list[Unit]]]:
    """Join units that follow each other in the question ("tourist arrivals"); in the order of their clearest.

    Lone ideographs are joined with their like alone: they are what a word is cut into that the dictionary lacks.
    """
    runs: list[list[Unit]] = []
    for unit in sorted(units, key=lambda u: u.start):
        last = runs[-1][-1] if runs else unit
        alike = (len(last.text) == 1) == (len(unit.text) == 1)
        if runs and alike and re.fullmatch(r"[\s-]*", text[last.end : unit.start]):
            runs[-1].append(unit)
        else:
            runs.append([unit])
    runs.sort(key=lambda run: min(map(units.index, run)))
    found = [(text[run[0].start : run[-1].end], run) for run in runs]
    # A lone ideograph tells nothing unless it is a rare one ("钨").
    return [f for f in found if len(f[0]) > 1 or dictionary().cost(f[0]) >= RARE_COST]


def _told(nearest: Nearest, units: Sequence[Unit], named: Sequence[Unit], runs: Sequence[tuple[str, list[Unit]]], words: dict[str, str]) -> str:
    """Write what is lacking: beside what there is instead, else beside what the nearest statement speaks of."""
    lines, rest = [], []
    for unit in named:
        line = "" if runs else _instead(nearest, unit, units, words)
        if line:
            lines.append(line)
        else:
            rest.append((unit.text, [unit]))
    rest += [(words["word"].format(text), run) for text, run in runs]
    found = _list(_spoken(nearest, units, named), words)
    if rest and found:
        lines.append(words["absent"].format(found=found, lacking=_list([text for text, _ in rest], words, "or")))
    elif found and not named:
        lines.append(words["unsaid"].format(found=found))
    elif rest:
        for key, there in (("unknown", False), ("apart", True)):
            texts = [text for text, run in rest if nearest.elsewhere(run) == there]
            lines += [words[key].format(lacking=_list(texts, words))] if texts else []
    return words["space"].join(lines)


def _spoken(nearest: Nearest, units: Sequence[Unit], named: Sequence[Unit]) -> list[str]:
    """Return what of the question the nearest statement speaks of, and which other times or names in place of those that are lacking."""
    anchor = nearest.anchor
    if anchor is None:
        return []
    held = [u.text for u in units if u.kind in ("name", "term") and nearest.held_by(u, anchor, lenient=False)][:MOST_OTHERS]
    other = [text for unit in named[:1] for text in nearest.alternatives([anchor], unit)[:2]]
    return list(dict.fromkeys([*held, *other])) if held else []


def _instead(nearest: Nearest, lacking: Unit, units: Sequence[Unit], words: dict[str, str]) -> str:
    """Say for which times or names of the same kind there are statements on all else that the question asks; "" if there are none."""
    rest = [u for u in units if u != lacking and (u.kind != "word" or nearest.holds(u) or nearest.lack(u) >= LEAST_LACK)]
    time = isinstance(lacking.what, Time)
    about = [u for u in rest if u.kind in ("name", "term")]
    if len(about) == 1:
        about = [u for u in rest if u.kind != "time" and len(u.text) > 1 and u.what != MONEY_ZH]
    # One thing alone ("president") is too little to tell what statements share.
    if not about or (len(about) == 1 and not (time and about[0].kind == "name")):
        return ""
    about += [u for u in rest if u.kind == "time"]
    if any(nearest.held_by(lacking, c) and nearest.fits(c, about) for c in nearest.candidates):
        return ""
    fitting = [c for c in nearest.candidates if nearest.fits(c, rest)]
    found = nearest.alternatives(fitting, lacking)[:MOST_OTHERS]
    shared = [u for u in about if u.kind != "name" or all(nearest.held_by(u, c, lenient=False) for c in fitting)]
    if not found or not shared:
        return ""
    told = _list([u.text for u in sorted(shared, key=lambda u: u.start)], words)
    return words["time" if time else "name"].format(about=told, found=_list(found, words), lacking=lacking.text)


def _list(parts: Sequence[str], words: dict[str, str], last: str = "and") -> str:
    return words[last].join(filter(None, (words["comma"].join(parts[:-1]), parts[-1]))) if parts else ""
