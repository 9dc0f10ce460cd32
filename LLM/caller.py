"""The blocking I/O of a call: send, wait, read. What it decides by is in `LLM.ledger`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from LLM import telemetry
from LLM.answer import Answer
from LLM.attempts import refusal
from LLM.codec import Source, decode_answer
from LLM.exceptions import LLMError
from LLM.ledger import AnswerT, Call, ChunkT, Entry, Ledger, StreamState
from LLM.reading import read_items
from LLM.retry import RetryStrategy
from LLM.telemetry.answers import openai_told
from LLM.telemetry.watch import Watch
from LLM.transport import Transport
from LLM.types import OpenAIModel
from LLM.wire import StreamedWire

ShapeT = TypeVar("ShapeT", bound=OpenAIModel)
SentT = TypeVar("SentT", bound=Answer | StreamedWire)


class Caller:
    """Makes calls to one address under one set of policies. Safe for many threads.

    :param transport: sends the requests.
    :param ledger: keeps the policies.
    """

    def __init__(self, transport: Transport, ledger: Ledger) -> None:
        self._transport = transport
        self._ledger = ledger

    def get(self, path: str, shape: type[ShapeT], timeout_s: float) -> ShapeT:
        """Read something that costs no tokens."""
        source = self._ledger.source(None)
        answer = self._tries(
            lambda: self._transport.call("GET", path, None, timeout_s=timeout_s), source, 0
        )
        return decode_answer(shape, answer.body, answer.status, source)

    def post(self, call: Call[AnswerT, ChunkT]) -> AnswerT:
        """One call whose answer comes whole, from the cache when it is there."""
        entry, cache = self._ledger.entry(call), self._ledger.cache
        stored = entry.cached(cache) if cache is not None else None
        if stored is not None and (known := entry.accept_cached(stored)) is not None:
            return known
        with entry:
            if (recorder := telemetry.current) is None:
                body, response = self._answer(call, entry)
            else:
                with recorder.call(entry.asked) as span:
                    body, response = self._answer(call, entry)
                    span.answered(openai_told(response))
            call.accept(response)
        if cache is not None:
            entry.store(cache, body)
        return response

    def _answer(
        self, call: Call[AnswerT, ChunkT], entry: Entry[AnswerT, ChunkT]
    ) -> tuple[bytes, AnswerT]:
        """The answer of the server, as it came and read."""
        answer = self._tries(
            lambda: self._send(call.path, entry.body, call.timeout_s),
            entry.source,
            entry.n_tokens,
            entry.retry,
        )
        return answer.body, entry.accept(answer.body, answer.status)

    def _send(self, path: str, body: bytes, timeout_s: float) -> Answer:
        """One try of a call whose answer comes whole."""
        return self._transport.call("POST", path, body, timeout_s=timeout_s)

    def stream(
        self, call: Call[AnswerT, ChunkT], state: StreamState
    ) -> tuple[Iterator[ChunkT], Callable[[], None]]:
        """One call whose answer comes in chunks.

        :param state: what the chunks have added up to; it sees each before the next is asked for.
        :return: the chunks, and what must be called when they are no longer wanted, or have ended.
        """
        entry = self._ledger.entry(call)
        with entry:
            if (recorder := telemetry.current) is None:
                return self._parts(self._begun(call, entry), entry, state)
            with recorder.call(entry.asked) as span:
                answer = self._begun(call, entry)
        watch = Watch(span, lambda: openai_told(state.response()))
        chunks, close_quietly = self._parts(answer, entry, state)

        def close() -> None:
            close_quietly()
            watch.left()

        return watch.items(chunks), close

    def _begun(self, call: Call[AnswerT, ChunkT], entry: Entry[AnswerT, ChunkT]) -> StreamedWire:
        """The answer of the server, which has begun."""
        answer = self._tries(
            lambda: self._transport.stream(call.path, entry.body, timeout_s=call.timeout_s),
            entry.source,
            entry.n_tokens,
        )
        assert not isinstance(answer, Answer), "tries end with a success, which is streamed"
        return answer

    def _parts(
        self, answer: StreamedWire, entry: Entry[AnswerT, ChunkT], state: StreamState
    ) -> tuple[Iterator[ChunkT], Callable[[], None]]:
        """The chunks of an answer that has begun, and what ends it."""

        def close() -> None:
            answer.close()
            entry.settle_stream(state)

        return _chunks(answer, entry, state), close

    def _tries(
        self,
        send: Callable[[], SentT],
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
                self._wait_for_turn(wait_s)
            try:
                answer = send()
                if 200 <= answer.status < 300:
                    return answer
                body = answer.body if isinstance(answer, Answer) else b""
                failure = refusal(answer.status, answer.headers, body, source)
            except LLMError as err:
                failure = err
            time.sleep(attempts.delay_s(failure))

    def _wait_for_turn(self, wait_s: float) -> None:
        try:
            time.sleep(wait_s)
        except BaseException:
            self._ledger.leave_turn()
            raise


def _chunks(
    answer: StreamedWire, entry: Entry[AnswerT, ChunkT], state: StreamState
) -> Iterator[ChunkT]:
    decoder = entry.decoder(answer.status)
    try:
        yield from read_items(answer, decoder, lambda: decoder.finish(lambda: state.finished))
    except LLMError as err:
        entry.source.complete(err)
        raise
