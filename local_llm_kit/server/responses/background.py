"""Responses that are made while nobody waits for them: asked for, polled, and perhaps cancelled.

They give way to clients who wait: at most half of the slots are theirs, the others queue.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from LLM.exceptions import LLMError, LLMServerError
from local_llm_kit.backends import JSONObject
from local_llm_kit.server.answering import gathered
from local_llm_kit.server.responses.shape import ResponseShape
from local_llm_kit.server.service import Ask, Service
from local_llm_kit.server.workers import queue_full

#: Most that are under way, the queued ones included.
MAX_UNDER_WAY = 64

_log = logging.getLogger("local_llm_kit.server")


class Background:
    """The responses under way. All is done in the server's loop.

    :param most: that are under way at once.
    """

    def __init__(self, service: Service, most: int = MAX_UNDER_WAY) -> None:
        self._service = service
        self._most = most
        self._runs: dict[str, tuple[asyncio.Task[None], ResponseShape]] = {}
        self._room: asyncio.Semaphore | None = None  # made when the slots are known

    def start(self, ask: Ask, shape: ResponseShape) -> JSONObject:
        """Begin with a response; it is queued.

        :param shape: of the ask.
        :raises LLMRateLimitError: too many are under way.
        """
        if len(self._runs) >= self._most:
            raise queue_full(len(self._runs))
        self._room = self._room or asyncio.Semaphore(max(1, self._service.stats().n_slots // 2))
        queued = shape.keep("queued")
        task = asyncio.create_task(self._run(self._room, ask, shape))
        self._runs[shape.id] = task, shape
        task.add_done_callback(partial(self._ended, shape.id))
        return queued

    async def cancel(self, response_id: str) -> bool:
        """Stop a response and free its slot; whether it was under way."""
        if response_id not in self._runs:
            return False
        task, shape = self._runs[response_id]
        task.cancel()
        await asyncio.wait([task])
        if not shape.is_over:
            shape.cancel()
        return True

    async def _run(self, room: asyncio.Semaphore, ask: Ask, shape: ResponseShape) -> None:
        try:
            async with room:
                shape.keep("in_progress")
                running = await self._service.run(ask)
                try:
                    await gathered(running, shape)
                finally:
                    running.close()
        except LLMError as err:
            shape.failure(err)
        except Exception:  # noqa: BLE001 - nobody waits for it; who polls must hear
            _log.exception("a response in the background failed")
            shape.failure(LLMServerError("the server failed; its log says why"))

    def _ended(self, response_id: str, _: asyncio.Task[None]) -> None:
        del self._runs[response_id]
