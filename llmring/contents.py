"""Content parts in each other's words: Anthropic's images and documents as OpenAI has them. Pure.

Both forms work at every provider. What a provider itself reads in its codec (addresses, files that
were uploaded) stays as it is, so that the codec can take or refuse it by its place.

Source: https://platform.claude.com/docs/en/api/messages/create (image and document blocks);
https://platform.openai.com/docs/api-reference/chat/create (content parts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloud.llm.parts import InlineData, file_content
from LLM.exceptions import InvalidRequestError
from llmring.exceptions import ValidationError

Part = dict[str, Any]

#: Media types beside ``text/…`` that are text.
_TEXTS = frozenset({"application/json", "application/xml", "application/yaml", "application/toml"})


def openai_part(part: Any, where: str) -> Any:
    """A content part in OpenAI's words; what has none of its own there stays as it is.

    Files that are text become text, which every model reads.

    :param where: the part's place, for errors.
    :raises ValidationError: its content is not what it says it is.
    """
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind in ("image", "document"):
        return _from_source(part, where)
    if kind == "file":
        inline = _inline(part, where)
        if inline is not None and is_text(inline.media_type):
            return _text(_decoded(inline, where), part["file"].get("filename"))
    return part


def anthropic_part(part: Any, where: str) -> Any:
    """A content part for Anthropic, which takes PDFs alone in base64, and texts as text.

    :param where: the part's place, for errors.
    :raises ValidationError: its content is not what it says it is.
    """
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind not in ("document", "file"):
        return part
    inline = _source_data(part) if kind == "document" else _inline(part, where)
    if inline is None:
        return part
    marker = {"cache_control": part["cache_control"]} if "cache_control" in part else {}
    if kind == "document" and inline.media_type.startswith("image/"):
        return {"type": "image", "source": part["source"], **marker}
    if not is_text(inline.media_type):
        return part
    text = _decoded(inline, where)
    source = {"type": "text", "media_type": "text/plain", "data": text}
    if kind == "document":
        return {**part, "source": source}
    title = part["file"].get("filename")
    return {"type": "document", "source": source, **({"title": title} if title else {}), **marker}


def _from_source(part: Mapping[str, Any], where: str) -> Any:
    """Anthropic's image or document."""
    source = part.get("source")
    source = source if isinstance(source, Mapping) else {}
    inline = _source_data(part)
    if inline is not None:
        url = f"data:{inline.media_type};base64,{inline.data}"
        if part["type"] == "image" or inline.media_type.startswith("image/"):
            return {"type": "image_url", "image_url": {"url": url}}
        if is_text(inline.media_type):
            return _text(_decoded(inline, where), part.get("title"))
        name = part.get("title") or "document.pdf"
        return {"type": "file", "file": {"filename": name, "file_data": url}}
    if part["type"] == "image" and source.get("type") == "url":
        return {"type": "image_url", "image_url": {"url": source.get("url")}}
    if part["type"] == "document" and source.get("type") == "text":
        return _text(source.get("data"), part.get("title"))
    return part


def _source_data(part: Mapping[str, Any]) -> InlineData | None:
    """What a part's source holds in base64; None for a source of another kind."""
    source = part.get("source")
    if not isinstance(source, Mapping) or source.get("type") != "base64":
        return None
    media_type, data = source.get("media_type"), source.get("data")
    if not isinstance(media_type, str) or not isinstance(data, str):
        return None
    return InlineData(media_type.partition(";")[0].strip().lower(), data)


def _inline(part: Mapping[str, Any], where: str) -> InlineData | None:
    """What a ``file`` part holds itself; None where it does not, or does not tell its type."""
    try:
        content = file_content(part, where)
    except InvalidRequestError:
        return None  # the codec's to refuse, or the server's to know
    return content if isinstance(content, InlineData) else None


def is_text(media_type: str) -> bool:
    """Whether files of a type are text, which every model reads."""
    return media_type.startswith("text/") or media_type in _TEXTS


def _decoded(inline: InlineData, where: str) -> str:
    try:
        return inline.text(where)
    except InvalidRequestError as err:
        message = err.message
    raise ValidationError(
        f"{message}, though its type is {inline.media_type!r}; encode it as UTF-8"
    )


def _text(text: Any, title: Any) -> Part:
    """A text part, under its title where it has one."""
    headed = f"{title}\n\n{text}" if isinstance(title, str) and title else text
    return {"type": "text", "text": headed}
