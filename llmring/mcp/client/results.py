"""What a server answers, as results of tools, messages and contents of the ring. Pure.

Texts lose the characters that could steer a terminal, for what a model is told it may repeat. What
is too long is cut, and what cannot be shown to a model is left out, each with a note in its place.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from llmring.mcp.client.types import Limits, ResourceContents
from llmring.mcp.tools import ToolResult
from llmring.schemas import Message

if TYPE_CHECKING:
    from mcp import types

Part = dict[str, Any]

#: Most images, audio and files of one result; Anthropic takes no more in a request.
MAX_MEDIA = 100

# Most characters of a file's name: the end, which says what it is.
_MAX_NAME_CHARS = 200
# Line breaks and tabs are text. The rest are C0 and C1 controls, and lone surrogates, which no
# provider takes.
_UNSHOWN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,99}")
_AUDIO_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}


def clean(text: str) -> str:
    """A text without the characters that steer a terminal."""
    return _UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", text)


def cut(text: str, limit_bytes: int) -> str:
    """A text of at most `limit_bytes` of UTF-8 and a note of what is missing."""
    if len(text) * 4 <= limit_bytes:
        return text
    data = text.encode(errors="replace")
    if len(data) <= limit_bytes:
        return text
    kept = data[:limit_bytes].decode(errors="ignore")
    return f"{kept}\n[cut: the first {limit_bytes} of {len(data)} bytes]"


def tool_result(result: types.CallToolResult, limits: Limits) -> ToolResult:
    """A tool's result for a model."""
    parts = list(_Parts(limits).of(result.content))
    structured = result.structured_content
    if not parts and structured is not None:
        text = json.dumps(structured, ensure_ascii=False)
        parts = [{"type": "text", "text": cut(clean(text), limits.text_bytes)}]
    return ToolResult(
        content=_merged(parts),
        is_error=bool(result.is_error),
        structured=structured if isinstance(structured, dict) else None,
    )


def prompt_messages(result: types.GetPromptResult, limits: Limits) -> list[Message]:
    """A prompt's messages."""
    parts = _Parts(limits)
    return [
        Message(role=message.role, content=_merged(list(parts.of([message.content]))))
        for message in result.messages
    ]


def resource_contents(result: types.ReadResourceResult, limits: Limits) -> list[ResourceContents]:
    """What a resource holds.

    :raises ValueError: a part of it is not the base64 that it should be, or too large.
    """
    room_text, room_data = limits.text_bytes, limits.data_bytes
    found = []
    for contents in result.contents:
        text = getattr(contents, "text", None)
        if text is not None:
            text = cut(clean(text), max(room_text, 0))
            room_text -= len(text.encode())
            found.append(ResourceContents(contents.uri, contents.mime_type, text=text))
            continue
        data = _decoded(getattr(contents, "blob", ""))
        room_data -= len(data or b"")
        if data is None or room_data < 0:
            why = "is no base64" if data is None else f"is larger than {limits.data_bytes} bytes"
            raise ValueError(f"resource {contents.uri[:200]!r} {why}")
        found.append(ResourceContents(contents.uri, contents.mime_type, data=data))
    return found


class _Parts:
    """Blocks of a result as content parts, which share the limits."""

    def __init__(self, limits: Limits) -> None:
        self._text_bytes = limits.text_bytes
        self._data_bytes = limits.data_bytes
        self._room = MAX_MEDIA

    def of(self, blocks: Iterable[Any]) -> Iterable[Part]:
        for block in blocks:
            part = self._part(block)
            if part["type"] != "text":
                yield part
            elif self._text_bytes >= 0:
                text = cut(clean(part["text"]), self._text_bytes)
                self._text_bytes -= len(text.encode())
                yield {"type": "text", "text": text}

    def _part(self, block: Any) -> Part:
        kind = block.type
        if kind == "text":
            return _text(block.text)
        if kind in ("image", "audio"):
            return self._media(block.data, block.mime_type, kind)
        if kind == "resource_link":
            about = f": {block.description}" if block.description else ""
            return _text(f"[resource {block.uri} {block.name}{about}]")
        if kind == "resource":
            contents = block.resource
            if (text := getattr(contents, "text", None)) is not None:
                return _text(text)
            name = contents.uri.rpartition("/")[2]
            return self._media(contents.blob, contents.mime_type, f"resource {contents.uri}", name)
        return _text(f"[{kind}: not shown]")

    def _media(self, data: str, mime_type: str | None, what: str, name: str = "") -> Part:
        media_type = (mime_type or "").partition(";")[0].strip().lower()
        size = len(data) * 3 // 4
        if size > self._data_bytes:
            return _text(f"[{what}, {media_type}, {size} bytes: left out, too large]")
        if self._room == 0:
            return _text(f"[{what}, {media_type}: left out, too many]")
        # What is empty is no image either, and a provider refuses the whole request for it.
        if not _MEDIA_TYPE.fullmatch(media_type) or not _decoded(data):
            return _text(f"[{what}: left out, it cannot be read]")
        part = _media_part(data, media_type, name)
        if part is None:
            return _text(f"[{what}, {media_type}, {size} bytes: not shown]")
        self._data_bytes -= size
        self._room -= 1
        return part


def _media_part(data: str, media_type: str, name: str) -> Part | None:
    """A content part in OpenAI's words; None for what no model reads."""
    url = f"data:{media_type};base64,{data}"
    if media_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    if media_type in _AUDIO_FORMATS:
        audio = {"data": data, "format": _AUDIO_FORMATS[media_type]}
        return {"type": "input_audio", "input_audio": audio}
    if media_type == "application/pdf":
        filename = clean(name)[-_MAX_NAME_CHARS:] or "document.pdf"
        return {"type": "file", "file": {"filename": filename, "file_data": url}}
    return None


def _merged(parts: list[Part]) -> str | list[Part]:
    """Text alone as one text, which every provider takes."""
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _text(text: str) -> Part:
    return {"type": "text", "text": text}


def _decoded(data: str) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
