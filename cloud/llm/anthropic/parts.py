"""Content parts as OpenAI has them, made content blocks of Anthropic's. Pure.

A part of a kind that OpenAI does not have is taken for a block of Anthropic's and left as it is.

Source: https://platform.claude.com/docs/en/api/messages/create; the block types of anthropic 2.12.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

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
    if content is None:
        return []
    if isinstance(content, str):
        return [text_block(content)] if content else []
    if not isinstance(content, list):
        raise InvalidRequestError(
            f"{where}.content is a {type(content).__name__}; give text or a list of parts"
        )
    found = [_block(part, f"{where}.content[{i}]") for i, part in enumerate(content)]
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
    convert = _CONVERTERS.get(kind)
    return convert(part, where) if convert else dict(part)


def _text(part: Mapping[str, Any], where: str) -> Block:
    if not isinstance(part.get("text"), str):
        raise InvalidRequestError(f"{where}.text is {_shape(part.get('text'))}; give text")
    return dict(part)


def _refusal(part: Mapping[str, Any], where: str) -> Block:
    """An earlier refusal, which the API knows as the text that it was."""
    return _text({"type": "text", "text": part.get("refusal")}, where)


def _image(part: Mapping[str, Any], where: str) -> Block:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image
    place = f"{where}.image_url"
    if _is_address(url):
        return _with_marker({"type": "image", "source": {"type": "url", "url": url}}, part)
    kind, data = _data_url(url, place)
    return _with_marker(_inline_image(kind, data), part)


def _inline_image(media_type: str, data: str) -> Block:
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "image", "source": source}


def _file(part: Mapping[str, Any], where: str) -> Block:
    place = f"{where}.file"
    file = part.get("file")
    if not isinstance(file, Mapping):
        raise InvalidRequestError(f"{place} is {_shape(file)}; give a dict with 'file_data'")
    title = file.get("filename")
    if file.get("file_id"):
        source = {"type": "file", "file_id": file["file_id"]}
    elif _is_address(file.get("file_data")):
        source = {"type": "url", "url": file["file_data"]}
    else:
        kind, data = _data_url(file.get("file_data"), f"{place}.file_data")
        if kind.startswith("image/"):
            return _with_marker(_inline_image(kind, data), part)
        source = _document_source(kind, data, f"{place}.file_data")
    titled = {"title": title} if title else {}
    return _with_marker({"type": "document", "source": source, **titled}, part)


def _document_source(media_type: str, data: str, where: str) -> dict[str, Any]:
    if media_type == "application/pdf":
        return {"type": "base64", "media_type": media_type, "data": data}
    if not media_type.startswith("text/"):
        raise InvalidRequestError(
            f"{where} is of type {media_type!r}; Anthropic reads PDF, text and images"
        )
    try:
        text = base64.b64decode(data, validate=True).decode()
    except ValueError:
        text = None
    if text is None:
        raise InvalidRequestError(f"{where} is no UTF-8 text in base64")
    return {"type": "text", "media_type": "text/plain", "data": text}


def _data_url(url: Any, where: str) -> tuple[str, str]:
    """Media type and base64 text of a data URL. Source: RFC 2397."""
    if isinstance(url, str) and url[:5].lower() == "data:":
        head, comma, data = url[5:].partition(",")
        media_type, *parameters = head.split(";")
        if comma and media_type and parameters and parameters[-1] == "base64":
            return media_type.lower(), data
    raise InvalidRequestError(
        f"{where} is neither an http(s) address nor a data URL such as "
        "'data:image/png;base64,…' (this one's content is not shown)"
    )


def _is_address(url: Any) -> bool:
    return isinstance(url, str) and url[:8].lower().startswith(("http://", "https://"))


def _with_marker(block: Block, part: Mapping[str, Any]) -> Block:
    return marked([block], part.get("cache_control"))[0]


def _shape(value: Any) -> str:
    return "missing" if value is None else f"a {type(value).__name__}"


_CONVERTERS: dict[str, Callable[[Mapping[str, Any], str], Block]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "file": _file,
}
