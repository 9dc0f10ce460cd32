"""Contenders in processes of their own: started, waited for within bounds, ended by their id."""

from __future__ import annotations

import json
import queue
import socket
import subprocess
import tempfile
import threading
import time
from typing import Any

from local_engine.wire import Answer, ask_now

#: Seconds that a contender has to load its model, and that it has for one turn.
START_S, TURN_S = 180.0, 600.0
_STOP_S = 10.0


class Absent(Exception):
    """A contender cannot take part; the message says why."""


class Child:
    """A process that ends when its standard input does, so that none outlives the benchmark.

    :param command: program and arguments.
    """

    def __init__(self, command: list[str]) -> None:
        self._log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - see stop
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            errors="replace",
        )

    def stop(self) -> None:
        """End it: by the end of its input, else by signals; repeatable."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it is gone, with input that it never read
        for end in (None, self.process.terminate, self.process.kill):
            if end:
                end()
            try:
                self.process.wait(_STOP_S)
                break
            except subprocess.TimeoutExpired:
                continue
        self.process.stdout.close()
        self._log.close()

    def last_words(self) -> str:
        """The last line that it wrote on standard error."""
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        return lines[-1][:200] if lines else f"exit status {self.process.poll()}"


class Worker(Child):
    """A child that answers a JSON line with a JSON line; its first line says that it is ready.

    :raises Absent: it could not start.
    """

    def __init__(self, command: list[str]) -> None:
        super().__init__(command)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self._answer(START_S)
        except BaseException:
            self.stop()
            raise

    def turn(self, **request: Any) -> dict[str, Any]:
        """Let it do one turn.

        :raises Absent: it cannot do this.
        """
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as err:
            raise Absent(self.last_words()) from err
        return self._answer(TURN_S)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty as err:
            raise Absent(f"no answer within {timeout_s:.0f} s") from err
        if not line:
            raise Absent(self.last_words())
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise Absent(found["error"])
        return found


class Server(Child):
    """A child that serves `/v1/chat/completions`; ready when it has answered once.

    :param command: has ``{port}`` where the port belongs.
    :raises Absent: it did not start, or did not answer.
    """

    def __init__(self, command: list[str]) -> None:
        self.port = free_port()
        super().__init__([part.format(port=self.port) for part in command])
        try:
            self._await_answer()
        except BaseException:
            self.stop()
            raise

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_S
        answer: Answer | None = None
        while answer is None or not answer.arrivals:
            if self.process.poll() is not None:
                raise Absent(self.last_words())
            if time.monotonic() > deadline:
                raise Absent(f"no answer within {START_S:.0f} s")
            try:
                answer = ask_now(self.port, "Hello", 4)
            except OSError:
                time.sleep(0.1)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
