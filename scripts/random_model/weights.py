"""Random weights, the same for the same seed, one tensor at a time."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from random_model.shapes import Shape
from random_model.vocabulary import filled_tokenizer, save_tokenizer, silent_ids

# With rows of this length in units of 1 / sqrt(inputs), attention and feed-forward part stay alive
# through many layers, and the text does not fall into a short loop at once.
_GAIN = 2.0


def random_tensor(name: str, shape: tuple[int, ...], seed: int) -> npt.NDArray[np.float32]:
    """A tensor that depends on nothing but its name, its shape and the seed.

    :return: norms around 1, matrices around 0.
    """
    generator = np.random.default_rng((seed, zlib.crc32(name.encode())))
    values = generator.standard_normal(shape, dtype=np.float32)
    if len(shape) == 1:
        return values * np.float32(0.1) + np.float32(1)
    values *= np.float32(_GAIN / shape[1] ** 0.5)
    return values


def save_model(shape: Shape, folder: Path, seed: int) -> None:
    """Write a model as transformers reads it: configuration, tokenizer, safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = filled_tokenizer(shape.vocabulary)
    save_tokenizer(tokenizer, folder)
    text = json.dumps(shape.config(), indent=2) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
    save_file(_tensors(shape, tokenizer, seed), folder / "model.safetensors", {"format": "pt"})


def _tensors(shape: Shape, tokenizer: dict[str, Any], seed: int) -> dict[str, npt.NDArray[Any]]:
    tensors: dict[str, npt.NDArray[Any]] = {}
    for name, size in shape.tensors().items():
        values = random_tensor(name, size, seed)
        if name == "model.embed_tokens.weight":
            # Tied embeddings: a row of zeros is a logit of 0, far below the likeliest forty.
            values[silent_ids(tokenizer)] = 0
        tensors[name] = values.astype(shape.stored)
    return tensors
