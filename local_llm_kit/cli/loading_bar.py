"""A bar on the terminal while a model is loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local_llm_kit.load_progress import LoadProgress, LoadWatch
from local_llm_kit.memory_plan import format_bytes

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def loading_bar(shown: bool | None = None) -> Iterator[LoadWatch | None]:
    """What to give as `LoadOptions.on_load`; the bar goes away with the block.

    :param shown: None shows it where standard error is a terminal.
    """
    if not (sys.stderr.isatty() if shown is None else shown):
        yield None
        return
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.close()


class _Bar:
    """Appears with the first step, for a download has a bar of its own; goes with the last."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._is_over = False

    def __call__(self, step: LoadProgress) -> None:
        if self._is_over:
            return  # a draft model's weights come after its model's
        if self._progress is None:
            self._progress = _progress()
            size = format_bytes(step.size_bytes)
            self._progress.add_task(f"loading {step.name} ({size})", total=None)
            self._progress.start()
        # Without a total the bar only moves: nothing has been told yet, or never will be.
        task = self._progress.task_ids[0]
        self._progress.update(task, total=1.0 if step.fraction else None, completed=step.fraction)
        if step.fraction == 1:
            self.close()

    def close(self) -> None:
        self._is_over = True
        if self._progress is not None:
            self._progress.stop()


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        # A log that is set up meanwhile must not keep a standard error that is ours.
        redirect_stdout=False,
        redirect_stderr=False,
    )
