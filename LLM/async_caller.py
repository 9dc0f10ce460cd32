"""The input and output of a call for coroutines: the twin of `LLM.caller`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from LLM import telemetry
from LLM.answer import Answer
from LLM.attempts import refusal
from LLM.cache import MemoryCache, ResponseCache
from LLM.codec import Source, decode_answer
from LLM.exceptions import LLMError
from LLM.ledger import AnswerT, Call, ChunkT, Entry, Ledger, StreamState
from LLM.reading import aread_items
from LLM.retry import RetryStrategy
from LLM.telemetry.answers import openai_told
from LLM.telemetry.watch import Watch
from LLM.types import OpenAIModel
from LLM.wire import AsyncStreamedWire

if TYPE_CHECKING:
    from LLM.async_transport import AsyncTransport

ShapeT = TypeVar("ShapeT", bound=OpenAIModel)
SentT = TypeVar("SentT", bound=Answer | AsyncStreamedWire)


class AsyncCaller:
    """Makes calls to one address under one set of policies. Safe for many tasks.

    A task that is cancelled, wherever it waits, gives back what its call holds.

    :param transport: sends the requests.
    :param ledger: keeps the policies.
    """

    def __init__(self, transport: AsyncTransport, ledger: Ledger) -> None:
        self._transport = transport
        self._ledger = ledger

    async def get(self, path: str, shape: type[ShapeT], timeout_s: float) -> ShapeT:
        """Read something that costs no tokens."""
        source = self._ledger.source(None)
        answer = await self._tries(
            lambda: self._transport.call("GET", path, None, timeout_s=timeout_s), source, 0
        )
        return decode_answer(shape, answer.body, answer.status, source)

    async def post(self, call: Call[AnswerT, ChunkT]) -> AnswerT:
        """One call whose answer comes whole, from the cache when it is there."""
        entry, cache = self._ledger.entry(call), self._ledger.cache
        stored = await _cached(entry, cache) if cache is not None else None
        if stored is not None and (known := entry.accept_cached(stored)) is not None:
            return known
        with entry:
            if (recorder := telemetry.current) is None:
                body, response = await self._answer(call, entry)
            else:
                with recorder.call(entry.asked) as span:
                    body, response = await self._answer(call, entry)
                    span.answered(openai_told(response))
            call.accept(response)
        if cache is not None:
            await _store(entry, cache, body)
        return response

    async def _answer(
        self, call: Call[AnswerT, ChunkT], entry: Entry[AnswerT, ChunkT]
    ) -> tuple[bytes, AnswerT]:
        """The answer of the server, as it came and read."""
        answer = await self._tries(
            lambda: self._send(call.path, entry.body, call.timeout_s),
            entry.source,
            entry.n_tokens,
            entry.retry,
        )
        return answer.body, entry.accept(answer.body, answer.status)

    async def _send(self, path: str, body: bytes, timeout_s: float) -> Answer:
        """One try of a call whose answer comes whole."""
        return await self._transport.call("POST", path, body, timeout_s=timeout_s)

    async def stream(
        self, call: Call[AnswerT, ChunkT], state: StreamState
    ) -> tuple[AsyncIterator[ChunkT], Callable[[], None]]:
        """One call whose answer comes in chunks.

        :param state: what the chunks have added up to; it sees each before the next is asked for.
        :return: the chunks, and what must be called when they are no longer wanted, or have ended.
        """
        entry = self._ledger.entry(call)
        with entry:
            if (recorder := telemetry.current) is None:
                return self._parts(await self._begun(call, entry), entry, state)
            with recorder.call(entry.asked) as span:
                answer = await self._begun(call, entry)
        watch = Watch(span, lambda: openai_told(state.response()))
        chunks, close_quietly = self._parts(answer, entry, state)

        def close() -> None:
            close_quietly()
            watch.left()

        return watch.async_items(chunks), close

    async def _begun(
        self, call: Call[AnswerT, ChunkT], entry: Entry[AnswerT, ChunkT]
    ) -> AsyncStreamedWire:
        """The answer of the server, which has begun."""
        answer = await self._tries(
            lambda: self._transport.stream(call.path, entry.body, timeout_s=call.timeout_s),
            entry.source,
            entry.n_tokens,
        )
        assert not isinstance(answer, Answer), "tries end with a success, which is streamed"
        return answer

    def _parts(
        self, answer: AsyncStreamedWire, entry: Entry[AnswerT, ChunkT], state: StreamState
    ) -> tuple[AsyncIterator[ChunkT], Callable[[], None]]:
        """The chunks of an answer that has begun, and what ends it."""

        def close() -> None:
            answer.close()
            entry.settle_stream(state)

        return _Chunks(answer, entry, state), close

    async def _tries(
        self,
        send: Callable[[], Awaitable[SentT]],
        source: Source,
        n_tokens: int,
        retry: RetryStrategy | None = None,
    ) -> SentT:
        """Send until an answer says yes or the policy gives up."""
        self._transport.require_open()
        attempts = self._ledger.attempts(source, retry)
        while True:
            wait_s = self._ledger.turn_s(0 if attempts.made else n_tokens)
            if wait_s > 0:
                await self._wait_for_turn(wait_s)
            try:
                answer = await send()
                if 200 <= answer.status < 300:
                    return answer
                body = answer.body if isinstance(answer, Answer) else b""
                failure = refusal(answer.status, answer.headers, body, source)
            except LLMError as err:
                failure = err
            await asyncio.sleep(attempts.delay_s(failure))

    async def _wait_for_turn(self, wait_s: float) -> None:
        try:
            await asyncio.sleep(wait_s)
        except BaseException:
            self._ledger.leave_turn()
            raise


class _Chunks(Generic[ChunkT]):
    """The chunks of a stream, whose errors say who answered."""

    def __init__(
        self, answer: AsyncStreamedWire, entry: Entry[AnswerT, ChunkT], state: StreamState
    ) -> None:
        decoder = entry.decoder(answer.status)
        self._source = entry.source
        self._items = aread_items(answer, decoder, lambda: decoder.finish(lambda: state.finished))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChunkT:
        try:
            return await anext(self._items)
        except LLMError as err:
            self._source.complete(err)
            raise


async def _cached(entry: Entry[AnswerT, ChunkT], cache: ResponseCache) -> bytes | None:
    # A disk that is slow, or a file that another process has locked, must not stop the loop.
    if type(cache) is MemoryCache:
        return entry.cached(cache)
    return await asyncio.to_thread(entry.cached, cache)


async def _store(entry: Entry[AnswerT, ChunkT], cache: ResponseCache, body: bytes) -> None:
    if type(cache) is MemoryCache:
        entry.store(cache, body)
    else:
        await asyncio.to_thread(entry.store, cache, body)
