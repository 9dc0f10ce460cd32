"""A request's body, as aiohttp wants to be given it."""

from __future__ import annotations

from typing import Any

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from multidict import CIMultiDict

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
