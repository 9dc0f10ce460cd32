"""Make the tiny model: tokenizer, training on the CPU, safetensors and GGUF, in one command.

python -m scripts.tiny_model.train [--out local_llm_kit/models/tiny] [--scale 1.0] [--threads 1]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from .corpus import DRILLS, FIRST_STEPS, LAST_DRILLS, Chat, Makers, sample
from .muon import Muon
from .to_gguf import convert
from .tokenizer import END, START, corpus_texts, render, train_tokenizer

SHIPPED = Path(__file__).resolve().parents[2] / "local_llm_kit" / "models" / "tiny"
OTHER_WEIGHT = 0.1  # what a token outside the assistant's turns counts, of 1 for one inside
TEXT_WEIGHT = 0.3  # a plain text's: its story is mostly chance
CONTEXT = 2048
POOL = 2000  # samples drawn and sorted by length at a time

Encoded = tuple[list[int], list[float]]


def encode(tokenizer: PreTrainedTokenizerFast, chat: Chat) -> Encoded:
    """Give token ids and, for each as a target, its weight in the loss."""
    ids = tokenizer(render(tokenizer, chat), add_special_tokens=False).input_ids
    if chat.text:
        return ids, [TEXT_WEIGHT] * len(ids)
    start, end = tokenizer.convert_tokens_to_ids([START, END])
    head = tokenizer("assistant\n", add_special_tokens=False).input_ids
    turns = iter([m for m in chat.messages if m["role"] == "assistant"])
    weights, i, now = [], 0, OTHER_WEIGHT
    while i < len(ids):
        if ids[i] == start and ids[i + 1 : i + 1 + len(head)] == head:
            weights += [OTHER_WEIGHT] * (1 + len(head))
            i += 1 + len(head)
            now = OTHER_WEIGHT if next(turns).get("given") else 1.0
            continue
        weights.append(now)
        if ids[i] == end:
            now = OTHER_WEIGHT
        i += 1
    return ids, weights


@dataclass(frozen=True)
class Stage:
    """A part of the training with a learning rate schedule of its own.

    :ivar lr: the peak.
    :ivar flat: share of the steps at the peak, before the rate falls linearly to nothing.
    :ivar short: the single exchanges mixed in.
    :ivar shares: share of those among the samples, at the start and, a third on, at the end.
    """

    steps: int
    lr: float
    flat: float
    short: Makers
    shares: tuple[float, float]

    def rate(self, step: int) -> float:
        """Give a step's learning rate, after a short warm-up."""
        left = (1 - step / self.steps) / (1 - self.flat)
        return self.lr * min(1.0, (step + 1) / 50) * min(1.0, left)

    def share(self, step: int) -> float:
        """Give the share of single exchanges among the samples."""
        first, last = self.shares
        return first + (last - first) * min(1.0, step / self.steps * 3)


# Copying from the prompt is what most kinds need and what a mix of everything teaches last: the
# first stage begins with little else. Sums need the most repetition: the second is full of them,
# and the third has them inside JSON.
STAGES = [
    Stage(4400, 4e-3, 0.4, FIRST_STEPS, (0.9, 0.1)),
    Stage(1500, 2.5e-3, 0.1, DRILLS, (0.6, 0.6)),
    Stage(1000, 2e-3, 0.05, LAST_DRILLS, (0.65, 0.65)),
]


def batches(
    tokenizer: PreTrainedTokenizerFast, stage: Stage, tokens: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Give a stage's batches, each of samples of like length.

    :param tokens: tokens in a batch at most, padding included.
    :return: ids (rows, n) int64 and weights (rows, n) float32.
    """
    r, given = Random(seed), 0
    while True:
        share = stage.share(given)
        drawn = (encode(tokenizer, sample(r, stage.short, share)) for _ in range(POOL))
        pool = sorted(drawn, key=lambda e: len(e[0]))
        groups: list[list[Encoded]] = [[]]
        for e in pool:
            if groups[-1] and len(e[0]) * (len(groups[-1]) + 1) > tokens:
                groups.append([])
            groups[-1].append(e)
        r.shuffle(groups)
        for group in groups:
            yield stack(group, tokenizer.pad_token_id)
            given += 1
            if given == stage.steps:
                return


def stack(group: list[Encoded], pad: int) -> tuple[Tensor, Tensor]:
    """Put samples into rows of one length, cut at the context."""
    n = min(CONTEXT, max(len(ids) for ids, _ in group))
    x = torch.full((len(group), n), pad)
    w = torch.zeros((len(group), n))
    for row, (ids, weights) in enumerate(group):
        x[row, : len(ids)] = torch.tensor(ids[:n])
        w[row, : len(ids)] = torch.tensor(weights[:n])
    return x, w


def new_model(tokenizer: PreTrainedTokenizerFast, hidden: int, layers: int) -> LlamaForCausalLM:
    """Make an untrained model."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=-(-hidden * 8 // 3 // 64) * 64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def weighted_loss(model: LlamaForCausalLM, x: Tensor, w: Tensor) -> Tensor:
    """Compute the mean cross-entropy of the next token, weighted by target."""
    logits = model(x[:, :-1], use_cache=False).logits
    loss = cross_entropy(logits.flatten(0, 1), x[:, 1:].flatten(), reduction="none")
    weight = w[:, 1:].flatten()
    return (loss * weight).sum() / weight.sum()


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    stage: Stage,
    batch_tokens: int,
    seed: int,
) -> None:
    """Run one stage."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0)
    seen, shown, start = 0, [], time.monotonic()
    for step, (x, w) in enumerate(batches(tokenizer, stage, batch_tokens, seed)):
        loss = weighted_loss(model, x, w)
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        adam.param_groups[0]["lr"] = stage.rate(step)
        adam.step()
        muon.step(stage.rate(step))
        seen += x.numel()
        shown.append(loss.item())
        if len(shown) == 100:
            print(
                f"step {step + 1} of {stage.steps}, loss {sum(shown) / 100:.4f}, "
                f"{seen / 1e6:.2f}M tokens, {time.monotonic() - start:.0f} s",
                flush=True,
            )
            shown = []


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Write what ships: half-precision safetensors, the tokenizer, and GGUF Q8_0 of those weights.

    The configuration asks for float32, so that loading widens the weights again: CPUs compute
    float16 slowly.
    """
    half = {
        k: v.detach().to(torch.float16)
        for k, v in model.state_dict().items()
        if k != "lm_head.weight"
    }
    model.generation_config = GenerationConfig(
        eos_token_id=[tokenizer.eos_token_id, tokenizer.pad_token_id],
        pad_token_id=tokenizer.pad_token_id,
    )
    model.save_pretrained(out, state_dict=half)
    tokenizer.model_max_length = CONTEXT
    tokenizer.save_pretrained(out)
    convert(out, out / "tiny.gguf", "Q8_0")


def main() -> None:
    """Run from the command line."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--out", type=Path, default=SHIPPED)
    p.add_argument("--scale", type=float, default=1.0, help="lengthen or shorten every stage")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--hidden", type=int, default=128)
    p.add_argument("--layers", type=int, default=5)
    p.add_argument("--vocab", type=int, default=1024)
    p.add_argument("--batch", type=int, default=2048, help="tokens a step")
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    tokenizer = train_tokenizer(corpus_texts(30_000, seed=1), args.vocab)
    model = new_model(tokenizer, args.hidden, args.layers)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f}M parameters", flush=True)
    ends = []
    for number, stage in enumerate(STAGES):
        stage = replace(stage, steps=max(1, round(stage.steps * args.scale)))
        train(model, tokenizer, stage, args.batch, args.seed + number)
        ends.append({k: v.clone() for k, v in model.state_dict().items()})
    # Halfway between the ends of the last two stages is better than either: each forgot a little.
    model.load_state_dict({k: (v + ends[-2][k]) / 2 for k, v in ends[-1].items()})
    save(model, tokenizer, args.out)


if __name__ == "__main__":
    main()
