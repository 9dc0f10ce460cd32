"""The routes of the page: its own files, and those that it shares with the chat page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.routing import Route

from local_llm_kit.server.page.files import STATIC as SHARED
from local_llm_kit.server.page_files import PageFile, PageFileApp, read_file, read_files

_STATIC = Path(__file__).parent / "static"
_SHARED_NAMES = ("base.css", "colours.js", "dom.js", "theme.js")


@cache
def files() -> dict[str, PageFile]:
    """The files that browsers may have, by URL path.

    :raises OSError: the installation is incomplete.
    """
    shared = {f"/page/{name}": read_file(SHARED / name) for name in _SHARED_NAMES}
    return shared | read_files(_STATIC)


def open_paths() -> frozenset[bytes]:
    """Paths that need no key: the page itself asks for the one that its requests carry."""
    return frozenset(path.encode("ascii") for path in files())


def routes() -> list[Route]:
    """A route for each file; there is nothing to traverse."""
    return [Route(path, PageFileApp(file), methods=["GET"]) for path, file in files().items()]
