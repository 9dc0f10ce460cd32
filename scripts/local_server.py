"""`local-llm-kit serve` as a child process, for as long as a ``with`` block lasts."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from types import TracebackType

import processes

#: Seconds that the server has to load its model and listen.
START_S = 300.0

_ADDRESS = re.compile(r"https?://[^\s/]+:\d+")
_TAIL_LINES = 20


class ServerError(Exception):
    """The server cannot start; the message says why."""


def require_free_port(host: str, port: int) -> None:
    """Find out before anything slow happens whether the server could listen.

    :raises ServerError: it could not; the message names the port and the way out.
    """
    with socket.socket() as probe:
        # As the server does: a port that only waits out its last connections is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as err:
            raise ServerError(
                f"this user may not listen on port {port}; take one above 1023, as in --port 8001"
            ) from err
        except OSError as err:
            raise ServerError(
                f"port {port} on {host} is in use; stop the program that holds it or take another"
                f" port: --port {port + 1}"
            ) from err


class LocalServer:
    """The server, started on entry and stopped on exit.

    Its standard input is a pipe that only this process holds: when this process dies, however it
    dies, the pipe closes and the server stops by itself (`--exit-on-eof`).

    :param model: as for ``--model``.
    :param host: address to listen on.
    :param port: port to listen on; 0 takes a free one.
    :ivar url: where it listens, as in ``http://127.0.0.1:8000``.
    """

    def __init__(self, model: str, host: str, port: int) -> None:
        self._command = [sys.executable, "-m", "local_llm_kit", "serve", "--exit-on-eof"]
        self._command += ["--model", model, "--host", host, "--port", str(port)]
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._listening = threading.Event()
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> LocalServer:
        try:
            with processes.held_signals():
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,  # Ctrl-C in the terminal reaches this process alone
                )
            reader = threading.Thread(target=self._read, daemon=True)
            reader.start()
            self._await_listening()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def wait(self) -> None:
        """Wait until the server ends by itself.

        :raises ServerError: it ended with an error.
        """
        if self._child.wait():
            raise self._failure("the server stopped")

    def stop(self) -> None:
        """End the server; safe to call again."""
        if self._process is not None:
            processes.stop(self._process)
            if self._process.stdin:
                self._process.stdin.close()

    @property
    def _child(self) -> subprocess.Popen[str]:
        assert self._process is not None, "entered"
        return self._process

    def _await_listening(self) -> None:
        deadline = time.monotonic() + START_S
        while not self._listening.wait(0.05):
            if self._child.poll() is not None:
                raise self._failure("the server did not start")
            if time.monotonic() > deadline:
                raise self._failure(f"the server did not listen within {START_S:.0f} s")

    def _failure(self, what: str) -> ServerError:
        lines = [line.removeprefix("error: ") for line in self._tail]
        return ServerError(f"{what}: {''.join(lines).strip() or 'it wrote no reason'}")

    def _read(self) -> None:
        assert self._child.stderr is not None
        with self._child.stderr as lines:
            for line in lines:
                self._tail.append(line)
                found = _ADDRESS.search(line)
                if found and not self.url:
                    self.url = found.group()
                    self._listening.set()
