"""The routes of the page."""

from __future__ import annotations

from functools import cache

from starlette.routing import Route

from local_llm_kit.server.page.files import read_files
from local_llm_kit.server.page_files import PageFileApp

_files = cache(read_files)


def open_paths() -> frozenset[bytes]:
    """Paths that need no key: the page itself asks for the one that its requests carry."""
    return frozenset(path.encode("ascii") for path in _files())


def routes() -> list[Route]:
    """A route for each file; there is nothing to traverse."""
    # Text becomes markup in one place only, DOMPurify, whose policy has this name.
    rules = {"images": "'self' data: blob:", "trusted_types": "dompurify"}
    return [
        Route(path, PageFileApp(file, **rules), methods=["GET"]) for path, file in _files().items()
    ]
