"""Answers over HTTP: a whole one as JSON, a growing one as server-sent events."""

from __future__ import annotations

import asyncio

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from LLM.exceptions import LLMError
from local_llm_kit.backends import JSONObject
from local_llm_kit.mailboxes import Delivery
from local_llm_kit.server.errors import describe

_EVENT_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_DONE = b"data: [DONE]\n\n"


def _event(data: JSONObject) -> bytes:
    return b"data: " + to_json(data) + b"\n\n"


async def _cancel_when_gone(run: Delivery, receive: Receive) -> None:
    """Wait for the client to leave, then free its slots."""
    while (await receive())["type"] != "http.disconnect":
        continue
    run.cancel()


async def whole(run: Delivery, request: Request) -> Response:
    """Wait for the whole answer; a client that leaves frees its slots.

    :raises LLMError: the engine failed.
    """
    watcher = asyncio.create_task(_cancel_when_gone(run, request.receive))
    try:
        run.answer.start()
        while not run.answer.done:
            await run.step()
        return Response(to_json(run.answer.response()), media_type="application/json")
    finally:
        watcher.cancel()
        run.close()


class EventStream:
    """An ASGI response that sends chunks as they come.

    An error after the start, when the status is already sent, is an event of its own.
    """

    def __init__(self, run: Delivery) -> None:
        self._run = run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; a client that leaves frees its slots."""
        watcher = asyncio.create_task(_cancel_when_gone(self._run, receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _EVENT_HEADERS})
            await self._send_chunks(send)
        finally:
            watcher.cancel()
            self._run.close()

    async def _send_chunks(self, send: Send) -> None:
        run = self._run
        chunks = run.answer.start()
        try:
            while not run.answer.done:
                if chunks:
                    await self._send(send, b"".join(map(_event, chunks)), more=True)
                chunks = await run.step()
            last = b"".join(map(_event, chunks)) + _DONE
        except LLMError as err:
            last = _event(describe(err)[1])
        await self._send(send, last, more=False)

    @staticmethod
    async def _send(send: Send, body: bytes, *, more: bool) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": more})
