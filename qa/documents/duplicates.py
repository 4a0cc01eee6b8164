"""Near-identical passages of different documents, found with MinHash (extra ``check``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from qa.documents.model import Document
from qa.errors import MissingExtra

THRESHOLD = 0.4
"""Share of common shingles (Jaccard) from which two sentences count as near-identical.

Set on the shipped corpus: sentences that state one fact in their own words stay below 0.4 as a rule, sentences
that differ by a name or two lie above 0.5.
"""
PERMUTATIONS = 128
SHINGLE = {"en": 3, "zh": 4}
"""Words (English) or characters (Chinese) of a shingle."""
MIN_SHINGLES = 8
"""Shorter sentences ("Manus was released on 6 March 2025.") cannot be said in many ways."""


@dataclass(frozen=True)
class Pair:
    """Two sentences of different documents: documents, starts in their texts, likeness 0 to 1."""

    first: Document
    first_start: int
    second: Document
    second_start: int
    likeness: float


def near_duplicates(documents: Sequence[Document], threshold: float = THRESHOLD) -> Iterator[Pair]:
    """Yield the sentences that stand nearly alike in two documents of one language.

    MinHash (Broder 1997, https://doi.org/10.1109/SEQUEN.1997.666900) with locality-sensitive hashing
    proposes pairs; the exact Jaccard likeness of the shingles decides.

    Raises:
        MissingExtra: datasketch is not installed.
    """
    minhash, index_type = _datasketch()
    sentences: list[tuple[Document, int, frozenset[bytes]]] = []
    # A lower threshold in the index: its estimate is off by about 1 / sqrt(128).
    index = index_type(threshold=max(0.1, threshold - 0.15), num_perm=PERMUTATIONS)
    for document in documents:
        for start, end in document.sentences:
            shingles = shingles_of(document.text[start:end], document.language)
            if len(shingles) < MIN_SHINGLES:
                continue
            signature = minhash(num_perm=PERMUTATIONS, seed=1)
            signature.update_batch(sorted(shingles))
            for number in sorted(index.query(signature)):
                other, other_start, others = sentences[number]
                likeness = len(shingles & others) / len(shingles | others)
                if other.id != document.id and other.language == document.language and likeness >= threshold:
                    yield Pair(other, other_start, document, start, likeness)
            index.insert(len(sentences), signature)
            sentences.append((document, start, shingles))


def shingles_of(sentence: str, language: str) -> frozenset[bytes]:
    """Return the runs of words (English) or characters (Chinese) of a sentence."""
    text = sentence.casefold()
    units = re.findall(r"[\w.,%]*\w%?", text) if language == "en" else re.findall(r"\w", text)
    size = SHINGLE[language]
    return frozenset(" ".join(units[i : i + size]).encode() for i in range(len(units) - size + 1))


def _datasketch() -> tuple[Any, Any]:
    try:
        datasketch = import_module("datasketch")  # untyped
    except ModuleNotFoundError as error:
        raise MissingExtra("the search for near-identical passages needs: pip install 'china-ai-qa[check]'") from error
    return datasketch.MinHash, datasketch.MinHashLSH
