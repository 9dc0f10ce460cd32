"""Answers over HTTP: a whole one as JSON, a growing one as its API streams it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from LLM.exceptions import LLMError, LLMServerError
from local_llm_kit.backends import JSONObject
from local_llm_kit.server.departures import disconnected, gone
from local_llm_kit.server.running import Running
from local_llm_kit.server.shapes import Shape

_log = logging.getLogger("local_llm_kit.server")
_STREAM_HEADERS = [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]


async def cancel_when_gone(running: Running, receive: Receive) -> None:
    """Wait for the client to leave, then free its slots."""
    await gone(receive)
    running.cancel()


async def whole(
    running: Running, shape: Shape, request: Request, headers: Mapping[str, str]
) -> Response:
    """Wait for the whole answer; a client that leaves frees its slots.

    :raises LLMError: the engine failed, or the client has left.
    """
    watcher = asyncio.create_task(cancel_when_gone(running, request.receive))
    try:
        answer = await gathered(running, shape)
        if watcher.done():
            raise disconnected()  # what was cancelled is complete too
        return Response(to_json(answer), 200, dict(headers), "application/json")
    finally:
        watcher.cancel()
        running.close()


async def gathered(running: Running, shape: Shape) -> JSONObject:
    """The whole answer, waited for by nobody but the caller.

    :raises LLMError: the engine failed.
    """
    chunks = running.start()
    while True:
        if chunks:
            shape.chunks(chunks)
        if running.done:
            return shape.whole(running.response())
        chunks = await running.step()


class AnswerStream:
    """An ASGI response that sends an answer as it grows.

    An error after the start, when the status is already sent, is the last thing in the stream.

    :param headers: further ones of the response.
    """

    def __init__(self, running: Running, shape: Shape, headers: Mapping[str, str]) -> None:
        self._running = running
        self._shape = shape
        self._headers = [
            (b"content-type", shape.media_type.encode("ascii")),
            *_STREAM_HEADERS,
            *((name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; a client that leaves frees its slots."""
        watcher = asyncio.create_task(cancel_when_gone(self._running, receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await self._send_all(send)
        finally:
            watcher.cancel()
            self._running.close()

    async def _send_all(self, send: Send) -> None:
        running, shape = self._running, self._shape
        try:
            ready = shape.begin()
            chunks = running.start()
            while True:
                if chunks:
                    ready += shape.chunks(chunks)
                if running.done:
                    break
                if ready:
                    await self._send(send, ready, more=True)
                ready, chunks = b"", await running.step()
            last = ready + shape.end()
        except LLMError as err:
            last = shape.failure(err)
        except Exception:  # noqa: BLE001 - the status was sent: only the stream can still tell it
            _log.exception("an answer failed while it was sent")
            last = shape.failure(LLMServerError("the server failed; its log says why"))
        await self._send(send, last, more=False)

    @staticmethod
    async def _send(send: Send, body: bytes, *, more: bool) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": more})
