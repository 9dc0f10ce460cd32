"""Where the files of the page are."""

from __future__ import annotations

from pathlib import Path

from local_llm_kit.server import page_files
from local_llm_kit.server.page_files import PageFile

STATIC = Path(__file__).parent / "static"


def read_files() -> dict[str, PageFile]:
    """The files that browsers may have, by URL path.

    :raises OSError: the installation is incomplete.
    """
    return page_files.read_files(STATIC)
