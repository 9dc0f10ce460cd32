"""Content parts in OpenAI's words, read for the codecs that put them into other words. Pure.

Nothing is fetched. No error shows an address or what a data URL holds: it may be private, or carry
a token.

Source: https://platform.openai.com/docs/api-reference/chat/create; RFC 2397 for data URLs.
"""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from LLM.exceptions import InvalidRequestError

Part = Mapping[str, Any]

#: Kinds of parts that are text, with the field that holds it; ``input_text`` and ``output_text``
#: are those of OpenAI's Responses API.
_TEXT_FIELDS = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "refusal": "refusal",
}


@dataclass(frozen=True, slots=True)
class InlineData:
    """Content that is given itself, and not by an address.

    :param media_type: in lower case, without parameters.
    :param data: base64 text.
    """

    media_type: str
    data: str

    def text(self, where: str) -> str:
        """The content as text.

        :param where: its place, for the error.
        :raises InvalidRequestError: it is none.
        """
        try:
            return base64.b64decode(self.data, validate=True).decode()
        except ValueError:
            pass
        raise InvalidRequestError(f"{where} holds no UTF-8 text in base64")


def placed_parts(content: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Each part of a message's content behind its place; text is one part, None is none.

    :param content: text, a list of parts, or None; bare text in a list is a part, too.
    :param where: the content's place, for errors.
    :raises InvalidRequestError: it is none of these.
    """
    if isinstance(content, str):
        yield where, {"type": "text", "text": content}
    elif isinstance(content, list | tuple):
        for i, part in enumerate(content):
            is_text = isinstance(part, str)
            yield f"{where}[{i}]", {"type": "text", "text": part} if is_text else part
    elif content is not None:
        raise InvalidRequestError(
            f"{where} is a {type(content).__name__}; give text or a list of content parts"
        )


def part_text(part: Part, where: str) -> str | None:
    """The text of a part that is text; None for one of another kind.

    :raises InvalidRequestError: it should be text, and is not.
    """
    kind = part.get("type")
    field = _TEXT_FIELDS.get(kind) if isinstance(kind, str) else None
    if field is None:
        return None
    text = part.get(field)
    if isinstance(text, str):
        return text
    found = "missing" if text is None else f"a {type(text).__name__}"
    raise InvalidRequestError(f"{where}.{field} is {found}; give text")


def part_url(part: Part, where: str) -> str:
    """The address in a part such as ``image_url``: OpenAI's ``{"url": …}``, or bare.

    :raises InvalidRequestError: it has none.
    """
    # The Responses API has its images' addresses under the name that chats have for the kind.
    name = "image_url" if part["type"] == "input_image" else part["type"]
    value = part.get(name)
    url = value.get("url") if isinstance(value, Mapping) else value
    if isinstance(url, str) and url:
        return url
    raise InvalidRequestError(
        f"{where}.{name} has no 'url'; give a data URL such as 'data:image/png;base64,…', or an "
        "address"
    )


def inline_data(url: str, where: str) -> InlineData | None:
    """What a data URL holds; None for an address.

    :raises InvalidRequestError: it is a data URL, but without a media type or content.
    """
    if url[:5].lower() != "data:":
        return None
    head, comma, data = url[5:].partition(",")
    media_type, *parameters = head.split(";")
    if not comma or not media_type:
        raise InvalidRequestError(
            f"{where} is a data URL without a media type, or without content; give "
            "data:image/png;base64,…"
        )
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        data = base64.b64encode(_unquoted(data, where)).decode()
    return InlineData(media_type.lower(), data)


def _unquoted(data: str, where: str) -> bytes:
    try:
        return unquote_to_bytes(data)
    except UnicodeEncodeError:
        pass  # raised below: the caught one shows the data
    raise InvalidRequestError(f"{where} holds a lone surrogate, which UTF-8 cannot carry")


def is_address(url: str) -> bool:
    """Whether a provider could fetch it from the web."""
    return url[:8].lower().startswith(("http://", "https://"))


def file_content(part: Part, where: str) -> InlineData | str | None:
    """What a ``file`` part holds: content, or an address; None where it names an uploaded file.

    The type of bare base64 is told by the file's `mime_type` or `format`, or by its name's ending.

    :raises InvalidRequestError: it holds neither, or does not tell its type.
    """
    file = part.get("file")
    if not isinstance(file, Mapping):
        found = "missing" if file is None else f"a {type(file).__name__}"
        raise InvalidRequestError(f"{where}.file is {found}; give a dict with 'file_data'")
    data = file.get("file_data")
    if isinstance(data, str) and data:
        if is_address(data):
            return data
        if inline := inline_data(data, f"{where}.file.file_data"):
            return inline
        media_type = file.get("mime_type") or file.get("format") or guessed(file.get("filename"))
        if isinstance(media_type, str):
            return InlineData(media_type.lower(), data)
        raise InvalidRequestError(
            f"{where}.file tells no type; give file_data as data:application/pdf;base64,…, or a "
            "filename with its ending"
        )
    if isinstance(file.get("file_id"), str) and file["file_id"]:
        return None
    raise InvalidRequestError(f"{where}.file has neither 'file_data' nor 'file_id'")


def guessed(name: Any) -> str | None:
    """The media type that a name's ending tells; None where it tells none."""
    if not isinstance(name, str):
        return None
    # The last segment alone: a whole address may be one that urllib.parse chokes on. WebP is no
    # strict type before Python 3.13.
    return mimetypes.guess_type(name.rpartition("/")[2], strict=False)[0]
