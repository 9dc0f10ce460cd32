"""Messages of Ollama's API as OpenAI's. Pure.

What is wrong in them is left as it is, for the parser of OpenAI's fields to refuse by its place;
only what has no place there is checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import invalid
from local_llm_kit.images import MAX_IMAGES, check_image

#: Names that differ.
_NAMES = {"thinking": "reasoning_content", "tool_name": "name"}


def openai_messages(messages: list[Any]) -> list[Any]:
    """Messages as OpenAI's API takes them.

    :raises InvalidRequestError: an image is none; names it.
    """
    return [_message(f"messages[{i}]", message) for i, message in enumerate(messages)]


def _message(where: str, message: Any) -> Any:
    if not isinstance(message, Mapping):
        return message
    out = {_NAMES.get(name, name): value for name, value in message.items() if value is not None}
    images = out.pop("images", None)
    out.setdefault("content", "")  # as in Go, where what is left out is empty
    if images:
        out["content"] = with_images(f"{where}.images", out["content"], images)
    if isinstance(out.get("tool_calls"), list):
        out["tool_calls"] = [_call(call) for call in out["tool_calls"]]
    return out


def with_images(where: str, text: Any, images: Any) -> list[JSONObject]:
    """A content of a text and images.

    :param images: base64 texts.
    :raises InvalidRequestError: one is no image, or there are too many.
    """
    if not isinstance(images, list) or len(images) > MAX_IMAGES:
        raise invalid(where, f"{where} must be a list of at most {MAX_IMAGES} images in base64")
    for i, image in enumerate(images):
        check_image(f"{where}[{i}]", image)
    # The type in the URL is not looked at again: an image is what its first bytes say.
    urls = [f"data:image/png;base64,{image}" for image in images]
    parts: list[JSONObject] = [{"type": "text", "text": text}]
    return parts + [{"type": "image_url", "image_url": {"url": url}} for url in urls]


def _call(call: Any) -> Any:
    """A call with its arguments as text, without its place among the calls."""
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return call
    arguments = function.get("arguments", {})
    if isinstance(arguments, Mapping):
        arguments = to_json(arguments).decode()
    out: JSONObject = {"function": {"name": function.get("name"), "arguments": arguments}}
    if call.get("id"):
        out["id"] = call["id"]
    return out
