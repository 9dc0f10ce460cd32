"""A job in a thread, for coroutines that wait for it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TypeVar

ResultT = TypeVar("ResultT")


async def in_thread(run: Callable[[], ResultT], stop: Callable[[], None]) -> ResultT:
    """The result of what blocks, run in another thread, in the task's context.

    :param stop: called when the task is cancelled; `run` then is to end, which is waited for.
    """
    ended = asyncio.get_running_loop().run_in_executor(None, contextvars.copy_context().run, run)
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        stop()
        # It ends by what it was stopped with, which nobody waits for any more.
        await asyncio.wait([ended])
        ended.exception()
        raise
