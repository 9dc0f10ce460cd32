"""Decorators that note the calls of a function. They change nothing of what it gives or raises."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from llmring.conversations.store_address import OWNER, StoreAddress
from llmring.conversations.usage_log import UsageLog
from llmring.exceptions import ConfigurationError
from llmring.logging.reading import CallFacts
from llmring.settings import flag

if TYPE_CHECKING:
    from llmring.conversations.conversation_log import ConversationLog
    from llmring.schemas import Message

F = TypeVar("F", bound=Callable[..., Any])
_logger = logging.getLogger("llmring.usage")
_ORIGIN = "llmring-decorator"


def log_llm_call(
    server_url: str | None = None,
    api_key: str | None = None,
    provider: str = "auto",
    model: str | None = None,
    alias: str | None = None,
    log_metadata: bool = True,
    log_conversations: bool = False,
    origin: str = _ORIGIN,
    *,
    store: str | os.PathLike[str] | None = None,
    owner: str = OWNER,
) -> Callable[[F], F]:
    """Note each answer that a function gives, in the background.

    :param server_url: as for `LLMRing`.
    :param api_key: as for `LLMRing`.
    :param provider: who answers; ``auto`` reads it off the answer.
    :param model: the provider's name of the model; None reads it off the answer.
    :param alias: for the log.
    :param log_metadata: note the call: when, which model, how many tokens, at what cost.
    :param log_conversations: also keep what is said: the function's parameter ``messages`` (or
        ``message``, ``contents``, ``prompt``, ``input``, ``question``, ``text``), and the answer's
        text.
    :param origin: who calls.
    :param store: where the log is without a server, as for `open_store`.
    :param owner: whose it is.
    :return: a decorator of functions and coroutine functions. What gives an answer to come, such as
        `LLMRing.chat`, is noted when that has come.
    :raises ConfigurationError: no server or database can be there; or (when a function is
        decorated) it gives pieces of an answer.
    """
    address = StoreAddress.read(os.environ, server_url, api_key, store, owner)
    noting = _Noting(
        address, origin, provider, model, alias, calls=log_metadata, said=log_conversations
    )

    def decorate(function: F) -> F:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ConfigurationError(
                f"{function.__qualname__} gives an answer in pieces; use @log_llm_stream"
            )
        wrapper: Callable[..., Any]
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                asked = noting.question(function, args, kwargs)
                return noting.given(await function(*args, **kwargs), asked)

        else:

            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                asked = noting.question(function, args, kwargs)
                return noting.given(function(*args, **kwargs), asked)

        return wrapper  # type: ignore[return-value]  # it takes and gives what `function` does

    return decorate


def log_llm_stream(
    server_url: str | None = None,
    api_key: str | None = None,
    provider: str = "auto",
    model: str | None = None,
    alias: str | None = None,
    log_metadata: bool = True,
    log_conversations: bool = False,
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
    address = StoreAddress.read(os.environ, server_url, api_key, store, owner)
    noting = _Noting(
        address, origin, provider, model, alias, calls=log_metadata, said=log_conversations
    )

    def decorate(function: F) -> F:
        wrapper: Callable[..., Any]
        if inspect.isasyncgenfunction(function):

            @functools.wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                facts = _Call(noting.question(function, args, kwargs))
                chunks = function(*args, **kwargs)
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
                facts = _Call(noting.question(function, args, kwargs))
                chunks = function(*args, **kwargs)
                try:
                    while True:
                        chunk = next(chunks)
                        noting.chunk(facts, chunk)
                        yield chunk
                except StopIteration as end:
                    return end.value
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


@dataclass(slots=True)
class _Call:
    """What is known of a call so far.

    :param asked: what was said to the model; None where that is not kept.
    :param texts: the pieces of its answer.
    """

    asked: list[Message] | None
    facts: CallFacts = field(default_factory=CallFacts)
    texts: list[str] = field(default_factory=list)


class _Noting:
    """What a decorator notes, and where. Its methods do not raise once it is made.

    :raises ConfigurationError: a name is no text.
    """

    def __init__(
        self,
        address: StoreAddress,
        origin: str,
        provider: str,
        model: str | None,
        alias: str | None,
        *,
        calls: bool,
        said: bool,
    ) -> None:
        names = {"provider": provider, "model": model, "alias": alias, "origin": origin}
        for argument, name in names.items():
            if not isinstance(name, str | None):
                raise ConfigurationError(
                    f"{argument} is a {type(name).__name__}; give its name as text"
                )
        self._provider = None if provider == "auto" else provider
        self._model = model
        self._alias = alias
        self._log: UsageLog | None = None
        self._said: ConversationLog | None = None
        if calls and flag(os.environ, "LLMRING_LOG_METADATA", usual=True):
            self._log = UsageLog(address.usage_sink, origin, _priced)
        if said:
            from llmring.conversations.conversation_log import ConversationLog

            self._said = ConversationLog(address.open, origin)

    def question(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What a function is asked, read before it may change it; None where it is not kept."""
        if self._said is None:
            return None
        try:
            from llmring.logging.saying import question

            return question(function, args, kwargs)
        except Exception:  # somebody else's objects, in somebody else's call
            _logger.debug("what was asked could not be read", exc_info=True)
            return []

    def given(self, answer: Any, asked: Any) -> Any:
        """Note what a function gave; what is an answer to come, once it has come.

        :return: what stands for it: a coroutine's notes its answer, all else is as it was.
        """
        note = functools.partial(self.answer, asked=asked)
        if inspect.iscoroutine(answer):
            return _noted(answer, note)
        if isinstance(answer, asyncio.Future):
            answer.add_done_callback(functools.partial(_note_result, note))
        elif isinstance(answer, Coroutine):
            from llmring.pending import Pending

            if isinstance(answer, Pending):
                answer._tell(note)
        else:
            note(answer)
        return answer

    def answer(self, answer: Any, asked: Any) -> None:
        """Note a whole answer."""
        call = _Call(asked)
        self.chunk(call, answer)
        self._note(call)

    def chunk(self, call: _Call, chunk: Any) -> None:
        """Take in a piece of an answer."""
        try:
            call.facts.read(chunk)
            if call.asked is not None:
                from llmring.logging.saying import answer_text

                call.texts.append(answer_text(chunk))
        except Exception:  # as above
            _logger.debug("an answer of %s could not be read", type(chunk), exc_info=True)

    def end(self, call: _Call) -> None:
        """Note an answer whose pieces were taken in."""
        if call.facts.counts:
            self._note(call)

    def _note(self, call: _Call) -> None:
        provider = self._provider or call.facts.provider or "unknown"
        own_name = (self._model or call.facts.model or "unknown").removeprefix(f"{provider}:")
        model = f"{provider}:{own_name}"
        if self._log is not None:
            self._log.call(model, call.facts.usage, alias=self._alias)
        if self._said is not None and call.asked is not None:
            from llmring.schemas import LLMResponse

            usage = call.facts.usage or {}
            response = LLMResponse(content="".join(call.texts), model=model, usage=usage)
            self._said.call(call.asked, response, alias=self._alias)


async def _noted(answer: Coroutine[Any, Any, Any], note: Callable[[Any], None]) -> Any:
    found = await answer
    note(found)
    return found


def _note_result(note: Callable[[Any], None], future: asyncio.Future[Any]) -> None:
    # Not `exception()`: asyncio would take a failure that nobody awaits for one that somebody saw,
    # and tell nobody of it.
    if not future.cancelled() and getattr(future, "_exception", None) is None:
        note(future.result())


@functools.cache
def _registry() -> Any:
    from llmring.registry import Registry

    return Registry()


def _priced(model: str, usage: dict[str, Any]) -> dict[str, Any]:
    """The usage with its cost, by the bundled prices."""
    from llmring.registry import usage_with_cost

    return usage_with_cost(usage, _registry().cost(usage, model, None))
