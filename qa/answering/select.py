"""Choose the sentences of an answer from the candidates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from qa.answering.accounts import levels
from qa.answering.analysis import Analysis
from qa.answering.evidence import Candidate, latest_date
from qa.answering.facts import covers, dates_of, quantities_of, tokens_of
from qa.answering.scoring import model, sentence_score

DUPLICATE = 0.72  # share of tokens in common from which two sentences say the same
RELATED = 0.3  # the same where one has no figure and no date that the other lacks
_PERIOD = re.compile(r"(?:19|20)\d\d(?:年[初中底末年]*)?\s*(?:[-–—~]|to|and|through|until|至|到)\s*(?:19|20)\d\d", re.IGNORECASE)
PAIRED = 6  # best sentences for each side of a comparison, of which two with like figures are taken
MANY = 5  # most sentences of a list, an explanation or a development over time


def order_candidates(pool: Sequence[Candidate], regime: str) -> list[tuple[float, Candidate]]:
    """Score candidates, best first; ties go to the earlier sentence of the earlier document."""
    scored = [(sentence_score(c, regime), c) for c in pool]
    return sorted(scored, key=lambda pair: (-round(pair[0], 6), pair[1].document.id, pair[1].start))


def reorder(ordered: Sequence[tuple[float, Candidate]], logits: Mapping[int, float], regime: str) -> list[tuple[float, Candidate]]:
    """Add what the judge says of the best candidates to their scores; the others count like the worst that it read."""
    if not logits:
        return list(ordered)
    share = model(regime).judge
    worst = min(logits.values())
    scored = [(score + share * logits.get(c.row, worst), c) for score, c in ordered]
    return sorted(scored, key=lambda pair: (-round(pair[0], 6), pair[1].document.id, pair[1].start))


def choose(analysis: Analysis, ordered: Sequence[tuple[float, Candidate]], limit: int, extra: float) -> list[Candidate]:
    """Choose evidence: the best sentence, and more where the kind of question calls for it."""
    if not ordered:
        return []
    if len(analysis.aspects) == 2 and analysis.kind != "change":
        return _both_sides(analysis, ordered, limit, extra)
    best_score, best = ordered[0]
    chosen = [best]
    if analysis.kind == "change":
        return _over_time(analysis, ordered, MANY, extra)
    many = analysis.kind in ("list", "why", "comparison") or analysis.disputed
    margin = extra * (1.5 if many else 1.0)
    for score, candidate in ordered[1:]:
        if len(chosen) >= (MANY if many else limit) or score < best_score - margin:
            break
        if not any(same(candidate, other) for other in chosen):
            chosen.append(candidate)
    return chosen


def _both_sides(analysis: Analysis, ordered: Sequence[tuple[float, Candidate]], limit: int, extra: float) -> list[Candidate]:
    """Take the best sentence if it speaks of both sides, and else the two best sentences that give a like figure for each."""
    a, b = analysis.aspects
    best_score, best = ordered[0]
    chosen: list[Candidate] = []
    of_years = isinstance(a, int)
    ahead, margin = (2 * PAIRED, 2 * extra) if of_years else (3, extra / 4)
    near = [c for s, c in ordered[:ahead] if s > best_score - margin and quantities_of(c.text)]
    both = next((c for c in near if covers(c.text, a) and covers(c.text, b) and _two_levels(c.text)), None)
    if both:
        chosen.append(both)
    # A sentence on both sides with one figure ("together raised") gives no side's own.
    shared = {c.row for _, c in ordered if covers(c.text, a) and covers(c.text, b) and levels(c.text) and not _two_levels(c.text)}
    alone = [(s, c) for s, c in ordered if s > best_score - 2 * extra and c.row not in shared]
    fitting = [[(s, c) for s, c in alone if covers(c.text, side)] for side in (a, b)]
    numbered = [[(s, c) for s, c in found if quantities_of(c.text)][:PAIRED] or found[:1] for found in fitting]
    pairs = [(s + t + (extra / 2 if _like(c, d) else 0.0), c, d) for s, c in numbered[0] for t, d in numbered[1] if c is not d or _two_levels(c.text)]
    single = [c for found in numbered for _, c in found[:1]]
    for candidate in max(pairs, key=lambda p: p[0])[1:] if pairs else single:
        if not any(same(candidate, other) for other in chosen):
            chosen.append(candidate)
    if not chosen:
        chosen = [best]
    rank = {c.row: i for i, (_, c) in enumerate(ordered)}
    chosen.sort(key=lambda c: rank[c.row])
    return _fill(analysis, ordered, chosen, MANY, extra)


def _two_levels(text: str) -> bool:
    """Tell whether a sentence may give a figure for each of two sides: two like ones, and its years are no one period."""
    sorts = [(q.kind, q.unit if q.kind == "money" else "") for q in levels(text)]
    return len(sorts) > len(set(sorts)) and not _PERIOD.search(text)


def _like(one: Candidate, other: Candidate) -> bool:
    """Tell whether two sentences give figures of the same kind and unit."""
    return not {(q.kind, q.unit) for q in quantities_of(one.text)}.isdisjoint((q.kind, q.unit) for q in quantities_of(other.text))


def _fill(
    analysis: Analysis, ordered: Sequence[tuple[float, Candidate]], chosen: list[Candidate], limit: int, extra: float
) -> list[Candidate]:
    """Add the next best sentences, as long as they are about as good as the best."""
    best = ordered[0][0]
    for score, candidate in ordered:
        if len(chosen) >= limit or score < best - extra:
            break
        if not any(same(candidate, other) for other in chosen):
            chosen.append(candidate)
    return chosen


def _over_time(analysis: Analysis, ordered: Sequence[tuple[float, Candidate]], limit: int, extra: float) -> list[Candidate]:
    """Take dated statements near the best, those of the years asked for first, and put them in order of date."""
    best_score, best = ordered[0]
    chosen = [best]
    for aspect in analysis.aspects:
        fitting = (c for s, c in ordered if s >= best_score - 2.5 * extra and covers(c.text, aspect) and quantities_of(c.text))
        first = next(fitting, None)
        if first is not None and not any(covers(c.text, aspect) and quantities_of(c.text) for c in chosen):
            chosen.append(first)
    for score, candidate in ordered[1:]:
        if len(chosen) >= limit or score < best_score - 2.5 * extra:
            break
        if dates_of(candidate.text) and not any(same(candidate, other) for other in chosen):
            chosen.append(candidate)
    return sorted(chosen, key=lambda c: (latest_date(c), c.document.id, c.start))


def without_repeats(chosen: Sequence[Candidate]) -> list[Candidate]:
    """Leave out sentences that give several figures, of which one above gives each, with the same dates."""
    kept: list[Candidate] = []
    for candidate in chosen:
        if not any(_repeats(candidate, other) for other in kept):
            kept.append(candidate)
    return kept


def _repeats(candidate: Candidate, other: Candidate) -> bool:
    figures, others = ({q.value for q in quantities_of(c.text)} for c in (candidate, other))
    days, its_days = ({d.value for d in dates_of(c.text)} for c in (candidate, other))
    # One figure may be that of two things, several hardly ever are. Units may differ: after "percentage points" follow mere "points".
    return len(figures) > 1 and figures <= others and days <= its_days and _alike(candidate, other) >= RELATED


def same(a: Candidate, b: Candidate) -> bool:
    """Tell whether two sentences say the same, in mostly the same words."""
    return _alike(a, b) >= DUPLICATE


def _alike(a: Candidate, b: Candidate) -> float:
    """Return the share of tokens in common, of the sentence with fewer."""
    one, other = tokens_of(a.text), tokens_of(b.text)
    if not one or not other:
        return float(a.text == b.text)
    return len(one & other) / min(len(one), len(other))
