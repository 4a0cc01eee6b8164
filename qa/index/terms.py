"""Terms as an index knows them, and many of them looked up together in a small one.

A question with its translations has dozens of terms, most of them rare. One after the other, each costs a dozen calls of
NumPy on a handful of postings; together they cost about as many in all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from qa.index.lexical import LexicalIndex

SMALL, KEPT = 32_768, 8192
"""Texts up to which the last terms stay in memory with their weights, and how many terms: questions share words, and one has up to a
hundred with its translations."""


@lru_cache(maxsize=200_000)
def digest_of(term: str) -> int:
    """Return a term's 64-bit digest."""
    return int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "little")


def ideographic(term: str) -> bool:
    """Tell whether a term is made of ideographs."""
    return "\u3400" <= term[0] <= "\ufaff"


@dataclass(frozen=True, eq=False)
class Weighed:
    """A term: its inverse document frequency, the texts that hold it, rising, and its weight in each."""

    idf: float
    rows: NDArray[np.int64]
    weights: NDArray[np.float64]


def prepare(index: LexicalIndex, terms: Iterable[str]) -> None:
    """Look up terms in a small index, so that its next calls find them in memory."""
    missing = [t for t in dict.fromkeys(terms) if t not in index.kept]
    if index.offsets[-1] > SMALL or not missing:
        return
    over = len(index.kept) + len(missing) - KEPT
    for old in list(index.kept)[:over] if over > 0 else ():
        index.kept.pop(old, None)
    index.kept |= _weigh(index, missing)


def weights_at(found: Sequence[Weighed], wanted: NDArray[np.int64], texts: int) -> NDArray[np.float32]:
    """Return what terms in memory add to the score of some of an index's texts, (n_terms, n_wanted)."""
    place = np.full(texts, -1)
    place[wanted] = np.arange(len(wanted))  # of texts that are wanted twice, the last place
    table = np.zeros((len(found), len(wanted)), dtype=np.float32)
    if found:
        at = place[np.concatenate([f.rows for f in found])]
        hit = np.flatnonzero(at >= 0)
        owner = np.repeat(np.arange(len(found)), [len(f.rows) for f in found])[hit]
        table[owner, at[hit]] = np.concatenate([f.weights for f in found])[hit]
    return table[:, place[wanted]]


def _weigh(index: LexicalIndex, terms: Sequence[str]) -> dict[str, Weighed]:
    """Read distinct terms and weigh their postings, as ``LexicalIndex.postings`` does one by one."""
    digests = np.fromiter(map(digest_of, terms), dtype=np.uint64, count=len(terms))
    owners, rows, counts = [], [], []
    for part, offset in zip(index.parts, index.offsets, strict=False):
        known = part.terms.all()
        if not len(known):
            continue
        at = known.searchsorted(digests)
        there = np.flatnonzero(known[np.minimum(at, len(known) - 1)] == digests)
        starts = part.starts.all()
        first, last = starts[at[there]], starts[at[there] + 1]
        sizes = last - first
        places = np.arange(sizes.sum()) + np.repeat(first - np.cumsum(sizes) + sizes, sizes)
        owners.append(np.repeat(there, sizes))
        rows.append(part.rows.all()[places].astype(np.int64) + offset)
        counts.append(part.counts.all()[places].astype(np.float64))
    owner = np.concatenate([*owners, np.zeros(0, np.int64)])
    order = np.argsort(owner, kind="stable")  # by term; the segments of each stay in their order
    owner = owner[order]
    row, count = (np.concatenate([*many, np.zeros(0)])[order] for many in (rows, counts))
    row = row.astype(np.int64)
    idf = index.idf_of(np.bincount(owner, weights=index.counted[row] if index.counted is not None else None, minlength=len(terms)))
    k1, b, mean = np.asarray([index.saturation(False), index.saturation(True)]).T
    kind = np.fromiter(map(ideographic, terms), dtype=np.int64, count=len(terms))[owner]
    lengths = index.lengths[row, kind]
    k1, b, mean = k1[kind], b[kind], mean[kind]
    weights = idf[owner] * count * (k1 + 1) / (count + k1 * (1 - b + b / mean * lengths))
    ends = np.searchsorted(owner, np.arange(len(terms) + 1)).tolist()
    return {
        term: Weighed(rarity, row[first:last], weights[first:last])
        for term, rarity, first, last in zip(terms, idf.tolist(), ends, ends[1:], strict=False)
    }
