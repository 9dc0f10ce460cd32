"""Files as contents of messages: images, PDFs and texts, for every provider.

::

    from llmring import LLMRequest, Message, analyze_image

    content = analyze_image("screenshot.png", "What's in this image?")
    request = LLMRequest(model="vision", messages=[Message(role="user", content=content)])

A source is a path, a data URL, bare base64, or, where ``LLMRING_ALLOW_REMOTE_URLS`` is set, an http
address, which is handed on to the provider. Which files may be read is up to
`llmring.files.rules`. Larger files, and such as are used often, are better registered
(`LLMRing.register_file`).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from typing import Any

from cloud.llm.parts import InlineData
from llmring.exceptions import FileProcessingError
from llmring.files import media_types
from llmring.files.reading import open_file, shown_path
from llmring.files.rules import FileRules
from llmring.files.sources import (
    Address,
    base64_content,
    check_inline_size,
    content_of,
)

Source = str | os.PathLike[str]
Part = dict[str, Any]
#: An image among several: as elsewhere, or base64 with its type, ``{"data": …, "mime_type": …}``.
Image = Source | Mapping[str, str]

__all__ = [
    "analyze_file",
    "analyze_image",
    "compare_images",
    "create_base64_image_content",
    "create_data_url",
    "create_file_content",
    "create_image_content",
    "create_multi_image_content",
    "encode_file_to_base64",
    "extract_text_from_image",
    "get_file_mime_type",
    "validate_image_file",
]


def encode_file_to_base64(file_path: Source) -> str:
    """The content of a file in base64.

    :raises FileProcessingError: there is none, or it may not or cannot be read.
    :raises FileSizeError: it is too large to go into a request.
    """
    return base64.b64encode(_read(file_path)).decode()


def get_file_mime_type(file_path: Source) -> str:
    """The media type of a file: what its first bytes say, else its name.

    :return: ``application/octet-stream`` where neither tells; of a file that cannot be read, what
        its name says.
    """
    shown_path(file_path)  # what is no path is refused by its type
    return media_types.media_type(_head(file_path), file_path)


def create_data_url(file_path: Source) -> str:
    """A file as a data URL, ``data:image/png;base64,…``.

    :raises FileProcessingError: there is none, or it may not or cannot be read.
    :raises FileSizeError: it is too large to go into a request.
    """
    data = _read(file_path)
    media_type = media_types.media_type(data[: media_types.HEAD_BYTES], file_path)
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def validate_image_file(file_path: Source) -> bool:
    """Whether a file is a PNG, JPEG, GIF or WebP image, by its first bytes and not by its name.

    :return: False as well for a file that is not there, or may not be read.
    """
    return media_types.sniffed(_head(file_path)) in media_types.IMAGES


def create_image_content(
    source: Source, text: str = "", mime_type: str = "image/jpeg"
) -> list[Part]:
    """The content of a message about an image: the text, if there is any, and the image.

    :param source: a path, a data URL, base64, or an http address.
    :param mime_type: the type of base64.
    :raises FileProcessingError: the source is none of these, no image, or may not be read.
    :raises FileSizeError: it is too large to go into a request.
    """
    return [*_text(text), _image(source, mime_type)]


def create_multi_image_content(images: Sequence[Image], text: str = "") -> list[Part]:
    """The content of a message about several images: the text, if there is any, comes first.

    :param images: sources as for `create_image_content`, or dicts of ``data`` (base64) and
        ``mime_type``.
    :raises FileProcessingError: one of them cannot be used.
    :raises FileSizeError: one of them is too large to go into a request.
    """
    if isinstance(images, str | os.PathLike | Mapping):
        raise FileProcessingError("images is a single one; give a list of them")
    return [*_text(text), *(_any_image(image) for image in images)]


def create_base64_image_content(
    base64_data: str, mime_type: str = "image/jpeg", text: str = ""
) -> list[Part]:
    """The content of a message about an image that is given in base64.

    :raises FileProcessingError: `base64_data` is no base64, or empty.
    :raises FileSizeError: it is too large to go into a request.
    """
    return [*_text(text), _image_part(_data_url(_as_image(base64_content(base64_data, mime_type))))]


def create_file_content(source: Source, text: str = "", mime_type: str | None = None) -> list[Part]:
    """The content of a message about a file: the text, if there is any, and the file.

    An image becomes an ``image_url`` part, all else a ``document``.

    :param source: a path, a data URL, base64, or an http address.
    :param mime_type: the type of base64, which must be given there; of an address, only whether it
        is an image is of interest.
    :raises FileProcessingError: the source is none of these, or may not be read.
    :raises FileSizeError: it is too large to go into a request.
    """
    content = content_of(source, mime_type, FileRules.read())
    if isinstance(content, Address):
        kind = mime_type or media_types.named(content.url.partition("?")[0]) or ""
        if kind.startswith("image/"):
            return [*_text(text), _image_part(content.url)]
        return [*_text(text), _document({"type": "url", "url": content.url})]
    if content.media_type.startswith("image/"):
        return [*_text(text), _image_part(_data_url(content))]
    fields = {"type": "base64", "media_type": content.media_type, "data": content.data}
    return [*_text(text), _document(fields)]


def analyze_file(
    source: Source, prompt: str = "Analyze this file", mime_type: str | None = None
) -> list[Part]:
    """As `create_file_content`, with a prompt."""
    return create_file_content(source, prompt, mime_type)


def analyze_image(
    source: Source, prompt: str = "Analyze this image", mime_type: str = "image/jpeg"
) -> list[Part]:
    """As `create_image_content`, with a prompt."""
    return create_image_content(source, prompt, mime_type)


def extract_text_from_image(source: Source, mime_type: str = "image/jpeg") -> list[Part]:
    """The content of a message that asks for the text in an image."""
    prompt = "Write down all text in this image, in its order and with its layout."
    return create_image_content(source, prompt, mime_type)


def compare_images(
    image1: Image, image2: Image, prompt: str = "Compare these images"
) -> list[Part]:
    """The content of a message about two images; see `create_multi_image_content`."""
    return create_multi_image_content([image1, image2], prompt)


def _read(file_path: Source) -> bytes:
    with open_file(file_path, FileRules.read()) as file:
        check_inline_size(file.size_bytes, file.path)
        return file.read()


def _head(file_path: Source) -> bytes:
    """The first bytes of a file; none of one that cannot be read."""
    try:
        with open_file(file_path, FileRules.read()) as file:
            return file.stream.read(media_types.HEAD_BYTES)
    except (FileProcessingError, OSError):
        return b""


def _text(text: str | None) -> list[Part]:
    if not isinstance(text, str | None):
        raise FileProcessingError(
            f"the text beside a file is a {type(text).__name__}; give text, or none"
        )
    return [{"type": "text", "text": text}] if text else []


def _any_image(image: Image) -> Part:
    if not isinstance(image, Mapping):
        return _image(image, "image/jpeg")
    data, media_type = image.get("data"), image.get("mime_type", "image/jpeg")
    if not isinstance(data, str) or not isinstance(media_type, str):
        raise FileProcessingError("an image has no 'data' in base64, or no 'mime_type'; give both")
    return _image_part(_data_url(_as_image(base64_content(data, media_type))))


def _image(source: Source, mime_type: str) -> Part:
    content = content_of(source, mime_type, FileRules.read())
    return _image_part(
        content.url if isinstance(content, Address) else _data_url(_as_image(content))
    )


def _as_image(content: InlineData) -> InlineData:
    if not content.media_type.startswith("image/"):
        raise FileProcessingError(
            f"the source is of type {content.media_type!r}, and no image; see create_file_content"
        )
    return content


def _image_part(url: str) -> Part:
    return {"type": "image_url", "image_url": {"url": url}}


def _data_url(content: InlineData) -> str:
    return f"data:{content.media_type};base64,{content.data}"


def _document(source: Part) -> Part:
    return {"type": "document", "source": source}
