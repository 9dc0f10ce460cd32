"""From a call in OpenAI's words to the fields of Gemini's request.

Source: https://ai.google.dev/api/generate-content (`GenerationConfig`, `Tool`, `ToolConfig`);
google-genai 3.4 (`models.py`) for where each field goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloud.llm.codec import ChatCall
from cloud.llm.gemini.contents import Conversation
from cloud.llm.gemini.schemas import format_fields
from cloud.llm.gemini.thinking import effort_config
from cloud.llm.keywords import BOOKKEEPING
from LLM.exceptions import InvalidRequestError

#: Fields of `generationConfig`; other keywords stand beside it.
_GENERATION_FIELDS = frozenset(
    """
    audioTranscriptionConfig candidateCount enableEnhancedCivicAnswers frequencyPenalty imageConfig
    logprobs maxOutputTokens mediaResolution presencePenalty responseJsonSchema responseLogprobs
    responseMimeType responseModalities responseSchema seed speechConfig stopSequences temperature
    thinkingConfig topK topP
    """.split()
)
#: OpenAI's names that Google has another for, beyond camel case.
_GOOGLES_NAMES = {
    "max_completion_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "n": "candidateCount",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
    "modalities": "responseModalities",
    "metadata": "labels",
}
#: OpenAI's names that say what Gemini does anyway, or what it has no use for; it has a `store`.
_UNNEEDED = (BOOKKEEPING - {"store"}) | {"parallel_tool_calls"}

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_DECLARED = ("name", "description", "response", "behavior")


def request_fields(call: ChatCall, api_root: str) -> dict[str, Any]:
    """The body's fields; those that are None are not sent.

    :param api_root: where files that are given by name alone lie.
    :raises InvalidRequestError: Gemini has no form for a part of the call.
    """
    conversation = Conversation(call.messages, call.model, api_root, has_system=call.has_system)
    config: dict[str, Any] = {"temperature": call.temperature, "maxOutputTokens": call.max_tokens}
    config.update(format_fields(call))
    fields: dict[str, Any] = {
        "contents": conversation.contents,
        "systemInstruction": conversation.system_instruction,
        "tools": _tools(call.tools),
        "toolConfig": _tool_config(call.tool_choice, call.tools),
    }
    for name, value in call.extra.items():
        _add(name, value, call, config, fields)
    config = {name: value for name, value in config.items() if value is not None}
    return {**fields, "generationConfig": config or None}


def _add(
    name: str, value: Any, call: ChatCall, config: dict[str, Any], fields: dict[str, Any]
) -> None:
    """Put one further keyword of the caller where it belongs."""
    if name == "parallel_tool_calls" and value is False and call.tools:
        raise InvalidRequestError(
            "parallel_tool_calls is False, which Gemini cannot promise; leave it out, and take the "
            "first of several calls"
        )
    if name in _UNNEEDED:
        return
    if name == "reasoning_effort":
        _merge(config, "thinkingConfig", effort_config(value, call.model))
        return
    field = _GOOGLES_NAMES.get(name) or _camel(name)
    if field == "generationConfig":
        for key, item in _mapping(name, value).items():
            _merge(config, _camel(key), item)
    elif field == "systemInstruction":
        _add_instruction(fields, value)
    elif field in _GENERATION_FIELDS:
        _merge(config, field, _converted(field, value))
    else:
        _merge(fields, field, value)


def _merge(fields: dict[str, Any], name: str, value: Any) -> None:
    """Set a field; of two objects for the same one, the later's entries win."""
    present = fields.get(name)
    if isinstance(value, Mapping):
        value = {_camel(key): item for key, item in value.items()} if _is_config(name) else value
        if isinstance(present, Mapping):
            value = {**present, **value}
    fields[name] = value


def _is_config(name: str) -> bool:
    """Whether an object's keys are Google's fields, and not the caller's own words."""
    return name.endswith("Config")


def _converted(field: str, value: Any) -> Any:
    if field == "stopSequences" and isinstance(value, str):
        return [value]
    if field == "responseModalities" and isinstance(value, list):
        return [item.upper() if isinstance(item, str) else item for item in value]
    return value


def _add_instruction(fields: dict[str, Any], value: Any) -> None:
    """Add the caller's own `system_instruction` to the system turns of the conversation."""
    if isinstance(value, str):
        value = {"parts": [{"text": value}]}
    parts = _mapping("system_instruction", value).get("parts")
    if not isinstance(parts, list):
        raise InvalidRequestError("system_instruction has no list of 'parts'; give text")
    earlier = (fields.get("systemInstruction") or {}).get("parts", [])
    fields["systemInstruction"] = {"parts": [*earlier, *parts]}


def _tools(tools: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Functions as one list of declarations, Google's own tools beside them."""
    declarations, own = [], []
    for tool in tools or ():
        if tool.get("type") == "function":
            declarations.append(_declaration(tool["function"]))
        else:
            own.append(_own_tool(tool))
    functions = [{"functionDeclarations": declarations}] if declarations else []
    return functions + own or None


def _declaration(function: Mapping[str, Any]) -> dict[str, Any]:
    declared = {key: function[key] for key in _DECLARED if function.get(key) is not None}
    if function.get("parameters") is not None:
        # Full JSON schema; the older `parameters` takes a dialect of OpenAPI only.
        declared["parametersJsonSchema"] = function["parameters"]
    return declared


def _own_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Google's own kind of tool, ``{"google_search": {}}`` or ``{"type": "google_search"}``."""
    fields = {key: value for key, value in tool.items() if key != "cache_control"}
    kind = fields.pop("type", None)
    return {_camel(kind): fields} if isinstance(kind, str) else fields


def _tool_config(choice: Any, tools: list[dict[str, Any]] | None) -> dict[str, Any] | None:
    """How functions may be called.

    :param choice: as `ChatCall.tool_choice`.
    """
    if choice in (None, "auto") and any(map(_is_strict, tools or ())):
        # As free as AUTO, and arguments fit their schemas, which a forced call's do anyway.
        return {"functionCallingConfig": {"mode": "VALIDATED"}}
    if choice is None:
        return None
    if isinstance(choice, str):
        return {"functionCallingConfig": {"mode": _MODES[choice]}}
    allowed = [choice["function"]["name"]]
    return {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": allowed}}


def _is_strict(tool: Mapping[str, Any]) -> bool:
    """Whether a function's arguments shall fit its schema, in OpenAI's words."""
    function = tool.get("function")
    return isinstance(function, Mapping) and function.get("strict") is True


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise InvalidRequestError(f"{name} is a {type(value).__name__}; give a dict")


def _camel(name: Any) -> str:
    head, *rest = str(name).split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)
