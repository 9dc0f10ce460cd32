"""What `LLM` and `AsyncLLM` do before a call is sent and after it is answered, written once."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from LLM.codec import check_prompt, check_sampling, message_list
from LLM.config import LLMConfig
from LLM.endpoint import checked_timeout_s
from LLM.exceptions import InvalidRequestError, LLMConfigError
from LLM.foreign import is_openai, known_message
from LLM.ledger import Call, Endpoint, Ledger
from LLM.overflow import Count
from LLM.rate_limit import RateLimiter
from LLM.retry import RetryPolicy, checked_policy
from LLM.structured import is_model_class, parse_choices, response_format_of
from LLM.tools import nested_tools
from LLM.types import (
    ChatCompletionChunk,
    ChatCompletionResponse,
    CompletionChunk,
    CompletionResponse,
)
from LLM.usage import UsageTracker
from LLM.window import TextWanted, Window, Write

if TYPE_CHECKING:
    from pydantic import BaseModel

    from LLM.cache import ResponseCache
    from LLM.overflow import Overflow
    from LLM.retry import RetryStrategy

logger = logging.getLogger("LLM")

#: A text, several, the token ids of one, or those of several.
Prompt = str | list[str] | list[int] | list[list[int]]

#: What an answer of the last call can be.
LastResponse = ChatCompletionResponse | CompletionResponse | None

ChatCall = Call[ChatCompletionResponse, ChatCompletionChunk]
CompletionCall = Call[CompletionResponse, CompletionChunk]
#: Of a chat call: the call, and what was dropped so that it fits.
PreparedChat = tuple[ChatCall, "Overflow | None"]


@dataclass(slots=True)
class Arguments:
    """What `chat_completion` and `completion` have in common, as it was given.

    :param further: fields of the API that the signature does not name.
    """

    temperature: float | None
    max_tokens: int | None
    stream: bool
    timeout: float | None
    further: dict[str, Any]


class Preparation:
    """What both clients keep: settings, policies, the last response. It does no I/O.

    :param config: where and how to call.
    :param count_tokens: tokens of a list of messages; None estimates.
    :param summarise: text for a list of dropped messages; None asks the model.
    :raises LLMConfigError: an argument is of the wrong kind.
    """

    def __init__(
        self, config: LLMConfig | None, count_tokens: Count | None, summarise: Write | None
    ) -> None:
        config = LLMConfig() if config is None else config
        name = type(self).__name__
        if not isinstance(config, LLMConfig):
            given = repr(config) if isinstance(config, type) else f"a {type(config).__name__}"
            raise LLMConfigError(
                f"{name} takes an LLMConfig, not {given}; write "
                f"{name}(LLMConfig(base_url=…, model=…))"
            )
        if inspect.iscoroutinefunction(count_tokens):
            raise LLMConfigError("count_tokens is a coroutine function; give a plain function")
        self.config = config
        #: Tokens used so far, in all and by model.
        self.usage = UsageTracker(config.max_total_tokens)
        self._at_openai = is_openai(config.api_root)
        self._window = Window(config, count_tokens, summarise)
        self._count_tokens = count_tokens
        self._last_response: LastResponse = None
        self._ledger: Ledger

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}(base_url={self.config.base_url!r}, model={self.config.model!r})"

    def get_last_response(self) -> LastResponse:
        """The last answer of `chat_completion` or `completion`, a finished stream's included."""
        return self._last_response

    def get_request_count(self) -> int:
        """API calls made since the start or the last `reset_session`.

        A call counts once, whatever its retries and its outcome; one answered from the cache or
        refused before it was sent does not.
        """
        return self._ledger.request_count

    def _new_ledger(
        self,
        endpoint: Endpoint,
        retry_policy: RetryStrategy | None,
        rate_limiter: RateLimiter | None,
        cache: ResponseCache | None,
    ) -> Ledger:
        """The policies that were given, and the config's where none was."""
        config = self.config
        if rate_limiter is None and (config.requests_per_minute or config.tokens_per_minute):
            rate_limiter = RateLimiter(config.requests_per_minute, config.tokens_per_minute)
        logger.info("initialized for %s, model %s", config.api_root, config.model)
        return Ledger(
            endpoint,
            checked_policy(retry_policy, RetryPolicy.of(config)),
            self.usage,
            rate_limiter=rate_limiter,
            cache=cache,
            secret=config.secrets,
        )

    def _forget(self) -> None:
        """The last response and the request count start anew."""
        self._ledger.reset_count()
        self._last_response = None
        logger.info("session reset")

    def _chat(
        self, messages: Any, arguments: Arguments, response_format: Any, overflow: Any
    ) -> Generator[TextWanted, str, PreparedChat]:
        """Steps, see `LLM.steps`, from the arguments of `chat_completion` to a call."""
        timeout_s = checked_timeout_s(arguments.timeout, self.config.timeout)
        wanted: type[BaseModel] | None = None
        if is_model_class(response_format):
            wanted, response_format = response_format, response_format_of(response_format)
        further = arguments.further
        fields = {
            "model": further.pop("model", None) or self.config.model,
            "messages": [
                known_message(message, at_openai=self._at_openai)
                for message in message_list(messages)
            ],
            **self._sampling(arguments),
            "response_format": response_format,
            "tools": nested_tools(further.pop("tools", None)),
            **further,
        }
        report = yield from self._window.fit(fields, overflow)
        logger.info(
            "chat completion: model %s, %d messages, temperature %s",
            fields["model"],
            len(fields["messages"]),
            fields["temperature"],
        )

        def accept(response: ChatCompletionResponse) -> None:
            self._last_response = response
            response.overflow = report or response.overflow
            if wanted is not None:
                parse_choices(response.choices, wanted, self.config.secrets)

        if arguments.stream:
            self._ask_for_stream(fields)
        shapes = ChatCompletionResponse, ChatCompletionChunk
        return Call("/chat/completions", fields, *shapes, timeout_s, accept), report

    def _completion(self, prompt: Any, arguments: Arguments) -> CompletionCall:
        """From the arguments of `completion` to a call."""
        timeout_s = checked_timeout_s(arguments.timeout, self.config.timeout)
        check_prompt(prompt)
        further = arguments.further
        fields = {
            "model": further.pop("model", None) or self.config.model,
            "prompt": prompt,
            **self._sampling(arguments),
            **further,
        }
        logger.info("completion: model %s, temperature %s", fields["model"], fields["temperature"])

        def accept(response: CompletionResponse) -> None:
            self._last_response = response

        if arguments.stream:
            self._ask_for_stream(fields)
        return Call("/completions", fields, CompletionResponse, CompletionChunk, timeout_s, accept)

    def _sampling(self, arguments: Arguments) -> dict[str, Any]:
        for name in ("extra_body", "extra_headers", "extra_query"):
            if name in arguments.further:
                raise InvalidRequestError(
                    f"{name} belongs to the openai SDK; here, further fields of the API are "
                    "keywords, and headers are LLMConfig.headers"
                )
        temperature, max_tokens = arguments.temperature, arguments.max_tokens
        if temperature is None:
            temperature = self.config.temperature
        # OpenAI's newer name for the same limit; sending both is refused.
        if max_tokens is None and arguments.further.get("max_completion_tokens") is None:
            max_tokens = self.config.max_tokens
        check_sampling(temperature, max_tokens)
        return {"temperature": temperature, "max_tokens": max_tokens}

    def _ask_for_stream(self, fields: dict[str, Any]) -> None:
        fields["stream"] = True
        if self.config.stream_usage:
            fields.setdefault("stream_options", {"include_usage": True})


def user_message(messages: Any) -> Any:
    """A conversation; a string is taken as one user message."""
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    return messages
