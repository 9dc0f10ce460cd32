"""What kind of content a file has, told by its first bytes and its name. Pure."""

from __future__ import annotations

import functools
import mimetypes
import os
import re

#: What is told where nothing is known.
UNKNOWN = "application/octet-stream"
PDF = "application/pdf"
#: Images that all providers whose models see can read.
IMAGES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})
#: Bytes from the beginning that `sniffed` wants to see.
HEAD_BYTES = 16

#: A media type without parameters. Source: RFC 6838, section 4.2; RFC 9110, section 8.3.1.
_MEDIA_TYPE = re.compile(r"[\w!#$%&'*+.^`|~-]{1,127}/[\w!#$%&'*+.^`|~-]{1,127}", re.ASCII)

# What Python's own table lacks, or has otherwise.
_ENDINGS = {
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".jsonl": "application/json",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".rst": "text/plain",
    ".sql": "text/plain",
    ".toml": "application/toml",
    ".ts": "text/plain",  # and not the video that it is in the table
    ".webp": "image/webp",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", PDF),
)


def is_media_type(text: str) -> bool:
    """Whether a text can be a media type, without parameters."""
    return _MEDIA_TYPE.fullmatch(text) is not None


def sniffed(head: bytes) -> str | None:
    """The media type that content begins as, of the kinds that models read; None for others.

    :param head: the first `HEAD_BYTES` bytes.
    """
    for signature, media_type in _SIGNATURES:
        if head.startswith(signature):
            return media_type
    return "image/webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def named(path: str | os.PathLike[str]) -> str | None:
    """The media type that a name's ending tells; None where it tells none."""
    name = os.path.basename(os.fsdecode(path))
    media_type, encoding = _table().guess_type(name.lower(), strict=False)
    return "application/gzip" if encoding == "gzip" else None if encoding else media_type


@functools.cache
def _table() -> mimetypes.MimeTypes:
    """Endings and types, without the machine's own, which differ from one to another."""
    table = mimetypes.MimeTypes()
    for ending, media_type in _ENDINGS.items():
        table.add_type(media_type, ending)
    return table


def media_type(head: bytes, path: str | os.PathLike[str]) -> str:
    """The media type of a file: what its content says, else its name; `UNKNOWN` for neither."""
    return sniffed(head) or named(path) or UNKNOWN
