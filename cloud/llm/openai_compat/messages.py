"""Messages and tools as OpenAI takes them, and as its imitators do. Pure.

OpenAI refuses fields that it does not know; some of its imitators take more, or want more.

Source: https://platform.openai.com/docs/api-reference/chat/create; on thoughts in turns that call
tools, https://api-docs.deepseek.com/guides/thinking_mode and Moonshot's guide to Kimi's thinking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from cloud.llm.parts import part_text, part_url
from cloud.llm.tool_calls import result_content
from LLM.exceptions import InvalidRequestError
from LLM.foreign import FOREIGN_FIELDS, is_openai

#: Where a turn that calls tools must say what the model thought before them, and be it nothing.
_WANT_THOUGHTS = ("api.deepseek.com", "api.moonshot.ai", "api.moonshot.cn")
# The result of a tool that gives nothing but images.
_SHOWN_BELOW = "What the tool shows is in the user's turn below."
#: OpenAI takes ids of 40 characters; vLLM makes longer ones.
_ID_LENGTH = 40
#: Foreign fields that none of OpenAI's imitators has.
_UNKNOWN = frozenset({"thinking_blocks", "thinking", "is_error", "tool_name"})


def _is_plain_text(message: Mapping[str, Any]) -> bool:
    """Whether a message is a turn of text and no more, which needs no look at its parts."""
    return len(message) == 2 and type(message.get("content")) is str and message["role"] != "tool"


class Dialect:
    """How the server at an address wants messages and tools.

    :param base_url: the address.
    """

    def __init__(self, base_url: str) -> None:
        #: Whether it is OpenAI itself.
        self.is_openai = is_openai(base_url)
        self._wants_thoughts = urlsplit(base_url).hostname in _WANT_THOUGHTS

    def messages(self, messages: Iterable[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Messages as the server takes them.

        OpenAI takes text alone as a tool's result: what else a tool shows stands in a turn of the
        user's, behind the results of all calls.

        :param messages: each behind its place, which errors name.
        :raises InvalidRequestError: a part has no form at OpenAI.
        """
        told: list[dict[str, Any]] = []
        shown: list[Any] = []
        for where, message in messages:
            turn = message if _is_plain_text(message) else self._message(message, where)
            if turn["role"] == "tool":
                if self.is_openai and isinstance(turn["content"], list):
                    shown += _moved(turn)
            elif shown:
                told.append({"role": "user", "content": shown})
                shown = []
            told.append(turn)
        return [*told, {"role": "user", "content": shown}] if shown else told

    def _message(self, message: Mapping[str, Any], where: str) -> dict[str, Any]:
        dropped = FOREIGN_FIELDS if self.is_openai else _UNKNOWN
        told = {name: value for name, value in message.items() if name not in dropped}
        content = message.get("content")
        if message["role"] == "tool":
            content = result_content(content, f"{where}.content") or ""
        if isinstance(content, list):
            parts = (self._part(part, f"{where}.content[{i}]") for i, part in enumerate(content))
            content = [part for part in parts if part is not None]
        if "content" in message or message["role"] == "tool":
            told["content"] = content
        if self.is_openai:
            self._fit_calls(told)
        elif self._wants_thoughts and message.get("tool_calls"):
            told.setdefault("reasoning_content", _thought(message))
        return told

    def tools(self, tools: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        """Tools as the server takes them: OpenAI knows no cache markers."""
        if not self.is_openai or tools is None:
            return tools
        # A flat tool's marker is in its function.
        return [
            {
                name: _without(value, "cache_control") if name == "function" else value
                for name, value in tool.items()
                if name != "cache_control"
            }
            for tool in tools
        ]

    def _fit_calls(self, told: dict[str, Any]) -> None:
        """Take from calls and results what OpenAI does not know, and shorten their ids."""
        if calls := told.get("tool_calls"):
            told["tool_calls"] = [_fitted(_without(call, "extra_content"), "id") for call in calls]
        if told["role"] == "tool":
            told.pop("name", None)
            told.update(_fitted(told, "tool_call_id"))

    def _part(self, part: Any, where: str) -> Any:
        """A content part as chats have it; None for a thought, which is nobody else's."""
        if isinstance(part, str):
            return {"type": "text", "text": part}
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind in ("input_text", "output_text"):  # the Responses API's, as is input_image
            return {"type": "text", "text": part_text(part, where)}
        if kind == "input_image":
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            return {"type": "image_url", "image_url": {"url": part_url(part, where), **detail}}
        if kind in ("thinking", "redacted_thinking"):
            return None
        if kind in ("image", "document"):
            return _from_anthropic(part, where)
        return _without(part, "cache_control") if self.is_openai else part


def _moved(result: dict[str, Any]) -> list[Any]:
    """Take from a tool's result the parts that are not text, and tell whose they are."""
    texts = [part for part in result["content"] if part["type"] == "text"]
    rest = [part for part in result["content"] if part["type"] != "text"]
    if not rest:
        return []
    call_id = result.get("tool_call_id")
    result["content"] = texts or _SHOWN_BELOW
    return [{"type": "text", "text": f"Shown by the tool call {call_id}:"}, *rest]


def _thought(message: Mapping[str, Any]) -> str:
    """What the model thought; nothing where nobody has said so."""
    blocks = [b for b in message.get("thinking_blocks") or () if isinstance(b, Mapping)]
    told = message.get("thinking") or "".join(str(b.get("thinking") or "") for b in blocks)
    return told if isinstance(told, str) else ""


def _fitted(fields: Any, name: str) -> Any:
    """A copy whose id is not too long. Its end stays: ids differ there."""
    value = fields.get(name) if isinstance(fields, dict) else None
    return {**fields, name: value[-_ID_LENGTH:]} if isinstance(value, str) else fields


def _from_anthropic(part: Mapping[str, Any], where: str) -> dict[str, Any]:
    """An image or document as Anthropic has it, in OpenAI's words.

    :raises InvalidRequestError: OpenAI has no form for its source.
    """
    source = part.get("source")
    source = source if isinstance(source, Mapping) else {}
    kind, data, media_type = source.get("type"), source.get("data"), source.get("media_type")
    is_image = part["type"] == "image"
    if kind == "base64" and isinstance(data, str) and isinstance(media_type, str):
        url = f"data:{media_type};base64,{data}"
        if is_image:
            return {"type": "image_url", "image_url": {"url": url}}
        name = part.get("title") or "document.pdf"
        return {"type": "file", "file": {"filename": name, "file_data": url}}
    if kind == "url" and is_image and isinstance(source.get("url"), str):
        return {"type": "image_url", "image_url": {"url": source["url"]}}
    if kind == "text" and not is_image and isinstance(data, str):
        return {"type": "text", "text": data}
    raise InvalidRequestError(
        f"{where} of type {part['type']!r} with a source of type {kind!r} has no form at OpenAI; "
        "give 'text', 'image_url' or 'file'"
    )


def _without(fields: Any, name: str) -> Any:
    """A copy of a dict without the key `name`; anything else as it is."""
    if isinstance(fields, dict):
        return {key: value for key, value in fields.items() if key != name}
    return fields
