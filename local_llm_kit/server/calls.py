"""Calls under way: from the engine's thread to the coroutine that answers.

The engine hands over once per step whatever the number of calls: one wake-up of the event loop,
which then sorts the events into the calls' mailboxes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import Receive

from local_llm_kit.answers import JSONObject
from local_llm_kit.backends import Growing, Job
from local_llm_kit.engines.protocol import Event, Handle


class _Mailbox:
    """Events of one call, taken by one coroutine."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._waiter: asyncio.Future[None] | None = None

    def put(self, event: Event) -> None:
        self._events.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def take(self) -> list[Event]:
        """All events that have come, at least one."""
        while not self._events:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        events, self._events = self._events, []
        return events


class Calls:
    """The calls of one event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mailboxes: dict[Growing, _Mailbox] = {}

    def start(self, job: Job) -> Call:
        """Submit a job.

        :raises LLMError: the engine does not take it.
        """
        self._loop = asyncio.get_running_loop()
        mailbox = self._mailboxes[job.answer] = _Mailbox()
        try:
            handles = job.start(self._post)
        except BaseException:
            del self._mailboxes[job.answer]
            raise
        return Call(self, job.answer, mailbox, handles)

    def forget(self, answer: Growing) -> None:
        """Drop what may still come for an answer."""
        self._mailboxes.pop(answer, None)

    def _post(self, events: list[Event]) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._deliver, events)

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            mailbox = self._mailboxes.get(event.tag.answer)
            if mailbox is not None:
                mailbox.put(event)


class Call:
    """One answer in the making."""

    def __init__(
        self, calls: Calls, answer: Growing, mailbox: _Mailbox, handles: Sequence[Handle]
    ) -> None:
        self.answer = answer
        self._calls = calls
        self._mailbox = mailbox
        self._handles = handles

    async def step(self) -> list[JSONObject]:
        """The next chunks, once there are any.

        :raises LLMError: the engine failed.
        """
        return self.answer.feed(await self._mailbox.take())

    def cancel(self) -> None:
        """Free the slots within a step."""
        for handle in self._handles:
            handle.cancel()

    async def cancel_when_gone(self, receive: Receive) -> None:
        """Wait for the client to leave, then cancel."""
        while (await receive())["type"] != "http.disconnect":
            continue
        self.cancel()

    def close(self) -> None:
        """Cancel what still runs and take no more events."""
        if not self.answer.done:
            self.cancel()
        self._calls.forget(self.answer)
