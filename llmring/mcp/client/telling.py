"""What a model is told of a tool's result: bounded, and in words where it cannot see. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from llmring.exceptions import ToolError
from llmring.mcp.tools import ToolResult
from llmring.schemas import Message

Part = dict[str, Any]

#: Most text of one result, in characters: some 50,000 tokens.
MAX_RESULT_CHARS = 200_000
#: Most images and files of one result, in characters of base64.
MAX_RESULT_DATA = 20 << 20
#: Most content parts of one result.
_MAX_PARTS = 100
#: Kinds of content parts that are text.
_TEXTS = frozenset({"text", "input_text", "output_text"})


def checked(result: Any) -> ToolResult:
    """What a tool has given, if it is a result.

    :raises ToolError: it is none.
    """
    if not isinstance(result, ToolResult):
        raise ToolError(f"it gave a {type(result).__name__}, and no ToolResult")
    content: Any = result.content
    is_parts = isinstance(content, list) and all(
        isinstance(part, dict) and isinstance(part.get("type"), str) for part in content
    )
    if not is_parts and not isinstance(content, str):
        raise ToolError("what it gave is neither text nor a list of content parts")
    return result


def bounded(result: ToolResult, max_chars: int = MAX_RESULT_CHARS) -> ToolResult:
    """A result that is not too long; what is left out is said in its place.

    Lone surrogates, such as the names of files can have, become question marks: no request can
    carry them. Texts that say nothing are left out, which some providers refuse.

    :param max_chars: most characters of text.
    """
    if isinstance(result.content, str):
        return replace(result, content=_cut(result.content, max_chars))
    if len(result.content) > _MAX_PARTS:
        left_out = f"[{len(result.content) - _MAX_PARTS} more parts are left out]"
        parts = [*result.content[:_MAX_PARTS], _text(left_out)]
    else:
        parts = result.content
    chars_left, data_left = max_chars, MAX_RESULT_DATA
    told: list[Part] = []
    for part in parts:
        if part.get("type") in _TEXTS:
            text = str(part.get("text", ""))
            if text:
                told.append({**part, "text": _cut(text, chars_left)})
                chars_left = max(0, chars_left - len(text))
            continue
        size = _size(part)
        if size > data_left:
            told.append(_text(f"{_described(part)[:-1]}; it is too large to be shown]"))
        else:
            told.append(part)
            data_left -= size
    return replace(result, content=told)


def shows_more_than_text(messages: Iterable[Message]) -> bool:
    """Whether a tool's result among the messages has images or files."""
    return any(_further(message) for message in messages)


def in_words(messages: Sequence[Message]) -> list[Message]:
    """The messages, with words in place of the images and files of tools' results."""
    return [
        message.model_copy(update={"content": _worded(message.content)})
        if isinstance(message.content, list) and _further(message)
        else message
        for message in messages
    ]


def _further(message: Message) -> bool:
    content = message.content
    if message.role != "tool" or not isinstance(content, list):
        return False
    return any(part.get("type") not in _TEXTS for part in content)


def _worded(content: list[Part]) -> str:
    return "\n".join(
        str(part.get("text", "")) if part.get("type") in _TEXTS else _described(part)
        for part in content
    )


def _described(part: Mapping[str, Any]) -> str:
    """A part that the model cannot see, in words."""
    kind = str(part.get("type", "part"))
    what = "image" if "image" in kind else "audio" if "audio" in kind else "file"
    media_type = _media_type(part)
    told = f"{media_type}, " if media_type else ""
    # Base64 has four characters for three bytes.
    n_kib = -(-_size(part) * 3 // 4096)
    return f"[{what}: {told}{n_kib:,} KiB; this model cannot see it]"


def _media_type(part: Mapping[str, Any]) -> str:
    for value in part.values():
        if isinstance(value, Mapping):
            if isinstance(found := value.get("media_type"), str):
                return found[:100]
            for inner in value.values():
                if isinstance(inner, str) and inner.startswith("data:"):
                    return inner[5:105].partition(";")[0]
    return ""


def _size(value: Any) -> int:
    """Characters in all texts of a part."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list) else 0


def _text(text: str) -> Part:
    return {"type": "text", "text": text}


def _cut(text: str, max_chars: int) -> str:
    text = text.encode(errors="replace").decode()
    if len(text) <= max_chars:
        return text
    return f"{text[:max_chars]}\n[cut: {len(text) - max_chars:,} more characters]"
