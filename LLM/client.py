"""`LLM`: the blocking client for any OpenAI-compatible address."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from LLM.assembly import ChatAssembler, CompletionAssembler
from LLM.cache import ResponseCache
from LLM.caller import Caller
from LLM.codec import check_prompt, check_sampling, message_list
from LLM.config import LLMConfig
from LLM.exceptions import InvalidRequestError, LLMConfigError
from LLM.headers import request_headers
from LLM.overflow import Count, OverflowPolicy, Summarise
from LLM.rate_limit import RateLimiter
from LLM.retry import RetryPolicy, RetryStrategy
from LLM.streaming import ChatStream, CompletionStream
from LLM.structured import is_model_class, parse_choices, response_format_of
from LLM.tools import nested_tools
from LLM.transport import Transport
from LLM.types import (
    ChatCompletionChunk,
    ChatCompletionResponse,
    CompletionChunk,
    CompletionResponse,
    ModelsResponse,
)
from LLM.usage import UsageTracker
from LLM.window import Window

if TYPE_CHECKING:
    from pydantic import BaseModel

logger = logging.getLogger("LLM")
logger.addHandler(logging.NullHandler())

#: A text, several, the token ids of one, or those of several.
Prompt = str | list[str] | list[int] | list[list[int]]

#: What an answer of the last call can be.
LastResponse = ChatCompletionResponse | CompletionResponse | None


class LLM:
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
        config = LLMConfig() if config is None else config
        if not isinstance(config, LLMConfig):
            given = repr(config) if isinstance(config, type) else f"a {type(config).__name__}"
            raise LLMConfigError(
                f"LLM takes an LLMConfig, not {given}; write LLM(LLMConfig(base_url=…, model=…))"
            )
        self.config = config
        #: Tokens used so far, in all and by model.
        self.usage = UsageTracker(config.max_total_tokens)
        if rate_limiter is None and (config.requests_per_minute or config.tokens_per_minute):
            rate_limiter = RateLimiter(config.requests_per_minute, config.tokens_per_minute)
        self._transport = Transport(
            config.api_root,
            request_headers(config),
            verify=config.verify,
            max_connections=config.max_connections,
        )
        self._caller = Caller(
            self._transport,
            retry_policy or RetryPolicy.of(config),
            self.usage,
            rate_limiter=rate_limiter,
            cache=cache,
            secret=config.secrets,
        )
        self._window = Window(config, count_tokens, summarise)
        self._last_response: LastResponse = None
        logger.info("initialized for %s, model %s", config.api_root, config.model)

    def __repr__(self) -> str:
        return f"LLM(base_url={self.config.base_url!r}, model={self.config.model!r})"

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
        wanted: type[BaseModel] | None = None
        if is_model_class(response_format):
            wanted, response_format = response_format, response_format_of(response_format)
        fields = {
            "model": kwargs.pop("model", None) or self.config.model,
            "messages": message_list(messages),
            **self._sampling(temperature, max_tokens, kwargs),
            "response_format": response_format,
            "tools": nested_tools(kwargs.pop("tools", None)),
            **kwargs,
        }
        report = self._window.fit(fields, overflow, self._answer_text)
        logger.info(
            "chat completion: model %s, %d messages, temperature %s",
            fields["model"],
            len(fields["messages"]),
            fields["temperature"],
        )

        def finish(response: ChatCompletionResponse) -> None:
            self._last_response = response
            response.overflow = report or response.overflow
            if wanted is not None:
                parse_choices(response.choices, wanted, self.config.secrets)

        path, timeout_s = "/chat/completions", self._timeout_s(timeout)
        if not stream:
            return self._caller.post(path, fields, ChatCompletionResponse, timeout_s, finish)
        assembler = ChatAssembler(report)
        self._ask_for_stream(fields)
        chunks, close = self._caller.stream(path, fields, ChatCompletionChunk, assembler, timeout_s)
        return ChatStream(chunks, close, finish, assembler)

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
        check_prompt(prompt)
        fields = {
            "model": kwargs.pop("model", None) or self.config.model,
            "prompt": prompt,
            **self._sampling(temperature, max_tokens, kwargs),
            **kwargs,
        }
        logger.info("completion: model %s, temperature %s", fields["model"], fields["temperature"])

        def finish(response: CompletionResponse) -> None:
            self._last_response = response

        path, timeout_s = "/completions", self._timeout_s(timeout)
        if not stream:
            return self._caller.post(path, fields, CompletionResponse, timeout_s, finish)
        assembler = CompletionAssembler()
        self._ask_for_stream(fields)
        chunks, close = self._caller.stream(path, fields, CompletionChunk, assembler, timeout_s)
        return CompletionStream(chunks, close, finish, assembler)

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
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        with self.chat_completion(
            messages, temperature, max_tokens, stream=True, **kwargs
        ) as stream:
            yield from stream.iter_text()

    def list_models(self, *, timeout: float | None = None) -> ModelsResponse:
        """The models that the server offers.

        :param timeout: seconds, in place of the config's for this call.
        :raises LLMError: as `chat_completion`.
        """
        logger.info("list models")
        return self._caller.get("/models", ModelsResponse, self._timeout_s(timeout))

    def get_last_response(self) -> LastResponse:
        """The last answer of `chat_completion` or `completion`, a finished stream's included."""
        return self._last_response

    def get_request_count(self) -> int:
        """API calls made since the start or the last `reset_session`.

        A call counts once, whatever its retries and its outcome; one answered from the cache or
        refused before it was sent does not.
        """
        return self._caller.request_count

    def reset_session(self) -> None:
        """Drop idle connections, the last response and the request count; `usage` stays."""
        self._transport.reset()
        self._caller.reset_count()
        self._last_response = None
        logger.info("session reset")

    def close(self) -> None:
        """Drop idle connections; further calls raise. Safe to call again.

        Calls and streams in flight go on, and close theirs when done.
        """
        if not self._transport.closed:
            self._transport.close()
            logger.info("session closed")

    def _sampling(
        self, temperature: float | None, max_tokens: int | None, kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        temperature = self.config.temperature if temperature is None else temperature
        for name in ("extra_body", "extra_headers", "extra_query"):
            if name in kwargs:
                raise InvalidRequestError(
                    f"{name} belongs to the openai SDK; here, further fields of the API are "
                    "keywords, and headers are LLMConfig.headers"
                )
        # OpenAI's newer name for the same limit; sending both is refused.
        if max_tokens is None and kwargs.get("max_completion_tokens") is None:
            max_tokens = self.config.max_tokens
        check_sampling(temperature, max_tokens)
        return {"temperature": temperature, "max_tokens": max_tokens}

    def _answer_text(self, model: str, messages: list[dict[str, Any]], max_tokens: int) -> str:
        """What the model writes to fit messages: the calls that summaries are made of."""
        return self.chat_completion(
            messages, max_tokens=max_tokens, overflow="error", model=model
        ).text

    def _ask_for_stream(self, fields: dict[str, Any]) -> None:
        fields["stream"] = True
        if self.config.stream_usage:
            fields.setdefault("stream_options", {"include_usage": True})

    def _timeout_s(self, timeout: Any) -> float:
        if timeout is None:
            return self.config.timeout
        is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
        # The system's clocks overflow on inf and 1e300; the config has the same bound.
        if not is_number or not 0 < timeout <= 86_400:
            raise InvalidRequestError(f"timeout is {timeout!r}; give seconds above 0, up to a day")
        return float(timeout)
