"""Pages of our servers: files read once, looked up by their whole path, sent as they are.

The headers of a page bind it to its server. What models and other clients wrote is shown in it.
Should a page ever take such text for markup, its policy still lets no script run and no request
leave for another server.

Source: https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/trusted-types/
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_RULES = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
)
_HEADERS = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Asked for again each time, answered with 304: an update of the package is seen at once.
    "cache-control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent.

    :param etag: changes with the content.
    """

    body: bytes
    media_type: str
    etag: str


def read_files(folder: Path) -> dict[str, PageFile]:
    """The files that browsers may have, by URL path.

    Only the kinds that a page is made of: licences and whatever an editor leaves stay unserved.

    :param folder: has ``index.html``, which is at the root, and ``icon.svg``.
    :raises OSError: the installation is incomplete.
    """
    found = {
        f"/page/{path.relative_to(folder).as_posix()}": read_file(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in _MEDIA_TYPES and path.is_file()
    }
    found["/"] = found.pop("/page/index.html")
    # Asked for by browsers that look at no page first.
    found["/favicon.ico"] = found["/page/icon.svg"]
    return found


def read_file(path: Path) -> PageFile:
    """One file.

    :raises OSError: the installation is incomplete.
    """
    body = path.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return PageFile(body, _MEDIA_TYPES[path.suffix], etag)


class PageFileApp:
    """Sends one file, or says that the browser's copy is current.

    :param images: where images may come from, as CSP has it.
    :param trusted_types: names of the policies that may make markup of text; ``'none'`` for none.
    """

    def __init__(self, file: PageFile, images: str = "'self'", trusted_types: str = "'none'"):
        rules = (*_RULES, f"img-src {images}", f"trusted-types {trusted_types}")
        headers = {**_HEADERS, "content-security-policy": "; ".join(rules), "etag": file.etag}
        self._etag = file.etag
        self._whole = Response(file.body, 200, headers, file.media_type)
        self._unchanged = Response(None, 304, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        known = Request(scope).headers.get("if-none-match", "").split(",")
        is_current = self._etag in [tag.strip().removeprefix("W/") for tag in known]
        await (self._unchanged if is_current else self._whole)(scope, receive, send)
