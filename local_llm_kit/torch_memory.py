"""Bytes that a model takes under torch: what is known exactly, and an estimate of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from local_llm_kit.devices import Device
from local_llm_kit.model_memory import Choice, Sizes
from local_llm_kit.model_shape import ModelShape

#: Bytes of a token's entries in the tokenizer, in Rust and in Python; measured on 151,936 tokens.
_TOKEN_BYTES = 640


@dataclass(frozen=True, slots=True)
class TorchMemory:
    """Tells what a model takes under torch; see `planner.Memory`.

    Weights and cache are exact. The workspace is not laid out ahead: it is estimated as the widest
    layer's values of a batch, its mask, and the logits of one row a sequence.

    :param shape: with weights in the type that they are computed in.
    :param bytes_per_number: of that type.
    :param n_rows: rows of the largest batch.
    :param gpus: the one that it is put on; empty for a CPU.
    :param adapters_bytes: weights of adapters.
    """

    shape: ModelShape
    bytes_per_number: int
    n_sequences: int
    n_rows: int = 512
    gpus: Sequence[Device] = ()
    adapters_bytes: int = 0

    @property
    def way_to_save(self) -> str:
        """What a caller can do who has too little memory."""
        return "take a smaller dtype or quantization, or a smaller model"

    @property
    def is_exact(self) -> bool:
        """Whether every part is modelled: the workspace is an estimate."""
        return False

    @property
    def cell_bytes(self) -> int:
        """Bytes of cache that one token takes."""
        return self.shape.cell_bytes(self.bytes_per_number)

    @property
    def row_choices(self) -> tuple[int, ...]:
        """Sizes of batches: one."""
        return (self.n_rows,)

    def sizes(self, choice: Choice) -> Sizes:
        """What a choice takes."""
        parts = {
            "weights": self.shape.weight_bytes,
            "cache": choice.n_cells * self.cell_bytes,
            "workspace": self._workspace(choice),
            "vocabulary": _TOKEN_BYTES * self.shape.n_vocab,
        }
        if self.adapters_bytes:
            parts["adapters"] = self.adapters_bytes
        on_gpus = sum(parts.values()) - parts["vocabulary"] if self.gpus else 0
        return Sizes(parts, on_gpus)

    def _workspace(self, choice: Choice) -> int:
        shape = self.shape
        experts = shape.n_used_experts * shape.n_ff_expert
        widest = 3 * max(shape.n_ff, experts) + 4 * shape.n_embd + 2 * shape.query_width
        rows = choice.n_rows * self.bytes_per_number * (widest + choice.window)
        return rows + 4 * self.n_sequences * shape.n_vocab
