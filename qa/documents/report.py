"""The corpus in figures: sizes, topics and years, sources, reading level; as Markdown and as a plot."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa.documents.checks import publisher_names
from qa.documents.corpus import Corpus
from qa.documents.model import TOPICS, Document
from qa.errors import MissingExtra
from qa.text.quantities import quantities, years

FIRST_YEAR = 2017
_IDEOGRAPH = re.compile(r"[\u4e00-\u9fff]")
_SECOND_HAND = re.compile(r"\((?:via|citing|copy|mirror|summary|digest|syndicated|republished|quoted)\b|\bvia\b|\bcopy\b|\bmirror\b")


@dataclass(frozen=True)
class Fact:
    """A sentence that holds a figure or a date: its document and the years that it names."""

    document: Document
    years: frozenset[int]


def facts(corpus: Corpus) -> list[Fact]:
    """List the sentences of a corpus that hold a figure or a date."""
    found = []
    for document in corpus.documents:
        for start, end in document.sentences:
            sentence = document.text[start:end]
            named = years(sentence)
            if named or quantities(sentence):
                found.append(Fact(document, frozenset(named)))
    return found


def words(document: Document) -> int:
    """Count a document's words (English) or ideographs (Chinese)."""
    return len(_IDEOGRAPH.findall(document.text)) if document.language == "zh" else len(document.text.split())


def readability_index(documents: Iterable[Document]) -> float:
    """Return the automated readability index of English documents, a US school grade.

    4.71 characters a word + 0.5 words a sentence - 21.43 (Senter and Smith 1967,
    https://apps.dtic.mil/sti/citations/AD0667273). No documents give 0.
    """
    characters = count = sentences = 0
    for document in documents:
        sentences += len(document.sentences)
        for start, end in document.sentences:
            for word in document.text[start:end].split():
                characters += sum(c.isalnum() for c in word)
                count += 1
    return 4.71 * characters / count + 0.5 * count / sentences - 21.43 if count else 0.0


def corpus_report(corpus: Corpus) -> str:
    """Describe a corpus in Markdown tables."""
    by_language = {language: [d for d in corpus.documents if d.language == language] for language in ("en", "zh")}
    statements = facts(corpus)
    parts = [
        "# The corpus in figures",
        _sizes(corpus, by_language, statements),
        "## Facts by topic and year",
        "A fact is a sentence with a figure or a date; it counts for every year that it names.",
        _topics_and_years(statements),
        "## Sources",
        _sources(corpus),
    ]
    return "\n\n".join(parts) + "\n"


def plot_corpus(corpus: Corpus, path: Path) -> None:
    """Draw documents by topic and language, and facts by topic and year, into an image file.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtra("plots need: pip install 'china-ai-qa[eval]'") from error
    statements = facts(corpus)
    topics = [t for t in TOPICS if any(d.topic == t for d in corpus.documents)]
    columns = _years(statements)
    figure = Figure(figsize=(12, 6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.6])
    english = [sum(d.topic == t and d.language == "en" for d in corpus.documents) for t in topics]
    chinese = [sum(d.topic == t and d.language == "zh" for d in corpus.documents) for t in topics]
    left.barh(topics, english, color="#3b6ea5", label="English")
    left.barh(topics, chinese, left=english, color="#d98032", label="Chinese")
    left.set_title("Documents by topic")
    left.set_ylim(len(topics) - 0.5, -0.5)
    left.legend(frameon=False)
    cells = [[sum(f.document.topic == t and y in f.years for f in statements) for y in columns] for t in topics]
    right.imshow(cells, aspect="auto", cmap="Blues")
    right.set_title("Facts by topic and year")
    right.set_xticks(range(len(columns)), [str(y) for y in columns])
    right.set_yticks(range(len(topics)), [""] * len(topics))
    highest = max((max(row) for row in cells if row), default=0)
    for i, row in enumerate(cells):
        for j, count in enumerate(row):
            right.text(j, i, str(count), ha="center", va="center", fontsize=8, color="white" if count > highest / 2 else "black")
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def _sizes(corpus: Corpus, by_language: dict[str, list[Document]], statements: Sequence[Fact]) -> str:
    english, chinese = by_language["en"], by_language["zh"]

    def row(label: str, count: object) -> list[str]:
        return [label, *(str(count(group)) if callable(count) else "" for group in (english, chinese))]

    def addresses(group: Sequence[Document]) -> int:
        return len({s.url or s.title for d in group for s in d.sources})

    def publishers(group: Sequence[Document]) -> int:
        return len({publisher_names(s.publisher)[0] for d in group for s in d.sources})

    rows = [
        row("documents", len),
        row("words (Chinese: characters)", lambda g: f"{sum(map(words, g)):,}"),
        row("sentences", lambda g: f"{sum(len(d.sentences) for d in g):,}"),
        row("facts", lambda g: f"{sum(f.document in g for f in statements):,}"),
        row("footnotes in the text", lambda g: f"{sum(len(d.references) for d in g):,}"),
        row("sources (addresses)", lambda g: f"{addresses(g):,}"),
        row("publishers", lambda g: f"{publishers(g):,}"),
        row("words or characters a sentence", lambda g: _mean(sum(map(words, g)), sum(len(d.sentences) for d in g))),
        ["readability index (US school grade)", f"{readability_index(english):.1f}", ""],
        row("earliest as_of", lambda g: min((d.as_of for d in g), default="")),
        row("latest as_of", lambda g: max((d.as_of for d in g), default="")),
    ]
    both = (
        f"Both languages together rest on {addresses(corpus.documents):,} sources of {publishers(corpus.documents):,} publishers. "
        f"{len(corpus.series)} series hold {sum(len(s.points) for s in corpus.series)} values; "
        f"the glossary has {len(corpus.glossary):,} entries."
    )
    return _table(["", "English", "Chinese"], rows) + "\n\n" + both


def _topics_and_years(statements: Sequence[Fact]) -> str:
    columns = _years(statements)
    rows = []
    for topic in TOPICS:
        inside = [f for f in statements if f.document.topic == topic]
        if inside:
            documents = len({f.document.id for f in inside})
            rows.append([topic, str(documents), str(len(inside)), *(str(sum(y in f.years for f in inside)) for y in columns)])
    total = [str(sum(y in f.years for f in statements)) for y in columns]
    rows.append(["all", str(len({f.document.id for f in statements})), str(len(statements)), *total])
    return _table(["topic", "documents", "facts", *map(str, columns)], rows)


def _sources(corpus: Corpus) -> str:
    pages = {s.url or s.title: s for d in corpus.documents for s in d.sources}
    dated = Counter(s.date[:4] for s in pages.values())
    second_hand = sum(_SECOND_HAND.search(s.publisher) is not None for s in pages.values())
    cited = Counter(publisher_names(d.sources[r.source].publisher)[0] for d in corpus.documents for r in d.references)
    share = 100 * second_hand / len(pages) if pages else 0
    return "\n\n".join(
        [
            f"{second_hand} of {len(pages)} sources ({share:.0f}%) were seen through a copy, a mirror or a report that cites the original.",
            _table(["published", "sources"], [[year, str(count)] for year, count in sorted(dated.items())]),
            _table(["most cited publishers", "footnotes"], [[n, str(c)] for n, c in sorted(cited.items(), key=lambda x: (-x[1], x[0]))[:15]]),
        ]
    )


def _years(statements: Sequence[Fact]) -> list[int]:
    named = {y for f in statements for y in f.years if y >= FIRST_YEAR}
    latest = max((int(f.document.as_of[:4]) for f in statements), default=FIRST_YEAR)
    return sorted(y for y in named if y <= latest)


def _mean(total: int, count: int) -> str:
    return f"{total / count:.1f}" if count else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
