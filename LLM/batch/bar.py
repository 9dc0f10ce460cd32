"""How far a job is, on standard error: a bar at a terminal, a line now and then in a file or pipe.

::

    with progress_display(shown=None) as show:  # None where nothing is to be shown
        show(progress)                          # some times a second, from any thread
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from LLM.batch.types import BatchProgress
from LLM.printable import is_terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

#: Seconds between two lines where no bar can be drawn.
LINE_INTERVAL_S = 10.0

#: Takes how far the job is.
ShowProgress = Callable[[BatchProgress], object]

# How many of the unit before make one. A time is told in the next unit from twice that on.
_UNITS = (("min", 60), ("h", 60), ("d", 24))


@contextmanager
def progress_display(shown: bool | None = None) -> Iterator[ShowProgress | None]:
    """What shows how far a job is; it ends with the block, however that ends.

    :param shown: None shows a bar where standard error is a terminal, and else nothing; True shows
        a line every ten seconds where no bar can be drawn: it is no terminal, or rich is missing.
    """
    stream = sys.stderr
    is_tty = is_terminal(stream)
    if stream is None or not (is_tty if shown is None else shown):
        yield None
        return
    display = (_Bar.made() if is_tty else None) or _Lines(stream)
    try:
        yield display.show
    finally:
        display.close()


def describe(progress: BatchProgress) -> str:
    """How far a job is, in a line: ``120/500 · 3 failed · 812 tokens/s · $0.02 of $0.09 · …``."""
    n_finished = progress.n_answered + progress.n_failed
    n_done = progress.n_resumed + n_finished
    total = "?" if progress.n_requests is None else f"{progress.n_requests:,}"
    parts = [f"{n_done:,}/{total}"]
    if progress.n_resumed:
        parts.append(f"{progress.n_resumed:,} resumed")
    if progress.n_waiting:
        parts.append(f"{progress.n_waiting:,} done at the provider")
    if progress.n_failed:
        parts.append(f"{progress.n_failed:,} failed")
    n_tokens = progress.prompt_tokens + progress.completion_tokens
    if n_tokens and progress.elapsed_s > 0:
        parts.append(f"{n_tokens / progress.elapsed_s:,.0f} tokens/s")
    if progress.cost:
        parts.append(_cost(progress, n_finished))
    if n_done == progress.n_requests:
        parts.append(duration(progress.elapsed_s))
    elif progress.left_s is not None:
        parts.append(f"{duration(progress.left_s)} left")
    return " · ".join(parts)


def dollars(amount: float) -> str:
    """An amount as people write it: two places, or as many as show two digits of a small one."""
    if amount == 0 or amount >= 0.1:
        return f"${amount:,.2f}"
    return f"${amount:.2g}" if amount >= 0.0001 else "<$0.0001"


def duration(seconds: float) -> str:
    """A time in its unit: ``45 s``, ``12 min``, ``5 h``, ``3 d``."""
    amount, unit = seconds, "s"
    for larger, n in _UNITS:
        if amount < 2 * n:
            break
        amount, unit = amount / n, larger
    return f"{amount:.0f} {unit}"


def _cost(progress: BatchProgress, n_finished: int) -> str:
    assert progress.cost is not None, "it is told only where it is known"
    so_far = dollars(progress.cost)
    if progress.n_requests is None or not n_finished:
        return so_far
    n_of_this_run = progress.n_requests - progress.n_resumed
    if n_finished >= n_of_this_run:
        return so_far
    return f"{so_far} of about {dollars(progress.cost / n_finished * n_of_this_run)}"


class _Lines:
    """A plain line every ten seconds, and a last one: for logs, and where rich is missing."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._lock = threading.Lock()
        self._next_s = clock() + LINE_INTERVAL_S
        self._latest = self._written = ""

    def show(self, progress: BatchProgress) -> None:
        with self._lock:
            self._latest = describe(progress)
            if self._clock() >= self._next_s:
                self._next_s = self._clock() + LINE_INTERVAL_S
                self._write()

    def close(self) -> None:
        with self._lock:
            if self._latest != self._written:
                self._write()

    def _write(self) -> None:
        self._written = self._latest
        # The job goes on when nobody reads its log any more.
        with suppress(OSError, ValueError):
            print(self._latest, file=self._stream, flush=True)


class _Bar:
    """A bar that stays where the job ended."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, text="")
        progress.start()

    @classmethod
    def made(cls) -> _Bar | None:
        """A bar; None where it cannot be drawn."""
        try:
            from rich.console import Console
        except ModuleNotFoundError:
            return None
        console = Console(stderr=True)
        if console.is_dumb_terminal or not console.is_terminal:
            return None
        return cls(_rich_progress(console))

    def show(self, progress: BatchProgress) -> None:
        n_done = progress.n_resumed + progress.n_answered + progress.n_failed + progress.n_waiting
        self._progress.update(
            self._task, total=progress.n_requests, completed=n_done, text=describe(progress)
        )

    def close(self) -> None:
        self._progress.stop()


def _rich_progress(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        BarColumn(bar_width=24),
        TextColumn("{task.fields[text]}", markup=False),
        console=console,
        refresh_per_second=4,
        # A log that is set up meanwhile must not keep a standard error that is ours.
        redirect_stdout=False,
        redirect_stderr=False,
    )
