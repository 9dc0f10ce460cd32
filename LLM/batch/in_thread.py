"""A job in a thread, for coroutines that wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from LLM.threads import begun_in_daemon_thread

ResultT = TypeVar("ResultT")


async def in_thread(run: Callable[[], ResultT], stop: Callable[[], None]) -> ResultT:
    """The result of what blocks, run in a thread of its own, in the task's context.

    A job takes up to a day. In one of the few threads of the loop, several would keep everybody
    else from them, look-ups of hosts among them.

    :param stop: called when the task is cancelled; `run` then is to end, which is waited for.
    """
    ended = begun_in_daemon_thread(run, "llm-batch")
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        stop()
        # It ends by what it was stopped with, which nobody waits for any more.
        await asyncio.wait([ended])
        ended.exception()
        raise
