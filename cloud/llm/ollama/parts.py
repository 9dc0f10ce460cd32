"""Content parts as a text and its images. Pure."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from LLM.exceptions import InvalidRequestError


class Content:
    """What a message says, in the three places that Ollama has for it.

    :param where: the content's place, for errors.
    :param content: text, a list of parts in OpenAI's or Anthropic's form, or None.
    :raises InvalidRequestError: a part has no form in Ollama; names it.
    """

    def __init__(self, where: str, content: Any) -> None:
        self.images: list[str] = []
        self.thoughts: list[str] = []
        self._texts: list[str] = []
        if isinstance(content, str):
            self._texts.append(content)
        elif isinstance(content, list | tuple):
            for position, part in enumerate(content):
                self._add(f"{where}[{position}]", part)
        elif content is not None:
            raise InvalidRequestError(
                f"{where} is a {type(content).__name__}; give text or a list of content parts"
            )

    @property
    def text(self) -> str:
        """The text parts, each from a new line on."""
        return "\n".join(self._texts)

    def _add(self, where: str, part: Any) -> None:
        if isinstance(part, str):
            self._texts.append(part)
            return
        kind = part.get("type") if isinstance(part, Mapping) else None
        read = _READERS.get(kind) if isinstance(kind, str) else None
        if read is None:
            raise InvalidRequestError(
                f"{where} is {f'of type {kind!r}' if kind else 'no content part'}, which Ollama "
                "has no form for; it takes text and images"
            )
        read(self, where, part)

    def _add_text(self, where: str, part: Mapping[str, Any]) -> None:
        text = part.get("refusal" if part["type"] == "refusal" else "text")
        if not isinstance(text, str):
            raise InvalidRequestError(f"{where} has no text")
        self._texts.append(text)

    def _add_image_url(self, where: str, part: Mapping[str, Any]) -> None:
        url = part.get("image_url")
        self.images.append(image_data(where, url.get("url") if isinstance(url, Mapping) else url))

    def _add_source(self, where: str, part: Mapping[str, Any]) -> None:
        """Anthropic's image or document."""
        source = part.get("source")
        source = source if isinstance(source, Mapping) else {}
        kind, data = source.get("type"), source.get("data")
        if kind == "base64" and part["type"] == "image" and isinstance(data, str):
            self.images.append(data)
        elif kind == "text" and part["type"] == "document" and isinstance(data, str):
            self._texts.append(data)
        elif kind == "url":
            raise _address(where)
        else:
            raise _no_file(where)

    def _add_audio(self, where: str, part: Mapping[str, Any]) -> None:
        audio = part.get("input_audio")
        data = audio.get("data") if isinstance(audio, Mapping) else None
        if not isinstance(data, str):
            raise InvalidRequestError(f"{where} has no input_audio.data; give base64 text")
        self.images.append(data)

    def _add_file(self, where: str, part: Mapping[str, Any]) -> None:
        file = part.get("file")
        data = file.get("file_data") if isinstance(file, Mapping) else None
        if not isinstance(data, str) or not data.startswith(("data:image/", "data:text/")):
            raise _no_file(where)
        if data.startswith("data:image/"):
            self.images.append(image_data(where, data))
        else:
            self._texts.append(_data_url(where, data).decode("utf-8", "replace"))

    def _add_thought(self, where: str, part: Mapping[str, Any]) -> None:
        # A redacted thought is another provider's secret, of which nothing can be told.
        if isinstance(text := part.get("thinking"), str):
            self.thoughts.append(text)


def image_data(where: str, url: Any) -> str:
    """The base64 in a data URL.

    :raises InvalidRequestError: it is none.
    """
    if not isinstance(url, str):
        raise InvalidRequestError(f"{where} has no image; give it as a data URL")
    if not url.startswith("data:"):
        raise _address(where)
    header, comma, data = url.partition(",")
    # What is base64 already goes as it is: a large image is not decoded for nothing.
    if comma and header.endswith(";base64"):
        return data
    return b64encode(_data_url(where, url)).decode()


def _data_url(where: str, url: str) -> bytes:
    """What a data URL holds. Source: RFC 2397."""
    header, comma, data = url.partition(",")
    try:
        if comma:
            is_base64 = header.endswith(";base64")
            return b64decode(data, validate=True) if is_base64 else unquote_to_bytes(data)
    except ValueError:
        pass
    raise InvalidRequestError(f"{where} is no data URL; give data:image/png;base64,…")


def _address(where: str) -> InvalidRequestError:
    # The address itself may carry a token, and is not shown.
    return InvalidRequestError(
        f"{where} is given by an address, and Ollama fetches nothing; download it and give it as a "
        "data URL (data:image/png;base64,…)"
    )


def _no_file(where: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{where} is a file, and Ollama takes images and text only; give a PDF's text, or its "
        "pages as images"
    )


_READERS: Final[Mapping[str, Callable[[Content, str, Mapping[str, Any]], None]]] = {
    "text": Content._add_text,
    "input_text": Content._add_text,
    "output_text": Content._add_text,
    "refusal": Content._add_text,
    "image_url": Content._add_image_url,
    "input_image": Content._add_image_url,
    "image": Content._add_source,
    "document": Content._add_source,
    "input_audio": Content._add_audio,
    "file": Content._add_file,
    "thinking": Content._add_thought,
    "redacted_thinking": Content._add_thought,
}
