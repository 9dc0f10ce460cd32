"""The routes of the page, and the headers that bind it to this server.

What a model writes is shown in the page, and a model writes what it was told by whoever wrote the
text that it read. Should the page ever take such text for markup, the policy below still lets no
script run and no request leave for another server.

Source: https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/trusted-types/
"""

from __future__ import annotations

from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from local_llm_kit.server.endpoints import Endpoint
from local_llm_kit.server.page.files import PageFile, read_files

_RULES = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    # Text becomes markup in one place only, DOMPurify, whose policy has this name.
    "require-trusted-types-for 'script'",
    "trusted-types dompurify",
)
_HEADERS = {
    "content-security-policy": "; ".join(_RULES),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    # Asked for again each time, answered with 304: an update of the package is seen at once.
    "cache-control": "no-cache",
}

_files = cache(read_files)


def open_paths() -> frozenset[bytes]:
    """Paths that need no key: the page itself asks for the one that its requests carry."""
    return frozenset(path.encode("ascii") for path in _files())


def routes() -> list[Route]:
    """A route for each file; there is nothing to traverse."""
    return [Route(path, Endpoint(_File(file)), methods=["GET"]) for path, file in _files().items()]


class _File:
    """Sends one file, or says that the browser's copy is current."""

    def __init__(self, file: PageFile) -> None:
        headers = {**_HEADERS, "etag": file.etag}
        self._etag = file.etag
        self._whole = Response(file.body, 200, headers, file.media_type)
        self._unchanged = Response(None, 304, headers)

    async def __call__(self, request: Request) -> ASGIApp:
        known = request.headers.get("if-none-match", "").split(",")
        is_current = self._etag in [tag.strip().removeprefix("W/") for tag in known]
        return self._unchanged if is_current else self._whole
