"""What the tests of the command line share: commands in process, and one at a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from click.testing import CliRunner, Result

from local_llm_kit.cli import cli

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[a-zA-Z]|[=>])")


def run(*arguments: str, input: str | bytes | None = None, **environ: str) -> Result:
    """A command in this process, its standard input no terminal."""
    return CliRunner().invoke(cli, arguments, input=input, env=environ)


class Terminal:
    """A command with a terminal of its own, which nobody but the test looks at."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid = pid
        self._fd = fd
        self.shown = ""
        #: All that was shown, escape sequences among it.
        self.raw = ""

    def press(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def wait_for(self, text: str, timeout_s: float = 30) -> str:
        """What was shown since the last wait, up to `text`, without escape sequences."""
        end = time.monotonic() + timeout_s
        while text not in self.shown:
            assert self._read(end - time.monotonic()), f"it ended, having shown {self.shown!r}"
        before, _, self.shown = self.shown.partition(text)
        return before + text

    def _read(self, left_s: float) -> bool:
        """Take what is shown next; False at the program's end."""
        readable, _, _ = select.select([self._fd], [], [], max(0, left_s))
        assert readable, f"it goes on, having shown {self.shown!r}"
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # Linux says so where a terminal's program has ended
            data = b""
        if b"\x1b[6n" in data:  # where is the cursor?
            os.write(self._fd, b"\x1b[1;1R")
        self.raw += data.decode(errors="replace")
        self.shown += _ESCAPES.sub("", data.decode(errors="replace"))
        return bool(data)

    def exit_code(self, timeout_s: float = 30) -> int:
        # A full terminal would hold the program up.
        while self._read(timeout_s):
            continue
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextmanager
def terminal(*arguments: str, program: str = "local_llm_kit", **environ: str) -> Iterator[Terminal]:
    command = [sys.executable, "-m", program, *arguments]
    pid, fd = pty.fork()
    if not pid:
        os.execve(sys.executable, command, {**os.environ, "TERM": "xterm", **environ})
    try:
        yield Terminal(pid, fd)
    finally:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # it has ended
        os.close(fd)
