"""Anthropic's Messages API as requests, answers and events.

Source: https://platform.claude.com/docs/en/api/messages/create; field names as in anthropic 2.12.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from cloud.llm.anthropic.errors import error_inside, exact
from cloud.llm.anthropic.messages import conversation, system_prompt
from cloud.llm.anthropic.parts import text_block
from cloud.llm.anthropic.stream import AnthropicDecoder
from cloud.llm.anthropic.tools import anthropic_choice, anthropic_tools
from cloud.llm.anthropic.wire import Message, finish_reason, usage_of
from cloud.llm.codec import ChatCall, WireRequest
from cloud.llm.config import ClientConfig
from cloud.llm.types import ChatResponse, ToolCall
from LLM.attempts import refusal
from LLM.codec import Source, decode_answer, encode_body, lenient_json
from LLM.endpoint import names_version
from LLM.exceptions import (
    InvalidRequestError,
    LLMAPIError,
    LLMError,
    LLMResponseError,
)

PATH = "/messages"

#: The version that has `temperature`, `top_p` and `top_k`: the next one, 2026-10-21, refuses them.
#: Source: https://platform.claude.com/docs/en/api/versioning
VERSION = "2023-06-01"

#: The API wants a bound from everyone; ours for who gives none, beyond what thinking may take.
DEFAULT_MAX_TOKENS = 4096

# There is no JSON mode without a schema; OpenAI's own wants the prompt to ask for JSON, too.
_ASKS_FOR_JSON = "Answer with one JSON object and nothing else: no other text, no code fence."

# OpenAI's words for efforts that Anthropic calls otherwise; the others are the same.
_EFFORTS = {"minimal": "low"}


class AnthropicCodec:
    """The wire form of Anthropic.

    :param config: the client's settings.
    """

    def __init__(self, config: ClientConfig) -> None:
        url = config.base_url
        self.api_root = url if names_version(url) else url + "/v1"
        self.headers: dict[str, str] = {"anthropic-version": VERSION}
        if config.api_key is not None:
            # Documented for all versions; the SDK sends the same key as a bearer token.
            self.headers["x-api-key"] = config.api_key

    def request(self, call: ChatCall) -> WireRequest:
        """:raises InvalidRequestError: Anthropic has no form for it; the message names what."""
        extra = dict(call.extra)
        system, turns = conversation(call.messages)
        output = _output_config(call.response_format, extra)
        if (call.response_format or {}).get("type") == "json_object":
            system = [*system, text_block(_ASKS_FOR_JSON)]
        parallel = extra.pop("parallel_tool_calls", None)
        fields = {
            "model": call.model,
            "max_tokens": _max_tokens(call.max_tokens, extra),
            "system": system_prompt(system),
            "messages": turns,
            "temperature": call.temperature,
            "tools": anthropic_tools(call.tools),
            "tool_choice": anthropic_choice(call.tool_choice, parallel, bool(call.tools)),
            "output_config": output or None,
            "stop_sequences": _stops(extra.pop("stop", None)),
            "metadata": _metadata(extra),
            **extra,
            "stream": call.stream or None,
        }
        return WireRequest(PATH, encode_body(fields))

    def response(self, body: bytes, status: int, source: Source) -> ChatResponse:
        """:raises LLMAPIError: the body holds an error, or cannot be read."""
        message = _decoded(body, status, source)
        if not message.content and message.stop_reason is None:
            raise source.error(
                f"answered {status} with a message that holds nothing", status_code=status
            )
        usage, n_input = usage_of(message.usage) if message.usage else (None, 0)
        thoughts = [block for block in message.content if block.type in _THOUGHTS]
        reasoning = "".join(block.thinking or "" for block in thoughts)
        signed = any(block.signature or block.data for block in thoughts)
        details = message.stop_details
        return ChatResponse(
            content="".join(b.text or "" for b in message.content if b.type == "text"),
            model=message.model or source.model or "",
            input_tokens=n_input,
            output_tokens=usage.completion_tokens if usage else 0,
            finish_reason=finish_reason(message.stop_reason),
            tool_calls=[
                ToolCall(block.id or "", block.name or "", block.input or {})
                for block in message.content
                if block.type == "tool_use"
            ],
            raw=_raw(body),
            reasoning=reasoning or None,
            thinking_blocks=[_THOUGHTS[block.type](block) for block in thoughts] if signed else [],
            refusal=(details.explanation if details else None) or None,
            usage=usage,
            id=message.id,
        )

    def decoder(self, status: int, source: Source) -> AnthropicDecoder:
        """A decoder for one stream."""
        return AnthropicDecoder(status, source)

    def refusal(
        self, status: int, headers: Mapping[str, str], body: bytes, source: Source
    ) -> LLMError:
        """The error for an answer whose status is not 2xx."""
        failure = refusal(status, headers, body, source)
        return exact(failure) if isinstance(failure, LLMAPIError) else failure


_THOUGHTS = {
    "thinking": lambda block: {
        "type": "thinking",
        "thinking": block.thinking or "",
        "signature": block.signature or "",
    },
    "redacted_thinking": lambda block: {"type": "redacted_thinking", "data": block.data or ""},
}


def _decoded(body: bytes, status: int, source: Source) -> Message:
    try:
        return decode_answer(Message, body, status, source)
    except LLMResponseError:
        raise
    except LLMAPIError as err:
        told = err.body
    # Out of the handler, for the error below says all that the caught one did, and more exactly.
    raise error_inside(told, status, source)


def _raw(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return lenient_json(body)


def _max_tokens(given: int | None, extra: dict[str, Any]) -> Any:
    newer = extra.pop("max_completion_tokens", None)
    if given is not None:
        return given
    if newer is not None:
        return newer
    thinking = extra.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    return DEFAULT_MAX_TOKENS + (budget if isinstance(budget, int) else 0)


def _output_config(response_format: Any, extra: dict[str, Any]) -> dict[str, Any]:
    """Takes `reasoning_effort` and `output_config` out of `extra`."""
    output: dict[str, Any] = {}
    effort = extra.pop("reasoning_effort", None)
    if effort == "none":
        extra.setdefault("thinking", {"type": "disabled"})
    elif effort is not None:
        output["effort"] = _EFFORTS.get(effort, effort) if isinstance(effort, str) else effort
    if response_format and (schema := _schema(response_format)):
        output["format"] = {"type": "json_schema", "schema": schema}
    return {**output, **_taken(extra, "output_config")}


def _schema(response_format: Mapping[str, Any]) -> Any:
    """The schema that is asked for; None where the answer is free."""
    kind = response_format.get("type")
    if kind in ("text", "json_object"):
        return None
    nested = response_format.get("json_schema")
    holder = nested if isinstance(nested, Mapping) else response_format
    schema = holder.get("schema")
    if kind != "json_schema" or not isinstance(schema, Mapping):
        raise InvalidRequestError(
            f"response_format of type {kind!r} holds no schema; give a pydantic class, or "
            "{'type': 'json_schema', 'json_schema': {'name': …, 'schema': {…}}}"
        )
    return schema


def _stops(stop: Any) -> Any:
    return [stop] if isinstance(stop, str) else stop


def _metadata(extra: dict[str, Any]) -> dict[str, Any] | None:
    """OpenAI's `user` is the one field that Anthropic's metadata has."""
    user, metadata = extra.pop("user", None), _taken(extra, "metadata")
    return {**({} if user is None else {"user_id": user}), **metadata} or None


def _taken(extra: dict[str, Any], name: str) -> Mapping[str, Any]:
    """The dict that was given as `name`, taken out of `extra`; an empty one for none."""
    value = extra.pop(name, {})
    if not isinstance(value, Mapping):
        raise InvalidRequestError(f"{name} is a {type(value).__name__}; give a dict")
    return value
