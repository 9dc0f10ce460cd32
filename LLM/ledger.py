"""What surrounds a call, written once for blocking and asynchronous clients.

A `Ledger` belongs to a client, an `Entry` to one call. They keep the policies: which answers the
cache has, what a call reserves and is charged, when its turn comes, how often it is tried. Neither
sends or waits; who makes the call does, for as long as it is told.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

from pydantic_core import to_json

from LLM import debug
from LLM.attempts import Attempts
from LLM.cache import ResponseCache, request_key
from LLM.codec import ChunkDecoder, Source, decode_answer, encode_body
from LLM.estimate import EstimatedUsage, estimated_usage, expected_tokens
from LLM.exceptions import LLMError
from LLM.rate_limit import RateLimiter
from LLM.retry import RetryStrategy
from LLM.secrets import Secrets, scrub_text
from LLM.telemetry import names
from LLM.telemetry.asked import Asked
from LLM.telemetry.peers import peer_of
from LLM.types import AnyResponse, ChatCompletionResponse, CompletionResponse, OpenAIModel, Usage
from LLM.usage import UsageTracker

logger = logging.getLogger("LLM")

AnswerT = TypeVar("AnswerT", bound=AnyResponse)
ChunkT = TypeVar("ChunkT", bound=OpenAIModel)

_OPERATIONS = {
    "/chat/completions": names.CHAT,
    "/completions": names.TEXT_COMPLETION,
    "/embeddings": names.EMBEDDINGS,
    "/responses": names.CHAT,
}


@dataclass(slots=True)
class Call(Generic[AnswerT, ChunkT]):
    """One call as its caller means it.

    :param path: added to the API's root.
    :param fields: what is sent; those that are None are left out.
    :param answer: type of the answer when it comes whole.
    :param chunk: type of its chunks when it is streamed.
    :param timeout_s: seconds for each try, or between two events of a stream.
    :param accept: takes the complete answer, or raises: then it is counted, but not stored.
    :param content: `fields` as JSON, where they have been written already.
    :param retry: decides on further tries in place of the client's policy.
    """

    path: str
    fields: dict[str, Any]
    answer: type[AnswerT]
    chunk: type[ChunkT]
    timeout_s: float
    accept: Callable[[AnswerT], None]
    content: bytes | None = None
    retry: RetryStrategy | None = None


class Endpoint(Protocol):
    """What the ledger knows of the transport."""

    @property
    def host(self) -> str:
        """Host and port, for errors."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of every request, credentials included."""
        ...

    def url(self, path: str) -> str:
        """The address behind `path`."""
        ...


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


class Ledger:
    """The policies of one client, and what its calls add up to. Safe for many threads.

    :param endpoint: where the calls go.
    :param retry: decides on further tries.
    :param usage: counts tokens and holds the limit on them.
    :param rate_limiter: says how long to wait before a try; None for no limit.
    :param cache: answers that were given before; None for none.
    :param secret: keys, kept out of all errors.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        retry: RetryStrategy,
        usage: UsageTracker,
        *,
        rate_limiter: RateLimiter | None,
        cache: ResponseCache | None,
        secret: Secrets,
    ) -> None:
        self.request_count = 0
        self.cache = cache
        self.usage = usage
        self.secret = secret
        self.rate_limiter = rate_limiter
        self._endpoint = endpoint
        self.retry = retry
        self._lock = threading.Lock()

    def source(self, model: str | None) -> Source:
        """Who answers, for the errors."""
        return Source(self._endpoint.host, model, self.secret)

    def entry(self, call: Call[AnswerT, ChunkT]) -> Entry[AnswerT, ChunkT]:
        """Begin a call. :raises InvalidRequestError: it cannot be written as JSON."""
        body = encode_body(call.fields) if call.content is None else call.content
        return Entry(self, call, body)

    def attempts(self, source: Source, retry: RetryStrategy | None = None) -> Attempts:
        """Count a request, which is about to be sent. :return: its tries.

        :param retry: decides on them in place of the client's policy.
        """
        with self._lock:
            self.request_count += 1
        return Attempts(retry or self.retry, source)

    def reset_count(self) -> None:
        """Count requests from zero."""
        with self._lock:
            self.request_count = 0

    def turn_s(self, n_tokens: int) -> float:
        """Book a try. :return: seconds until its turn comes.

        :param n_tokens: tokens that it will about use; 0 where they are booked already.
        """
        if self.rate_limiter is None:
            return 0.0
        wait_s = self.rate_limiter.reserve(n_tokens)
        if wait_s > 0:
            debug.note(f"the rate limit has the call wait for {wait_s:.2f} s")
            logger.debug("rate limit: waiting %.2f s", wait_s)
        return wait_s

    def leave_turn(self) -> None:
        """Give back a try whose turn nobody waits for any longer."""
        if self.rate_limiter is not None:
            self.rate_limiter.cancel()

    def url(self, path: str) -> str:
        """The address that a call goes to."""
        return self._endpoint.url(path)

    def cache_key(self, path: str, body: bytes) -> str:
        """A digest of all that an answer depends on, the headers (and so the account) included."""
        headers = to_json(sorted(self._endpoint.headers.items()))
        return request_key(b"POST", self._endpoint.url(path).encode(), headers, body)


class Entry(Generic[AnswerT, ChunkT]):
    """One call's page: what it holds in reserve while it is in flight, and what it cost.

    In a ``with`` block it holds its tokens in reserve; leaving the block by an error gives them
    back, unless the call was answered and so is paid for. A stream leaves the block with its tokens
    held, until `settle_stream`.

    :param body: the request's body.
    """

    __slots__ = ("_began", "_call", "_held", "_key", "_ledger", "body", "n_tokens", "source")

    def __init__(self, ledger: Ledger, call: Call[AnswerT, ChunkT], body: bytes) -> None:
        self.body = body
        self.source = ledger.source(call.fields.get("model"))
        self.n_tokens = expected_tokens(body, call.fields)
        self._ledger = ledger
        self._call = call
        self._key = ""
        self._held = False
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        """:raises UsageLimitError: the call would pass the limit on tokens."""
        self._ledger.usage.reserve(self.n_tokens)
        self._held = True
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        if kind is not None and self._held:
            self._held = False
            self._ledger.usage.release(self.n_tokens)
            if self._ledger.rate_limiter is not None:
                self._ledger.rate_limiter.settle(self.n_tokens, 0)

    @property
    def retry(self) -> RetryStrategy | None:
        """Decides on further tries in place of the client's policy."""
        return self._call.retry

    @property
    def asked(self) -> Asked:
        """What telemetry tells of the call."""
        call, source = self._call, self.source
        return Asked(
            _OPERATIONS[call.path],
            peer_of(self._ledger.url(call.path)),
            source.model,
            call.fields,
            source.secret,
        )

    def cached(self, cache: ResponseCache) -> bytes | None:
        """What the cache has for this call. It may be called in another thread."""
        self._key = self._ledger.cache_key(self._call.path, self.body)
        try:
            return cache.get(self._key)
        except Exception as err:  # noqa: BLE001  # any cache may be plugged in; the call can be made
            logger.error("the cache did not give its answer: %s", err)
            return None

    def store(self, cache: ResponseCache, body: bytes) -> None:
        """Hand an answer's body to the cache. It may be called in another thread."""
        try:
            cache.put(self._key, body)
        except Exception as err:  # noqa: BLE001  # any cache may be plugged in; the answer is paid for
            logger.error("the cache did not take the answer: %s", err)

    def accept_cached(self, stored: bytes) -> AnswerT | None:
        """The answer in what the cache had; None when it cannot be read."""
        try:
            answer = decode_answer(self._call.answer, stored, 200, self.source)
        except LLMError:
            logger.error("the cache gave an answer that cannot be read; asking again")
            return None
        debug.note("answered from the response cache; nothing is sent")
        logger.debug("answered from the cache")
        self._call.accept(answer)
        return answer

    def accept(self, body: bytes, status: int) -> AnswerT:
        """Read the answer and count it. A success is paid for, whether or not it can be read.

        :raises LLMError: it cannot be read.
        """
        try:
            answer = decode_answer(self._call.answer, body, status, self.source)
        except BaseException:
            self._settle(estimated_usage(self.body, None))
            raise
        self._settle(answer.usage or estimated_usage(self.body, answer))
        if logger.isEnabledFor(logging.INFO):
            response_id = scrub_text(str(answer.id), self.source.secret)
            logger.info("response %s", response_id, extra={"response_id": response_id})
        return answer

    def decoder(self, status: int) -> ChunkDecoder[ChunkT]:
        """What makes chunks of the bytes of an answer that is streamed."""
        return ChunkDecoder(self._call.chunk, status, self.source)

    def settle_stream(self, state: StreamState) -> None:
        """Count what a stream has used, once, when it ends or is left."""
        if self._held:
            self._settle(state.usage or estimated_usage(self.body, state.response()))

    def _settle(self, usage: Usage) -> None:
        """Count what the call used, in place of what it had reserved."""
        self._held = False
        ledger = self._ledger
        estimated = isinstance(usage, EstimatedUsage)
        ledger.usage.settle(self.n_tokens, self.source.model or "", usage, estimated=estimated)
        if ledger.rate_limiter is not None:
            used = usage.prompt_tokens + usage.completion_tokens
            ledger.rate_limiter.settle(self.n_tokens, used)
        if logger.isEnabledFor(logging.INFO):
            logger.info(
                "tokens: %d prompt, %d completion%s",
                usage.prompt_tokens,
                usage.completion_tokens,
                " (estimated)" if estimated else "",
                extra={
                    "provider": self.source.provider,
                    "model": self.source.model,
                    "prompt_tokens": usage.prompt_tokens,
                    "completion_tokens": usage.completion_tokens,
                    "estimated": estimated,
                    "duration_s": round(time.monotonic() - self._began, 3),
                },
            )
