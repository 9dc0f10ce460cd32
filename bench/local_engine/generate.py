"""`generate` of transformers, in a batch, as a contender."""

from __future__ import annotations

import time
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


class Generate:
    """One batch of as many prompts as there are callers; greedy, with the library's cache."""

    def __init__(self, model: str) -> None:
        torch.set_num_threads(1)
        self.tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(model).eval()

    def turn(self, *, tokens: int, callers: int) -> dict[str, Any]:
        """Generate `tokens` for each prompt."""
        prompts = [
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": f"Caller {number}: list what is in the store."}],
                tokenize=False,
                add_generation_prompt=True,
            )
            for number in range(callers)
        ]
        begin = time.perf_counter()
        inputs = self.tokenizer(prompts, return_tensors="pt", padding=True)
        with torch.inference_mode():
            output = self.model.generate(
                **inputs, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False
            )
        self.tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :])
        return {"wall_s": time.perf_counter() - begin, "tokens": tokens * callers}
