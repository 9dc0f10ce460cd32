"""Both worlds behind one face: a test that calls an `LLM` runs against `AsyncLLM` as well.

`BlockingFace` has the methods of `LLM` and stands on an `AsyncLLM`, whose coroutines it runs in a
loop of its own, in the thread that calls. Streams go through it, too.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Self

import pytest

from LLM import LLM, AsyncLLM, AsyncStream, AsyncTextPieces

_real_sleep = asyncio.sleep


class BlockingFace:
    """An `AsyncLLM` that is called as an `LLM` is. Leaving it ends its loop, too."""

    def __init__(self, *args: Any, **parts: Any) -> None:
        self._loop = asyncio.new_event_loop()
        try:
            self.llm = AsyncLLM(*args, **parts)
        except BaseException:
            self._loop.close()
            raise

    def __repr__(self) -> str:
        return repr(self.llm)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.end()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.llm, name)
        if not callable(value) or inspect.isclass(value):
            return value

        def run(*args: Any, **kwargs: Any) -> Any:
            result = value(*args, **kwargs)
            result = self.run(result) if inspect.iscoroutine(result) else result
            if isinstance(result, AsyncStream):
                return StreamFace(self, result)
            return _text(self, result) if isinstance(result, AsyncTextPieces) else result

        return run

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of a coroutine, in the face's own loop."""
        if self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
        self.turn()
        return self._loop.run_until_complete(work)

    def turn(self) -> None:
        """Let the loop see what has happened meanwhile, as one that runs all the time would."""
        for _ in range(2):
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()

    def end(self) -> None:
        """Close the client and its loop, as `asyncio.run` does; the next call begins another."""
        self.run(self.llm.close())
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.close()


class StreamFace:
    """An `AsyncStream` that is used as a `Stream` is."""

    def __init__(self, face: BlockingFace, stream: AsyncStream[Any, Any]) -> None:
        self._face = face
        self._stream = stream

    def __repr__(self) -> str:
        return repr(self._stream).replace("Async", "", 1)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._stream, name)
        return self._face.run(value) if inspect.iscoroutine(value) else value

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return self._face.run(self._stream.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._face.run(self._stream.__aexit__(*exc_info))

    def close(self) -> None:
        self._face.run(self._stream.aclose())

    def iter_text(self) -> Iterator[str]:
        for chunk in self:
            for choice in chunk.choices:
                text = choice.delta.content if hasattr(choice, "delta") else choice.text
                if choice.index == 0 and text:
                    yield text


def _text(face: BlockingFace, pieces: AsyncTextPieces) -> Iterator[str]:
    """A generator, as `LLM.stream_text` is."""
    while True:
        try:
            piece = face.run(pieces.__anext__())
        except StopAsyncIteration:
            return
        yield piece


def end(llm: Any) -> None:
    """Close a client, and the loop behind it, where there is one."""
    llm.end() if isinstance(llm, BlockingFace) else llm.close()


#: How each world makes a client.
WORLDS: dict[str, Callable[..., Any]] = {"blocking": LLM, "async": BlockingFace}
#: The same as parameters. What the coroutines do of their own has tests of its own.
WORLD_PARAMS = ["blocking", pytest.param("async", marks=pytest.mark.slow)]


def turn(llm: Any) -> None:
    """Let the loop behind a client, where there is one, do what is due."""
    if isinstance(llm, BlockingFace):
        llm.turn()


def inner(llm: Any) -> Any:
    """The client behind the face, where there is one."""
    return llm.llm if isinstance(llm, BlockingFace) else llm


#: For tests of what only one world has.
blocking_only = pytest.mark.parametrize("world", ["blocking"], indirect=True)


def record_sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each sleep in either world, none of which is real any more."""
    slept: list[float] = []

    async def sleep(seconds: float, result: Any = None) -> Any:
        if threading.current_thread() is not threading.main_thread():
            # A server that other tests have left running turns its loop by sleeping.
            return await _real_sleep(seconds, result)
        slept.append(seconds)
        return await _real_sleep(0, result)

    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept
