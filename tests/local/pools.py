"""Pools of models that only count, a clock to turn, and a loader that waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from LLM.exceptions import LLMConfigError
from local_llm_kit.pool import ModelPool, PoolOptions


class Model:
    """Knows whether it was closed."""

    def __init__(self, name: str, room: int | None) -> None:
        self.name = name
        self.room = room
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def size_of(name: str, room: int) -> int:
    """Models are named by their size; those of an even size can be halved."""
    size = int(name.rstrip("abc"))
    if size <= room:
        return size
    if size % 2 == 0 and size // 2 <= room:
        return size // 2
    raise LLMConfigError(f"{name!r} does not fit into {room}")


def make_pool(
    budget: int | None = None,
    keep_alive_s: float | None = None,
    max_models: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ModelPool[Model]:
    options = PoolOptions(budget, keep_alive_s, max_models)
    return ModelPool(Model, size_of, options, clock=clock)


def names(pool: ModelPool[Model]) -> list[str]:
    return [holding.name for holding in pool.loaded()]


class Gate:
    """A loader that waits, and then gives a model or fails."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.entered, self.open = threading.Event(), threading.Event()
        self.calls = 0
        self.error = error

    def __call__(self, name: str, room: int | None) -> Model:
        self.calls += 1
        self.entered.set()
        assert self.open.wait(30)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return Model(name, room)
