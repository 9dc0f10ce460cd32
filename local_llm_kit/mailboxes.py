"""From an engine's thread to the coroutines that wait: one wake-up of the loop a step.

The engine hands over once a step whatever the number of calls, since all calls of a loop share one
sink. The loop then sorts the events into the calls' mailboxes. The asynchronous client and the
server stand on this.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from LLM.exceptions import LLMAPIError, LLMConfigError
from local_llm_kit.backends import Growing, Job, JSONObject
from local_llm_kit.engines.protocol import Event, Handle

#: Events taken at once. For a client that reads slowly thousands may lie there; told in one
#: go they would hold up all others for seconds.
MAX_TAKEN = 64


class _Mailbox:
    """Events of one call, taken by one coroutine."""

    def __init__(self) -> None:
        self.handles: Sequence[Handle] = ()
        self._events: deque[Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._is_behind = False
        self._is_closed = False

    def put(self, event: Event) -> None:
        self._events.append(event)
        self._wake()

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let nobody wait any longer for what does not come. Any thread.

        :param loop: in which the events are taken.
        """
        # Before the look at who waits: whoever begins to wait after it looks at this.
        self._is_closed = True
        if self._is_waited_for():  # by another task than who leaves
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._wake)

    def _is_waited_for(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def take(self) -> list[Event]:
        """The oldest events that have come, at least one.

        :raises LLMAPIError: it was closed, before or meanwhile, and none is left.
        """
        if self._is_behind:
            await asyncio.sleep(0)
        while not self._events:
            self._waiter = asyncio.get_running_loop().create_future()
            if self._is_closed:
                raise LLMAPIError(
                    "the answer was left while it was waited for", status_code=499, code="cancelled"
                )
            await self._waiter
        self._is_behind = len(self._events) > MAX_TAKEN
        if self._is_behind:
            return [self._events.popleft() for _ in range(MAX_TAKEN)]
        events = list(self._events)
        self._events.clear()
        return events


class Mailboxes:
    """The calls under way in the event loop that is running."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._mailboxes: dict[Growing, _Mailbox] = {}

    def start(self, job: Job) -> Delivery:
        """Start a job.

        :raises LLMError: the model does not take it.
        """
        mailbox = self._mailboxes[job.answer] = _Mailbox()
        try:
            mailbox.handles = job.start(self._post)
        except BaseException:
            del self._mailboxes[job.answer]
            raise
        return Delivery(self, job.answer, mailbox)

    def require_loop(self) -> None:
        """:raises LLMConfigError: another loop is running, which nothing would ever wake."""
        if asyncio.get_running_loop() is not self._loop:
            raise LLMConfigError(
                "the stream was begun in another event loop; read it there, or begin one here"
            )

    def forget(self, answer: Growing) -> None:
        """Drop what may still come for an answer. Any thread."""
        mailbox = self._mailboxes.pop(answer, None)
        if mailbox is not None:
            mailbox.close(self._loop)

    def _post(self, events: list[Event]) -> None:
        """Take a step's events; called on an engine's thread."""
        try:
            self._loop.call_soon_threadsafe(self._deliver, events)
        except RuntimeError:
            if not self._loop.is_closed():
                raise
            self._abandon()

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            mailbox = self._mailboxes.get(event.tag.answer)
            if mailbox is not None:
                mailbox.put(event)

    def _abandon(self) -> None:
        """Nobody is left who could wait: the loop was closed with calls under way."""
        for answer in list(self._mailboxes):
            mailbox = self._mailboxes.pop(answer, None)
            for handle in mailbox.handles if mailbox else ():
                handle.cancel()


class Delivery:
    """A job under way, its events taken by one coroutine."""

    def __init__(self, mailboxes: Mailboxes, answer: Growing, mailbox: _Mailbox) -> None:
        self.answer = answer
        self._mailboxes = mailboxes
        self._mailbox = mailbox

    @property
    def n_sequences(self) -> int:
        """How many requests the job made."""
        return len(self._mailbox.handles)

    async def step(self) -> list[JSONObject]:
        """The next chunks, once there are any.

        :raises LLMConfigError: it was started in another event loop.
        :raises LLMAPIError: another task closed it.
        :raises LLMError: the engine failed.
        """
        self._mailboxes.require_loop()
        return self.answer.feed(await self._mailbox.take())

    def cancel(self) -> None:
        """Free the slots within a step; nothing happens to what has ended."""
        for handle in self._mailbox.handles:
            handle.cancel()

    def close(self) -> None:
        """Cancel what still runs and take no more events."""
        if not self.answer.done:
            self.cancel()
        self._mailboxes.forget(self.answer)
