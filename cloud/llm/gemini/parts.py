"""From content parts, as OpenAI and Anthropic have them, to Gemini's.

Nothing is fetched: addresses go to Google, which fetches public ones and knows its own.
Source: https://ai.google.dev/gemini-api/docs/file-input-methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cloud.llm.parts import (
    InlineData,
    Part,
    file_content,
    guessed,
    inline_data,
    part_text,
    part_url,
)
from LLM.exceptions import InvalidRequestError

#: What makes a dict without a type a part of Google's own.
_GOOGLE_KINDS = frozenset(
    """
    text inlineData inline_data fileData file_data functionCall function_call functionResponse
    function_response executableCode executable_code codeExecutionResult code_execution_result
    toolCall tool_call toolResponse tool_response
    """.split()
)
_MEDIA_KINDS = ("image_url", "input_image", "video_url", "audio_url")
_AUDIO = {"mp3": "audio/mp3", "wav": "audio/wav"}


def converted_part(part: Any, place: str, api_root: str) -> dict[str, Any] | None:
    """A content part as Gemini has it; None for one that it must not be shown.

    :param place: where the part stands, for the error.
    :param api_root: where files that are given by name alone lie.
    :raises InvalidRequestError: the part has no form at Gemini.
    """
    if not isinstance(part, Mapping):
        raise InvalidRequestError(f"{place} is a {type(part).__name__}; give a dict")
    kind = part.get("type")
    if kind is None and _GOOGLE_KINDS & part.keys():
        return {key: value for key, value in part.items() if key != "cache_control"}
    if kind in ("thinking", "redacted_thinking"):
        return None  # Anthropic's, signed for Anthropic
    text = part_text(part, place)
    if text is not None:
        return {"text": text}
    if kind in _MEDIA_KINDS:
        value = part.get(kind)
        told = value.get("mime_type") if isinstance(value, Mapping) else None
        return _from_url(part_url(part, place), told, place)
    if kind == "input_audio":
        return _audio(part.get("input_audio"), place)
    if kind == "file":
        return _file(part, place, api_root)
    if kind in ("image", "document"):
        return _anthropic(part.get("source"), place)
    raise InvalidRequestError(
        f"{place} of type {kind!r} has no form at Gemini; give 'text', 'image_url', 'file', "
        "'input_audio', or one of Gemini's own parts"
    )


def _from_url(url: str, mime_type: Any, place: str) -> dict[str, Any]:
    """A part of an address: a data URL, a public one, or one of Google's."""
    inline = inline_data(url, place)
    return _blob(inline) if inline else _at(url, mime_type, place)


def _at(uri: str, mime_type: Any, place: str) -> dict[str, Any]:
    """A file at an address; its type, where the address does not tell, is for Google to find."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https", "gs"):
        raise InvalidRequestError(
            f"{place} has an address that Gemini cannot fetch; give a data:, https: or gs: URL"
        )
    mime_type = mime_type or guessed(parts.path)
    return {"fileData": {**({"mimeType": mime_type} if mime_type else {}), "fileUri": uri}}


def _blob(inline: InlineData) -> dict[str, Any]:
    return {"inlineData": {"mimeType": inline.media_type, "data": inline.data}}


def _audio(value: Any, place: str) -> dict[str, Any]:
    fields = value if isinstance(value, Mapping) else {}
    data, form = fields.get("data"), fields.get("format")
    if not isinstance(data, str) or not isinstance(form, str):
        raise InvalidRequestError(f"{place}.input_audio lacks 'data' in base64, or 'format'")
    return _blob(InlineData(_AUDIO.get(form, f"audio/{form}"), data))


def _file(part: Part, place: str, api_root: str) -> dict[str, Any]:
    """OpenAI's file: its content, or the address of one that was uploaded."""
    content, file = file_content(part, place), part["file"]
    if isinstance(content, InlineData):
        return _blob(content)
    uri = content or file["file_id"]
    if uri.startswith("files/"):
        uri = f"{api_root}/{uri}"  # the API takes a file's address, not its name alone
    return _at(uri, file.get("mime_type") or file.get("format"), place)


def _anthropic(value: Any, place: str) -> dict[str, Any]:
    """The source of an image or a document, as Anthropic has it."""
    source = value if isinstance(value, Mapping) else {}
    kind, data, mime_type = source.get("type"), source.get("data"), source.get("media_type")
    if kind == "base64" and isinstance(data, str) and isinstance(mime_type, str):
        return _blob(InlineData(mime_type, data))
    if kind == "text" and isinstance(data, str):
        return {"text": data}
    if kind == "url":
        return _from_url(str(source.get("url") or ""), mime_type, place)
    raise InvalidRequestError(
        f"{place}.source of type {kind!r} has no form at Gemini; give 'base64', 'url' or 'text'"
    )
