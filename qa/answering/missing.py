"""Say what the evidence lacks, in the question's language."""

from __future__ import annotations

from collections.abc import Sequence

from qa.answering.analysis import Analysis
from qa.answering.demands import demands_of
from qa.answering.evidence import Candidate, concept_tokens
from qa.answering.facts import dates_of, names_entry, tokens_of
from qa.index.snapshot import Snapshot
from qa.text.language import has_cjk

_RARE = 0.55  # share of the highest rarity from which a word that the evidence lacks is worth naming
_WORDS = {
    "en": {
        "none": "The corpus does not answer this.",
        "missing": "Not found in the evidence: {}.",
        "years": "The nearest statements speak of {}.",
        "nearest": "The nearest passage is “{}”.",
        "year": "a statement for {}",
        "name": "{}",
        "term": "“{}”",
        "join": ", ",
    },
    "zh": {
        "none": "语料库没有回答这个问题。",
        "missing": "证据中未找到：{}。",
        "years": "最接近的陈述涉及{}年。",
        "nearest": "最接近的段落是《{}》。",
        "year": "{}年的陈述",
        "name": "{}",
        "term": "“{}”",
        "join": "、",
    },
}


def missing_parts(analysis: Analysis, near: Sequence[Candidate], snapshot: Snapshot) -> list[str]:
    """Name the names, years and words of the question that the nearest evidence lacks."""
    words = _WORDS[analysis.language]
    texts = [f"{c.document.title} {c.text}" for c in near]
    parts = [
        words["name"].format(name.zh if analysis.language == "zh" and name.zh else name.en)
        for name in analysis.query.names
        if not any(names_entry(text, name) for text in texts)
    ]
    parts += [name for name in demands_of(analysis).names if isinstance(name, str) and not any(tokens_of(t) >= tokens_of(name) for t in texts)]
    found_years = {int(d.value) // 10_000 for c in near for d in dates_of(c.text)}
    parts += [words["year"].format(year) for year in sorted(analysis.query.years - found_years)]
    tokens = frozenset().union(*(tokens_of(t) for t in texts)) if texts else frozenset()
    rare = _RARE * snapshot.words.idf("")  # an unknown word has the highest rarity there is
    written = _written_words(analysis)
    unmet = [next(iter(g)) for g in concept_tokens(analysis) if len(g) == 1 and tokens.isdisjoint(g)]
    unmet = [t for t in unmet if snapshot.words.idf(t) > rare and not t.isdigit()]
    parts += [words["term"].format(written[t]) for t in unmet if t in written and not has_cjk(t) and written[t] not in parts]
    parts += [words["term"].format(run) for run in _runs(analysis.query.text, [t for t in unmet if has_cjk(t)])]
    return list(dict.fromkeys(parts))[:4]


def _runs(text: str, bigrams: Sequence[str]) -> list[str]:
    """Join bigrams that overlap in the question to the longest runs of ideographs."""
    covered = [False] * len(text)
    for bigram in bigrams:
        at = text.find(bigram)
        while at >= 0:
            covered[at : at + len(bigram)] = [True] * len(bigram)
            at = text.find(bigram, at + 1)
    runs, current = [], ""
    for character, inside in zip(text, covered, strict=True):
        if inside:
            current += character
        elif current:
            runs.append(current)
            current = ""
    return [*runs, current] if current else runs


def _written_words(analysis: Analysis) -> dict[str, str]:
    """Map search tokens to the words as the question writes them."""
    found: dict[str, str] = {}
    for word in analysis.query.text.replace("？", " ").split():
        clean = word.strip(".,;:?!\"'()“”‘’")
        for token in tokens_of(clean):
            found.setdefault(token, clean if clean.isascii() else token)
    return found


def abstention_text(analysis: Analysis, parts: Sequence[str], near: Sequence[Candidate]) -> str:
    """Write the sentence shown instead of an answer."""
    words = _WORDS[analysis.language]
    text = [words["none"]]
    if parts:
        text.append(words["missing"].format(words["join"].join(parts)))
    years = sorted({int(d.value) // 10_000 for c in near[:3] for d in dates_of(c.text)})
    if analysis.query.years and years and not analysis.query.years <= set(years):
        text.append(words["years"].format(words["join"].join(map(str, years))))
    if near:
        text.append(words["nearest"].format(near[0].document.title))
    return ("" if analysis.language == "zh" else " ").join(text)
