"""Many calls and abandoned streams leave memory and sockets where they were."""

from __future__ import annotations

import contextlib
import gc
import json
import threading
from collections.abc import Callable

import psutil
import pytest

from LLM import LLM, LLMConfig, LLMError
from tests import worlds
from tests.remote import wire
from tests.remote.conftest import CALLS, MESSAGES, Call
from tests.remote.scripted_server import Request, ScriptedServer, close, drip, reset

pytestmark = [pytest.mark.slow, pytest.mark.measured]

TOLERANCE_BYTES = 4 * 1024 * 1024
PROCESS = psutil.Process()


def good(request: Request) -> bytes:
    """The right answer to any request."""
    if request.method == "GET":
        return CALLS["models"].good
    kind = "chat" if request.path.endswith("/chat/completions") else "completion"
    streamed = json.loads(request.body).get("stream")
    return CALLS[f"{kind}-stream" if streamed else kind].good


def assert_open_files(at_most: int, llm: LLM | None = None) -> None:
    """The server in this process closes its own ends a little later than the client."""
    pause = threading.Event()
    for _ in range(100):
        worlds.turn(llm)
        if PROCESS.num_fds() <= at_most:
            return
        pause.wait(0.02)
    assert PROCESS.num_fds() <= at_most


def assert_nothing_grows(work: Callable[[], None], llm: LLM, *, warm_up: int, times: int) -> None:
    """What leaks grows every time; what a heap trimmed before grows back grows once."""

    def state() -> tuple[int, int, int]:
        worlds.turn(llm)
        gc.collect()
        return PROCESS.memory_info().rss, PROCESS.num_fds(), len(gc.get_objects())

    for _ in range(warm_up):
        work()
    gc.collect()
    # What is here before need not be looked through each time.
    gc.freeze()
    try:
        _, fds, objects = state()
        growths = []
        for _ in range(3):
            before, _, _ = state()
            for _ in range(times):
                work()
            growths.append(state()[0] - before)
            if growths[-1] < TOLERANCE_BYTES:
                break
        assert min(growths) < TOLERANCE_BYTES, growths
        assert state()[2] - objects < times
        assert_open_files(fds, llm)
    finally:
        gc.unfreeze()


@pytest.fixture
def forgetful_server():
    with ScriptedServer((good,), record=False) as server:
        yield server


def test_ten_thousand_calls_leave_nothing(forgetful_server, client):
    llm = client(forgetful_server)
    calls = list(CALLS.values())

    def work() -> None:
        for call in calls:
            call.run(llm)

    assert_nothing_grows(work, llm, warm_up=400, times=2000)
    assert forgetful_server.connections == 1


def _dropped_unread(llm: LLM) -> None:
    llm.chat_completion(MESSAGES, stream=True)


def _dropped_after_one(llm: LLM) -> None:
    next(llm.chat_completion(MESSAGES, stream=True))


def _closed_early(llm: LLM) -> None:
    with llm.chat_completion(MESSAGES, stream=True) as stream:
        next(stream)


def _closed_unread(llm: LLM) -> None:
    llm.chat_completion(MESSAGES, stream=True).close()


def _left_by_exception(llm: LLM) -> None:
    with contextlib.suppress(KeyError), llm.chat_completion(MESSAGES, stream=True) as stream:
        for _ in stream:
            raise KeyError


def _text_dropped(llm: LLM) -> None:
    next(llm.stream_text("Hello?"))


@pytest.mark.parametrize("size", ["short", "long"])
@pytest.mark.parametrize(
    "abandon",
    [_dropped_unread, _dropped_after_one, _closed_early, _closed_unread, _left_by_exception,
     _text_dropped],
    ids=lambda function: function.__name__.strip("_"),
)  # fmt: skip
def test_a_thousand_abandoned_streams_leave_nothing(client, abandon, size):
    body = wire.CHAT_EVENTS
    if size == "long":
        # More than the client reads at once, and no end.
        body = wire.event(wire.chunk("x" * 1000)) * 300
    script = wire.CHUNKED + wire.chunked(wire.cut(body, 5000))
    with ScriptedServer((script,), record=False) as server:
        llm = client(server)
        gc.disable()
        try:
            for _ in range(20):
                abandon(llm)
            # Dropping is enough: sockets do not wait for the garbage collector.
            fds = PROCESS.num_fds()
            for _ in range(84):
                abandon(llm)
            assert_open_files(fds, llm)
        finally:
            gc.enable()
        assert_nothing_grows(lambda: abandon(llm), llm, warm_up=0, times=84)


FAILURES = {
    "500": wire.answer({"error": {"message": "no"}}, 500),
    "long-error": wire.answer(b"x" * 2_000_000, 400),
    "redirect": wire.answer(b"x" * 100_000, 302, [("Location", "/x")]),
    "reset": [reset],
    "closed": [close],
    "reset-in-body": [wire.answer(b"{", content_length="99"), reset],
    "bad-length": [wire.head("Content-Length: 1, 2"), close],
    "bad-gzip": [wire.head("Content-Encoding: gzip") + b"xxxxxxxxxxxxxx", close],
    "bad-chunks": [wire.CHUNKED + b"xyz\r\n"],
    "no-http": [b"SSH-2.0\r\n", close],
    "no-answer": wire.answer(b"{}"),
    "too-large": [wire.answer(b"", content_length="99999999999"), close],
    "timeout": [b"HTTP/1.1 200 OK\r\n", drip(b"X: y\r\n" * 50)],
}


@pytest.mark.parametrize("script", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("kind", ["chat", "chat-stream"])
def test_failed_calls_leave_no_socket(client, script, kind):
    call: Call = CALLS[kind]
    with ScriptedServer((script,), record=False) as server:
        llm = client(server, timeout=0.03 if script is FAILURES["timeout"] else 5)

        def fail(times: int) -> None:
            for _ in range(times):
                with pytest.raises(LLMError):
                    call.run(llm)

        gc.disable()
        try:
            fail(5)
            fds = PROCESS.num_fds()
            fail(25)
            assert_open_files(fds, llm)
        finally:
            gc.enable()


def test_closed_clients_leave_no_socket(world, forgetful_server):
    def work() -> None:
        with world(LLMConfig(base_url=forgetful_server.url)) as llm:
            llm.chat_completion(MESSAGES)

    work()
    before = PROCESS.num_fds()
    for _ in range(50):
        work()
    assert_open_files(before)
