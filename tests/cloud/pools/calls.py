"""Transports on shared pools, and calls by them."""

from __future__ import annotations

import threading
from typing import Any

from LLM.async_transport import AsyncTransport
from LLM.transport import Transport
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

GOOD = wire.answer(wire.CHAT)


def shared(server: ScriptedServer, key: str = "a", **settings: Any) -> AsyncTransport:
    headers = {"Authorization": f"Bearer {key}"}
    return AsyncTransport(server.url, headers, shared=True, **settings)


def blocking(server: ScriptedServer, key: str = "a") -> Transport:
    return Transport(server.url, {"Authorization": f"Bearer {key}"}, shared=True)


def n_open(server: ScriptedServer, count: int) -> bool:
    """Whether the server comes to have `count` open connections."""
    pause = threading.Event()
    for _ in range(1000):
        if len(server._open) == count:
            return True
        pause.wait(0.01)
    return False


async def post(client: AsyncTransport, timeout_s: float = 5.0) -> int:
    return (await client.call("POST", "/x", b"{}", timeout_s=timeout_s)).status
