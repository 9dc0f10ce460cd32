"""Servers of ours and the SDK's own client, in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from llmring.mcp.server.http import LoopbackServer
from llmring.mcp.server.offers import Offer


@contextlib.asynccontextmanager
async def serving(offer: Offer, api_key_file: Path | None = None) -> AsyncIterator[str]:
    """Serve over HTTP; the address."""
    server = LoopbackServer(offer, api_key_file=api_key_file)
    is_ready = asyncio.Event()
    running = asyncio.create_task(server.run(lambda _: is_ready.set()))
    try:
        await is_ready.wait()
        yield server.url
    finally:
        server.stop()
        await running
