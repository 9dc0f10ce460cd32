"""`LLM`: the blocking client for any OpenAI-compatible address."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from LLM.assembly import ChatAssembler, CompletionAssembler
from LLM.cache import ResponseCache
from LLM.caller import Caller
from LLM.config import LLMConfig
from LLM.endpoint import checked_timeout_s
from LLM.exceptions import LLMConfigError
from LLM.headers import request_headers
from LLM.overflow import Count, OverflowPolicy, Summarise
from LLM.preparation import Arguments, Preparation, Prompt, user_message
from LLM.rate_limit import RateLimiter
from LLM.retry import RetryStrategy
from LLM.steps import run_steps
from LLM.streaming import ChatStream, CompletionStream
from LLM.transport import Transport
from LLM.types import ChatCompletionResponse, CompletionResponse, ModelsResponse
from LLM.window import TextWanted

if TYPE_CHECKING:
    from LLM.batch.output import AnyOutput
    from LLM.batch.prompts import Requests
    from LLM.batch.report import BatchReport
    from LLM.batch.types import BatchOptions

logger = logging.getLogger("LLM")


class LLM(Preparation):
    """Calls one OpenAI-compatible address; keep it, for it reuses its connections.

    Safe to share between threads. Use it in a ``with`` block, or `close` it. Everything that goes
    wrong raises an `LLMError`.

    :param config: where and how to call; the defaults call a local server.
    :param retry_policy: decides on retries in place of the one that `config` describes.
    :param rate_limiter: shared limiter in place of the one that `config` describes.
    :param cache: store of answers; a call that was made before, in every byte, is answered from it
        without being sent or counted. Streams are never cached.
    :param count_tokens: tokens of a list of messages, for `config.context_length`; None estimates
        them by their bytes, rather too high than too low.
    :param summarise: gives the text that stands for a list of messages which the overflow policy
        ``summarise`` drops; None asks the model, in calls that count as any other.
    :raises LLMConfigError: the CA bundle that is configured does not exist.
    """

    def __init__(
        self,
        config: LLMConfig | None = None,
        *,
        retry_policy: RetryStrategy | None = None,
        rate_limiter: RateLimiter | None = None,
        cache: ResponseCache | None = None,
        count_tokens: Count | None = None,
        summarise: Summarise | None = None,
    ) -> None:
        if inspect.iscoroutinefunction(summarise):
            raise LLMConfigError(
                "summarise is a coroutine function, which LLM cannot await; use AsyncLLM"
            )
        super().__init__(config, count_tokens, summarise)
        config = self.config
        self._transport = Transport(
            config.api_root,
            request_headers(config),
            verify=config.verify,
            max_connections=config.max_connections,
        )
        self._ledger = self._new_ledger(self._transport, retry_policy, rate_limiter, cache)
        self._caller = Caller(self._transport, self._ledger)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @overload
    def chat_completion(
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
    def chat_completion(
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
    ) -> ChatStream: ...

    @overload
    def chat_completion(
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
    ) -> ChatCompletionResponse | ChatStream: ...

    def chat_completion(
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
    ) -> ChatCompletionResponse | ChatStream:
        """Answer a conversation.

        :param messages: `Message` objects, dicts, or anything with `role` and `content`.
        :param temperature: 0.0 to 2.0; None takes the config's.
        :param max_tokens: most tokens to generate; None takes the config's.
        :param stream: give the answer as it is made: an iterator of chunks that is also a context
            manager, with the assembled answer in `.response`.
        :param response_format: as the API takes it, or a pydantic class: the answer is then checked
            against it, and its object is in `.parsed`.
        :param timeout: seconds, in place of the config's for this call.
        :param overflow: what to do with messages that `config.context_length` has no room for:
            ``error``, ``drop_oldest``, ``drop_middle`` or ``summarise``; None takes the config's.
            Without a context length it is sent: our own server takes it. What was dropped is in
            the answer's, or the stream's, `.overflow`.
        :param kwargs: any further field of the API (`tools`, `tool_choice`, `n`, `seed`, `stop`,
            `logprobs`, …), sent as it is; None is not sent. `model` overrides the config's, and
            `tools` may be flat, ``{"name": …, "parameters": …}``, as well as nested.
        :return: the answer, or the stream.
        :raises InvalidRequestError: an argument cannot work, or the server says so (400, 404, …).
        :raises LLMAuthError: the key is refused.
        :raises LLMRateLimitError: 429 after all retries, or at once when the quota is spent.
        :raises LLMConnectionError: no answer; LLMTimeoutError: a deadline passed.
        :raises LLMServerError: 5xx after all retries.
        :raises LLMResponseError: the answer is unreadable, cut short, or not of `response_format`.
        :raises UsageLimitError: the call would pass `max_total_tokens`.
        :raises LLMContextLengthError: the messages do not fit, and `overflow` may not drop enough.
        """
        arguments = Arguments(temperature, max_tokens, stream, timeout, kwargs)
        steps = self._chat(messages, arguments, response_format, overflow)
        call, report = run_steps(steps, self._text)
        if not stream:
            return self._caller.post(call)
        assembler = ChatAssembler(report)
        chunks, close = self._caller.stream(call, assembler)
        return ChatStream(chunks, close, call.accept, assembler)

    @overload
    def completion(
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
    def completion(
        self,
        prompt: Prompt,
        temperature: float | None = None,
        max_tokens: int | None = None,
        *,
        stream: Literal[True],
        timeout: float | None = None,
        **kwargs: Any,
    ) -> CompletionStream: ...

    @overload
    def completion(
        self,
        prompt: Prompt,
        temperature: float | None = None,
        max_tokens: int | None = None,
        *,
        stream: bool,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> CompletionResponse | CompletionStream: ...

    def completion(
        self,
        prompt: Prompt,
        temperature: float | None = None,
        max_tokens: int | None = None,
        *,
        stream: bool = False,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> CompletionResponse | CompletionStream:
        """Continue a text.

        :param prompt: the text, or a list of texts, each of which gets its own choice; or token ids
            in the place of texts.
        :param temperature: 0.0 to 2.0; None takes the config's.
        :param max_tokens: most tokens to generate; None takes the config's.
        :param stream: give the answer as it is made, as `chat_completion` does.
        :param timeout: seconds, in place of the config's for this call.
        :param kwargs: any further field of the API, sent as it is; None is not sent.
        :return: the answer, or the stream.
        :raises LLMError: as `chat_completion`.
        """
        arguments = Arguments(temperature, max_tokens, stream, timeout, kwargs)
        call = self._completion(prompt, arguments)
        if not stream:
            return self._caller.post(call)
        assembler = CompletionAssembler()
        chunks, close = self._caller.stream(call, assembler)
        return CompletionStream(chunks, close, call.accept, assembler)

    def stream_text(
        self,
        messages: Any,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Any,
    ) -> Generator[str, None, None]:
        """The answer's text, piece by piece: ``for text in llm.stream_text(messages): ...``.

        A string in place of messages is taken as one user message. Arguments and errors are those
        of `chat_completion`.
        """
        messages = user_message(messages)
        with self.chat_completion(
            messages, temperature, max_tokens, stream=True, **kwargs
        ) as stream:
            yield from stream.iter_text()

    def batch(
        self,
        requests: Requests,
        output: AnyOutput = None,
        **options: Unpack[BatchOptions],
    ) -> BatchReport:
        """Answer many requests, durably: the same call again goes on where an earlier one ended.

        Each request is sent as it is, with the config's `model` where it names none; nothing else
        of the config goes into it. Retries, limits, cache and totals are those of single calls.

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

        return EndpointJob(self, requests, output, options).run()

    def cancel_batch(self, output: AnyOutput) -> list[str]:
        """End a job at the provider's batch endpoint; what it has answered, the next run fetches.

        :param output: the job's.
        :return: the ids of its batches; none where the provider has none of it.
        :raises LLMError: one could not be ended.
        """
        from LLM.batch.provider.jobs import cancel_at_openai

        return cancel_at_openai(self, output)

    def list_models(self, *, timeout: float | None = None) -> ModelsResponse:
        """The models that the server offers.

        :param timeout: seconds, in place of the config's for this call.
        :raises LLMError: as `chat_completion`.
        """
        logger.info("list models")
        timeout_s = checked_timeout_s(timeout, self.config.timeout)
        return self._caller.get("/models", ModelsResponse, timeout_s)

    def reset_session(self) -> None:
        """Drop idle connections, the last response and the request count; `usage` stays."""
        self._transport.reset()
        self._forget()

    def close(self) -> None:
        """Drop idle connections; further calls raise. Safe to call again.

        Calls and streams in flight go on, and close theirs when done.
        """
        if not self._transport.closed:
            self._transport.close()
            logger.info("session closed")

    def _text(self, wanted: TextWanted) -> str:
        """A summary of what does not fit, by the function that was given for it or the model."""
        if wanted.write is not None:
            # A coroutine function was refused, so this is the text.
            return str(wanted.write(wanted.messages))
        return self.chat_completion(
            wanted.messages, max_tokens=wanted.max_tokens, overflow="error", model=wanted.model
        ).text
