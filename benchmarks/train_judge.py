"""Train the judge, which tells whether a sentence answers a question (qa/answering/judge.py).

Purpose: qa/models/judge.onnx, and logits for fitting what rests on them.
Run: python benchmarks/train_judge.py [--general FOLDER] [--out FILE] [--folds 3] [--epochs 3] [--processes 4]

It learns from the training questions (answering_data.py): of each, the sentences that the assistant finds in either language; and,
with --general, from public questions on other subjects (general_questions.py), searched for in an index of their own. One that
holds the whole answer is right, one that holds nothing of it wrong, the rest is left out; where an answer takes
several sentences (a comparison, a list), one that holds a part of it is right, too. The loss is binary cross-entropy over sentences
plus softmax cross-entropy over those of a question. With --folds the training questions are first cut by document; each part is scored
by a judge that has not seen it, the area under the ROC curve says how well it tells answerable questions from others, and the
logits are written beside the judge (*.folds.npz) for tune_answering.py. Then one judge learns from all questions.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from answering_data import TrainingQuestion, load_training
from general_questions import GeneralQuestion, read_general
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn import functional as F

from qa import Assistant
from qa.answering.analysis import analyse
from qa.answering.evidence import Candidate, candidates
from qa.answering.judge import FILE, MARKS, pairs_of
from qa.answering.scoring import regime_of
from qa.answering.select import order_candidates
from qa.answering.traits import TRAITS
from qa.documents.corpus import Corpus
from qa.embedding import TOKEN_HEAD, file_sha256, open_embedder
from qa.index.builder import build_index
from qa.index.snapshot import Snapshot
from qa.retrieval.filters import Filters
from qa.retrieval.search import Searcher
from qa.settings import Settings
from qa.text.glossary import Glossary

NEAREST = 12  # sentences of a question in one language
OTHERS = 5  # of these, wrong ones read in one pass
HEADS, WIDTH, INNER, BLOCKS = 4, 128, 256, 2
SCALE = 10.0  # of unit vectors of 128 numbers, so that each is near 1
OPSET = 17
SEVERAL = ("list", "comparison", "change", "conflict")  # kinds of question whose answer may need several sentences


@dataclass
class Example:
    """A question beside the sentences found in one language.

    Attributes:
        question: which; a general one is never held back.
        language: of the sentences.
        rows: numbers of the sentences in the snapshot.
        asked: (n, token_dim) int8.
        marks: (sentences, n, MARKS).
        traits: (sentences, TRAITS).
        read: token vectors of each sentence, int8.
        right: 1 for a sentence that answers, 0 for one that doesn't, -1 for one that answers in part.
    """

    question: TrainingQuestion | GeneralQuestion
    language: str
    rows: list[int]
    asked: np.ndarray
    marks: np.ndarray
    traits: np.ndarray
    read: list[np.ndarray]
    right: list[int]


_searchers: list[Searcher] = []


def _open(general: Path | None) -> None:
    _searchers.append(Searcher(Snapshot.load(general), open_embedder()) if general else Assistant.open(own_documents=False)._searcher)


def collect(questions: Sequence[TrainingQuestion | GeneralQuestion]) -> list[Example]:
    """Find the sentences of some questions, in a process of its own."""
    return list(examples_of(_searchers[0], questions))


def collect_all(questions: Sequence[TrainingQuestion | GeneralQuestion], processes: int, general: Path | None = None) -> list[Example]:
    """Find the sentences of all questions, in the product's index or another."""
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _open, (general,)) as pool:
        parts = pool.map(collect, [questions[i : i + 100] for i in range(0, len(questions), 100)])
        examples = pack([e for part in parts for e in part])
    print(f"{len({e.question.id for e in examples})} questions, {len(examples)} lists, {sum(len(e.rows) for e in examples)} sentences", flush=True)
    return examples


def pack(examples: list[Example]) -> list[Example]:
    """Put the vectors of all sentences into one array, of which the examples keep views.

    Processes forked later share it; of small arrays each would copy the pages, as their reference counts stand beside the data.
    """
    vectors = np.concatenate([s for e in examples for s in e.read])
    end = 0
    for example in examples:
        for i, sentence in enumerate(example.read):
            end += len(sentence)
            example.read[i] = vectors[end - len(sentence) : end]
    return examples


def examples_of(searcher: Searcher, questions: Sequence[TrainingQuestion | GeneralQuestion]) -> Iterator[Example]:
    for question in questions:
        analysis = analyse(searcher.reader.read(question.question))
        for language in (question.language,) if isinstance(question, GeneralQuestion) else ("en", "zh"):
            ranking = searcher.rank(analysis.query, Filters(), language)
            numbers = set(ranking.matches.numbers.tolist())
            ordered = order_candidates(candidates(analysis, ranking, searcher.snapshot), regime_of(question.language, language))
            known = [c for _, c in ordered if c.row in numbers]
            labels = [question.label(c) if isinstance(question, GeneralQuestion) else label(question, c) for c in known]
            # What answers and stands further down is a lesson, too.
            kept = [i for i, told in enumerate(labels) if i < NEAREST or (told == 1 and i < 4 * NEAREST)]
            if not kept:
                continue
            pairs = pairs_of(analysis, ranking, [known[i] for i in kept], searcher.snapshot)
            yield Example(
                question,
                language,
                [known[i].row for i in kept],
                np.rint(pairs.question * 127).astype(np.int8),
                pairs.marks.astype(np.float16),
                pairs.traits.astype(np.float16),
                [np.rint(s * 127).astype(np.int8) for s in pairs.sentences],
                [labels[i] for i in kept],
            )


def label(question: TrainingQuestion, candidate: Candidate) -> int:
    """Return 1 for a sentence that answers, or a part of an answer that takes several; 0 for none; -1 where it can't be told."""
    gain = question.gain(candidate)
    at_home = gain == question.share(" ".join(candidate.text.split()))
    return 1 if gain >= 0.99 or (gain > 0 and at_home and question.kind in SEVERAL) else 0 if gain == 0 else -1


class Attention(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.dropout = dropout

    def forward(self, q: torch.Tensor, x: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        def split(y: torch.Tensor) -> torch.Tensor:
            return y.view(y.shape[0], y.shape[1], HEADS, -1).transpose(1, 2)

        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(
            split(self.q(q)), split(self.k(x)), split(self.v(x)), attn_mask=present[:, None, None, :], dropout_p=dropout
        )
        return self.o(mixed.transpose(1, 2).reshape(q.shape))


class Block(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.own, self.other = Attention(dropout), Attention(dropout)
        self.own_norm, self.other_norm, self.wide_norm = (nn.LayerNorm(WIDTH) for _ in range(3))
        self.up, self.down = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.drop = nn.Dropout(dropout)

    def forward(self, q: torch.Tensor, asked: torch.Tensor, x: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        y = self.own_norm(q)
        q = q + self.drop(self.own(y, y, asked))
        q = q + self.drop(self.other(self.other_norm(q), x, present))
        return q + self.drop(self.down(self.drop(F.gelu(self.up(self.wide_norm(q)), approximate="tanh"))))


class Network(nn.Module):
    """Two blocks of attention among the question's tokens and from them to the sentence's, over unit vectors of either."""

    def __init__(self, token_dim: int, dropout: float) -> None:
        super().__init__()
        self.ask, self.read = nn.Linear(token_dim, WIDTH), nn.Linear(token_dim, WIDTH)
        self.marks = nn.Sequential(nn.Linear(MARKS, 64), nn.GELU(approximate="tanh"), nn.Linear(64, WIDTH))
        self.traits = nn.Sequential(nn.Linear(TRAITS, 64), nn.GELU(approximate="tanh"), nn.Linear(64, WIDTH))
        self.ask_norm, self.read_norm, self.answer_norm = (nn.LayerNorm(WIDTH) for _ in range(3))
        self.nothing, self.verdict = nn.Parameter(torch.zeros(WIDTH)), nn.Parameter(torch.randn(WIDTH) * 0.02)
        self.blocks = nn.ModuleList(Block(dropout) for _ in range(BLOCKS))
        self.answer = nn.Linear(WIDTH, 1)

    def forward(
        self,
        question: torch.Tensor,
        marks: torch.Tensor,
        traits: torch.Tensor,
        asked: torch.Tensor,
        sentences: torch.Tensor,
        present: torch.Tensor,
    ) -> torch.Tensor:
        n = marks.shape[0]
        always = torch.ones(n, 1, dtype=torch.bool)
        # A token of its own stands in front of each sentence: a token of the question may find nothing in it.
        x = torch.cat([self.nothing.expand(n, 1, -1), self.read_norm(self.read(sentences * SCALE))], 1)
        verdict = (self.verdict + self.traits(traits))[:, None]
        q = torch.cat([verdict, self.ask_norm(self.ask(question * SCALE) + self.marks(marks))], 1)
        asked, present = torch.cat([always, asked], 1), torch.cat([always, present], 1)
        for block in self.blocks:
            q = block(q, asked, x, present)
        return self.answer(self.answer_norm(q[:, 0]))[:, 0]


class OneQuestion(nn.Module):
    """The network as qa.answering.judge runs it: one question of n tokens, k sentences of up to m."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, question: torch.Tensor, marks: torch.Tensor, traits: torch.Tensor, sentences: torch.Tensor, present: torch.Tensor
    ) -> torch.Tensor:
        asked = torch.ones(marks.shape[0], marks.shape[1], dtype=torch.bool)
        return self.network(question.expand(marks.shape[0], -1, -1), marks, traits, asked, sentences, present)


def save(network: Network, file: Path, about: dict[str, str]) -> None:
    """Write the network as an ONNX graph."""
    k, n, m, dim = 3, 5, 7, network.ask.in_features
    inputs = {
        "question": (torch.randn(n, dim), {0: "n"}),
        "marks": (torch.rand(k, n, MARKS), {0: "k", 1: "n"}),
        "traits": (torch.rand(k, TRAITS), {0: "k"}),
        "sentences": (torch.randn(k, m, dim), {0: "k", 1: "m"}),
        "present": (torch.ones(k, m, dtype=torch.bool), {0: "k", 1: "m"}),
    }
    torch.onnx.export(
        OneQuestion(network.eval()),
        tuple(tensor for tensor, _ in inputs.values()),
        str(file),
        dynamo=False,
        opset_version=OPSET,
        input_names=list(inputs),
        output_names=["logits"],
        dynamic_axes={name: axes for name, (_, axes) in inputs.items()} | {"logits": {0: "k"}},
    )
    model = onnx.load(str(file))
    onnx.helper.set_model_props(model, about)
    onnx.save(model, str(file))


def batch_of(examples: Sequence[tuple[Example, Sequence[int]]]) -> tuple[tuple[torch.Tensor, ...], torch.Tensor, torch.Tensor]:
    """Return padded inputs of chosen sentences, their labels, and the example of each."""
    pairs = [(e, i, n) for n, (e, chosen) in enumerate(examples) for i in chosen]
    long = max(len(e.asked) for e, _, _ in pairs)
    deep = max(len(e.read[i]) for e, i, _ in pairs)
    question = np.zeros((len(pairs), long, pairs[0][0].asked.shape[1]), np.float32)
    marks = np.zeros((len(pairs), long, MARKS), np.float32)
    traits = np.stack([e.traits[i] for e, i, _ in pairs]).astype(np.float32)
    asked, present = np.zeros((len(pairs), long), bool), np.zeros((len(pairs), deep), bool)
    sentences = np.zeros((len(pairs), deep, question.shape[2]), np.float32)
    for row, (e, i, _) in enumerate(pairs):
        n, m = len(e.asked), len(e.read[i])
        question[row, :n], marks[row, :n], asked[row, :n] = e.asked, e.marks[i], True
        sentences[row, :m], present[row, :m] = e.read[i], True
    inputs = tuple(map(torch.from_numpy, (question / np.float32(127), marks, traits, asked, sentences / np.float32(127), present)))
    return inputs, torch.tensor([float(e.right[i]) for e, i, _ in pairs]), torch.tensor([n for *_, n in pairs])


def loss_of(logits: torch.Tensor, right: torch.Tensor, owner: torch.Tensor, count: int) -> torch.Tensor:
    known = right >= 0
    loss = F.binary_cross_entropy_with_logits(logits[known], right[known])
    answered = torch.zeros(count).index_add(0, owner, (right > 0.5).float()) > 0
    if answered.any():
        scores = torch.where(known, logits, torch.tensor(-1e4))
        top = torch.full((count,), -1e9).scatter_reduce(0, owner, scores, "amax")
        mass = torch.exp(scores - top[owner])
        every, best = torch.zeros(count).index_add(0, owner, mass), torch.zeros(count).index_add(0, owner, mass * (right > 0.5))
        loss = loss + (torch.log(every[answered]) - torch.log(best[answered] + 1e-9)).mean()
    return loss


def fit(examples: Sequence[Example], options: argparse.Namespace, name: str) -> Network:
    rng = random.Random(options.seed)
    torch.manual_seed(options.seed)
    network = Network(examples[0].asked.shape[1], options.dropout)
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.05)
    steps = options.epochs * (len(examples) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.rate, total_steps=steps, pct_start=0.1)
    began = time.time()

    def some(example: Example) -> list[int]:
        wrong = [i for i, label in enumerate(example.right) if label == 0]
        near = wrong[:OTHERS] if rng.random() < 0.5 else rng.sample(wrong, min(OTHERS, len(wrong)))
        return [i for i, label in enumerate(example.right) if label == 1][:2] + near

    for epoch in range(options.epochs):
        order = sorted(range(len(examples)), key=lambda i: (len(examples[i].asked) // 6, rng.random()))
        batches = [order[i : i + options.batch] for i in range(0, len(order) - options.batch + 1, options.batch)]
        rng.shuffle(batches)
        total = 0.0
        for batch in batches:
            chosen = [(examples[i], kept) for i in batch if (kept := some(examples[i]))]
            inputs, right, owner = batch_of(chosen)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = network(*inputs)
            loss = loss_of(logits.float(), right, owner, len(chosen))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"{name}: epoch {epoch + 1}, loss {total / len(batches):.4f}, {time.time() - began:.0f} s", flush=True)
    return network.eval()


@torch.no_grad()
def logits_of(network: Network, examples: Sequence[Example]) -> list[np.ndarray]:
    found = []
    for i in range(0, len(examples), 16):
        part = examples[i : i + 16]
        inputs, _, owner = batch_of([(e, range(len(e.rows))) for e in part])
        logits = network(*inputs).numpy()
        found += [logits[owner.numpy() == n] for n in range(len(part))]
    return found


def fold_of(question: TrainingQuestion | GeneralQuestion, folds: int) -> int:
    return zlib.crc32((question.documents or (question.id,))[0].encode()) % folds


def area(examples: Sequence[Example], logits: Sequence[np.ndarray], language: str, paired: bool = False) -> float:
    """Area under the ROC curve of the best of the first eight sentences of either language, of all questions or those in pairs."""
    best: dict[str, float] = {}
    answerable: dict[str, bool] = {}
    for example, values in zip(examples, logits, strict=True):
        if example.question.language == language and (not paired or getattr(example.question, "pair", -1) >= 0):
            key = example.question.id
            best[key] = max(best.get(key, -99.0), float(values[:8].max()))
            answerable[key] = example.question.answerable
    return float(roc_auc_score([answerable[k] for k in best], list(best.values())))


_lessons: list[tuple[list[Example], list[Example], argparse.Namespace]] = []


def learn(fold: int) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Train a judge without one part of the questions, or on all for -1; return its weights and its logits on that part."""
    examples, general, options = _lessons[0]
    seen = [e for e in examples if fold < 0 or fold_of(e.question, options.folds) != fold] + general
    network = fit(seen, options, f"without part {fold + 1}" if fold >= 0 else "all")
    apart = [e for e in examples if fold >= 0 and fold_of(e.question, options.folds) == fold]
    return {name: value.contiguous().numpy() for name, value in network.state_dict().items()}, logits_of(network, apart)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FILE)
    parser.add_argument("--general", type=Path, help="folder of public sets (general_questions.py)")
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--processes", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    questions = load_training(Assistant.open(own_documents=False).snapshot.glossary)
    examples, general = collect_all(questions, options.processes), []
    if options.general:
        documents, others = read_general(options.general)
        with tempfile.TemporaryDirectory() as folder:
            build_index(Corpus(Path(folder), tuple(documents), Glossary(())), Path(folder) / "index", open_embedder(), Settings().max_tokens)
            general = collect_all(others, options.processes, Path(folder) / "index")
    # Each judge learns on one thread of a process that shares the examples.
    _lessons.append((examples, general, options))
    with ProcessPoolExecutor(options.processes, multiprocessing.get_context("fork")) as pool:
        whole = pool.submit(learn, -1)
        unseen = [np.zeros(0)] * len(examples)
        for fold, (_, found) in enumerate(pool.map(learn, range(options.folds))):
            apart = [i for i, e in enumerate(examples) if fold_of(e.question, options.folds) == fold]
            for i, values in zip(apart, found, strict=True):
                unseen[i] = values
        state, _ = whole.result()
    if options.folds:
        for language in ("en", "zh"):
            every, paired = (area(examples, unseen, language, paired) for paired in (False, True))
            print(f"unseen documents, {language}: area {every:.4f}, of those in pairs {paired:.4f}", flush=True)
        np.savez_compressed(
            options.out.with_suffix(".folds.npz"),
            keys=np.asarray([f"{e.question.id} {e.language}" for e in examples]),
            lengths=np.asarray([len(e.rows) for e in examples]),
            rows=np.concatenate([e.rows for e in examples]),
            logits=np.concatenate(unseen).astype(np.float32),
        )
    network = Network(examples[0].asked.shape[1], options.dropout)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    save(network, options.out, {"encoder": file_sha256(TOKEN_HEAD)[:16], "seed": str(options.seed)})
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
