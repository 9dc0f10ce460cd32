"""Forms with a file in them, as browsers and the providers' SDKs send them. Pure.

Source: RFC 7578; https://html.spec.whatwg.org/multipage/form-control-infrastructure.html, section
"Multipart form data", on the names of files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Protocol

from LLM.upload import StreamedBody


class SentFile(Protocol):
    """What goes into a form as a file: a `FileSource`, or the requests of a batch."""

    @property
    def filename(self) -> str:
        """The name that it is sent under."""
        ...

    @property
    def media_type(self) -> str:
        """Such as ``application/pdf``."""
        ...

    @property
    def size_bytes(self) -> int:
        """Of all its pieces."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """The content, from its start."""
        ...


# Nothing in a name may end it, or the line. A backslash is doubled, since readers of mail take it
# for a sign before the next character.
_ESCAPES = {ord('"'): "%22", ord("\\"): "\\\\", 0x7F: "%7F"} | {
    code: f"%{code:02X}" for code in range(0x20)
}


def file_form(file: SentFile, fields: Mapping[str, str]) -> StreamedBody:
    """A form of text fields and, behind them, a file in the field ``file``.

    :param fields: in ASCII, their names among them.
    """
    # 128 random bits: that a file has them in it by chance will not happen.
    boundary = os.urandom(16).hex()
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
        f'filename="{file.filename.translate(_ESCAPES)}"\r\nContent-Type: {file.media_type}\r\n\r\n'
    )
    before, after = head.encode(), f"\r\n--{boundary}--\r\n".encode()

    def pieces() -> Iterator[bytes]:
        yield before
        yield from file.pieces()
        yield after

    size_bytes = len(before) + file.size_bytes + len(after)
    return StreamedBody(pieces, size_bytes, f"multipart/form-data; boundary={boundary}")
