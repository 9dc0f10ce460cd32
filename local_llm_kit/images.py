"""Images in messages: only what a caller sends itself, as a ``data:`` URL. Nothing is fetched.

An address would have whoever runs the model open connections for whoever may ask it (GHSA-3f6c-
7fw2-ppm4), and a ``file:`` URL would read that machine's files; both are refused unread.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

from local_llm_kit.fields import invalid, unsupported

#: Most bytes of one image, decoded.
MAX_IMAGE_BYTES = 5 << 20
#: Most images of one request.
MAX_IMAGES = 16

_DATA_URL = re.compile(r"data:image/(?:png|jpe?g|webp|gif);base64,", re.IGNORECASE)
_DETAILS = (None, "auto", "low", "high", "original")
_MAX_BASE64 = -(-MAX_IMAGE_BYTES // 3) * 4


def image_of(where: str, part: Mapping[str, Any]) -> str:
    """The image of an ``image_url`` part, as base64.

    :param where: the part's place, for errors.
    :raises InvalidRequestError: it is no ``data:`` URL of an image, or too large.
    """
    where = f"{where}.image_url"
    told = part.get("image_url")
    if isinstance(told, str):  # a habit of some libraries
        told = {"url": told}
    url = told.get("url") if isinstance(told, Mapping) else None
    if not isinstance(told, Mapping) or not isinstance(url, str):
        raise invalid(where, f"{where} must be an object with the text url")
    if told.get("detail") not in _DETAILS:  # how finely to look; no local model can be told
        raise invalid(f"{where}.detail", f"{where}.detail must be 'auto', 'low' or 'high'")
    begin = _DATA_URL.match(url)
    if begin is None:
        raise invalid(
            f"{where}.url",
            f"{where}.url is no data: URL of an image, and no other is opened; send the image "
            "itself: data:image/png;base64,… (png, jpeg, webp or gif)",
        )
    text = url[begin.end() :]
    check_image(f"{where}.url", text)
    return text


def check_image(where: str, text: Any) -> None:
    """Refuse what is no image in base64.

    :raises InvalidRequestError: names the place.
    """
    if not isinstance(text, str):
        raise invalid(where, f"{where} must be the base64 text of an image")
    if len(text) > _MAX_BASE64:
        raise invalid(where, f"{where} is larger than {MAX_IMAGE_BYTES:,} bytes; send it smaller")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(where, f"{where} is not base64") from None
    if media_type(data) is None:
        raise invalid(where, f"{where} is no image that can be read: png, jpeg, webp or gif")


def media_type(data: bytes) -> str | None:
    """What an image is by its first bytes; None where it is none that models read."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def check_count(messages: Sequence[Mapping[str, Any]]) -> None:
    """Refuse more images than a request may have.

    :param messages: as templates take them.
    :raises InvalidRequestError: there are more.
    """
    n_images = sum(len(message.get("images", ())) for message in messages)
    if n_images > MAX_IMAGES:
        raise invalid("messages", f"there are {n_images} images; give at most {MAX_IMAGES}")


def refuse_images(messages: Sequence[Mapping[str, Any]], reason: str) -> None:
    """Refuse messages with images where they are of no use.

    :param messages: as templates take them.
    :param reason: why, and what to do instead.
    :raises InvalidRequestError: there is one; names the message.
    """
    for i, message in enumerate(messages):
        if message.get("images"):
            where = f"messages[{i}].content"
            raise unsupported(where, f"{where} has an image; {reason}")
