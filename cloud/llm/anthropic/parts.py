"""Content parts as OpenAI has them, made content blocks of Anthropic's. Pure.

A part of a kind that OpenAI does not have is taken for a block of Anthropic's and left as it is.

Source: https://platform.claude.com/docs/en/api/messages/create; the block types of anthropic 2.12.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloud.llm.parts import (
    InlineData,
    Part,
    file_content,
    guessed,
    inline_data,
    is_address,
    part_text,
    part_url,
    placed_parts,
)
from LLM.exceptions import InvalidRequestError

Block = dict[str, Any]

#: Kinds of OpenAI's and its imitators' that Anthropic has nothing for.
_UNHEARD = frozenset({"audio", "input_audio", "video_url"})


def text_block(text: str) -> Block:
    """A block that is text."""
    return {"type": "text", "text": text}


def blocks_of(content: Any, where: str) -> list[Block]:
    """The blocks of a message's content. Empty texts are left out: the API refuses them.

    :param content: text, a list of parts, or None.
    :param where: the message, for errors.
    :raises InvalidRequestError: names the part that Anthropic has no form for.
    """
    parts = placed_parts(content, f"{where}.content")
    found = [_block(part, place) for place, part in parts]
    return [block for block in found if block["type"] != "text" or block["text"]]


def marked(blocks: list[Block], cache_control: Any) -> list[Block]:
    """The blocks with a cache marker on the last one; as they are where `cache_control` is None."""
    if cache_control is None or not blocks:
        return blocks
    return [*blocks[:-1], {**blocks[-1], "cache_control": cache_control}]


def _block(part: Any, where: str) -> Block:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(kind, str) or not kind:
        raise InvalidRequestError(
            f"{where} is no content part; give a dict such as {{'type': 'text', 'text': …}}"
        )
    if kind in _UNHEARD:
        raise InvalidRequestError(
            f"{where} is of type {kind!r}, which Anthropic does not take; give text, an image or a "
            "document"
        )
    text = part_text(part, where)
    if text is not None:
        # Citations may stand beside a text of Anthropic's own.
        return dict(part) if kind == "text" else _with_marker(text_block(text), part)
    if kind in ("image_url", "input_image"):
        return _with_marker(_image(part, where), part)
    return _with_marker(_file(part, where), part) if kind == "file" else dict(part)


def _image(part: Part, where: str) -> Block:
    url = part_url(part, where)
    if inline := inline_data(url, where):
        return _inline_image(inline)
    if not is_address(url):
        raise InvalidRequestError(
            f"{where} has an address that Anthropic cannot fetch; give a data: or https: URL"
        )
    return {"type": "image", "source": {"type": "url", "url": url}}


def _inline_image(image: InlineData) -> Block:
    source = {"type": "base64", "media_type": image.media_type, "data": image.data}
    return {"type": "image", "source": source}


def _file(part: Part, where: str) -> Block:
    content = file_content(part, where)
    file = part["file"]
    if isinstance(content, InlineData):
        if content.media_type.startswith("image/"):
            return _inline_image(content)
        source = _document_source(content, where)
    elif content is not None:
        source = {"type": "url", "url": content}
    else:
        source = {"type": "file", "file_id": file["file_id"]}
        told = file.get("mime_type") or file.get("format") or guessed(file.get("filename"))
        if isinstance(told, str) and told.lower().startswith("image/"):
            return {"type": "image", "source": source}
    title = file.get("filename")
    return {"type": "document", "source": source, **({"title": title} if title else {})}


def _document_source(document: InlineData, where: str) -> dict[str, Any]:
    if document.media_type == "application/pdf":
        return {"type": "base64", "media_type": document.media_type, "data": document.data}
    if document.media_type.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": document.text(where)}
    raise InvalidRequestError(
        f"{where} is a file of type {document.media_type!r}; Anthropic reads PDF, text and images"
    )


def _with_marker(block: Block, part: Part) -> Block:
    return marked([block], part.get("cache_control"))[0]
