"""What a model is to the runner: rows in, logits or states out, attention done by who asks."""

from __future__ import annotations

from typing import Any, Protocol

from local_llm_kit.engines.transformers.attention import Attention
from local_llm_kit.engines.transformers.cache import LayerShape


class Network(Protocol):
    """A model's weights and computation; stateless, so that several threads may compute at once.

    `tokens` and `positions` are (n_rows,) int64, of any number of sequences.
    """

    @property
    def cache_shapes(self) -> list[LayerShape]:
        """What each layer keeps of a token."""

    @property
    def size_bytes(self) -> int:
        """Bytes of the weights in memory."""

    def logits(
        self, tokens: Any, positions: Any, attention: Attention, keep: Any, adapter: str | None
    ) -> Any:
        """(len(keep), n_vocab).

        :param keep: (n,) int64 rows that are wanted; None for all.
        :param adapter: name of the adapter to compute with; None for the bare model.
        """

    def hidden(
        self, tokens: Any, positions: Any, attention: Attention, adapter: str | None = None
    ) -> Any:
        """(n_rows, n_embd): the state of each row after the last layer."""
