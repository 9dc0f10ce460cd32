"""Child processes of the scripts: followed on screen, stopped with all that they started."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

#: Seconds that a process has to end by itself before it is killed.
GRACE_S = 10.0

_TAIL_LINES = 40
_REPAINT_S = 0.2
_REPORT_EVERY_S = 30.0
_STEPS = (
    (
        re.compile(r"Building wheel for llama.cpp.python"),
        "compiling llama-cpp-python (some minutes, once)",
    ),
    (re.compile(r"Building (?:editable|wheel) for (\S+)"), "building {}"),
    (re.compile(r"(?:Collecting|Processing|Downloading) ([^\s=<>]+)"), "fetching {}"),
    (re.compile(r"Installing collected packages"), "unpacking"),
)


class CommandError(Exception):
    """A command failed; the message names it and ends with the last lines that it wrote."""


@contextlib.contextmanager
def held_signals() -> Iterator[None]:
    """Put Ctrl-C and SIGTERM off until the block's end, where they do what they always do.

    For the moment in which a child is started: between its birth and the assignment of the object
    that stands for it, an interrupt would leave it to nobody. Only the main thread is interrupted,
    so elsewhere there is nothing to hold.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    held = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, lambda number, _: came.append(number)) for one in held]
    try:
        yield
    finally:
        for one, handler in zip(held, before, strict=True):
            signal.signal(one, handler)
        for number in came:
            signal.raise_signal(number)


def stop(process: subprocess.Popen[str], first: signal.Signals = signal.SIGTERM) -> None:
    """End `process` and its group: by `first`, and what is left after `GRACE_S` by SIGKILL.

    :param process: started with ``start_new_session=True``.
    """
    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, first)
        process.wait(GRACE_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        pass  # a second Ctrl-C asks for haste
    # Its children may outlive it by a moment, or ignore what it obeyed.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def follow(what: str, command: Sequence[str], cwd: Path) -> None:
    """Run `command` to its end, telling on stderr what it is at and for how long.

    :param what: what the command does, as in "installing".
    :raises CommandError: it failed.
    """
    process = None
    progress = _Progress(what, sys.stderr)
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    try:
        with held_signals():
            process = subprocess.Popen(
                command,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # compilers are its children, and end with the group
            )
        reader = threading.Thread(target=_read, args=(process.stdout, tail, progress), daemon=True)
        reader.start()
        _wait(process, progress)
    except BaseException:
        if process is not None:
            stop(process, signal.SIGINT)  # on which pip removes its temporary folders
        raise
    finally:
        progress.end()
    reader.join(GRACE_S)
    if process.returncode:
        raise CommandError(
            f"{what} failed (exit code {process.returncode}): {' '.join(command)}\n"
            + "".join(tail).rstrip()
        )


def _wait(process: subprocess.Popen[str], progress: _Progress) -> None:
    while True:
        progress.show()
        try:
            process.wait(_REPAINT_S)
            return
        except subprocess.TimeoutExpired:
            continue


def _read(output: IO[str], tail: deque[str], progress: _Progress) -> None:
    with output:
        for line in output:
            tail.append(line)
            progress.note(line)


class _Progress:
    """One line that is painted over on a terminal; elsewhere a line now and then."""

    def __init__(self, what: str, out: IO[str]) -> None:
        self._what = what
        self._step = ""
        self._out = out
        self._tty = out.isatty()
        self._began = time.monotonic()
        self._next_report = self._began

    def note(self, line: str) -> None:
        """Take a line of the command's output as the step that it is at."""
        for pattern, step in _STEPS:
            if found := pattern.search(line):
                self._step = step.format(*(Path(name).name for name in found.groups()))
                return

    def show(self) -> None:
        """Write the line, when it is time to."""
        now = time.monotonic()
        minutes, seconds = divmod(int(now - self._began), 60)
        text = f"{self._what} {minutes}:{seconds:02d} {self._step}".rstrip()
        if self._tty:
            self._out.write(f"\r\x1b[K{text[:79]}")
        elif now >= self._next_report:
            self._next_report = now + _REPORT_EVERY_S
            self._out.write(f"{text}\n")
        self._out.flush()

    def end(self) -> None:
        """Clear the painted line."""
        if self._tty:
            self._out.write("\r\x1b[K")
            self._out.flush()
