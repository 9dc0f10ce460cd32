"""What an extra brings: loaded when it is needed, and named when it is missing."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from LLM.exceptions import LLMConfigError

if TYPE_CHECKING:
    from LLM.async_transport import AsyncTransport

#: The name that pip knows all of this by, and PyPI a project of somebody else's.
DISTRIBUTION = "llm-kit"


def how_to_add(extras: str, options: str = "") -> str:
    """What brings extras that are missing, for the end of an error's message.

    llm-kit is installed again from where it came: its folder, or the file of a wheel. It is never
    asked of an index by its name, which is not ours there.

    :param extras: with commas between; none installs what is always needed.
    :param options: of pip.
    """
    archive = _archive()
    folder = f"the folder of {archive}" if archive else "llm-kit's folder"
    source = f"./{archive}" if archive else "."
    wanted = f"'{source}[{extras}]'" if extras else source
    return f"in {folder} run: {' '.join(filter(None, ('pip install', options, wanted)))}"


@functools.cache  # each look takes 0.3 ms, and every call of a ring without an engine asks
def _archive() -> str | None:
    """The name of the wheel, or sdist, that llm-kit was installed from; None for a folder.

    Source: PEP 610, Recording the Direct URL Origin of installed distributions.
    """
    # Imported here: a program in which nothing is missing does without.
    import json
    from importlib import metadata
    from pathlib import PurePosixPath
    from urllib.parse import unquote, urlsplit

    try:
        told = json.loads(metadata.distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
        is_file = "archive_info" in told and urlsplit(told["url"]).scheme == "file"
        return PurePosixPath(unquote(urlsplit(told["url"]).path)).name if is_file else None
    except (metadata.PackageNotFoundError, OSError, ValueError, KeyError, TypeError):
        return None  # run from a folder, or installed by a tool that has noted something else


def async_transport(needed_by: str) -> type[AsyncTransport]:
    """The class `AsyncTransport`, whose library aiohttp is the extra ``async``.

    :param needed_by: name of the class that calls with it, for the error.
    :raises LLMConfigError: aiohttp is not installed.
    """
    try:
        # Imported here: aiohttp takes longer to load than all of LLM, and may be missing.
        from LLM.async_transport import AsyncTransport
    except ModuleNotFoundError as err:
        if err.name != "aiohttp":
            raise
        raise LLMConfigError(
            f"{needed_by} needs the package aiohttp, which is not installed; {how_to_add('async')}"
        ) from err
    return AsyncTransport
