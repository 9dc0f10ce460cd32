"""Bytes that one way to run a model takes, part by part and device by device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from local_llm_kit.devices import Device
from local_llm_kit.model_shape import ModelShape
from local_llm_kit.workspace import (
    Batch,
    input_bytes,
    llama_workspace,
    output_buffer,
    vocabulary_bytes,
)

#: Rows of a batch, most first. Below 128 prompts are read markedly slower.
BATCH_ROWS = (512, 256, 128)


class Choice(NamedTuple):
    """One way to run a model.

    :ivar window: tokens that a request may have.
    :ivar n_cells: tokens that the cache holds.
    :ivar n_rows: rows of the largest batch.
    :ivar n_gpu_layers: layers on GPUs, the head counted as one.
    """

    window: int
    n_cells: int
    n_rows: int
    n_gpu_layers: int = 0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of one choice.

    :param parts: by what they are for, all devices together.
    :param on_gpus: of these, what lies on GPUs.
    """

    parts: Mapping[str, int]
    on_gpus: int

    @property
    def total(self) -> int:
        """All parts."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Companion:
    """What is loaded beside a model: a draft model, or adapters.

    :param name: ``draft`` or ``adapters``.
    :param shape: of a model that has a cache of its own; None for weights alone.
    :param size_bytes: of weights alone.
    """

    name: str
    shape: ModelShape | None = None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ModelMemory:
    """Tells what a model takes under llama.cpp; every size grows with cells, rows and layers.

    :param kv_bytes: bytes of one number of the cache.
    :param n_sequences: sequences of the cache.
    :param n_outputs: most rows that give logits at once; at most a batch's rows.
    :param companions: what is loaded beside it.
    """

    shape: ModelShape
    kv_bytes: float = 2.0
    n_sequences: int = 9
    n_outputs: int = 512
    flash_attention: bool = False
    gpus: Sequence[Device] = ()
    companions: tuple[Companion, ...] = ()
    _weights_of_last: list[int] = field(init=False)
    _widths_of_last: list[int] = field(init=False)

    def __post_init__(self) -> None:
        layers = self.shape.layers[::-1]  # llama.cpp puts the last ones on GPUs first
        weights = accumulate((one.weight_bytes for one in layers), initial=0)
        widths = accumulate((one.key_width + one.value_width for one in layers), initial=0)
        object.__setattr__(self, "_weights_of_last", list(weights))
        object.__setattr__(self, "_widths_of_last", list(widths))

    @property
    def row_choices(self) -> tuple[int, ...]:
        """Sizes of batches to choose from, the best first."""
        return BATCH_ROWS

    @property
    def way_to_save(self) -> str:
        """What a caller can do who has too little memory."""
        return "take a smaller quantisation of the model, or of its cache (kv_type)"

    @property
    def is_exact(self) -> bool:
        """Whether every part is modelled."""
        return True

    @property
    def cell_bytes(self) -> int:
        """Bytes of cache that one token takes."""
        return self.shape.cell_bytes(self.kv_bytes)

    def sizes(self, choice: Choice) -> Sizes:
        """What a choice takes."""
        shape = self.shape
        batch = Batch(
            choice.n_rows,
            min(self.n_outputs, choice.n_rows),
            self.flash_attention,
            self.n_sequences,
        )
        workspace = llama_workspace(shape, batch, choice.n_cells)
        beside = {one.name: self._beside(one, batch, choice) for one in self.companions}
        parts = {
            "weights": shape.weight_bytes,
            "cache": choice.n_cells * self.cell_bytes,
            "workspace": workspace,
            "logits": output_buffer(shape, self.n_sequences),
            "vocabulary": vocabulary_bytes(shape),
        }
        if not choice.n_gpu_layers:
            return Sizes(parts | beside, on_gpus=0)
        if not shape.head_bytes:
            parts["weights"] += shape.embedding_bytes  # of tied ones the GPU has a copy
        if choice.n_gpu_layers > len(shape.layers):
            workspace = input_bytes(shape, batch, choice.n_cells)
        parts["workspace"] = workspace + self._gpu_workspace(batch, choice)
        return Sizes(parts | beside, self._on_gpus(batch, choice) + sum(beside.values()))

    def _on_gpus(self, batch: Batch, choice: Choice) -> int:
        """Bytes of the head, of the last layers with their cache, and of the workspaces."""
        shape, n_blocks = self.shape, min(choice.n_gpu_layers - 1, len(self.shape.layers))
        weights = (shape.head_bytes or shape.embedding_bytes) + self._weights_of_last[n_blocks]
        cache = round(choice.n_cells * self._widths_of_last[n_blocks] * self.kv_bytes)
        return weights + shape.other_bytes + cache + self._gpu_workspace(batch, choice)

    def _gpu_workspace(self, batch: Batch, choice: Choice) -> int:
        return len(self.gpus) * llama_workspace(self.shape, batch, choice.n_cells)

    def _beside(self, companion: Companion, batch: Batch, choice: Choice) -> int:
        """Bytes of a companion, which has as large a cache and batch as the model."""
        shape = companion.shape
        if shape is None:
            return companion.size_bytes
        cache = choice.n_cells * shape.cell_bytes(self.kv_bytes)
        rest = output_buffer(shape, self.n_sequences) + vocabulary_bytes(shape)
        return shape.weight_bytes + cache + llama_workspace(shape, batch, choice.n_cells) + rest
