"""`AsyncLLM`: the twin of `LLM` for coroutines."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack, overload

from LLM.assembly import ChatAssembler, CompletionAssembler
from LLM.async_caller import AsyncCaller
from LLM.async_streaming import AsyncChatStream, AsyncCompletionStream, AsyncTextPieces
from LLM.cache import ResponseCache
from LLM.config import LLMConfig
from LLM.endpoint import checked_timeout_s
from LLM.extras import async_transport
from LLM.headers import request_headers
from LLM.ledger import AnswerT, Call, ChunkT
from LLM.overflow import Count, OverflowPolicy
from LLM.preparation import Arguments, Preparation, Prompt, user_message
from LLM.rate_limit import RateLimiter
from LLM.retry import RetryStrategy
from LLM.steps import run_steps_async
from LLM.types import ChatCompletionResponse, CompletionResponse, ModelsResponse
from LLM.window import TextWanted, Write

if TYPE_CHECKING:
    from LLM.batch.output import AnyOutput
    from LLM.batch.prompts import Requests
    from LLM.batch.report import BatchReport
    from LLM.batch.types import BatchOptions

logger = logging.getLogger("LLM")

ResultT = TypeVar("ResultT")


class AsyncLLM(Preparation):
    """Calls one OpenAI-compatible address from coroutines; keep it, for it reuses its connections.

    Methods, arguments, errors, retries, limits, cache and totals are those of `LLM`; what waits is
    awaited. Safe to share between the tasks of a loop, and usable in one loop after another. Use it
    in an ``async with`` block, or `close` it. A task that is cancelled in a call ends its request.

    :param config: where and how to call; the defaults call a local server.
    :param retry_policy: decides on retries in place of the one that `config` describes.
    :param rate_limiter: shared limiter in place of the one that `config` describes.
    :param cache: store of answers, as `LLM` takes it. Other than a `MemoryCache` it is read and
        written in threads, for a disk may be slow.
    :param count_tokens: tokens of a list of messages, for `config.context_length`. It runs in the
        loop; None estimates.
    :param summarise: gives the text that stands for messages which the overflow policy
        ``summarise`` drops; a plain or a coroutine function. None asks the model.
    :raises LLMConfigError: the CA bundle that is configured does not exist, or aiohttp is missing.
    """

    def __init__(
        self,
        config: LLMConfig | None = None,
        *,
        retry_policy: RetryStrategy | None = None,
        rate_limiter: RateLimiter | None = None,
        cache: ResponseCache | None = None,
        count_tokens: Count | None = None,
        summarise: Write | None = None,
    ) -> None:
        super().__init__(config, count_tokens, summarise)
        self._transport = async_transport(type(self).__name__)(
            self.config.api_root,
            request_headers(self.config),
            verify=self.config.verify,
            max_connections=self.config.max_connections,
        )
        self._ledger = self._new_ledger(self._transport, retry_policy, rate_limiter, cache)
        self._caller = AsyncCaller(self._transport, self._ledger)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @overload
    async def chat_completion(
        self,
        messages: Any,
        temperature: float | None = None,
        max_tokens: int | None = None,
        *,
        stream: Literal[False] = False,
        response_format: Any = None,
        timeout: float | None = None,
        overflow: OverflowPolicy | None = None,
        **kwargs: Any,
    ) -> ChatCompletionResponse: ...

    @overload
    async def chat_completion(
        self,
        messages: Any,
        temperature: float | None = None,
        max_tokens: int | None = None,
        *,
        stream: Literal[True],
        response_format: Any = None,
        timeout: float | None = None,
        overflow: OverflowPolicy | None = None,
        **kwargs: Any,
    ) -> AsyncChatStream: ...

    @overload
    async def chat_completion(
        self,
        messages: Any,
        temperature: float | None = None,
        max_tokens: int | None = None,
        *,
        stream: bool,
        response_format: Any = None,
        timeout: float | None = None,
        overflow: OverflowPolicy | None = None,
        **kwargs: Any,
    ) -> ChatCompletionResponse | AsyncChatStream: ...

    async def chat_completion(
        self,
        messages: Any,
        temperature: float | None = None,
        max_tokens: int | None = None,
        *,
        stream: bool = False,
        response_format: Any = None,
        timeout: float | None = None,
        overflow: OverflowPolicy | None = None,
        **kwargs: Any,
    ) -> ChatCompletionResponse | AsyncChatStream:
        """Answer a conversation. Arguments and errors are those of `LLM.chat_completion`.

        :param stream: give the answer as it is made: an asynchronous iterator of chunks that is
            also a context manager, with the assembled answer in ``await stream.response``.
        :return: the answer, or the stream.
        """
        arguments = Arguments(temperature, max_tokens, stream, timeout, kwargs)
        steps = self._chat(messages, arguments, response_format, overflow)
        call, report = await run_steps_async(steps, self._text)
        if not stream:
            return await self._caller.post(call)
        assembler = ChatAssembler(report)
        chunks, close = await self._caller.stream(call, assembler)
        return AsyncChatStream(chunks, close, _accepting(call), assembler)

    @overload
    async def completion(
        self,
        prompt: Prompt,
        temperature: float | None = None,
        max_tokens: int | None = None,
        *,
        stream: Literal[False] = False,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> CompletionResponse: ...

    @overload
    async def completion(
        self,
        prompt: Prompt,
        temperature: float | None = None,
        max_tokens: int | None = None,
        *,
        stream: Literal[True],
        timeout: float | None = None,
        **kwargs: Any,
    ) -> AsyncCompletionStream: ...

    @overload
    async def completion(
        self,
        prompt: Prompt,
        temperature: float | None = None,
        max_tokens: int | None = None,
        *,
        stream: bool,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> CompletionResponse | AsyncCompletionStream: ...

    async def completion(
        self,
        prompt: Prompt,
        temperature: float | None = None,
        max_tokens: int | None = None,
        *,
        stream: bool = False,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> CompletionResponse | AsyncCompletionStream:
        """Continue a text. Arguments and errors are those of `LLM.completion`.

        :return: the answer, or the stream.
        """
        arguments = Arguments(temperature, max_tokens, stream, timeout, kwargs)
        call = self._completion(prompt, arguments)
        if not stream:
            return await self._caller.post(call)
        assembler = CompletionAssembler()
        chunks, close = await self._caller.stream(call, assembler)
        return AsyncCompletionStream(chunks, close, _accepting(call), assembler)

    def stream_text(
        self,
        messages: Any,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Any,
    ) -> AsyncTextPieces:
        """The answer's text, piece by piece: ``async for text in llm.stream_text(messages): ...``.

        A string in place of messages is taken as one user message. Arguments and errors are those
        of `chat_completion`. Leaving the loop early ends the request.
        """
        return AsyncTextPieces(
            lambda: self.chat_completion(
                user_message(messages), temperature, max_tokens, stream=True, **kwargs
            )
        )

    async def batch(
        self,
        requests: Requests,
        output: AnyOutput = None,
        **options: Unpack[BatchOptions],
    ) -> BatchReport:
        """Answer many requests, durably: the same call again goes on where an earlier one ended.

        Each request is sent as it is, with the config's `model` where it names none; nothing else
        of the config goes into it. Retries, limits, cache and totals are those of single calls.
        The job runs in threads of its own; a task that is cancelled in it ends it, as Ctrl-C does.

        :param requests: the name of a file of lines in OpenAI's batch format, such a file opened in
            binary mode, or an iterable of prompts: texts (one user message each), lists of
            messages, bodies of calls as dicts, or whole requests. All are checked before the first
            is sent.
        :param output: file of the answers, lines in OpenAI's format, each written when its request
            has ended; failures go to a file of their own. None keeps both in a temporary file, for
            the report's `results`.
        :param options: see `LLM.batch.types.BatchOptions`.
        :return: counts, cost, and `results` in the order of the requests. That a request has failed
            is told there, and not raised.
        :raises BatchInputError: a line is no request; nothing was sent.
        :raises BatchOutputError: the output cannot be written, is in use, or of another job.
        :raises LLMError: no request could succeed: the key is refused, the quota spent, nothing
            listens, a limit is reached. What has ended is kept; the same call goes on.
        """
        # Imported here: few clients run jobs.
        from LLM.batch.endpoint import EndpointJob
        from LLM.batch.in_thread import in_thread

        job = EndpointJob(self, requests, output, options)
        return await in_thread(job.run, job.stop)

    async def cancel_batch(self, output: AnyOutput) -> list[str]:
        """End a job at the provider's batch endpoint; what it has answered, the next run fetches.

        :param output: the job's.
        :return: the ids of its batches; none where the provider has none of it.
        :raises LLMError: one could not be ended.
        """
        from LLM.batch.provider.jobs import cancel_at_openai

        return await asyncio.to_thread(cancel_at_openai, self, output)

    async def list_models(self, *, timeout: float | None = None) -> ModelsResponse:
        """The models that the server offers.

        :param timeout: seconds, in place of the config's for this call.
        :raises LLMError: as `chat_completion`.
        """
        logger.info("list models")
        timeout_s = checked_timeout_s(timeout, self.config.timeout)
        return await self._caller.get("/models", ModelsResponse, timeout_s)

    async def reset_session(self) -> None:
        """Drop idle connections, the last response and the request count; `usage` stays."""
        await self._transport.reset()
        self._forget()

    async def close(self) -> None:
        """Drop idle connections; further calls raise. Safe to call again.

        Calls and streams in flight go on, and close theirs when done.
        """
        if not self._transport.closed:
            await self._transport.close()
            logger.info("session closed")

    async def aclose(self) -> None:
        """`close`, by the name that `contextlib.aclosing` looks for."""
        await self.close()

    async def _text(self, wanted: TextWanted) -> str:
        """A summary of what does not fit, by the function that was given for it or the model."""
        if wanted.write is not None:
            text = wanted.write(wanted.messages)
            return await text if inspect.isawaitable(text) else text
        response = await self.chat_completion(
            wanted.messages, max_tokens=wanted.max_tokens, overflow="error", model=wanted.model
        )
        return response.text


def _accepting(call: Call[AnswerT, ChunkT]) -> Callable[[AnswerT], Awaitable[None]]:
    async def finish(response: AnswerT) -> None:
        call.accept(response)

    return finish
