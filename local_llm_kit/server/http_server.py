"""uvicorn, as our servers run it: bounds on clients, and an end that comes in time."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from local_llm_kit.server.connection import Connection

_KEEP_ALIVE_S = 30
_TICK_S = 0.05
#: Seconds that the errors of what was running at the end have to reach their clients.
_FAREWELL_S = 1.0


class HTTPServer(uvicorn.Server):
    """uvicorn's server, which tells when it listens and ends requests within a bound.

    :param app: what it serves.
    :param end: ends what is still under way after `grace_s`, with an error each; on a thread.
    :param grace_s: seconds that requests have to finish at the end.
    """

    def __init__(self, app: ASGIApp, end: Callable[[], None], grace_s: float) -> None:
        super().__init__(_config(app, grace_s))
        self.on_ready: Callable[[], None] | None = None
        self._end = end
        self._grace_s = grace_s
        self._hurries = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        if self.started and self.on_ready is not None:
            self.on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let streams finish; those that have not in time end with an error of their own."""
        ending = asyncio.create_task(self._end_streams())
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()

    async def _end_streams(self) -> None:
        end = time.monotonic() + self._grace_s
        while time.monotonic() < end and not self._hurries:
            await asyncio.sleep(_TICK_S)
        await asyncio.to_thread(self._end)
        end = time.monotonic() + _FAREWELL_S
        while self.server_state.tasks and time.monotonic() < end:
            await asyncio.sleep(_TICK_S)
        # Those who do not read their answer, or still send, are left like clients that have gone.
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle signals while serving; unlike uvicorn's, do not raise them again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gently; asked twice, at once."""
        # Not force_exit at once: uvicorn would cancel the streams, with a traceback for each.
        self._hurries = self.should_exit
        self.should_exit = True


def _config(app: ASGIApp, grace_s: float) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        # After that uvicorn cancels, with a traceback each; by then our streams have ended.
        timeout_graceful_shutdown=int(grace_s) + 5,
    )
