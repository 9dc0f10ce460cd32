"""A call that was made and not yet awaited.

``await ring.chat(request)`` gives the answer; where no event loop runs, reading a field of
``ring.chat("fast", messages=…)`` waits for it.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from llmring import background
from llmring.exceptions import ConfigurationError

T = TypeVar("T")


class Pending(Coroutine[Any, Any, T], Generic[T]):
    """An answer to come. Nothing is sent before it is awaited, or a field of it is read.

    It is a coroutine, so that `asyncio.create_task` and the like take it; awaiting it again gives
    the same answer.

    :param begin: makes the call.
    :param what: the call, for messages.
    """

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, T]], what: str) -> None:
        self._begin = begin
        self._what = what
        self._coroutine: Coroutine[Any, Any, T] | None = None
        self._answers: list[T] = []

    def __repr__(self) -> str:
        state = "answered" if self._answers else "begun" if self._coroutine else "not awaited"
        return f"<{self._what}: {state}>"

    def result(self) -> T:
        """The answer; the thread waits for it.

        :raises ConfigurationError: an event loop runs in this thread, and would stand still.
        :raises LLMRingError: the call failed.
        """
        if not self._answers:
            if asyncio._get_running_loop() is not None:
                raise ConfigurationError(
                    f"{self._what} was not awaited, and an event loop runs here; write "
                    "`response = await ring.chat(…)`"
                )
            if self._coroutine is not None:
                raise ConfigurationError(f"{self._what} is being awaited elsewhere, or has failed")
            self._coroutine = self._begin()
            self._answers.append(background.run(self._coroutine))
        return self._answers[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.result(), name)

    def __await__(self) -> Generator[Any, Any, T]:
        if self._answers:
            return self._answers[0]
        answer = yield from self._once().__await__()
        self._answers.append(answer)
        return answer

    def send(self, value: Any) -> Any:
        """As a coroutine's; what drives it in a task."""
        coroutine = self._coroutine or self._once()
        try:
            return coroutine.send(value)
        except StopIteration as end:
            self._answers.append(end.value)
            raise

    def throw(self, *error: Any) -> Any:
        """As a coroutine's."""
        return (self._coroutine or self._once()).throw(*error)

    def close(self) -> None:
        """As a coroutine's: the call is not made any more."""
        (self._coroutine or self._once()).close()

    def __del__(self) -> None:
        if self.__dict__.get("_coroutine", self) is None:
            warnings.warn(
                f"{self._what} was never awaited, nor was a field of it read: nothing was sent",
                RuntimeWarning,
                source=self,
                stacklevel=2,
            )

    def _once(self) -> Coroutine[Any, Any, T]:
        if self._coroutine is not None:
            raise RuntimeError(f"{self._what} is already being awaited")
        self._coroutine = self._begin()
        return self._coroutine
