"""Tool calls and results of a conversation, read for the codecs that reword them. Pure.

Source: https://platform.openai.com/docs/guides/function-calling
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from cloud.llm.calls import is_parts, json_text
from LLM.exceptions import InvalidRequestError


def called_function(call: Any, where: str) -> tuple[str, dict[str, Any]]:
    """The name and the arguments of a call in an assistant's turn.

    :param call: as OpenAI has it, with its arguments as JSON text.
    :param where: its place, for errors.
    :return: the arguments as an object; no text at all is no arguments.
    :raises InvalidRequestError: it is no such call (a model that is cut at max_tokens, or a small
        one, writes arguments that are no JSON).
    """
    function = call.get("function") if isinstance(call, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name, str) or not name:
        raise InvalidRequestError(
            f"{where} is no call of a function; give {{'id': …, 'type': 'function', 'function': "
            "{'name': …, 'arguments': …}}"
        )
    arguments = function.get("arguments")
    if arguments is None or (isinstance(arguments, str) and not arguments.strip()):
        return name, {}
    if isinstance(arguments, str):
        try:
            arguments = from_json(arguments, allow_inf_nan=False)
        except (ValueError, TypeError):  # the latter for a lone surrogate
            arguments = None
    if isinstance(arguments, Mapping):
        return name, dict(arguments)
    raise InvalidRequestError(
        f"{where}.function.arguments is no JSON object; leave the call and its result out, or mend "
        "the arguments"
    )


def result_content(content: Any, where: str) -> Any:
    """What a tool gave, as text or content parts: data of any other kind becomes JSON text.

    :param where: the content's place, for errors.
    :return: None where it gave nothing.
    :raises InvalidRequestError: it has no JSON form.
    """
    if content is None or isinstance(content, str) or is_parts(content):
        return content
    return json_text(content, where)
