"""Judge the tiny model as shipped: exact answers by kind, then on questions worded by hand.

    python -m scripts.tiny_model.evaluate [MODEL_DIR] [--samples 60]

Answers come from the Q8_0 GGUF through llama.cpp, greedily.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random

import llama_cpp
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from .corpus import KINDS, Chat
from .questions import asked_by_hand
from .tokenizer import END, render
from .train import SHIPPED

# Kinds whose answers are partly chance; the first answer is shown instead.
FREE_KINDS = ("told_story", "text")
FRESH_SEED = 987_654


class Model:
    """The GGUF and its tokenizer."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(folder)
        self.llama = llama_cpp.Llama(
            str(folder / "tiny.gguf"), n_ctx=2048, n_threads=1, n_threads_batch=1, verbose=False
        )

    def answer(self, prompt: str) -> str:
        """Continue a rendered prompt until a turn or text ends."""
        ids = self.tokenizer(prompt, add_special_tokens=False).input_ids
        out: list[int] = []
        for token in self.llama.generate(ids, temp=0.0, top_k=1, repeat_penalty=1.0):
            if (
                token == self.llama.token_eos()
                or token == self.tokenizer.pad_token_id
                or len(out) >= 500
            ):
                break
            out.append(token)
        return str(self.tokenizer.decode(out))


def cut_last_turn(tokenizer: PreTrainedTokenizerFast, chat: Chat) -> tuple[str, str]:
    """Give a chat's prompt before its last assistant turn of our own, and that turn's text."""
    last = max(
        i for i, m in enumerate(chat.messages) if m["role"] == "assistant" and not m.get("given")
    )
    prompt = render(tokenizer, Chat(chat.messages[:last], chat.tools), prompt=True)
    whole = render(tokenizer, Chat(chat.messages[: last + 1], chat.tools))
    return prompt, whole[len(prompt) :].removesuffix(f"{END}\n")


def judge(model: Model, name: str, chats: list[Chat], show: int) -> float:
    """Print and give the share of exact answers; show the first wrong ones."""
    wrong = []
    for chat in chats:
        prompt, wanted = cut_last_turn(model.tokenizer, chat)
        got = model.answer(prompt)
        if got != wanted:
            wrong.append((chat.messages[-2].get("content"), wanted, got))
    right = 1 - len(wrong) / len(chats)
    print(f"{name:12s} {right:6.1%}", flush=True)
    for asked, wanted, got in wrong[:show]:
        print(f"    {asked!r}: wanted {wanted!r}, got {got!r}")
    return right


def main() -> None:
    """Run from the command line."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("model_dir", type=Path, nargs="?", default=SHIPPED)
    p.add_argument("--samples", type=int, default=60)
    p.add_argument("--show", type=int, default=3, help="wrong answers shown for a kind")
    args = p.parse_args()
    model, r = Model(args.model_dir), Random(FRESH_SEED)
    for name, (make, _) in KINDS.items():
        if name not in FREE_KINDS:
            judge(model, name, [make(r) for _ in range(args.samples)], args.show)
    judge(model, "by hand", asked_by_hand(), show=100)
    for start in ("Once upon a time", "The capital of France is", "1, 2, 3, 4,", "2 + 2 ="):
        print(f"{start!r} -> {model.answer(start)!r}")


if __name__ == "__main__":
    main()
