"""Content blocks that are read as text or as images: texts, documents, search results, images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import invalid, quoted, unsupported
from local_llm_kit.server.anthropic.reading import a_text, an_object, blocks_of, given

_KINDS = ("text", "image", "document", "search_result")
_UNREAD = {
    "base64": "PDF files are not read here; send their text",
    "url": "no address is opened for a client; send the text",
    "file": "there are no uploaded files here; send the text",
}


def parts_of(where: str, content: Any) -> Iterator[JSONObject]:
    """Parts of a chat message, in OpenAI's form, from a content.

    :param content: a text or a list of blocks.
    :raises InvalidRequestError: names the block.
    """
    for i, block in enumerate(blocks_of(where, content)):
        yield part_of(f"{where}[{i}]", block)


def text_part(text: str) -> JSONObject:
    """A part that is text."""
    return {"type": "text", "text": text}


def part_of(where: str, block: Any) -> JSONObject:
    """A part of a chat message, in OpenAI's form, from a block.

    :raises InvalidRequestError: it is of another kind, or malformed.
    """
    kind = an_object(where, block).get("type")
    if kind == "text":
        # Citations come back with an earlier answer's text.
        return text_part(
            a_text(f"{where}.text", given(where, block, ("text", "citations")).get("text"))
        )
    if kind == "image":
        return _image(where, block)
    if kind == "document":
        return text_part(_document(where, block))
    if kind == "search_result":
        return text_part(_search_result(where, block))
    raise unread(where, kind, _KINDS)


def unread(where: str, kind: Any, known: tuple[str, ...]) -> Exception:
    """The error for a block of a kind that cannot be read there."""
    shown = quoted(kind, "of no known type")
    there = ", ".join(map(repr, known))
    return unsupported(where, f"{where} is {shown}, which is not read here; there are {there}")


def _image(where: str, block: Any) -> JSONObject:
    """The image itself as a ``data:`` URL; the chat API says what is wrong with it."""
    place = f"{where}.source"
    source = an_object(place, given(where, block, ("source", "transformations")).get("source"))
    if source.get("type") != "base64":
        reason = "an image must be sent itself, as base64: nothing is opened for a client"
        raise unsupported(place, f"{place} is not read here; {reason}")
    kind = a_text(f"{place}.media_type", source.get("media_type"))
    data = a_text(f"{place}.data", source.get("data"))
    return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}}


def _document(where: str, block: Any) -> str:
    """A document's title, context and text, a line apart."""
    fields = given(where, block, ("source", "title", "context", "citations"))
    place = f"{where}.source"
    source = an_object(place, fields.get("source"))
    kind = source.get("type")
    if kind == "text":
        text = a_text(f"{place}.data", source.get("data"))
    elif kind == "content":
        text = text_of(f"{place}.content", source.get("content"))
    else:
        reason = _UNREAD.get(kind, "there are 'text' and 'content'") if isinstance(kind, str) else (
            "it needs a type: 'text' or 'content'"
        )  # fmt: skip
        raise unsupported(place, f"{place} is not read here: {reason}")
    about = [a_text(f"{where}.{name}", fields.get(name, "")) for name in ("title", "context")]
    return _lines(*about, text)


def _search_result(where: str, block: Any) -> str:
    fields = given(where, block, ("content", "source", "title", "citations"))
    about = [a_text(f"{where}.{name}", fields.get(name)) for name in ("title", "source")]
    return _lines(*about, text_of(f"{where}.content", fields.get("content")))


def text_of(where: str, content: Any) -> str:
    """The text of a content that may be nothing but text.

    :raises InvalidRequestError: there is an image in it, or it is malformed.
    """
    texts = []
    for part in parts_of(where, content):
        if part["type"] != "text":
            raise invalid(where, f"{where} has an image where only text is read")
        texts.append(part["text"])
    return _lines(*texts)


def _lines(*texts: str) -> str:
    return "\n".join(text for text in texts if text)
