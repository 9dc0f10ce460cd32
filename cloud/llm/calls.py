"""From the arguments of a `chat` to a checked call in OpenAI's words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from cloud.llm.codec import ChatCall
from cloud.llm.json_schema import JSONSchema
from cloud.llm.keywords import check_keywords
from cloud.llm.pairs import paired
from LLM.codec import check_sampling, message_list
from LLM.exceptions import InvalidRequestError
from LLM.foreign import ANSWER_FIELDS, openai_call
from LLM.structured import class_schema, is_model_class, response_format_of
from LLM.tools import nested_tools

#: Keywords of the openai SDK that mean something else here.
_SDK_KEYWORDS = frozenset({"extra_body", "extra_headers", "extra_query", "stream"})

#: Fields of answers that are for the caller alone (the reason of an answer's end is kept by many a
#: program), and the older form of a call, which is put into the newer.
_DROPPED = ANSWER_FIELDS | {"finish_reason", "function_call"}

_CHOICES = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


def chat_call(
    model: str,
    messages: Any,
    *,
    stream: bool,
    system: str | list[dict[str, Any]] | None,
    temperature: float | None,
    max_tokens: int | None,
    tools: Any,
    tool_choice: Any,
    response_format: Any,
    extra: dict[str, Any],
) -> ChatCall:
    """Check the arguments of a call and bring them into one form.

    :param system: goes before the messages as a ``system`` turn; None for none.
    :param response_format: as OpenAI has it, a `JSONSchema`, or a pydantic class.
    :param extra: further keywords; None among them is as if it were not given.
    :raises InvalidRequestError: an argument cannot work; the message names it.
    """
    if meant_otherwise := _SDK_KEYWORDS.intersection(extra):
        raise InvalidRequestError(_sdk_advice(min(meant_otherwise)))
    check_sampling(temperature, max_tokens)
    check_keywords(extra, max_tokens, stream=stream)
    if extra.get("max_completion_tokens") is not None:
        max_tokens = None  # the same, by the name that Azure refuses beside the older one
    listed = paired([_plain(message) for message in message_list(messages)])
    if system is not None:
        listed = [_system_turn(system), *listed]
    asked_format, class_schema = _checked_format(response_format)
    if tool_choice is not None and _forbids_parallel_calls(tool_choice):
        extra = {"parallel_tool_calls": False, **extra}  # Anthropic says it in its choice
    return ChatCall(
        model=model,
        messages=listed,
        has_system=system is not None,
        stream=stream,
        temperature=temperature,
        max_tokens=max_tokens,
        tools=nested_tools(tools) or None,
        tool_choice=nested_choice(tool_choice),
        response_format=asked_format,
        class_schema=class_schema,
        json_schema=response_format if isinstance(response_format, JSONSchema) else None,
        extra={name: value for name, value in extra.items() if value is not None},
    )


def _checked_format(
    response_format: Any,
) -> tuple[dict[str, Any] | None, Mapping[str, Any] | None]:
    """A response format as OpenAI has it, and the schema of the class that it was given as."""
    if response_format is None:
        return None, None
    if is_model_class(response_format):
        return response_format_of(response_format), class_schema(response_format)
    if isinstance(response_format, JSONSchema):
        return response_format.openai_format, None
    if not isinstance(response_format, Mapping):
        raise InvalidRequestError(
            f"response_format is a {type(response_format).__name__}; give a pydantic class or a "
            "dict such as {'type': 'json_object'}"
        )
    if not isinstance(response_format.get("type"), str):
        raise InvalidRequestError(
            "response_format has no 'type'; give a pydantic class, or a dict such as "
            "{'type': 'json_object'}"
        )
    return dict(response_format), None


def _forbids_parallel_calls(choice: Any) -> bool:
    return isinstance(choice, Mapping) and bool(choice.get("disable_parallel_tool_use"))


def nested_choice(choice: Any) -> Any:
    """A tool choice as OpenAI has it, from any provider's form.

    :param choice: ``auto``, ``none``, ``required`` (or ``any``), a tool's name, a dict with the
        name in it (OpenAI's nested or flat form, Anthropic's), or None.
    :raises InvalidRequestError: it is none of these.
    """
    if choice is None:
        return None
    if isinstance(choice, str):
        return _CHOICES.get(choice) or {"type": "function", "function": {"name": choice}}
    if isinstance(choice, Mapping):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, Mapping) else choice.get("name")
        if isinstance(name, str) and name:
            return {"type": "function", "function": {"name": name}}
        kind = choice.get("type")
        if isinstance(kind, str) and kind in _CHOICES:
            return _CHOICES[kind]
    raise InvalidRequestError(
        f"tool_choice is {choice!r}; give 'auto', 'none', 'required', a tool's name, or "
        "{'type': 'function', 'function': {'name': …}}"
    )


def _system_turn(system: Any) -> dict[str, Any]:
    if isinstance(system, str | list):
        return {"role": "system", "content": system}
    raise InvalidRequestError(
        f"system is a {type(system).__name__}; give text, or a list of text parts"
    )


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """A message without the fields that only answers have, or that say nothing.

    An answer of the openai SDK, or of another client, is a message; providers refuse what their
    requests do not have, and empty lists of calls.
    """
    if len(message) == 2 and "content" in message and message["role"] != "function":
        return message
    calls = message.get("tool_calls")
    if calls and not isinstance(calls, list):
        raise InvalidRequestError(f"tool_calls of a message is a {type(calls).__name__}, no list")
    if not calls and message.get("function_call"):
        calls = [{"type": "function", "function": message["function_call"]}]
    plain = {
        name: value
        for name, value in message.items()
        if (value is not None or name == "content") and name not in _DROPPED
    }
    if plain["role"] == "function":
        plain["role"] = "tool"
    if calls:
        plain["tool_calls"] = [_plain_call(call) for call in calls]
    else:
        plain.pop("tool_calls", None)
    return plain


def _plain_call(call: Any) -> Any:
    """A call as OpenAI has it: a dict, with its arguments as text."""
    call = openai_call(call)
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return call
    arguments = function.get("arguments")
    if isinstance(arguments, Mapping):
        arguments = json_text(arguments, "arguments of a tool call")
    elif "parsed_arguments" not in function:
        return call
    function = {**function, "arguments": arguments}
    function.pop("parsed_arguments", None)  # what the openai SDK makes of them
    return {**call, "function": function}


def is_parts(content: Any) -> bool:
    """Whether it is a list of content parts, not a tool's data that happens to be a list."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(part, Mapping) and isinstance(part.get("type"), str) for part in content)
    )


def json_text(value: Any, name: str) -> str:
    """`value` as JSON.

    :param name: what it is, for the error.
    :raises InvalidRequestError: it has no JSON form.
    """
    try:
        return to_json(value).decode()
    except ValueError as err:
        problem = str(err)
    raise InvalidRequestError(f"{name} cannot be written as JSON: {problem}")


def _sdk_advice(name: str) -> str:
    if name == "stream":
        return "chat takes no 'stream'; call chat_stream for text, or events for all that happens"
    return (
        f"{name} belongs to the openai SDK; here, further fields of the API are keywords, and "
        "headers are the client's `headers`"
    )
