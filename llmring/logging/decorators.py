"""Decorators that note the calls of a function. They change nothing of what it gives or raises."""

from __future__ import annotations

import functools
import inspect
import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

from llmring.conversations.addresses import database_url
from llmring.conversations.opening import OWNER, open_store
from llmring.conversations.usage_log import UsageLog
from llmring.exceptions import ConfigurationError
from llmring.logging.reading import CallFacts

F = TypeVar("F", bound=Callable[..., Any])
_logger = logging.getLogger("llmring.usage")
_ORIGIN = "llmring-decorator"


def log_llm_call(
    provider: str = "auto",
    model: str | None = None,
    alias: str | None = None,
    origin: str = _ORIGIN,
    *,
    store: str | os.PathLike[str] | None = None,
    owner: str = OWNER,
) -> Callable[[F], F]:
    """Note each answer that a function gives, in the background; nothing of what is said.

    :param provider: who answers; ``auto`` reads it off the answer.
    :param model: the provider's name of the model; None reads it off the answer.
    :param alias: for the log.
    :param origin: who calls.
    :param store: where the log is, as for `open_store`.
    :param owner: whose it is.
    :return: a decorator of functions and coroutine functions.
    :raises ConfigurationError: no database can be at `store`; or (when a function is decorated) it
        gives pieces of an answer.
    """
    noting = _Noting(provider, model, alias, origin, store, owner)

    def decorate(function: F) -> F:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ConfigurationError(
                f"{function.__qualname__} gives an answer in pieces; use @log_llm_stream"
            )
        wrapper: Callable[..., Any]
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                answer = await function(*args, **kwargs)
                noting.answer(answer)
                return answer

        else:

            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                answer = function(*args, **kwargs)
                noting.answer(answer)
                return answer

        return wrapper  # type: ignore[return-value]  # it takes and gives what `function` does

    return decorate


def log_llm_stream(
    provider: str = "auto",
    model: str | None = None,
    alias: str | None = None,
    origin: str = _ORIGIN,
    *,
    store: str | os.PathLike[str] | None = None,
    owner: str = OWNER,
) -> Callable[[F], F]:
    """As `log_llm_call`, for generators and async generators of an answer's chunks.

    A stream is noted when it ends or is left, with what its chunks have told until then; one that
    fails before it has told any tokens is not. OpenAI tells of tokens only where it was asked to:
    ``stream_options={"include_usage": True}``.

    :raises ConfigurationError: (when a function is decorated) it is no generator function.
    """
    noting = _Noting(provider, model, alias, origin, store, owner)

    def decorate(function: F) -> F:
        wrapper: Callable[..., Any]
        if inspect.isasyncgenfunction(function):

            @functools.wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                facts, chunks = CallFacts(), function(*args, **kwargs)
                try:
                    async for chunk in chunks:
                        noting.chunk(facts, chunk)
                        yield chunk
                finally:
                    noting.end(facts)
                    # Who leaves a stream early leaves the function's own `finally` to us.
                    await chunks.aclose()

        elif inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                facts, chunks = CallFacts(), function(*args, **kwargs)
                try:
                    for chunk in chunks:
                        noting.chunk(facts, chunk)
                        yield chunk
                finally:
                    noting.end(facts)
                    chunks.close()

        else:
            raise ConfigurationError(
                f"{function.__qualname__} is no generator function; use @log_llm_call, or yield "
                "the chunks"
            )
        return wrapper  # type: ignore[return-value]  # it takes and gives what `function` does

    return decorate


class _Noting:
    """What a decorator notes, and where. Its methods do not raise."""

    def __init__(
        self,
        provider: str,
        model: str | None,
        alias: str | None,
        origin: str,
        store: str | os.PathLike[str] | None,
        owner: str,
    ) -> None:
        self._provider = None if provider == "auto" else provider
        self._model = model
        self._alias = alias
        # A relative path is meant from where the program is now.
        where = None if store is None else database_url(store)
        self._log = UsageLog(lambda: open_store(where, owner), origin, _priced)

    def answer(self, answer: Any) -> None:
        """Note a whole answer."""
        facts = CallFacts()
        self.chunk(facts, answer)
        self._note(facts)

    def chunk(self, facts: CallFacts, chunk: Any) -> None:
        """Take in a piece of an answer."""
        try:
            facts.read(chunk)
        except Exception:  # somebody else's object, in somebody else's call
            _logger.debug("an answer of %s could not be read", type(chunk), exc_info=True)

    def end(self, facts: CallFacts) -> None:
        """Note an answer whose pieces were taken in."""
        if facts.counts:
            self._note(facts)

    def _note(self, facts: CallFacts) -> None:
        provider = self._provider or facts.provider or "unknown"
        model = (self._model or facts.model or "unknown").removeprefix(f"{provider}:")
        self._log.call(f"{provider}:{model}", facts.usage, alias=self._alias)


@functools.cache
def _registry() -> Any:
    from llmring.registry import Registry

    return Registry()


def _priced(model: str, usage: dict[str, Any]) -> dict[str, Any]:
    """The usage with its cost, by the bundled prices."""
    from llmring.registry import usage_with_cost

    return usage_with_cost(usage, _registry().cost(usage, model, None))
