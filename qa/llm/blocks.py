"""The numbered evidence that a model is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa.answering.answer import Answer
from qa.chunking import Passage
from qa.documents.model import Document
from qa.index.snapshot import Snapshot
from qa.retrieval.hits import Hit

MOST = 10
"""Most passages given to a model: the shown hits, and passages that the extractive answer cites besides."""


@dataclass(frozen=True)
class Block:
    """One passage as evidence.

    Attributes:
        number: what the model cites, from 1.
        row: the passage's number in the snapshot.
        passage: the passage.
        document: its document.
    """

    number: int
    row: int
    passage: Passage
    document: Document

    @property
    def text(self) -> str:
        """The passage's text."""
        return self.document.text[self.passage.start : self.passage.end]

    def sentence(self, number: int) -> str:
        """Return one sentence of the passage."""
        start, end = self.passage.sentences[number]
        return self.document.text[start:end]

    @property
    def context(self) -> str:
        """Title and heading."""
        return f"{self.document.title}\n{self.passage.heading}"


def blocks_of(answer: Answer, snapshot: Snapshot) -> list[Block]:
    """Return the evidence of an extractive answer: what it cites and what else was found, best first."""
    cited = [row for c in answer.citations for row in _holding(c.document_id, c.start, c.end, snapshot)]
    found = [row for h in answer.hits for row in _holding(h.document_id, h.start, h.end, snapshot)]
    # What the answer cites comes first: it was chosen sentence by sentence, the hits by passage.
    chosen = list(dict.fromkeys([*cited, *found]))[:MOST]
    return [
        Block(number, row, snapshot.passages[row], snapshot.documents[snapshot.passages[row].document_id])
        for number, row in enumerate(chosen, 1)
    ]


def _holding(document_id: str, start: int, end: int, snapshot: Snapshot) -> list[int]:
    """Return the number of the passage that holds a span of a document, if there is one."""
    if document_id not in snapshot.documents:
        return []
    rows = np.flatnonzero(snapshot.document_numbers == snapshot.documents.number(document_id)).tolist()
    return [r for r in rows if snapshot.passages[r].start <= start and end <= snapshot.passages[r].end][:1]


def hits_of(blocks: Sequence[Block], answer: Answer) -> tuple[Hit, ...]:
    """Present blocks as hits, in the order of their numbers; scores are those of the search, where it found them."""
    known = {h.passage_id: h for h in answer.hits}
    hits = []
    for block in blocks:
        hit = known.get(block.passage.id)
        hits.append(
            Hit(
                rank=block.number,
                passage_id=block.passage.id,
                document_id=block.document.id,
                title=block.document.title,
                section=block.passage.heading,
                language=block.document.language,
                start=block.passage.start,
                end=block.passage.end,
                text=block.text,
                as_of=block.document.as_of,
                score=hit.score if hit else 0.0,
                signals=hit.signals if hit else {},
            )
        )
    return tuple(hits)
