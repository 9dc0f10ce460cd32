"""Small models with random weights, of many families, and what computes with them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from local_llm_kit.engines.transformers import TransformersEngine, TransformersOptions
from local_llm_kit.engines.transformers.building import Built, build, make_runner
from local_llm_kit.engines.transformers.runner import TorchRunner
from local_llm_kit.model_files import BUNDLED

TINY = BUNDLED["tiny"].parent
_SIZES = {
    "vocab_size": 1024,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "eos_token_id": 2,
    "bos_token_id": None,
    "pad_token_id": 0,
}


def make_model(folder: Path, family: str, **settings: Any) -> Path:
    """Save a model of random weights with the bundled model's tokenizer."""
    config = getattr(transformers, f"{family}Config")(**(_SIZES | settings))
    torch.manual_seed(5)
    model = transformers.AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():  # away from 0 and 1, so that a forgotten one shows
        parameter.data.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY / name, folder / name)
    return folder


def random_text(seed: int, n: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(seed).integers(3, 1000, n)]


class Bench:
    """A runner without an engine, and the model that it must agree with."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.options = TransformersOptions(**({"device": "cpu", "n_threads": 1} | options))
        self.built: Built = build(str(folder), self.options)
        self.runner: TorchRunner = make_runner(self.built, self.options)
        self._folder = folder
        self._reference: Any = None

    def compute(self, *chunks: tuple[int, int, Sequence[int]]) -> Any:
        """Logits of every row of one batch; chunks are slot, first position, tokens."""
        row = 0
        for slot, position, tokens in chunks:
            row = self.runner.batch.write(row, tokens, position, slot)
        self.runner.batch.wanted[:row] = 1
        self.runner.decode(0, row)
        return self.runner.logits(row).copy()

    def reference(self, text: Sequence[int]) -> Any:
        """Logits of every row of a text, by transformers alone."""
        if self._reference is None:
            self._reference = transformers.AutoModelForCausalLM.from_pretrained(
                self._folder, dtype=torch.float32, attn_implementation="eager"
            ).eval()
        with torch.inference_mode():
            return self._reference(torch.tensor([list(text)])).logits[0].numpy()


@contextmanager
def torch_engine(folder: Path = TINY, **options: Any) -> Iterator[TransformersEngine]:
    options = {"device": "cpu", "n_threads": 1} | options
    engine = TransformersEngine(str(folder), "tiny", TransformersOptions(**options))
    try:
        yield engine
    finally:
        engine.close()
