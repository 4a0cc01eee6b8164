"""Write the answer: verbatim sentences, their citations, and the marks of what answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qa.answering.analysis import Analysis
from qa.answering.answer import Citation, Sentence
from qa.answering.evidence import Candidate
from qa.answering.facts import dates_of, quantities_of, tokens_of
from qa.answering.verify import support
from qa.index.snapshot import Snapshot

_LARGE = 1000  # smaller bare counts ("under 40", "19 models") answer only if the question asks for what they count


def citation(number: int, candidate: Candidate, heading: str, score: float) -> Citation:
    """Make the citation of a sentence, with the sources of that very sentence."""
    document = candidate.document
    return Citation(
        number=number,
        quote=candidate.text,
        document_id=document.id,
        title=document.title,
        section=heading,
        start=candidate.start,
        end=candidate.end,
        as_of=speaks_for(candidate),
        sources=document.sources_of(candidate.start, candidate.end),
        score=round(score, 4),
    )


def speaks_for(candidate: Candidate) -> str:
    """Return the latest date of a sentence that is not in the future of its document, else the document's."""
    limit = int(candidate.document.as_of.replace("-", ""))
    values = [int(d.value) for d in dates_of(candidate.text) if d.value // 10_000 * 10_000 <= limit and d.value <= limit + 1231]
    if not values:
        return candidate.document.as_of
    value = max(values)
    year, month, day = value // 10_000, value // 100 % 100, value % 100
    return f"{year}" + (f"-{month:02d}" if month else "") + (f"-{day:02d}" if day else "")


def compose(
    analysis: Analysis, chosen: Sequence[Candidate], scores: Sequence[float], snapshot: Snapshot, outdated: Mapping[int, int] | None = None
) -> tuple[str, list[Sentence], list[Citation]]:
    """Join the chosen sentences to the answer's text.

    Args:
        analysis: the question.
        chosen: the sentences in order.
        scores: how well each fits, 0 to 1.
        snapshot: where they stand.
        outdated: position of a sentence with an outdated value to that of the newer one.

    Returns:
        The text with [n] marks, the sentences, and the citations.
    """
    citations = [
        citation(n, c, snapshot.passages[c.passage].heading, score)
        for n, (c, score) in enumerate(zip(chosen, scores, strict=True), 1)
    ]
    sentences = [
        Sentence(
            text=c.text,
            citations=(n,),
            support=support(c.text, [c.text], snapshot.glossary),
            marks=tuple(marks(analysis, c.text)),
            superseded_by=outdated[n - 1] + 1 if outdated and n - 1 in outdated else None,
        )
        for n, c in enumerate(chosen, 1)
    ]
    text = " ".join(f"{flat(s.text)} [{s.citations[0]}]" for s in sentences)
    return text, sentences, citations


def flat(text: str) -> str:
    """Put a quote that runs over several lines on one line."""
    return " ".join(text.split())


def marks(analysis: Analysis, text: str) -> list[tuple[int, int]]:
    """Return the spans of a sentence that answer: figures, dates or names that the question lacks."""
    kind = analysis.kind
    if kind in ("number", "comparison", "change"):
        said = {q.value for q in quantities_of(analysis.query.text)}
        found = [q for q in quantities_of(text) if q.value not in said]
        asked = tokens_of(analysis.query.text)
        telling = [q for q in found if q.kind != "count" or q.value >= _LARGE or not asked.isdisjoint(tokens_of(q.unit))]
        return [(q.start, q.end) for q in telling or found]
    if kind == "date":
        said = {d.value for d in dates_of(analysis.query.text)}
        return [(d.start, d.end) for d in dates_of(text) if d.value not in said]
    return []
