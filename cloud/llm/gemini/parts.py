"""From content parts, as OpenAI and Anthropic have them, to Gemini's.

Nothing is fetched: addresses go to Google, which fetches public ones and knows its own.
Source: https://ai.google.dev/gemini-api/docs/file-input-methods.
"""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from LLM.exceptions import InvalidRequestError

#: What makes a dict without a type a part of Google's own.
_GOOGLE_KINDS = frozenset(
    """
    text inlineData inline_data fileData file_data functionCall function_call functionResponse
    function_response executableCode executable_code codeExecutionResult code_execution_result
    toolCall tool_call toolResponse tool_response
    """.split()
)
_AUDIO = {"mp3": "audio/mp3", "wav": "audio/wav"}


def converted_part(part: Any, place: str, api_root: str) -> dict[str, Any] | None:
    """A content part as Gemini has it; None for one that it must not be shown.

    :param place: where the part stands, for the error.
    :param api_root: where files that are given by name alone lie.
    :raises InvalidRequestError: the part has no form at Gemini.
    """
    if isinstance(part, str):
        return {"text": part}
    if not isinstance(part, Mapping):
        raise InvalidRequestError(f"{place} is a {type(part).__name__}; give a dict")
    kind = part.get("type")
    if kind is None and _GOOGLE_KINDS & part.keys():
        return {key: value for key, value in part.items() if key != "cache_control"}
    if kind in ("thinking", "redacted_thinking"):
        return None  # Anthropic's, signed for Anthropic
    if kind in ("text", "input_text", "output_text", "refusal"):
        text = part.get("refusal" if kind == "refusal" else "text")
        if isinstance(text, str):
            return {"text": text}
    elif kind in ("image_url", "video_url", "audio_url"):
        return _from_url(part.get(kind), place)
    elif kind == "input_audio":
        return _audio(part.get("input_audio"), place)
    elif kind == "file":
        return _file(part.get("file"), place, api_root)
    elif kind in ("image", "document"):
        return _anthropic(part.get("source"), place)
    raise InvalidRequestError(
        f"{place} of type {kind!r} has no form at Gemini; give 'text', 'image_url', 'file', "
        "'input_audio', or one of Gemini's own parts"
    )


def _from_url(value: Any, place: str) -> dict[str, Any]:
    """A part of an address: a data URL, a public one, or one of Google's."""
    fields = value if isinstance(value, Mapping) else {"url": value}
    url, mime_type = fields.get("url"), fields.get("mime_type")
    if not isinstance(url, str) or not url:
        raise InvalidRequestError(f"{place} has no 'url'")
    if url[:5].lower() == "data:":
        return _inline(url, place)
    return _at(url, mime_type, place)


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
    mime_type = mime_type or _guessed(parts.path)
    return {"fileData": {**({"mimeType": mime_type} if mime_type else {}), "fileUri": uri}}


def _guessed(name: str) -> str | None:
    """The media type that a name's ending tells; WebP is no strict one before Python 3.13."""
    return mimetypes.guess_type(name, strict=False)[0]


def _inline(url: str, place: str) -> dict[str, Any]:
    """The content of a data URL. Source: RFC 2397."""
    head, comma, data = url[5:].partition(",")
    mime_type, *parameters = head.split(";")
    if not comma or not mime_type:
        raise InvalidRequestError(
            f"{place} has a data URL without a media type; give data:image/png;base64,…"
        )
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return _blob(mime_type, data)


def _blob(mime_type: str, data: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": mime_type, "data": data}}


def _audio(value: Any, place: str) -> dict[str, Any]:
    fields = value if isinstance(value, Mapping) else {}
    data, form = fields.get("data"), fields.get("format")
    if not isinstance(data, str) or not isinstance(form, str):
        raise InvalidRequestError(f"{place}.input_audio lacks 'data' in base64, or 'format'")
    return _blob(_AUDIO.get(form, f"audio/{form}"), data)


def _file(value: Any, place: str, api_root: str) -> dict[str, Any]:
    """OpenAI's file: its content, or the address of one that was uploaded."""
    fields = value if isinstance(value, Mapping) else {}
    data, file_id = fields.get("file_data"), fields.get("file_id")
    mime_type = fields.get("mime_type") or fields.get("format")
    if isinstance(data, str) and data:
        if data[:5].lower() == "data:":
            return _inline(data, place)
        mime_type = mime_type or _guessed(str(fields.get("filename") or ""))
        if mime_type:
            return _blob(mime_type, data)
        raise InvalidRequestError(
            f"{place}.file tells no type; give file_data as data:application/pdf;base64,…, or a "
            "filename with its ending"
        )
    if isinstance(file_id, str) and file_id:
        # The API takes a file's address, not its name alone.
        uri = f"{api_root}/{file_id}" if file_id.startswith("files/") else file_id
        return _at(uri, mime_type, place)
    raise InvalidRequestError(f"{place}.file has neither 'file_data' nor 'file_id'")


def _anthropic(value: Any, place: str) -> dict[str, Any]:
    """The source of an image or a document, as Anthropic has it."""
    source = value if isinstance(value, Mapping) else {}
    kind, data, mime_type = source.get("type"), source.get("data"), source.get("media_type")
    if kind == "base64" and isinstance(data, str) and isinstance(mime_type, str):
        return _blob(mime_type, data)
    if kind == "text" and isinstance(data, str):
        return {"text": data}
    if kind == "url":
        return _from_url({"url": source.get("url"), "mime_type": mime_type}, place)
    raise InvalidRequestError(
        f"{place}.source of type {kind!r} has no form at Gemini; give 'base64', 'url' or 'text'"
    )
