"""What the scheduler needs of a back end: a vocabulary, and a runner that computes batches.

A back end brings these two, and has continuous batching, prefix sharing, speculation, constraints,
stop strings and cancellation from the scheduler, which is the same for all.

A batch is `n` rows. Row i feeds `token[i]` at `position[i]` of the sequence `sequence[i]`; the
rows of one sequence stand together in order of position, and continue what that sequence has in
the cache. The rows with `wanted[i]` set give logits, in row order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Row = npt.NDArray[np.float32]


class OutOfCache(Exception):
    """The cache has no room for the batch; nothing of it was kept."""


class Interrupted(Exception):
    """`Runner.interrupt` ended a computation; the cache may hold a part of the batch."""


class Vocabulary(Protocol):
    """The model's tokens."""

    @property
    def n_vocab(self) -> int:
        """How many there are."""

    @property
    def pieces(self) -> list[bytes]:
        """Bytes of each token's text, maybe part of a character; none of control tokens."""

    @property
    def ends(self) -> list[bool]:
        """Whether each token ends the generation."""

    @property
    def control_names(self) -> list[str]:
        """Text of each token that steers the model, such as ``<|im_end|>``; empty for others."""

    @property
    def eos_token_id(self) -> int:
        """The token that ends an answer."""

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of `text`; any thread."""


class Batch:
    """Rows of one step, written with slices: eight take 1 µs, and 2.9 µs element by element.

    :param n_rows: most rows.
    """

    def __init__(self, n_rows: int) -> None:
        self.n_rows = n_rows
        self.token = np.zeros(n_rows, np.int32)
        self.position = np.zeros(n_rows, np.int32)
        self.sequence = np.zeros(n_rows, np.int32)
        self.wanted = np.zeros(n_rows, np.int8)

    def write(self, start: int, tokens: Sequence[int], position: int, sequence: int) -> int:
        """Put consecutive tokens of a sequence into rows from `start`; the row after them."""
        end = start + len(tokens)
        self.token[start:end] = tokens
        self.position[start:end] = np.arange(position, position + len(tokens))
        self.sequence[start:end] = sequence
        self.wanted[start:end] = 0
        return end


class Runner(Protocol):
    """Computes batches over a cache; all methods are called on the scheduler's thread."""

    @property
    def batch(self) -> Batch:
        """Where the next step's rows are written."""

    def decode(self, start: int, n_rows: int) -> None:
        """Compute the rows from `start` on.

        :raises OutOfCache: there is no room in the cache; nothing was kept.
        :raises Interrupted: `interrupt` was called.
        :raises LLMServerError: the computation failed.
        """

    def interrupt(self) -> None:
        """Let the running `decode`, or else the next one, give up soon; called by any thread."""

    def logits(self, n_rows: int) -> Row:
        """(n_rows, n_vocab) float32 of the wanted rows of the last `decode`; valid until the next.

        Called only where they are needed: on a GPU they are far away.
        """

    def likeliest(self, n_rows: int) -> tuple[list[int], list[float]]:
        """Of each of those rows the token with the highest logit, and that logit."""

    def forget(self, sequence: int, start: int = 0) -> None:
        """Drop a sequence's cells from position `start` on."""

    def copy(self, source: int, target: int, n_tokens: int) -> None:
        """Let the empty sequence `target` begin with the first cells of `source`."""

    def clear(self) -> None:
        """Forget every sequence, also what may be half written."""

    def use_adapter(self, name: str | None) -> None:
        """Compute what follows with this adapter, or with the bare model."""

    def save(self, sequence: int, n_tokens: int) -> bytes:
        """The first `n_tokens` cells of a sequence, in a form of the runner's own."""

    def restore(self, sequence: int, data: bytes, n_tokens: int) -> None:
        """Fill an empty sequence with what `save` gave.

        :raises InvalidRequestError: the data does not fit this cache.
        :raises OutOfCache: there is no room.
        """

    def free(self) -> None:
        """Give the memory back."""
