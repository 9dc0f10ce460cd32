"""`llmring chat` as a process of its own: pieces at once, Ctrl-C, and readers that leave."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.llmring.cli.support import COMMAND, ROOT, start
from tests.remote import wire
from tests.remote.scripted_server import Connection, ScriptedServer, drip

pytestmark = pytest.mark.slow

LUNA = ("--model", "openai:gpt-6-luna")
FIRST = wire.event(wire.chunk("Hel"))


@pytest.fixture
def halting() -> Iterator[tuple[ScriptedServer, threading.Event]]:
    """A server that says a piece and no more; the event is set when the client has left."""
    left = threading.Event()

    def stay(connection: Connection) -> None:
        with contextlib.suppress(OSError):
            while connection.sock.recv(65536):
                continue
        left.set()
        connection.close()

    with ScriptedServer(([wire.UNTIL_CLOSE + FIRST, stay],)) as server:
        yield server, left


def variables(server: ScriptedServer) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-secret", "OPENAI_BASE_URL": server.url}


def test_a_piece_is_written_when_it_arrives_and_ctrl_c_ends_the_call(
    halting: tuple[ScriptedServer, threading.Event],
) -> None:
    server, left = halting
    with start("chat", "Hello", *LUNA, environ=variables(server)) as process:
        process.stdin.close()
        assert process.stdout.read(3) == "Hel"
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
        rest = process.stdout.read()
    assert (process.returncode, rest, told) == (130, "\n", "")
    assert left.wait(10)


def test_a_reader_that_leaves_is_no_error() -> None:
    pieces = [wire.event(wire.chunk("word ")) for _ in range(200)]
    with (
        ScriptedServer(([wire.UNTIL_CLOSE, drip(pieces, 0.005)],)) as server,
        start("chat", "Hello", *LUNA, environ=variables(server)) as process,
    ):
        process.stdin.close()
        assert process.stdout.read(5) == "word "
        process.stdout.close()
        told = process.stderr.read()
    assert (process.returncode, told) == (1, "")


@pytest.mark.parametrize(
    ("closed", "expected"), [("<&-", "Hello!\n"), (">&-", ""), ("2>&-", "Hello!\n")]
)
def test_a_standard_stream_that_is_closed_is_no_error(
    server: ScriptedServer, closed: str, expected: str
) -> None:
    command = f'exec "{sys.executable}" -m llmring chat Hello {" ".join(LUNA)} {closed}'
    done = subprocess.run(
        ["sh", "-c", command], env={**os.environ, **variables(server), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_a_terminal_shows_plain_text_and_is_not_steered() -> None:
    events = wire.event(wire.chunk("**a**\x1b[2J")) + wire.event(wire.chunk(finish="stop"))
    with ScriptedServer((wire.stream_answer(events + wire.DONE),)) as server:
        mine, theirs = pty.openpty()
        environ = {**os.environ, **variables(server), "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(
            [*COMMAND, "chat", "Hello", *LUNA], env=environ, stdin=theirs, stdout=theirs,
            stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            os.close(theirs)
            shown = _all_of(mine)
    assert (process.returncode, shown) == (0, "**a**�[2J\r\n")


def _all_of(terminal: int) -> str:
    """What is shown, up to the program's end."""
    shown = b""
    with contextlib.suppress(OSError):  # Linux says so where a terminal's program has ended
        while data := os.read(terminal, 65536):
            shown += data
    os.close(terminal)
    return shown.decode()


def test_a_full_disk_is_one_line(server: ScriptedServer) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        process: Any = start("chat", "Hello", *LUNA, environ=variables(server), stdout=full)
        told = process.communicate()[1]
    assert process.returncode == 1
    assert told == "error: cannot write to standard output: No space left on device\n"
