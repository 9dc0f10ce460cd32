"""Computes the scheduler's batches with torch."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import torch

from LLM.exceptions import LLMServerError
from local_llm_kit.engines.compute import Batch, Row
from local_llm_kit.engines.transformers.cache import SlotCache
from local_llm_kit.engines.transformers.network import Network
from local_llm_kit.engines.transformers.steps import Part, Step, find_parts, order_of_rows


class TorchRunner:
    """A network and the cache of its sequences; see `compute.Runner`.

    :param network: computes.
    :param cache: its sequences' keys and values.
    :param n_rows: most rows of a batch.
    :param n_threads: threads of the computation on a CPU.
    """

    def __init__(self, network: Network, cache: SlotCache, n_rows: int, n_threads: int) -> None:
        self._network: Network | None = network
        self._cache = cache
        self._device = cache.layer(0).cells.device
        self._n_threads: int | None = n_threads
        self._interrupted = threading.Event()
        self._adapter: str | None = None
        self._logits: Any = None
        self.batch = Batch(n_rows)

    @property
    def n_slots(self) -> int:
        """Sequences that it has room for."""
        return len(self._cache.lengths)

    def decode(self, start: int, n_rows: int) -> None:
        """Compute the rows from `start` on."""
        if self._n_threads is not None:  # torch counts threads for each thread that computes
            torch.set_num_threads(self._n_threads)
            self._n_threads = None
        rows = slice(start, start + n_rows)
        parts = find_parts(self.batch.sequence[rows], self.batch.position[rows])
        self._check(parts)
        self._cache.extend({part.slot: part.end for part in parts})
        try:
            with torch.inference_mode():
                self._compute(parts, rows)
        except (RuntimeError, MemoryError) as err:
            raise LLMServerError(
                f"torch failed to compute a batch of {n_rows} rows: {err}", status_code=500
            ) from err

    def _check(self, parts: list[Part]) -> None:
        for part in parts:
            held = self._cache.lengths[part.slot]
            if part.position > held:
                raise LLMServerError(
                    f"a row is at position {part.position} of a sequence of {held} tokens",
                    status_code=500,
                )

    def _compute(self, parts: list[Part], rows: slice) -> None:
        assert self._network is not None
        batch = self.batch
        order = order_of_rows(parts)
        tokens, slots, positions = (
            self._put(array[rows] if order is None else array[rows][order])
            for array in (batch.token, batch.sequence, batch.position)
        )
        wanted = batch.wanted[rows] != 0
        step = Step(self._cache, parts, slots, positions, self._is_interrupted)
        if not wanted.any():
            self._network.hidden(tokens, positions, step, self._adapter)
            return
        keep = None if order is None and wanted.all() else self._put(_places(wanted, order))
        logits = self._network.logits(tokens, positions, step, keep, self._adapter)
        self._logits = logits.float()

    def _put(self, array: Any) -> Any:
        return torch.from_numpy(array.astype(np.int64)).to(self._device)

    def _is_interrupted(self) -> bool:
        if not self._interrupted.is_set():
            return False
        self._interrupted.clear()
        return True

    def interrupt(self) -> None:
        """Let the running `decode`, or else the next one, give up soon."""
        self._interrupted.set()

    def logits(self, n_rows: int) -> Row:
        """(n_rows, n_vocab) float32 of the wanted rows of the last `decode`."""
        rows: Row = self._logits[:n_rows].cpu().numpy()
        return rows

    def likeliest(self, n_rows: int) -> tuple[list[int], list[float]]:
        """Of each of those rows the token with the highest logit, and that logit."""
        values, tokens = self._logits[:n_rows].max(dim=1)
        return tokens.tolist(), values.tolist()

    def forget(self, sequence: int, start: int = 0) -> None:
        """Drop a sequence's cells from position `start` on."""
        # The scheduler's spare sequence has no slot: batches are filled up only where calibrated.
        if sequence < self.n_slots:
            self._cache.forget(sequence, start)

    def copy(self, source: int, target: int, n_tokens: int) -> None:
        """Let the empty sequence `target` begin with the first cells of `source`."""
        self._cache.copy(source, target, n_tokens)

    def clear(self) -> None:
        """Forget every sequence."""
        self._cache.clear()

    def use_adapter(self, name: str | None) -> None:
        """Compute what follows with this adapter, or with the bare model."""
        self._adapter = name

    def save(self, sequence: int, n_tokens: int) -> bytes:
        """The first `n_tokens` cells of a sequence."""
        return self._cache.save(sequence, n_tokens)

    def restore(self, sequence: int, data: bytes, n_tokens: int) -> None:
        """Fill an empty sequence with what `save` gave."""
        self._cache.restore(sequence, data, n_tokens)

    def free(self) -> None:
        """Give the cache back; the network's weights go with the engine."""
        self._network = self._logits = None
        self._cache.free()


def _places(wanted: Any, order: Any) -> Any:
    """Where the wanted rows stand once all are in `order`."""
    rows = wanted.nonzero()[0]
    if order is None:
        return rows
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return places[rows]
