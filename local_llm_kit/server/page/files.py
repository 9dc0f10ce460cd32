"""The files of the page, read once: what a request names is looked up here and nowhere else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent.

    :param etag: changes with the content.
    """

    body: bytes
    media_type: str
    etag: str


def read_files(folder: Path = STATIC) -> dict[str, PageFile]:
    """The files that browsers may have, by URL path.

    Only the kinds that a page is made of: licences and whatever an editor leaves stay unserved.

    :raises OSError: the installation is incomplete.
    """
    found = {
        f"/page/{path.relative_to(folder).as_posix()}": _read(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in _MEDIA_TYPES and path.is_file()
    }
    found["/"] = found.pop("/page/index.html")
    # Asked for by browsers that look at no page first.
    found["/favicon.ico"] = found["/page/icon.svg"]
    return found


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return PageFile(body, _MEDIA_TYPES[path.suffix], etag)
