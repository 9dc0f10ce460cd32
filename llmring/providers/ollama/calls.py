"""Calls in the form in which they are put to an Ollama server. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cloud.llm.calls import json_text, nested_choice
from cloud.llm.json_schema import JSONSchema
from cloud.llm.response_formats import wanted_schema
from LLM.secrets import Secrets
from LLM.structured import class_schema, is_model_class
from llmring.providers.base import ProviderCall
from llmring.providers.ollama.prompted_answers import PromptedAnswer
from llmring.providers.ollama.prompted_tools import PromptedTools, n_calls

_ASKS_FOR_JSON = "Write an answer without a tool as one JSON object: no other text, no code fence."
_ASKS_TO_FIT = (
    "Write an answer without a tool as JSON that fits this JSON schema: no other text, no code "
    "fence.\n"
)


@dataclass(frozen=True, slots=True)
class OllamaCall:
    """A call as it is put to the server.

    :param call: the call, perhaps with its tools in its prompt.
    :param answer: reads the answer in that case; else None.
    :param waited_s: seconds that it took to learn what the model can do.
    """

    call: ProviderCall
    answer: PromptedAnswer | None = None
    waited_s: float = 0.0


def with_openai_choice(call: ProviderCall) -> ProviderCall:
    """The call with its tool choice as OpenAI has it."""
    choice, extra = call.tool_choice, call.extra
    if isinstance(choice, Mapping) and choice.get("disable_parallel_tool_use"):
        extra = {"parallel_tool_calls": False, **extra}
    return replace(call, tool_choice=nested_choice(choice), extra=extra)


def may_call_in_parallel(call: ProviderCall) -> bool:
    """Whether the model may make several calls in one answer."""
    return call.extra.get("parallel_tool_calls") is not False


def with_thinking(call: ProviderCall, thinks: bool) -> ProviderCall:
    """The call with what it says of thinking in Ollama's words; what the caller says wins."""
    if call.reasoning_tokens is None or not call.extra.keys().isdisjoint(
        ("think", "reasoning_effort")
    ):
        return call
    limit = call.max_tokens
    if thinks and limit is not None:
        limit += call.reasoning_tokens
    # A model that cannot think keeps every bound; to ask it to would be an error.
    think = {"think": thinks} if thinks or not call.reasoning_tokens else {}
    return replace(call, max_tokens=limit, extra={**call.extra, **think})


def with_prompted_tools(call: ProviderCall, secrets: Secrets) -> OllamaCall:
    """A call with its tools in its prompt.

    :param secrets: keys to keep out of errors.
    """
    extra = {name: value for name, value in call.extra.items() if name != "parallel_tool_calls"}
    tools = PromptedTools.of(
        call.tools,
        call.tool_choice,
        parallel=may_call_in_parallel(call),
        form=_form(call.response_format),
    )
    if tools.must_call:
        extra["format"] = tools.format()
    answer = None
    if tools.functions:
        answer = PromptedAnswer(tools, n_calls(call.messages), secrets)
    asked = replace(
        call,
        messages=tools.messages(call.messages),
        tools=None,
        tool_choice=None,
        # Held to a form, the model could call nothing: it is told of it.
        response_format=None if tools.functions else call.response_format,
        extra=extra,
    )
    return OllamaCall(asked, answer)


def _form(response_format: Any) -> str:
    """What a model is told of the form of its answer; empty for any text.

    :raises InvalidRequestError: it has no form at Ollama.
    """
    if isinstance(response_format, JSONSchema):
        schema: Mapping[str, Any] | None = response_format.schema
    elif is_model_class(response_format):
        schema = class_schema(response_format)
    else:
        schema = wanted_schema(response_format, "Ollama")
    if schema is None:
        return ""
    return _ASKS_TO_FIT + json_text(schema, "response_format") if schema else _ASKS_FOR_JSON
