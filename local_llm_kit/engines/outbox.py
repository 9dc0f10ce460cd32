"""The way from the engine's thread to callers: what was made for each, handed over in one call.

Handing over wakes a thread, which then wants the interpreter's lock, and the engine waits for it.
A small model makes a token in less than a millisecond; its callers are woken once a frame of a
screen instead and get all that has come: eight streams of a tiny torch model so take 220 instead of
380 µs a token. What begins or ends an answer is handed over at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from local_llm_kit.engines.protocol import Event, Sink

#: Seconds that events may wait for more, while steps follow each other without a break.
PATIENCE_S = 0.016


class Outbox:
    """Events by the sink that takes them.

    :param clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._events: dict[Sink, list[Event]] = {}
        self._urgent = False
        self._emptied = -PATIENCE_S

    def add(self, sink: Sink, events: Sequence[Event], *, urgent: bool) -> None:
        """Put events in.

        :param urgent: let nothing wait any more.
        """
        found = self._events.get(sink)
        if found is None:
            found = self._events[sink] = []
        found.extend(events)
        self._urgent |= urgent

    @property
    def is_due(self) -> bool:
        """Whether what is inside should wait no longer."""
        return self._urgent or self._clock() - self._emptied >= PATIENCE_S

    def hand_over(self, fail: Callable[[Sink], None]) -> None:
        """Give every sink its events.

        :param fail: takes a sink that raised; the others get theirs all the same. Called while the
            exception is handled.
        """
        if not self._events:
            return
        events, self._events = self._events, {}
        self._urgent, self._emptied = False, self._clock()
        for sink, made in events.items():
            try:
                sink(made)
            except BaseException:  # noqa: BLE001  # the other callers go on
                fail(sink)
