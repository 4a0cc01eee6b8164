"""The judge: a small trained network that tells whether a sentence answers a question.

Late interaction asks how near each word of the question comes to a word of the sentence; it does not notice that one
word of all, the year or the attribute, is another. The judge reads the very vectors that late interaction compares:
the question's tokens attend to each other and to the sentence's tokens (Vaswani et al. 2017; over vectors made
beforehand: MacAvaney et al. 2020, "PreTTR", https://arxiv.org/abs/2004.14255), and beside its vector each token of the
question carries marks: whether its word stands in the sentence, its heading and its passage, how rare it is, whether it is a name
or a number; and each sentence has traits (``traits.py``): what sorts of figures, dates and names it has to offer.
``benchmarks/train_judge.py`` trains it; ``qa/models/README.md`` tells on what.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.answering.analysis import Analysis
from qa.answering.evidence import Candidate
from qa.answering.facts import names_entry, tokens_of
from qa.answering.matching import word_spans
from qa.answering.traits import TRAITS, Asked, traits_of
from qa.errors import ModelUnavailable
from qa.index.snapshot import Snapshot
from qa.retrieval.search import Ranking
from qa.text.glossary import Entry
from qa.text.language import has_cjk
from qa.text.tokens import STOP_WORDS

log = logging.getLogger(__name__)

Floats = NDArray[np.float32]

FILE = Path(__file__).resolve().parents[1] / "models" / "judge.onnx"
MARKS = 10  # numbers beside each token's vector
LONGEST = 64  # tokens of a question or a sentence that are read
UNJUDGED = 0.0
"""Logit of what could not be judged, in the middle between yes and no: a sentence that the model's limit cut off,
or an index made by another model than the judge was trained on."""
_RARITY = 8.0  # about the highest inverse document frequency in a corpus of some thousand passages


@dataclass(frozen=True)
class _Word:
    tokens: frozenset[str]
    rarity: float
    content: bool
    entry: Entry | None
    number: bool

    def share(self, text: str, held: frozenset[str]) -> float:
        """Return how much of the word a text of these tokens holds, in whatever form of a name."""
        if self.entry is not None and names_entry(text, self.entry):
            return 1.0
        return len(self.tokens & held) / len(self.tokens) if self.tokens else 0.0


@dataclass(frozen=True)
class Pairs:
    """A question beside some sentences.

    Attributes:
        question: (n, token_dim) unit vectors of its tokens.
        marks: (sentences, n, MARKS): the best match in the sentence and in the passage, the share of the word that stands in
            sentence, heading and passage, and what the word is: its rarity, whether it has a meaning of its own, is
            a name, stands in the glossary, holds a digit.
        traits: (sentences, TRAITS) what each sentence holds of what the question may ask for.
        sentences: (m, token_dim) unit vectors of the tokens of each sentence.
    """

    question: Floats
    marks: Floats
    traits: Floats
    sentences: tuple[Floats, ...]


def pairs_of(analysis: Analysis, ranking: Ranking, candidates: Sequence[Candidate], snapshot: Snapshot) -> Pairs:
    """Put a question beside candidates of one ranking, all of whose sentences hold tokens.

    Args:
        analysis: the question.
        ranking: the passages, with what late interaction found in their sentences.
        candidates: sentences out of them.
        snapshot: what was searched.
    """
    query = analysis.query
    own = snapshot.chinese[ranking.rows[0]] == (query.language == "zh")
    text = query.text if own or not ranking.readable else query.translation or query.text
    encoded = ranking.encoded
    words = _words(text, snapshot)
    at = {place: i for i, (start, end, _) in enumerate(words) for place in range(start, end)}
    # The last row stands for tokens outside of words.
    word_of = [at.get(start, len(words)) for start in encoded.offsets[:LONGEST, 0].tolist()]
    position = {number: i for i, number in enumerate(ranking.matches.numbers.tolist())}
    best = ranking.matches.matches[:, :LONGEST]
    still = np.asarray([(w.rarity / _RARITY, w.content, w.entry is not None and w.entry.is_name, w.entry is not None, w.number) for *_, w in words])
    still = np.concatenate([still.reshape(len(words), 5), np.zeros((1, 5))])
    marks = np.zeros((len(candidates), len(word_of), MARKS), dtype=np.float32)
    sentences = []
    around: dict[int, tuple[list[tuple[float, float]], Floats]] = {}
    for i, candidate in enumerate(candidates):
        row = candidate.passage
        first, last = int(snapshot.sentence_rows[row]), int(snapshot.sentence_rows[row + 1])
        if row not in around:
            passage = snapshot.passages[row]
            heading = f"{candidate.document.title} {passage.heading}"
            body = candidate.document.text[passage.start : passage.end]
            shares = [(w.share(heading, tokens_of(heading)), w.share(body, tokens_of(body))) for *_, w in words]
            near = best[[position[n] for n in range(first, last) if n in position]].max(axis=0)
            around[row] = ([*shares, (0.0, 0.0)], near)
        shares, near = around[row]
        held = tokens_of(candidate.text)
        here = [*(w.share(candidate.text, held) for *_, w in words), 0.0]
        table = np.column_stack([here, shares, still])
        marks[i] = np.column_stack([best[position[candidate.row]], near, table[word_of]])
        start, end = int(snapshot.token_rows[row]), int(snapshot.token_rows[row + 1])
        inside = snapshot.owners[start:end] == candidate.row - first
        sentences.append(snapshot.tokens[start:end][inside][:LONGEST].astype(np.float32) / np.float32(127))
    asked = Asked.read(analysis)
    traits = np.asarray([traits_of(asked, c, snapshot) for c in candidates], dtype=np.float32)
    return Pairs(encoded.tokens[:LONGEST], marks, traits, tuple(sentences))


def _words(text: str, snapshot: Snapshot) -> list[tuple[int, int, _Word]]:
    mentions = snapshot.glossary.mentions(text)
    found = []
    for start, end in word_spans(text):
        written = text[start:end].lower()
        tokens = tokens_of(written)
        if has_cjk(written) and len(written) > 1:
            tokens = frozenset(t for t in tokens if len(t) > 1) or tokens
        rarity = max((snapshot.words.idf(t) for t in tokens), default=1.0)
        entry = next((m.entry for m in mentions if m.start <= start and end <= m.end), None)
        found.append((start, end, _Word(tokens, rarity, written not in STOP_WORDS, entry, any(map(str.isdigit, written)))))
    return found


class Judge:
    """The network, run by ONNX Runtime on one thread: the products are too small to share out."""

    def __init__(self, session: Any) -> None:
        """Take an open session.

        Raises:
            KeyError: the model does not say whose vectors it reads.
            ValueError: it reads other inputs than this version makes.
        """
        inputs = {i.name: i.shape[-1] for i in session.get_inputs()}
        if (inputs.get("marks"), inputs.get("traits")) != (MARKS, TRAITS):
            raise ValueError(f"it reads {inputs}")
        self._session = session
        self.encoder: str = session.get_modelmeta().custom_metadata_map["encoder"]
        """Digest of the token head whose vectors it reads, sixteen digits."""

    @classmethod
    def load(cls, path: Path = FILE) -> Judge:
        """Read the judge.

        Raises:
            ImportError: ONNX Runtime is not there.
            ModelUnavailable: the file is no judge.
        """
        import onnxruntime

        states = onnxruntime.capi.onnxruntime_pybind11_state
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return cls(onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))
        except (states.InvalidProtobuf, states.InvalidGraph, states.InvalidArgument, states.NoSuchFile, states.Fail, KeyError, ValueError) as error:
            raise ModelUnavailable(f"{path} is no judge ({error}); restore the file that came with this package") from error

    def logits(self, pairs: Pairs) -> Floats:
        """Return for each sentence how surely it answers: the logit of a probability."""
        lengths = np.asarray([len(s) for s in pairs.sentences])
        present = np.arange(lengths.max())[None, :] < lengths[:, None]
        sentences = np.zeros((*present.shape, pairs.question.shape[1]), dtype=np.float32)
        sentences[present] = np.concatenate(pairs.sentences)
        inputs = {"question": pairs.question, "marks": pairs.marks, "traits": pairs.traits, "sentences": sentences, "present": present}
        found: Floats = self._session.run(None, inputs)[0]
        return found


@lru_cache(maxsize=1)
def shipped() -> Judge | None:
    """Return the judge of this package, or None where nothing can run it, which is logged."""
    try:
        return Judge.load()
    except ImportError as error:
        log.warning("ONNX Runtime cannot be imported (%s): answers are chosen without the judge; run: pip install onnxruntime", error)
        return None


def judged(analysis: Analysis, ranking: Ranking, candidates: Sequence[Candidate], snapshot: Snapshot, encoder: str) -> dict[int, float]:
    """Judge those candidates that can be judged.

    Args:
        analysis: the question.
        ranking: the passages, with what late interaction found in their sentences.
        candidates: sentences.
        snapshot: what was searched.
        encoder: identity of the model that made the vectors; no other than the judge's own is read.

    Returns:
        The logit of the probability that a candidate answers, by its number.
    """
    judge = shipped()
    if judge is None or judge.encoder not in encoder:
        return {}
    numbers = set(ranking.matches.numbers.tolist())
    known = [c for c in candidates if c.row in numbers]
    if not known:
        return {}
    pairs = pairs_of(analysis, ranking, known, snapshot)
    return dict(zip([c.row for c in known], judge.logits(pairs).tolist(), strict=True))
