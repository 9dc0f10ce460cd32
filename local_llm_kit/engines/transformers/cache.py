"""The cache of all sequences: a slot each, of one window, and an account of what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from LLM.exceptions import InvalidRequestError
from local_llm_kit.engines.compute import OutOfCache
from local_llm_kit.engines.transformers.cells import LayerCells


class LayerShape(NamedTuple):
    """What a layer keeps of a token.

    :ivar n_heads: heads of the keys; the values have as many.
    :ivar width: numbers in a head's key, and in its value.
    """

    n_heads: int
    width: int

    @property
    def n_numbers(self) -> int:
        """Numbers that one token takes."""
        return 2 * self.n_heads * self.width


class SlotCache:
    """Keys and values of every sequence in every layer.

    :param shapes: one for each layer.
    :param n_slots: sequences.
    :param window: most tokens of a sequence.
    :param n_cells: most tokens of all sequences together.
    :param dtype: type of the numbers.
    :param device: where they are.

    :ivar lengths: tokens that each slot holds.
    :ivar widest_cell: numbers that a token takes in the layer that keeps most.
    """

    def __init__(
        self,
        shapes: Sequence[LayerShape],
        *,
        n_slots: int,
        window: int,
        n_cells: int,
        dtype: Any,
        device: Any,
    ) -> None:
        self.shapes = list(shapes)
        self.window = window
        self.widest_cell = max(shape.n_numbers for shape in shapes)
        self.lengths = [0] * n_slots
        self._n_cells = n_cells
        self._layers = [
            LayerCells(n_slots, 2 * shape.n_heads, window, shape.width, dtype=dtype, device=device)
            for shape in shapes
        ]

    def layer(self, index: int) -> LayerCells:
        """One layer's cells: in each slot the heads of the keys, then those of the values."""
        return self._layers[index]

    def extend(self, ends: Mapping[int, int]) -> None:
        """Note how far slots will reach.

        :param ends: for each slot the place after its last token.
        :raises OutOfCache: all together are too many, or one leaves its window; nothing was noted.
        """
        more = sum(max(0, end - self.lengths[slot]) for slot, end in ends.items())
        if max(ends.values()) > self.window or sum(self.lengths) + more > self._n_cells:
            raise OutOfCache
        for slot, end in ends.items():
            self.lengths[slot] = max(end, self.lengths[slot])

    def forget(self, slot: int, start: int = 0) -> None:
        """Drop a slot's tokens from place `start` on."""
        end = self.lengths[slot]
        if start < end:
            for layer in self._layers:
                layer.drop(slot, start, end)
            self.lengths[slot] = start

    def copy(self, source: int, target: int, n_tokens: int) -> None:
        """Let the empty slot `target` begin with the first tokens of `source`."""
        for layer in self._layers:
            layer.cells[target, :, :n_tokens] = layer.cells[source, :, :n_tokens]
        self.lengths[target] = n_tokens

    def clear(self) -> None:
        """Drop everything."""
        for slot in range(len(self.lengths)):
            self.forget(slot)

    def save(self, slot: int, n_tokens: int) -> bytes:
        """A slot's first tokens as bytes: layer by layer, head by head."""
        parts = (layer.cells[slot, :, :n_tokens].contiguous() for layer in self._layers)
        return b"".join(part.view(torch.uint8).cpu().numpy().tobytes() for part in parts)

    def restore(self, slot: int, data: bytes, n_tokens: int) -> None:
        """Fill an empty slot with what `save` gave.

        :raises InvalidRequestError: the bytes are not those of so many tokens.
        :raises OutOfCache: there is no room.
        """
        sizes = [
            n_tokens * shape.n_numbers * layer.cells.element_size()
            for shape, layer in zip(self.shapes, self._layers, strict=True)
        ]
        if n_tokens > self.window or len(data) != sum(sizes):
            raise InvalidRequestError(
                f"the saved state has {len(data):,} bytes for {n_tokens:,} tokens, which is not "
                "what this model's cache takes; read the conversation again"
            )
        self.extend({slot: n_tokens})
        start = 0
        for size, layer in zip(sizes, self._layers, strict=True):
            cells = layer.cells[slot, :, :n_tokens]
            saved = torch.frombuffer(bytearray(data[start : start + size]), dtype=cells.dtype)
            cells.copy_(saved.view(cells.shape))
            start += size

    def free(self) -> None:
        """Give the memory back, once nothing computes with it."""
        self._layers.clear()
