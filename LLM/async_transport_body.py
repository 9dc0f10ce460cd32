"""A request's body, as aiohttp wants to be given it."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from multidict import CIMultiDict

from LLM.upload import StreamedBody

_HEADERS = CIMultiDict({"Content-Type": "application/json"})


class Body(Payload):
    """Bytes that are there already.

    aiohttp's own payload for bytes makes headers for each, and warns of more than a megabyte: the
    transport would hold the loop up. One write of bytes only copies what the socket does not take.
    """

    _autoclose = True

    def __init__(self, data: bytes) -> None:
        # The base class would fill in headers for files and texts.
        self._data = data

    def __repr__(self) -> str:
        return f"<Body of {len(self._data):,} bytes>"

    @property
    def size(self) -> int:
        """Bytes that will be sent."""
        return len(self._data)

    @property
    def headers(self) -> Any:
        """What aiohttp adds where the request does not say."""
        return _HEADERS

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text."""
        return self._data.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it."""
        await writer.write(self._data)


class UploadBody(Payload):
    """Bytes that are read while they are sent, in a thread: a disk may keep us waiting."""

    _autoclose = True

    def __init__(self, body: StreamedBody) -> None:
        self._body = body

    def __repr__(self) -> str:
        return repr(self._body)

    @property
    def size(self) -> int:
        """Bytes that will be sent."""
        return self._body.size_bytes

    @property
    def headers(self) -> Any:
        """What aiohttp adds where the request does not say."""
        return CIMultiDict({"Content-Type": self._body.content_type})

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """:raises TypeError: always: it is not there as a whole."""
        raise TypeError("an upload is read only once, while it is sent")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it."""
        pieces = iter(self._body)
        while piece := await asyncio.to_thread(next, pieces, b""):
            await writer.write(piece)
