"""Train input rows for frequent Chinese words, with the encoder's layers frozen.

Purpose: an English encoder reads Chinese in English words (``qa/text/reading.py``). A row of its own for
a frequent word, started from the mean of its gloss, may say more than the gloss (Artetxe et al. 2020,
"On the cross-lingual transferability of monolingual representations"). English stays bit-identical.

The loss has three parts: late interaction and the pooled vector from a question to its passage among
those of the batch, and the distance of a passage's pooled vector to that of the same text in plain
glosses, which keeps Chinese where English lies.

Run: python benchmarks/train_chinese.py --data DIR --head FILE --out FILE
DIR holds drcd.jsonl and cmrc.jsonl. Prints what a held-out twentieth of the articles gives before and
after training: the right passage of 64, by late interaction and by the pooled vector. The same seed and
number of threads give the same rows.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch.nn import functional as F

from qa.embedding import embedded_model_folder
from qa.text.dictionary import dictionary
from qa.text.language import has_cjk
from qa.text.reading import _PIECE as PIECE
from qa.text.reading import usual_gloss

CLS, SEP = 101, 102
QUESTION, PASSAGE = 48, 160  # tokens kept
LATE_SCALE, DENSE_SCALE = 24.0, 20.0


class Reader:
    """Chinese text to input numbers: a row for a frequent word, the pieces of its gloss for the others."""

    def __init__(self, tokenizer) -> None:
        self.tokenizer, self.dictionary, self.rows, self.pieces = tokenizer, dictionary(), {}, {}

    def words(self, text: str) -> list[str]:
        found = []
        for match in PIECE.finditer(self.dictionary.simplified(text)):
            found += self.dictionary.words(match.group()) if has_cjk(match.group()) else [match.group()]
        return found

    def gloss(self, word: str) -> list[int]:
        if word not in self.pieces:
            text = usual_gloss(word, self.dictionary) if has_cjk(word) else word
            self.pieces[word] = self.tokenizer.encode(text, add_special_tokens=False)
        return self.pieces[word]

    def numbers(self, words: list[str], limit: int, plain: bool = False) -> list[int]:
        found: list[int] = []
        for word in words:
            found += [self.rows[word]] if word in self.rows and not plain else self.gloss(word)
            if len(found) >= limit:
                break
        return [CLS, *found[:limit], SEP]


class Encoder:
    """The frozen layers."""

    def __init__(self, head: Path) -> None:
        base = SentenceTransformer(str(embedded_model_folder()), device="cpu")
        bert = base[0].auto_model.eval()
        self.tokenizer, self.embeddings, self.layers = base.tokenizer, bert.embeddings, bert.encoder.layer
        tensors = load_file(str(head))
        with safe_open(str(head), framework="pt") as file:
            self.about = file.metadata()
        if int(self.about["fork"]) != len(self.layers):
            raise SystemExit(f"{head} replaces {self.about['fork']} layers; this script wants a head of {len(self.layers)}")
        self.layers.load_state_dict({n.removeprefix("layers."): t.float() for n, t in tensors.items() if n.startswith("layers.")})
        self.projection = tensors["projection.weight"].float()
        for parameter in bert.parameters():
            parameter.requires_grad_(False)
        self.base = self.embeddings.word_embeddings.weight

    def __call__(self, rows: list[list[int]], extra: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return token vectors, pooled vectors and the mask."""
        width = max(map(len, rows))
        ids = torch.tensor([r + [0] * (width - len(r)) for r in rows])
        mask = torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r in rows])
        table = torch.cat([self.base, extra])
        state = self.embeddings(inputs_embeds=F.embedding(ids, table))
        bias = (1.0 - mask[:, None, None, :].to(state.dtype)) * -10000.0
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for layer in self.layers:
                out = layer(state, attention_mask=bias)
                state = out[0] if isinstance(out, tuple) else out
        state = state.float()
        weights = mask[:, :, None].float()
        return F.normalize(state @ self.projection.T, dim=-1), F.normalize((state * weights).sum(1) / weights.sum(1), dim=-1), mask


def maxsim(q: torch.Tensor, q_mask: torch.Tensor, p: torch.Tensor, p_mask: torch.Tensor) -> torch.Tensor:
    similarity = torch.einsum("qid,pjd->qpij", q, p).masked_fill(p_mask[None, :, None, :] == 0, -1.0)
    return (similarity.amax(-1) * q_mask[:, None, :]).sum(-1) / q_mask.sum(1)[:, None]


def windows(folder: Path, reader: Reader) -> list[tuple[str, list[str], list[str]]]:
    """Return (passage key, words of the question, words of the passage round the answer)."""
    found = []
    for name in ("drcd", "cmrc"):
        for line in (folder / f"{name}.jsonl").open(encoding="utf-8"):
            row = json.loads(line)
            start = max(0, row["answer_start"] - 90)
            found.append((row["context"][:60], reader.words(row["question"]), reader.words(row["context"][start : start + 220])))
    return found


def batches(rows, rng: random.Random, size: int):
    """Cut shuffled rows into batches; a passage occurs once in a batch."""
    order = rows[:]
    rng.shuffle(order)
    out, current, seen = [], [], set()
    for row in order:
        if row[0] in seen:
            continue
        current.append(row)
        seen.add(row[0])
        if len(current) == size:
            out.append(current)
            current, seen = [], set()
    return out


def scores(encoder: Encoder, reader: Reader, batch, extra: torch.Tensor):
    q, q_pooled, q_mask = encoder([reader.numbers(r[1], QUESTION) for r in batch], extra)
    p, p_pooled, p_mask = encoder([reader.numbers(r[2], PASSAGE) for r in batch], extra)
    return maxsim(q, q_mask, p, p_mask), q_pooled @ p_pooled.T, p_pooled


@torch.no_grad()
def accuracy(encoder: Encoder, reader: Reader, held, extra: torch.Tensor) -> str:
    right, total = [0, 0], 0
    for batch in batches(held, random.Random(0), 64):
        late, dense, _ = scores(encoder, reader, batch, extra)
        target = torch.arange(len(batch))
        right = [n + int((s.argmax(1) == target).sum()) for n, s in zip(right, (late, dense), strict=True)]
        total += len(batch)
    return f"late {right[0] / total:.4f}, pooled {right[1] / total:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--head", type=Path, required=True, help="the encoder's trained layers")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--anchor", type=float, default=2.0)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    encoder = Encoder(args.head)
    reader = Reader(encoder.tokenizer)
    rows = windows(args.data, reader)
    keys = sorted({r[0] for r in rows})
    rng.shuffle(keys)
    held_keys = set(keys[: len(keys) // 20])
    held, train = [r for r in rows if r[0] in held_keys], [r for r in rows if r[0] not in held_keys]
    counts = Counter(w for r in train for part in r[1:] for w in set(part) if has_cjk(w) and reader.gloss(w))
    words = [w for w, n in counts.most_common(args.rows) if n >= 3]
    none = torch.zeros(0, encoder.base.shape[1])
    print(f"{len(train)} questions, {len(held)} held out; {len(words)} words; in glosses {accuracy(encoder, reader, held, none)}", flush=True)
    start = torch.stack([encoder.base[reader.gloss(w)].mean(0) for w in words])
    reader.rows = {w: len(encoder.base) + i for i, w in enumerate(words)}
    extra = torch.nn.Parameter(start.clone())
    print(f"rows at the start: {accuracy(encoder, reader, held, extra)}", flush=True)
    steps = args.epochs * len(batches(train, random.Random(0), args.batch))
    optimizer = torch.optim.Adam([extra], lr=args.lr)
    began, done = time.time(), 0
    for epoch in range(args.epochs):
        for batch in batches(train, rng, args.batch):
            share = max(done / steps, (time.time() - began) / (60 * args.minutes))
            if share >= 1:
                break
            optimizer.param_groups[0]["lr"] = args.lr * min(1.0, (done + 1) / 20) * (1 - share)
            late, dense, pooled = scores(encoder, reader, batch, extra)
            with torch.no_grad():
                plain = encoder([reader.numbers(r[2], PASSAGE, plain=True) for r in batch], none)[1]
            target = torch.arange(len(batch))
            anchor = (1 - (pooled * plain).sum(1)).mean()
            parts = (F.cross_entropy(late * LATE_SCALE, target), F.cross_entropy(dense * DENSE_SCALE, target), args.anchor * anchor)
            optimizer.zero_grad()
            sum(parts).backward()
            optimizer.step()
            done += 1
            if done % 20 == 0:
                values = " ".join(f"{float(p):.3f}" for p in parts)
                print(f"step {done}/{steps}: {values}, {time.time() - began:.0f} s", flush=True)
        print(f"epoch {epoch + 1}: {accuracy(encoder, reader, held, extra.detach())}", flush=True)
    save_file({"words.extra": extra.detach().half()}, str(args.out), metadata={"words": "\n".join(words), "seed": str(args.seed)})
    print(f"wrote {args.out}", flush=True)


if __name__ == "__main__":
    main()
