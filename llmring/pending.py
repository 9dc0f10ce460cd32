"""A call that was made and not yet awaited.

``await ring.chat(request)`` gives the answer; where no event loop runs, reading a field of
``ring.chat("fast", messages=…)`` waits for it.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import warnings
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from llmring import background
from llmring.exceptions import ConfigurationError
from llmring.schemas import LLMResponse, Message

T = TypeVar("T", bound=BaseModel)

# Held for the moment in which a call is begun; one lock for all costs less than one for each.
_beginning = threading.Lock()


class Pending(Coroutine[Any, Any, T], Generic[T]):
    """An answer to come. Nothing is sent before it is awaited, or a field of it is read.

    It is a coroutine, so that `asyncio.create_task` and the like take it; awaiting it again gives
    the same answer, or raises the same error.

    :param begin: makes the call.
    :param what: the call, for messages.
    :param kind: the class of the answer.
    """

    def __init__(
        self, begin: Callable[[], Coroutine[Any, Any, T]], what: str, kind: type[T]
    ) -> None:
        self._begin: Callable[[], Coroutine[Any, Any, T]] | None = begin
        self._what = what
        self._kind = kind
        self._coroutine: Coroutine[Any, Any, T] | None = None
        # What drives the coroutine by `send`.
        self._driver: object = None
        self._answers: list[T] = []
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        if self._answers:
            state = "answered"
        elif self._error is not None:
            state = "failed"
        else:
            state = "not awaited" if self._begin else "begun"
        return f"<{self._what}: {state}>"

    @property
    def __name__(self) -> str:
        """The call, as asyncio shows it in a task."""
        return self._what

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *_names(self._kind)]

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError(f"{self._what} is a call, which has no copy; await it and copy the answer")

    def __getattr__(self, name: str) -> Any:
        # Whatever an answer has not is not asked for: `hasattr` of a debugger or of asyncio itself
        # must not send anything.
        if name.startswith("_") or name not in _names(self._kind):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.result(), name)

    def result(self) -> T:
        """The answer; the thread waits for it.

        :raises ConfigurationError: an event loop runs in this thread, and would stand still; or the
            call is being awaited elsewhere, or was cancelled.
        :raises LLMRingError: the call failed.
        """
        if self._is_over():
            return self._answers[0]
        if asyncio._get_running_loop() is not None:
            raise ConfigurationError(
                f"{self._what} was not awaited, and an event loop runs here; write "
                "`response = await …`"
            )
        coroutine = self._taken(None)
        try:
            self._answers.append(background.run(coroutine))
        except BaseException as err:
            self._error = err
            raise
        return self._answers[0]

    def _tell(self, note: Callable[[T], None]) -> None:
        """Have `note` told the answer, when it is there."""
        for answer in self._answers:
            note(answer)
        begin = self._begin
        if begin is None:
            return

        async def told() -> T:
            answer = await begin()
            note(answer)
            return answer

        self._begin = told

    def __await__(self) -> Generator[Any, Any, T]:
        if self._is_over():
            return self._answers[0]
        coroutine = self._taken(None)
        try:
            answer = yield from coroutine.__await__()
        except BaseException as err:
            self._error = err
            raise
        self._answers.append(answer)
        return answer

    def send(self, value: Any) -> Any:
        """As a coroutine's; what drives it in a task."""
        if self._is_over():
            raise StopIteration(self._answers[0])
        return self._step(lambda coroutine: coroutine.send(value))

    def throw(self, *error: Any) -> Any:
        """As a coroutine's."""
        return self._step(lambda coroutine: coroutine.throw(*error))

    def close(self) -> None:
        """As a coroutine's: the call is not made any more."""
        self._begin = None
        if self._coroutine is not None:
            self._coroutine.close()
        if not self._answers and self._error is None:
            self._error = GeneratorExit()

    def __del__(self) -> None:
        if self.__dict__.get("_begin") is not None:
            warnings.warn(
                f"{self._what} was never awaited, nor was a field of it read: nothing was sent",
                RuntimeWarning,
                source=self,
                stacklevel=2,
            )

    def _is_over(self) -> bool:
        """Whether the answer is there.

        :raises BaseException: the call has failed.
        """
        if self._error is None:
            return bool(self._answers)
        if isinstance(self._error, Exception):
            raise self._error
        raise ConfigurationError(f"{self._what} was cancelled; make the call again")

    def _taken(self, driver: object) -> Coroutine[Any, Any, T]:
        """The coroutine, for the one who runs it.

        :raises ConfigurationError: somebody else does.
        """
        with _beginning:
            begin, self._begin = self._begin, None
        if begin is None:
            raise ConfigurationError(
                f"{self._what} is being awaited elsewhere; make a call for each that awaits it"
            )
        self._coroutine, self._driver = begin(), driver
        return self._coroutine

    def _step(self, step: Callable[[Coroutine[Any, Any, T]], Any]) -> Any:
        here = _driver()
        coroutine = self._coroutine
        if coroutine is None or self._driver is not here:
            coroutine = self._taken(here)
        try:
            return step(coroutine)
        except StopIteration as end:
            self._answers.append(end.value)
            raise
        except BaseException as err:
            self._error = err
            raise


class PendingResponse(Pending[LLMResponse]):
    """What `LLMRing.chat` gives. Type checkers know what reading a field of it gives."""

    content: str
    model: str
    usage: dict[str, Any] | None
    finish_reason: str | None
    tool_calls: list[dict[str, Any]] | None
    parsed: Any
    reasoning: str | None
    thinking_blocks: list[dict[str, Any]] | None
    attempts: list[dict[str, Any]]
    raw: dict[str, Any] | None
    total_tokens: int | None
    to_message: Callable[[], Message]


def _driver() -> object:
    """What runs here: a task, or else the thread."""
    loop = asyncio._get_running_loop()
    return threading.current_thread() if loop is None else asyncio.current_task(loop)


@functools.cache
def _names(kind: type[BaseModel]) -> frozenset[str]:
    """What can be read of an answer."""
    return frozenset(
        {name for name in dir(kind) if not name.startswith("_")} | {*kind.model_fields}
    )
