"""One API call from end to end: cache, limits, tries, usage. The client's methods stand on it."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from pydantic_core import to_json

from LLM.answer import Answer
from LLM.cache import ResponseCache, request_key
from LLM.codec import ChunkDecoder, Source, decode_answer, encode_body
from LLM.error_response import api_error
from LLM.exceptions import LLMError
from LLM.rate_limit import RateLimiter
from LLM.retry import RetryStrategy
from LLM.secrets import Secrets, scrub_text
from LLM.transport import StreamedAnswer, Transport
from LLM.types import ChatCompletionResponse, CompletionResponse, OpenAIModel, Usage
from LLM.usage import UsageTracker, estimate_tokens

logger = logging.getLogger("LLM")

# An image or a file inside a message.
_DATA_URL = re.compile(rb'(?<=")data:[^"\\]*')

AnswerT = TypeVar("AnswerT", ChatCompletionResponse, CompletionResponse)
ShapeT = TypeVar("ShapeT", bound=OpenAIModel)
SentT = TypeVar("SentT", bound=Answer | StreamedAnswer)


class StreamState(Protocol):
    """What an assembler tells of a stream while it runs."""

    usage: Usage | None

    @property
    def finished(self) -> bool:
        """Whether every choice has its finish reason."""
        ...

    def response(self) -> ChatCompletionResponse | CompletionResponse | None:
        """The answer so far; None when none of it has arrived."""
        ...


class Caller:
    """Makes calls to one address under one set of policies. Safe for many threads.

    :param transport: sends the requests.
    :param retry: decides on further tries.
    :param usage: counts tokens and holds the limit on them.
    :param rate_limiter: says how long to wait before a try; None for no limit.
    :param cache: answers that were given before; None for none.
    :param secret: keys, kept out of all errors.
    """

    def __init__(
        self,
        transport: Transport,
        retry: RetryStrategy,
        usage: UsageTracker,
        *,
        rate_limiter: RateLimiter | None,
        cache: ResponseCache | None,
        secret: Secrets,
    ) -> None:
        self.request_count = 0
        self._transport = transport
        self._retry = retry
        self._usage = usage
        self._rate_limiter = rate_limiter
        self._cache = cache
        self._secret = secret
        self._lock = threading.Lock()

    def get(self, path: str, shape: type[ShapeT], timeout_s: float) -> ShapeT:
        """Read something that costs no tokens."""
        source = self._source(None)
        answer = self._tries(
            lambda: self._transport.call("GET", path, None, timeout_s=timeout_s), source, 0
        )
        return decode_answer(shape, answer.body, answer.status, source)

    def post(
        self,
        path: str,
        fields: dict[str, Any],
        shape: type[AnswerT],
        timeout_s: float,
        accept: Callable[[AnswerT], None],
    ) -> AnswerT:
        """One call whose answer comes whole, from the cache when it is there.

        :param accept: takes the answer, or raises: then it is counted, but not stored.
        """
        body = encode_body(fields)
        source = self._source(fields["model"])
        key = self._cache_key(path, body)
        if (known := self._known(key, shape, source)) is not None:
            accept(known)
            return known
        reserved = _expected_tokens(body, fields)
        self._usage.reserve(reserved)
        try:
            answer = self._tries(
                lambda: self._transport.call("POST", path, body, timeout_s=timeout_s),
                source,
                reserved,
            )
        except BaseException:
            self._release(reserved)
            raise
        try:
            response = decode_answer(shape, answer.body, answer.status, source)
        except BaseException:
            # A success is paid for, whether or not it can be read.
            self._settle(reserved, source, _estimated(None, body))
            raise
        self._settle(reserved, source, response.usage or _estimated(response, body))
        logger.info("response %s", scrub_text(str(response.id), self._secret))
        accept(response)
        self._store(key, answer.body)
        return response

    def stream(
        self,
        path: str,
        fields: dict[str, Any],
        shape: type[ShapeT],
        state: StreamState,
        timeout_s: float,
    ) -> tuple[Iterator[ShapeT], Callable[[], None]]:
        """One call whose answer comes in chunks.

        :param state: what the chunks have added up to; it sees each before the next is asked for.
        :return: the chunks, and what must be called when they are no longer wanted, or have ended.
        """
        body = encode_body(fields)
        source = self._source(fields["model"])
        reserved = _expected_tokens(body, fields)
        self._usage.reserve(reserved)
        try:
            answer = self._tries(
                lambda: self._transport.stream(path, body, timeout_s=timeout_s),
                source,
                reserved,
            )
        except BaseException:
            self._release(reserved)
            raise
        assert isinstance(answer, StreamedAnswer), "tries end with a success, which is streamed"

        def close() -> None:
            answer.close()
            self._settle(reserved, source, state.usage or _estimated(state.response(), body))

        decoder = ChunkDecoder(shape, answer.status, source)
        return _chunks(answer, decoder, state, source), close

    def reset_count(self) -> None:
        """Count requests from zero."""
        with self._lock:
            self.request_count = 0

    def _tries(self, send: Callable[[], SentT], source: Source, n_tokens: int) -> SentT:
        """Send until an answer says yes or the policy gives up."""
        self._transport.require_open()
        with self._lock:
            self.request_count += 1
        tries = 0
        while True:
            self._wait_for_turn(n_tokens if tries == 0 else 0)
            tries += 1
            try:
                answer = send()
                if 200 <= answer.status < 300:
                    return answer
                failure: LLMError = self._refusal(answer, source)
            except LLMError as err:
                failure = err
            source.complete(failure)
            delay_s = self._retry.delay(failure, tries)
            if delay_s is None or not delay_s >= 0:
                if tries > 1:
                    failure.message += f" (tried {tries} times)"
                    failure.args = (failure.message,)
                logger.error("call failed: %s", _loggable(failure))
                raise failure
            logger.warning("try %d failed, next in %.2f s: %s", tries, delay_s, _loggable(failure))
            time.sleep(delay_s)

    def _wait_for_turn(self, n_tokens: int) -> None:
        wait_s = self._rate_limiter.reserve(n_tokens) if self._rate_limiter else 0.0
        if wait_s > 0:
            logger.debug("rate limit: waiting %.2f s", wait_s)
            time.sleep(wait_s)

    def _refusal(self, answer: Answer | StreamedAnswer, source: Source) -> LLMError:
        return api_error(
            answer.status,
            answer.headers,
            answer.body if isinstance(answer, Answer) else b"",
            provider=source.provider,
            model=source.model,
            secret=source.secret,
            now=time.time(),
        )

    def _source(self, model: str | None) -> Source:
        return Source(self._transport.host, model, self._secret)

    def _release(self, reserved: int) -> None:
        """Give back what a call that failed had reserved."""
        self._usage.release(reserved)
        if self._rate_limiter is not None:
            self._rate_limiter.settle(reserved, 0)

    def _settle(self, reserved: int, source: Source, usage: Usage) -> None:
        """Count what a call used, in place of what it had reserved."""
        estimated = isinstance(usage, _Estimate)
        self._usage.settle(reserved, source.model or "", usage, estimated=estimated)
        if self._rate_limiter is not None:
            self._rate_limiter.settle(reserved, usage.prompt_tokens + usage.completion_tokens)
        logger.info(
            "tokens: %d prompt, %d completion%s",
            usage.prompt_tokens,
            usage.completion_tokens,
            " (estimated)" if estimated else "",
        )

    def _cache_key(self, path: str, body: bytes) -> str:
        """A digest of all that an answer depends on, the headers (and so the account) included."""
        if self._cache is None:
            return ""
        headers = to_json(sorted(self._transport.headers.items()))
        return request_key(b"POST", self._transport.url(path).encode(), headers, body)

    def _known(self, key: str, shape: type[AnswerT], source: Source) -> AnswerT | None:
        """The answer that the cache has, if it has one that can be read."""
        if self._cache is None:
            return None
        try:
            stored = self._cache.get(key)
        except Exception as err:  # noqa: BLE001  # any cache may be plugged in; the call can be made
            logger.error("the cache did not give its answer: %s", err)
            return None
        if stored is None:
            return None
        try:
            answer = decode_answer(shape, stored, 200, source)
        except LLMError:
            logger.error("the cache gave an answer that cannot be read; asking again")
            return None
        logger.debug("answered from the cache")
        return answer

    def _store(self, key: str, body: bytes) -> None:
        if self._cache is None:
            return
        try:
            self._cache.put(key, body)
        except Exception as err:  # noqa: BLE001  # any cache may be plugged in; the answer is paid for
            logger.error("the cache did not take the answer: %s", err)


class _Estimate(Usage):
    """Usage that the server did not tell."""


def _estimated(
    response: ChatCompletionResponse | CompletionResponse | None, body: bytes
) -> _Estimate:
    """What a call used, by the bytes sent and received."""
    prompt = estimate_tokens(_prompt_bytes(body))
    completion = estimate_tokens(_answer_bytes(response)) if response is not None else 0
    return _Estimate(
        prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
    )


def _answer_bytes(response: ChatCompletionResponse | CompletionResponse) -> int:
    """UTF-8 bytes of everything that the model wrote: text, reasoning, tool calls."""
    if isinstance(response, CompletionResponse):
        return sum(len(choice.text.encode()) for choice in response.choices)
    size = 0
    for choice in response.choices:
        message = choice.message
        calls = [call.function for call in message.tool_calls or ()]
        texts = [message.content, message.refusal, *(c.name + c.arguments for c in calls)]
        texts += [value for value in (message.model_extra or {}).values() if isinstance(value, str)]
        size += sum(len(text.encode()) for text in texts if text)
    return size


def _prompt_bytes(body: bytes) -> int:
    """Bytes of a request that are text: an image inside is no million tokens."""
    return len(_DATA_URL.sub(b"", body)) if b'"data:' in body else len(body)


def _expected_tokens(body: bytes, fields: dict[str, Any]) -> int:
    """What a call will about use, as far as can be told: prompt, and output if bounded."""
    wanted = fields.get("max_tokens") or fields.get("max_completion_tokens") or 0
    bound = max(wanted, 0) if isinstance(wanted, int) else 0
    return estimate_tokens(_prompt_bytes(body)) + bound


def _loggable(failure: LLMError) -> str:
    """What a log may hold: a server's own words can quote the prompt, and stay in the error."""
    if failure.status_code is None:
        return str(failure)
    name = type(failure).__name__
    return f"{name}, status {failure.status_code}, code {failure.code}, id {failure.request_id}"


def _chunks(
    answer: StreamedAnswer, decoder: ChunkDecoder[ShapeT], state: StreamState, source: Source
) -> Iterator[ShapeT]:
    try:
        yield from _read_chunks(answer, decoder, state)
    except LLMError as err:
        source.complete(err)
        raise


def _read_chunks(
    answer: StreamedAnswer, decoder: ChunkDecoder[ShapeT], state: StreamState
) -> Iterator[ShapeT]:
    # The caller may have waited before asking for the first chunk; the server is not to blame.
    answer.progress()
    pieces = answer.pieces()
    for piece in pieces:
        arrived = False
        for chunk in decoder.feed(piece):
            yield chunk
            arrived = True
        if decoder.done:
            answer.drain(pieces)
            return
        if arrived:
            answer.progress()
    yield from decoder.finish(lambda: state.finished)
