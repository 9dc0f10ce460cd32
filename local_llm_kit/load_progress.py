"""How far the loading of a model has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a model is.

    :param name: the model's.
    :param size_bytes: of its weights on the disk.
    :param fraction: share of the weights that was read, 0 to 1; of a model of transformers, whose
        library does not tell, only the 0 at the beginning and the 1 at the end.
    """

    name: str
    size_bytes: int
    fraction: float


#: Told on the thread that loads, at the beginning and then some hundred times a model.
LoadWatch = Callable[[LoadProgress], None]
