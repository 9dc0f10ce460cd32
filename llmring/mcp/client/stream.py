"""A turn as its events arrive."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Self

from llmring.exceptions import ProviderAnswerError
from llmring.mcp.client.events import Event, TurnEnded
from llmring.mcp.client.turn import Turn


class TurnStream:
    """The events of one turn: iterate it with ``async for``.

    Nothing is sent before. Put it into an ``async with`` block if you may leave early: the end of
    the block ends the model's work and the calls that run, as cancelling the task does. Not for
    several tasks at once.
    """

    def __init__(self, events: AsyncGenerator[Event, None]) -> None:
        self._events = events
        self._turn: Turn | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await anext(self._events)
        if isinstance(event, TurnEnded):
            self._turn = event.turn
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End what still runs. Safe to call again, and after the end."""
        await self._events.aclose()

    async def turn(self) -> Turn:
        """The whole turn; reads the rest of the events first.

        :raises ProviderAnswerError: the stream was left before its end.
        """
        async for _ in self:
            continue
        if self._turn is None:
            raise ProviderAnswerError("the turn was left before its end; there is no answer")
        return self._turn
