"""The lockfile's MCP server as a program: ``python -m llmring.mcp.server.lockfile_server``."""

from __future__ import annotations

import os
from collections.abc import Callable

from llmring.mcp.server.lockfile.serving import lockfile_offer

__all__ = ["run"]


def run(
    path: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    *,
    registry_url: str | None = None,
    port: int | None = None,
    api_key_file: str | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the tools of a lockfile, until the client leaves, or SIGINT or SIGTERM.

    :param path: as for `lockfile_tools`, and so are `profile` and `registry_url`.
    :param port: of streamable HTTP on loopback, 0 for any free one; None speaks over standard
        input and output.
    :param api_key_file: keys for HTTP, one a line.
    :param ready: called with the address once it listens.
    :raises LLMRingError: a setting cannot work, or a package is missing.
    """
    import asyncio

    offer = lockfile_offer(path, profile, registry_url=registry_url)
    if port is None:
        from llmring.mcp.server.serving import serve_stdio

        asyncio.run(serve_stdio(offer))
        return
    from llmring.mcp.server.http import LoopbackServer

    asyncio.run(LoopbackServer(offer, port, api_key_file).run(ready))
