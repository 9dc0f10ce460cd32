"""Reading from a socket until a deadline, however slowly the bytes drip.

A socket's own timeout bounds each read alone: a server that sends a byte a second never meets it.
"""

from __future__ import annotations

import io
import time
from typing import Any


class DeadlineReader(io.RawIOBase):
    """The reading side of a socket that fails at `deadline`, a reading of the monotonic clock.

    :param sock: a plain or TLS socket; urllib3's stand-in for TLS inside TLS will do.
    """

    def __init__(self, sock: Any, deadline: float) -> None:
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self.deadline = deadline

    def readable(self) -> bool:
        """Yes: that is what it is for."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what has arrived. :raises TimeoutError: the deadline has passed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline passed")
        self._socket.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        """Let go of the socket, whose descriptor closes with its last holder."""
        if not self.closed:
            self._raw.close()
        super().close()


class ReadSide:
    """Stands in for a socket where http.client only wants a file to read from."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file

    def makefile(self, mode: str) -> io.BufferedReader:
        """The file, whatever the mode."""
        return self._file
