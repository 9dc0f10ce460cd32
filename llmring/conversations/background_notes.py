"""Notes that are written while the program goes on: nobody waits for them, or fails by them.

A note waits in memory for up to `LINGER_S`, and is written with what has come by then, in a loop
and in threads of our own. What cannot be written is tried again, ever more seldom, while up to so
many notes wait; a warning says when that begins, and another what was lost. It is not put aside on
the disk: another database would then have some of the calls, and tell them under another owner.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from LLM.threads import in_daemon_thread
from llmring import background
from llmring.exceptions import ConfigurationError, ValidationError

NoteT = TypeVar("NoteT")
RecordT = TypeVar("RecordT")
T = TypeVar("T")
_logger = logging.getLogger("llmring.usage")

#: Seconds that notes are gathered before they are written.
LINGER_S = 1.0
#: Seconds between the first two tries to write; each further pause is twice as long.
RETRY_S = 1.0
#: Longest pause between two tries, in seconds.
MAX_RETRY_S = 60.0
#: Seconds between tries when somebody waits for the end.
LAST_RETRY_S = 0.1
#: Longest wait for what is not written yet when notes are closed, in seconds.
CLOSE_S = 5.0
#: The same when the program ends.
EXIT_S = 5.0
_all: weakref.WeakSet[BackgroundNotes[Any, Any]] = weakref.WeakSet()


class BackgroundNotes(Generic[NoteT, RecordT]):
    """Notes on their way. Threads and tasks may share them.

    :param read: a note as a record, or None for one that cannot be one; in the background.
    :param write: writes records. It may be given the same ones again.
    :param what: what a note is of, in the plural, for the log.
    :param max_weight: most that notes may weigh which wait; further ones are left out.
    :param batch: notes that are written at once.
    """

    def __init__(
        self,
        read: Callable[[NoteT], RecordT | None],
        write: Callable[[list[RecordT]], Awaitable[None]],
        what: str,
        max_weight: int,
        batch: int,
    ) -> None:
        self._read = read
        self._write_records = write
        self._what = what
        self._max_weight = max_weight
        self._batch = batch
        self._is_off = False
        self._waiting: deque[tuple[NoteT, int]] = deque()
        self._writing: concurrent.futures.Future[None] | None = None
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._begin_anew()
        _all.add(self)

    def add(self, note: NoteT, weight: int = 1) -> None:
        """Note something. Takes microseconds and never raises."""
        if self._pid != os.getpid():
            self._begin_anew()
        if self._is_off:
            return
        with self._lock:
            if self._weight + weight > self._max_weight:
                self._n_lost += 1
                return
            self._weight += weight
            self._waiting.append((note, weight))
            if self._writing is None or self._writing.done():
                self._writing = background.submit(self._write())

    async def flush(self, timeout_s: float = CLOSE_S) -> bool:
        """Have all written now. :return: whether it is."""
        writing = self._urge()
        if writing is None:
            return True
        waiter = asyncio.wrap_future(writing)
        done, _ = await asyncio.wait([asyncio.shield(waiter)], timeout=timeout_s)
        return bool(done)

    async def close(self, timeout_s: float = CLOSE_S) -> None:
        """Have all written, and give up what cannot be. Repeatable."""
        self._is_ending = True
        if not await self.flush(timeout_s):
            self._give_up()

    def close_now(self, timeout_s: float) -> None:
        """The same, for callers without an event loop."""
        self._is_ending = True
        writing = self._urge()
        if writing is not None and concurrent.futures.wait([writing], timeout_s).not_done:
            self._give_up()

    def _begin_anew(self) -> None:
        """Also in a forked child: it has no thread that writes, and what waits is its parent's."""
        self._pid = os.getpid()
        # Re-entrant: the garbage collector ends streams, and so notes them, at any time.
        self._lock = threading.RLock()
        self._waiting.clear()
        self._weight = self._n_lost = self._n_in_hand = 0
        self._writing, self._wake = None, None
        self._is_urgent = self._is_ending = False

    def _urge(self) -> concurrent.futures.Future[None] | None:
        """Have the writer not linger. :return: tells of its end; None where nothing waits."""
        if self._pid != os.getpid():
            return None
        with self._lock:
            if self._writing is None:
                return None
            self._is_urgent = True
            if self._wake is not None:
                loop, event = self._wake
                loop.call_soon_threadsafe(event.set)
            return self._writing

    def _give_up(self) -> None:
        with self._lock:
            writing, self._writing, self._wake = self._writing, None, None
            n_lost = len(self._waiting) + self._n_in_hand + self._n_lost
            self._waiting.clear()
            self._weight = self._n_lost = self._n_in_hand = 0
        if writing is not None:
            writing.cancel()
        self._warn(n_lost, "there was no time to write them")

    async def _write(self) -> None:
        event = asyncio.Event()
        with self._lock:
            self._wake = asyncio.get_running_loop(), event
            if self._is_urgent:
                event.set()
        while True:
            if len(self._waiting) < self._batch and not self._is_ending:
                await _waited(event, LINGER_S)
            with self._lock:
                n_taken = min(self._batch, len(self._waiting))
                taken = [self._waiting.popleft() for _ in range(n_taken)]
                n_lost, self._n_lost = self._n_lost, 0
                self._n_in_hand = n_taken
            if taken:
                await self._keep([note for note, _ in taken], event)
            self._warn(n_lost, "too many waited to be written")
            with self._lock:
                self._n_in_hand = 0
                self._weight -= sum(weight for _, weight in taken)
                if not self._waiting and not self._n_lost:
                    # Under the lock: a note that comes now begins another writer.
                    self._writing = self._wake = None
                    self._is_urgent = False
                    return

    async def _keep(self, taken: list[NoteT], event: asyncio.Event) -> None:
        """Write; those that are refused are found by halves, and left out."""
        batches = [[one for one in map(self._as_record, taken) if one is not None]]
        n_refused, why = 0, ""
        while batches:
            records = batches.pop()
            try:
                await self._keep_records(records, event)
            except ValidationError as err:
                if len(records) > 1:
                    middle = len(records) // 2
                    batches += [records[middle:], records[:middle]]
                else:
                    n_refused, why = n_refused + 1, _told(err)
        self._lose(n_refused, why)

    async def _keep_records(self, records: list[RecordT], event: asyncio.Event) -> None:
        """Write, as often as it takes.

        :raises ValidationError: one of them can never be written.
        """
        pause_s, is_first = RETRY_S, True
        while records:
            try:
                await self._write_records(records)
            except ValidationError:
                raise
            except ConfigurationError as err:
                # No further try would end otherwise.
                self._is_off = True
                self._lose(len(records), _told(err))
                return
            except Exception as err:  # noqa: BLE001  # no call may fail by its note
                if self._is_ending and not is_first:
                    self._lose(len(records), _told(err))
                    return
                if is_first:
                    _logger.log(
                        logging.INFO if self._is_ending else logging.WARNING,
                        "%s cannot be noted for now, and are kept in memory: %s",
                        self._what,
                        _told(err),
                    )
            else:
                return
            is_first = False
            if event.is_set():
                event.clear()
                pause_s = LAST_RETRY_S
            await _waited(event, pause_s)
            pause_s = min(2 * pause_s, MAX_RETRY_S)

    def _as_record(self, note: NoteT) -> RecordT | None:
        try:
            record = self._read(note)
        except Exception as err:  # noqa: BLE001  # as above
            # Not the text: it may tell what was said.
            self._lose(1, f"they cannot be told ({type(err).__name__})")
            return None
        return record

    def _lose(self, n_lost: int, why: str) -> None:
        """Leave out some of what is in hand; what was given up meanwhile was told then."""
        with self._lock:
            n_lost = min(n_lost, self._n_in_hand)
            self._n_in_hand -= n_lost
        self._warn(n_lost, why)

    def _warn(self, n_lost: int, why: str) -> None:
        if n_lost:
            lost = f"{self._what} are" if n_lost > 1 else f"{self._what.removesuffix('s')} is"
            _logger.warning("%d %s not in the log: %s", n_lost, lost, why)


def _told(err: Exception) -> str:
    return str(err) or type(err).__name__


async def _waited(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event, for so long at most."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` gives, in a thread that may begin at the program's end."""
    return await in_daemon_thread(work, "llmring-notes")


def _close_all() -> None:
    """Write what still waits when the program ends."""
    last = time.monotonic() + EXIT_S
    for notes in list(_all):
        notes.close_now(max(0.0, last - time.monotonic()))


# Names of hosts are looked up in threads of concurrent.futures, which begins none once `atexit`
# runs. The earlier moment has no public name.
getattr(threading, "_register_atexit", atexit.register)(_close_all)
