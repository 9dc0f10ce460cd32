"""The loop behind calls without one: threads, Ctrl-C, forks and the end of the interpreter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmring import background
from tests.llmring.pools import MESSAGES, good
from tests.remote.scripted_server import ScriptedServer, hang

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer((good,)) as server:
        yield server


def until(condition) -> bool:
    """Whether it comes true within five seconds."""
    end = time.monotonic() + 5
    pause = threading.Event()
    while not condition() and time.monotonic() < end:
        pause.wait(0.01)
    return bool(condition())


def test_thirty_two_threads_share_one_ring(pool):
    ring = pool(good)
    told: list[str] = []

    def work() -> None:
        for _ in range(5):
            told.append(ring.ring.chat("pool", messages=MESSAGES).content)
            chunks = ring.ring.chat_stream("pool", messages=MESSAGES)
            told.append("".join(chunk.delta for chunk in chunks))

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["Hello!"] * 320
    assert ring.n_requests == [320]


def test_ctrl_c_ends_the_wait_and_the_request(pool):
    left = threading.Event()

    def silent(connection) -> None:
        try:
            hang(connection)
        finally:
            left.set()

    ring = pool([silent])

    def interrupt() -> None:
        assert until(lambda: ring.n_requests == [1])
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=interrupt)
    sender.start()
    with pytest.raises(KeyboardInterrupt):
        _ = ring.ring.chat("pool", messages=MESSAGES).content
    sender.join()
    assert left.wait(5)
    assert ring.ring._caller.failover.breaker("openai:gpt-x").failure_count == 0


def test_an_error_is_freed_with_its_frames_without_the_garbage_collector():
    class Failure(Exception):
        pass

    async def fail() -> None:
        raise Failure

    freed = threading.Event()
    Failure.__del__ = lambda self: freed.set()  # type: ignore[attr-defined]
    with pytest.raises(Failure):
        background.run(fail())
    assert freed.wait(5)


def process(script: str, server: ScriptedServer, *options: str) -> subprocess.Popen[str]:
    """A script that finds a ring, with warnings as errors."""
    begin = f"""
        import os, signal, sys, threading, time
        from llmring import LLMRing
        MESSAGES = {MESSAGES!r}
        ring = LLMRing()
        ring.register_provider("openai", api_key="sk-1", base_url={server.url!r})
        def ask():
            return ring.chat("openai:gpt-x", messages=MESSAGES).content
    """
    code = textwrap.dedent(begin) + textwrap.dedent(script)
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-W", "error", *options, "-c", code],
        cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True,
    )  # fmt: skip


def run(script: str, server: ScriptedServer, *options: str) -> tuple[int, str, str]:
    """How such a script ends: its code, and what it wrote."""
    with process(script, server, *options) as running:
        try:
            out, err = running.communicate(timeout=30)
        finally:
            running.kill()
    return running.returncode, out, err


def test_the_interpreter_ends_quietly_with_an_idle_loop(server):
    code, out, err = run("print(ask())", server, "-X", "dev")
    assert (code, out) == (0, "Hello!\n")
    assert "Traceback" not in err
    assert "Warning" not in err


def test_the_interpreter_ends_quietly_in_the_middle_of_a_call():
    script = """
        threading.Thread(target=ask, daemon=True).start()
        stream = iter(ring.chat_stream("openai:gpt-x", messages=MESSAGES))
        threading.Thread(target=next, args=(stream,), daemon=True).start()
        sys.stdin.read(1)  # until the server has both requests
        print("ends", flush=True)
    """
    with ScriptedServer(([hang],)) as server, process(script, server) as running:
        assert until(lambda: len(server.requests) == 2)
        out, err = running.communicate("x", timeout=30)
    assert (running.returncode, out, err) == (0, "ends\n", "")


def test_a_forked_child_has_a_loop_of_its_own(server):
    script = """
        ask()
        child = os.fork()
        if not child:
            print("child", ask(), flush=True)
            sys.exit(3)
        _, status = os.waitpid(child, 0)
        print("parent", ask(), os.waitstatus_to_exitcode(status))
    """
    code, out, _ = run(script, server)
    assert (code, out) == (0, "child Hello!\nparent Hello! 3\n")
    assert len(server.requests) == 3
    # One for the parent, which the child leaves to it, and one for the child.
    assert server.connections == 2


def test_a_stream_that_is_dropped_while_the_loop_is_begun_holds_nothing_up(server):
    # The garbage collector may do that in the very thread that begins it.
    script = """
        stream = iter(ring.chat_stream("openai:gpt-x", messages=MESSAGES))
        next(stream)
        child = os.fork()
        if not child:
            signal.alarm(10)
            start = threading.Thread.start
            def dropping(thread):
                globals().pop("stream", None)
                start(thread)
            threading.Thread.start = dropping
            print("child", ask(), flush=True)
            sys.exit("stream" in globals())
        _, status = os.waitpid(child, 0)
        print("parent", "".join(chunk.delta for chunk in stream), os.waitstatus_to_exitcode(status))
    """
    code, out, _ = run(script, server)
    assert (code, out) == (0, "child Hello!\nparent lo! 0\n")


def test_ctrl_c_in_a_program_of_its_own_ends_it_with_one_traceback():
    with ScriptedServer(([hang],)) as server, process("ask()", server) as running:
        assert until(lambda: len(server.requests) == 1)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    assert running.returncode == -signal.SIGINT
    assert err.count("Traceback") == 1
    assert err.rstrip().endswith("KeyboardInterrupt")
