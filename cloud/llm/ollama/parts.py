"""Content parts as a text and its images. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from cloud.llm.parts import Part, file_content, inline_data, part_text, part_url, placed_parts
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
        for place, part in placed_parts(content, where):
            self._add(place, part)

    @property
    def text(self) -> str:
        """The text parts, each from a new line on."""
        return "\n".join(self._texts)

    def _add(self, where: str, part: Any) -> None:
        text = part_text(part, where) if isinstance(part, Mapping) else None
        if text is not None:
            self._texts.append(text)
            return
        kind = part.get("type") if isinstance(part, Mapping) else None
        read = _READERS.get(kind) if isinstance(kind, str) else None
        if read is None:
            raise InvalidRequestError(
                f"{where} is {f'of type {kind!r}' if kind else 'no content part'}, which Ollama "
                "has no form for; it takes text and images"
            )
        read(self, where, part)

    def _add_image_url(self, where: str, part: Part) -> None:
        self.images.append(image_data(where, part_url(part, where)))

    def _add_source(self, where: str, part: Part) -> None:
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

    def _add_audio(self, where: str, part: Part) -> None:
        audio = part.get("input_audio")
        data = audio.get("data") if isinstance(audio, Mapping) else None
        if not isinstance(data, str):
            raise InvalidRequestError(f"{where} has no input_audio.data; give base64 text")
        self.images.append(data)

    def _add_file(self, where: str, part: Part) -> None:
        content = file_content(part, where)
        if isinstance(content, str):
            raise _address(where)
        if content and content.media_type.startswith("image/"):
            self.images.append(content.data)
        elif content and content.media_type.startswith("text/"):
            self._texts.append(content.text(where))
        else:
            raise _no_file(where)

    def _add_thought(self, where: str, part: Part) -> None:
        # A redacted thought is another provider's secret, of which nothing can be told.
        if isinstance(text := part.get("thinking"), str):
            self.thoughts.append(text)


def image_data(where: str, url: str) -> str:
    """The base64 in a data URL.

    :raises InvalidRequestError: it is none.
    """
    inline = inline_data(url, where)
    if inline is None:
        raise _address(where)
    return inline.data


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


_READERS: Final[Mapping[str, Callable[[Content, str, Part], None]]] = {
    "image_url": Content._add_image_url,
    "input_image": Content._add_image_url,
    "image": Content._add_source,
    "document": Content._add_source,
    "input_audio": Content._add_audio,
    "file": Content._add_file,
    "thinking": Content._add_thought,
    "redacted_thinking": Content._add_thought,
}
