"""What a caller names as a file, made its content: a path, a data URL, base64, or an address."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from cloud.llm.parts import InlineData, inline_data, is_address
from LLM.exceptions import InvalidRequestError
from llmring.exceptions import FileProcessingError, FileSizeError
from llmring.files import media_types
from llmring.files.reading import open_file
from llmring.files.rules import FileRules

#: The largest content that goes into a request itself: what OpenAI takes. Anthropic takes requests
#: of 32 MB, Google of 100 MB.
MAX_INLINE_BYTES = 50 * 1024**2
#: Shorter texts are taken for paths, unless what they hold begins as an image or a PDF does.
_MIN_BASE64 = 100


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file lies on the web."""

    url: str


def content_of(
    source: str | os.PathLike[str], media_type: str | None, rules: FileRules
) -> InlineData | Address:
    """The content that `source` names.

    :param source: a path, a data URL, base64, or an http address where `rules` allow one.
    :param media_type: the type of base64, which does not tell it itself.
    :raises FileProcessingError: it is none of these, is empty, or may not be read.
    :raises FileSizeError: it is too large to go into a request.
    """
    if isinstance(source, str):
        if source[:5].lower() == "data:":
            return _of_data_url(source)
        if is_address(source):
            return Address(checked_address(source, rules))
        data = _base64_of(source)
        if data is not None:
            return _of_base64(source, data, media_type)
    return _of_file(source, rules)


def base64_content(data: str, media_type: str) -> InlineData:
    """The content of text that is base64, whatever it looks like.

    :raises FileProcessingError: it is not, or is empty.
    :raises FileSizeError: it is too large to go into a request.
    """
    decoded = _decoded(data)
    if decoded is None:
        raise FileProcessingError("the base64 data is none; give what base64.b64encode makes")
    return _of_base64(data, decoded, media_type)


def checked_address(url: str, rules: FileRules) -> str:
    """`url`, if it may be used and can be one.

    :raises FileProcessingError: it may not or cannot.
    """
    if not rules.allow_remote:
        raise FileProcessingError(
            "the file is given by a web address, and these are not used unless "
            "LLMRING_ALLOW_REMOTE_URLS is 1; set it, or download the file and give its path"
        )
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        has_host = False
    # A parser elsewhere may read a name before '@' or '\' otherwise than this one.
    if not has_host or "@" in parts.netloc or "\\" in url or not url.isprintable() or " " in url:
        raise FileProcessingError(
            "the file's web address is none, or has a name or password in it; give "
            "https://host/path"
        )
    return url


def read_inline(path: str | os.PathLike[str], rules: FileRules) -> tuple[str, bytes]:
    """The media type and the content of a file that goes into a request itself.

    :raises FileProcessingError: it is empty, or may not be read.
    :raises FileSizeError: it is too large for that.
    """
    with open_file(path, rules) as file:
        check_inline_size(file.size_bytes, file.path)
        data = file.read()
    if not data:
        raise FileProcessingError(f"{file.path} is empty; give a file with content")
    return media_types.media_type(data[: media_types.HEAD_BYTES], path), data


def check_inline_size(size_bytes: int, what: str) -> None:
    """:raises FileSizeError: it is too large to go into a request."""
    if size_bytes > MAX_INLINE_BYTES:
        raise FileSizeError(
            f"{what} has {size_bytes:,} bytes, and {MAX_INLINE_BYTES:,} fit into a request; "
            "register it with LLMRing.register_file, or split it"
        )


def _of_file(path: str | os.PathLike[str], rules: FileRules) -> InlineData:
    media_type, data = read_inline(path, rules)
    return InlineData(media_type, base64.b64encode(data).decode())


def _of_data_url(url: str) -> InlineData:
    try:
        inline = inline_data(url, "the source")
    except InvalidRequestError as err:
        raise FileProcessingError(err.message) from None
    decoded = _decoded(inline.data) if inline is not None else None
    if inline is None or decoded is None:
        raise FileProcessingError("the data URL holds no base64; give data:image/png;base64,…")
    return _of_base64(inline.data, decoded, inline.media_type)


def _of_base64(text: str, data: bytes, media_type: object) -> InlineData:
    if not data:
        raise FileProcessingError("the base64 data is empty; give a file with content")
    check_inline_size(len(data), "the base64 data")
    if not media_type:
        raise FileProcessingError(
            "base64 does not tell what it holds; give mime_type=…, or a data URL"
        )
    if not isinstance(media_type, str) or not media_types.is_media_type(media_type):
        raise FileProcessingError(
            f"mime_type is {media_type!r:.100}; give a media type, such as 'image/png'"
        )
    return InlineData(media_type.lower(), text)


def _base64_of(source: str) -> bytes | None:
    """What a text holds if it is base64 rather than a path."""
    data = _decoded(source)
    if not data:
        return None
    is_known = media_types.sniffed(data[: media_types.HEAD_BYTES]) is not None
    if not is_known and (len(source) < _MIN_BASE64 or os.path.exists(source)):
        return None
    return data


def _decoded(text: object) -> bytes | None:
    """What base64 text holds; None for what is none."""
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except ValueError:  # binascii.Error is one
        return None
