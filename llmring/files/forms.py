"""In which form each provider's models take a file. Pure.

A file is referred to by its copy at the provider, or goes into the message itself. Text that has to
go into the message is text at every provider, whatever its type.

Source: https://platform.claude.com/docs/en/build-with-claude/files;
https://developers.openai.com/api/docs/guides/file-inputs (chats take PDF files alone);
https://ai.google.dev/gemini-api/docs/file-input-methods and its pages on each kind of file.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llmring.contents import is_text
from llmring.files.media_types import IMAGES, PDF
from llmring.schemas import FileUploadResponse

Part = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ByReference:
    """A file that the provider has a copy of.

    :param part: makes the part of the copy and the file's name.
    :param media_type: what the copy is uploaded as.
    """

    part: Callable[[FileUploadResponse, str], Part]
    media_type: str


@dataclass(frozen=True, slots=True)
class InMessage:
    """A file that goes into the message itself.

    :param part: makes the part of the file's name and content.
    :param is_text: whether the content must be UTF-8.
    :param is_image: whether the model must see.
    """

    part: Callable[[str, bytes], Part]
    is_text: bool = False
    is_image: bool = False


Form = ByReference | InMessage


@dataclass(frozen=True, slots=True)
class FileForms:
    """How a provider takes files.

    :param takes: what it takes, for errors.
    :param form_of: gives the form of a media type; None for one that it does not take.
    :param max_size_bytes: the largest file that it keeps; None where it keeps none.
    :param fetches: what it fetches from an address itself: ``image``, ``document``.
    """

    takes: str
    form_of: Callable[[str], Form | None]
    max_size_bytes: int | None = None
    fetches: frozenset[str] = frozenset()


def in_message(media_type: str) -> InMessage:
    """The form of a file that goes into the message, in OpenAI's words."""

    def url(data: bytes) -> str:
        return f"data:{media_type};base64,{base64.b64encode(data).decode()}"

    if media_type in IMAGES:
        return InMessage(
            lambda _, data: {"type": "image_url", "image_url": {"url": url(data)}}, is_image=True
        )
    # The ring makes text of what is text in files, in each provider's own form.
    return InMessage(
        lambda name, data: {"type": "file", "file": {"filename": name, "file_data": url(data)}},
        is_text=is_text(media_type),
    )


def _plain(media_type: str) -> Form | None:
    return in_message(media_type) if is_text(media_type) or media_type in IMAGES else None


def _compatible(media_type: str) -> Form | None:
    return in_message(PDF) if media_type == PDF else _plain(media_type)


def _openai(media_type: str) -> Form | None:
    if media_type != PDF:
        return _plain(media_type)
    return ByReference(
        lambda copy, _: {"type": "file", "file": {"file_id": copy.file_id}}, media_type
    )


def _anthropic(media_type: str) -> Form | None:
    if media_type in IMAGES:
        return ByReference(lambda copy, _: {"type": "image", "source": _source(copy)}, media_type)
    if media_type in (PDF, "text/plain"):
        return ByReference(
            lambda copy, name: {"type": "document", "source": _source(copy), "title": name},
            media_type,
        )
    # Blocks of other types of text are refused, if they are files.
    return _plain(media_type)


def _source(copy: FileUploadResponse) -> Part:
    return {"type": "file", "file_id": copy.file_id}


def _container(media_type: str) -> Form:
    return ByReference(
        lambda copy, _: {"type": "container_upload", "file_id": copy.file_id}, media_type
    )


#: Images, sounds and films that Gemini's models take, and the types of text.
_GOOGLE_IMAGES = frozenset({"image/heic", "image/heif", "image/jpeg", "image/png", "image/webp"})
_GOOGLE_TEXTS = frozenset(
    {"text/css", "text/csv", "text/html", "text/javascript", "text/markdown", "text/plain",
     "text/rtf", "text/xml"}
)  # fmt: skip


def _google(media_type: str) -> Form | None:
    if is_text(media_type) and media_type not in _GOOGLE_TEXTS:
        media_type = "text/plain"
    is_media = media_type.startswith(("audio/", "video/"))
    if not (is_media or media_type in _GOOGLE_IMAGES | _GOOGLE_TEXTS or media_type == PDF):
        return None

    def part(copy: FileUploadResponse, _: str) -> Part:
        address = copy.metadata.get("uri") or copy.file_id
        return {"type": "file", "file": {"file_id": address, "mime_type": media_type}}

    return ByReference(part, media_type)


_SEEN = "images (PNG, JPEG, GIF, WebP)"

_ALL = frozenset({"document", "image"})

#: What every model takes that sees.
PLAIN = FileForms(f"text and {_SEEN}", _plain)
COMPATIBLE = FileForms(f"PDF, text and {_SEEN}", _compatible, fetches=frozenset({"image"}))
OPENAI = FileForms(f"PDF, text and {_SEEN}", _openai, 512 * 1024**2, frozenset({"image"}))
ANTHROPIC = FileForms(
    f"PDF, text and {_SEEN}, and with the tool code_execution any file",
    _anthropic,
    500 * 1024**2,
    _ALL,
)
#: With the tool ``code_execution``, whose container gets the file.
ANTHROPIC_CONTAINER = FileForms("any file", _container, 500 * 1024**2, _ALL)
GOOGLE = FileForms(
    "PDF, text, images (PNG, JPEG, WebP, HEIC, HEIF), audio and video", _google, 2 * 1024**3, _ALL
)
