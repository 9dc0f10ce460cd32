"""Servers of ours and the SDK's own client, in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
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


@contextlib.contextmanager
def serving_aside(offer: Offer, port: int = 0) -> Iterator[str]:
    """Serve over HTTP, in a thread; the address."""
    server, is_ready = LoopbackServer(offer, port), threading.Event()

    def run() -> None:
        asyncio.run(server.run(lambda _: is_ready.set()))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        assert is_ready.wait(10)
        yield server.url
    finally:
        server.stop()
        thread.join(10)
