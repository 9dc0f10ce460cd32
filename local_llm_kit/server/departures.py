"""Clients that leave before they have their answer: nothing goes on for them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

from LLM.exceptions import LLMAPIError

T = TypeVar("T")


def disconnected() -> LLMAPIError:
    """The error for a request whose client has left; nobody reads the answer that it makes.

    Its status is the one that nginx notes for such requests.
    """
    return LLMAPIError("the client is gone", status_code=499, code="disconnected")


async def gone(receive: Receive) -> None:
    """Wait for the client to leave. Its body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        continue


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives; it is cancelled when the client leaves.

    :param receive: the request's, whose body was read.
    :raises LLMAPIError: the client has left.
    """
    task = asyncio.ensure_future(work)
    watcher = asyncio.ensure_future(gone(receive))
    try:
        await asyncio.wait((task, watcher), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise disconnected()
    finally:
        watcher.cancel()
        task.cancel()
