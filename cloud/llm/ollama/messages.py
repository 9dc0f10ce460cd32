"""Messages in OpenAI's words as Ollama takes them. Pure.

A message there has one text, its images beside it as base64, and no addresses: Ollama fetches
nothing. Tool results name their tool, and arguments of calls are objects.

Source: https://docs.ollama.com/api/chat; the server's api/types.go for `tool_call_id` and ids of
calls, its openai/openai.go for audio, which travels among the images.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from cloud.llm.codec import placed
from cloud.llm.ollama.parts import Content, image_data
from cloud.llm.tool_calls import called_function, result_content
from LLM.exceptions import InvalidRequestError

JSONObject = dict[str, Any]

_ROLES = {"developer": "system"}
#: Where providers and the users of theirs keep what a model thought.
_THOUGHT_FIELDS = ("thinking", "reasoning_content", "reasoning")


def ollama_messages(messages: list[JSONObject], has_system: bool = False) -> list[JSONObject]:
    """Messages as ``/api/chat`` takes them.

    :raises InvalidRequestError: a message says something that Ollama has no form for; names it.
    """
    called: dict[str, str] = {}  # names of tools by the ids of their calls
    return [_message(where, message, called) for where, message in placed(messages, has_system)]


def _message(where: str, message: JSONObject, called: dict[str, str]) -> JSONObject:
    role = _ROLES.get(message["role"], message["role"])
    value = message.get("content")
    if role == "tool":
        value = result_content(value, f"{where}.content")
    elif not value and role == "assistant":
        value = message.get("refusal")  # which is no field of Ollama's
    content = Content(f"{where}.content", value)
    out: JSONObject = {"role": role, "content": content.text}
    if images := _images(f"{where}.images", message.get("images")) + content.images:
        out["images"] = images
    if role == "assistant":
        out |= _thought(where, message, content)
        if calls := message.get("tool_calls"):
            out["tool_calls"] = [
                _call(f"{where}.tool_calls[{i}]", call, called) for i, call in enumerate(calls)
            ]
    elif role == "tool":
        out |= _answered(message, called)
    return out


def _images(where: str, images: Any) -> list[str]:
    """The images that a message has in Ollama's own form."""
    if images is None:
        return []
    if not isinstance(images, list):
        raise InvalidRequestError(f"{where} is a {type(images).__name__}; give a list of base64")
    return [_image(f"{where}[{i}]", image) for i, image in enumerate(images)]


def _image(where: str, image: Any) -> str:
    if isinstance(image, bytes):
        return b64encode(image).decode()
    if isinstance(image, str):
        is_address = image.startswith(("data:", "http://", "https://"))
        return image_data(where, image) if is_address else image
    raise InvalidRequestError(f"{where} is a {type(image).__name__}; give base64 text, or bytes")


def _thought(where: str, message: JSONObject, content: Content) -> JSONObject:
    """What the model thought, which some models want to see again."""
    blocks = message.get("thinking_blocks") or []
    if not isinstance(blocks, list):
        raise InvalidRequestError(f"{where}.thinking_blocks is a {type(blocks).__name__}, no list")
    # What another provider has signed is for that provider to read.
    in_blocks = [
        block.get("thinking")
        for block in blocks
        if isinstance(block, Mapping) and not block.get("signature")
    ]
    # Each is the whole thought in one provider's words; a message may have several of them.
    told = [
        *map(message.get, _THOUGHT_FIELDS),
        "".join(text for text in in_blocks if isinstance(text, str)),
        "".join(content.thoughts),
    ]
    thought = next((text for text in told if isinstance(text, str) and text), None)
    return {"thinking": thought} if thought else {}


def _call(where: str, call: Any, called: dict[str, str]) -> JSONObject:
    name, arguments = called_function(call, where)
    out: JSONObject = {"function": {"name": name, "arguments": arguments}}
    call_id = call.get("id")
    if isinstance(call_id, str) and call_id:
        called[call_id] = name
        out["id"] = call_id
    return out


def _answered(message: JSONObject, called: dict[str, str]) -> JSONObject:
    """Which call a tool's result answers, by name and by id."""
    call_id = message.get("tool_call_id")
    name = message.get("tool_name") or message.get("name")
    if not name and isinstance(call_id, str):
        name = called.get(call_id)
    found = {"tool_name": name, "tool_call_id": call_id}
    return {field: value for field, value in found.items() if value}
