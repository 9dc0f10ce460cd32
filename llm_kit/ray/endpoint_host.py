"""Packs answered by a server, in a worker's event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from LLM.batch.endpoint import engine_of
from LLM.batch.loop_engine import LoopEngine
from LLM.batch.types import BatchRequest
from LLM.client import LLM
from LLM.extras import async_transport
from llm_kit.ray.packs import Answered


class EndpointHost:
    """Calls a server for all packs of a worker from one loop, with one pool of connections.

    A failure that other requests would meet too is told like any other: the job's own process
    judges.

    :param llm: whose settings and policies the calls are under.
    :param concurrency: most requests in flight.
    :raises LLMConfigError: aiohttp is not installed, or its connections cannot be set up.
    """

    def __init__(self, llm: LLM, concurrency: int) -> None:
        async_transport("a worker of Ray")
        engine = engine_of(llm, concurrency)
        assert isinstance(engine, LoopEngine), "there is aiohttp"
        self._loop = asyncio.new_event_loop()
        self._opened: Future[None] = Future()
        self._close = asyncio.Event()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._stay(engine),), daemon=True
        )
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:
            self._thread.join()
            self._loop.close()
            raise

    def answer(self, requests: Sequence[BatchRequest]) -> Answered:
        """:return: when all requests have ended."""
        return asyncio.run_coroutine_threadsafe(self._answer(requests), self._loop).result()

    def close(self) -> None:
        """Close the connections. No pack may be under way."""
        self._loop.call_soon_threadsafe(self._close.set)
        self._thread.join()
        self._loop.close()

    async def _stay(self, engine: LoopEngine) -> None:
        try:
            async with engine.asking() as self._ask:
                self._opened.set_result(None)
                await self._close.wait()
        except BaseException as err:
            if self._opened.done():
                raise
            self._opened.set_exception(err)  # raised where the host is made, which waits for it

    async def _answer(self, requests: Sequence[BatchRequest]) -> Answered:
        return Answered(list(await asyncio.gather(*map(self._ask, requests))))
