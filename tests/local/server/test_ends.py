"""The end of a server, with requests wherever they may be: each is told, none holds it up."""

from __future__ import annotations

import json
import logging
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from LLM.exceptions import LLMServerError
from local_llm_kit.arguments import Defaults
from local_llm_kit.catalog import Catalog
from local_llm_kit.load_progress import LoadProgress
from local_llm_kit.loading import LoadOptions
from local_llm_kit.server import LocalServer, http_server
from tests.local.http import connect, read, request
from tests.local.server.models import copy_of_tiny, metric, until
from tests.local.server.test_departures import Held, held
from tests.local.server.test_operation import serving
from tests.local.support import model_of, running_server, slow_down

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]
CHAT = "/v1/chat/completions"
ENDLESS = {"messages": HELLO, "stream": True, "logit_bias": {"0": -100, "1": -100, "2": -100}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}

__all__ = ["held"]


def last_event(text: bytes) -> Any:
    """The data of a stream's last event or line; the stream must be complete."""
    *pieces, size = text.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert size == b"0"
    lines = [line.removeprefix(b"data: ") for piece in pieces for line in piece.split(b"\n")]
    return json.loads([line for line in lines if line.startswith(b"{")][-1])


@pytest.mark.parametrize(
    ("path", "fields", "keys"),
    [
        (CHAT, {"messages": HELLO}, ("error", "code")),
        ("/v1/completions", {"prompt": "Hello"}, ("error", "code")),
        ("/v1/responses", {"input": "Hello"}, ("response", "error", "code")),
        (
            "/v1/messages",
            {"messages": HELLO, "max_tokens": 500},
            ("error", "details", "error_code"),
        ),
        ("/api/chat", {"model": "tiny", "messages": HELLO}, ("code",)),
    ],
    ids=["chat", "completion", "responses", "anthropic", "ollama"],
)
def test_a_stream_that_the_end_cuts_off_tells_so_in_its_apis_shape(
    monkeypatch: pytest.MonkeyPatch, path: str, fields: dict[str, Any], keys: tuple[str, ...]
) -> None:
    with running_server(grace_s=0) as server, connect(server.url) as sock:
        slow_down(model_of(server), monkeypatch, 0.2)
        sock.sendall(request(server.url, path, {**fields, "stream": True}))
        first = sock.recv(1)
        until(lambda: model_of(server).stats.n_running == 1)
        server.stop()
        answer = read(sock)
        found = last_event(answer.body)
        for key in keys:
            found = found[key]
        assert first == b"H"
        assert found in ("engine_closed", "server_error")  # OpenAI's responses know but the latter


def test_a_second_signal_ends_streams_with_an_error_and_the_process_with_zero() -> None:
    with serving(grace_s=600) as (process, url), connect(url) as sock:
        sock.sendall(request(url, CHAT, ENDLESS | {"n": 8}))
        assert sock.recv(1) == b"H"
        process.send_signal(signal.SIGTERM)
        until(lambda: not listens(url))
        process.send_signal(signal.SIGTERM)
        assert last_event(read(sock).body)["error"]["code"] == "engine_closed"
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_one_who_waits_for_a_thread_at_the_end_is_told(held: Any) -> None:
    with running_server(grace_s=0) as server:
        chat: Held = held(model_of(server), "chat")
        socks = [connect(server.url) for _ in range(5)]
        for sock in socks:
            sock.sendall(request(server.url, CHAT, {"messages": HELLO, "tools": [TOOL]}))
        until(lambda: metric(server, "requests_preparing") == 5 and chat.n_calls == 4)
        server.stop()
        until(lambda: not listens(server.url))
        chat.let_go()
        answers = [read(sock) for sock in socks]
        assert {(one.status, one.error["code"]) for one in answers} == {(503, "engine_closed")}


def listens(url: str) -> bool:
    try:
        connect(url, 1).close()
    except OSError:
        return False
    return True


def test_a_body_that_never_comes_holds_the_end_up_for_no_longer_than_its_grace(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_server, "_FAREWELL_S", 0.1)
    with running_server(grace_s=0) as server, connect(server.url) as sock:
        sock.sendall(request(server.url, CHAT, ENDLESS)[:-1])
        until(lambda: metric(server, "http_requests_in_flight") == 2)
        server.stop()
        assert sock.recv(1) == b""  # within the socket's time-out; a body has thirty seconds else
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


def test_a_model_that_is_being_loaded_at_the_end_is_not_loaded_to_its_end(tmp_path: Path) -> None:
    begun, goes_on = threading.Event(), threading.Event()
    told: list[LoadProgress] = []

    def watch(progress: LoadProgress) -> None:
        told.append(progress)
        if progress.name == "boat":
            begun.set()
            assert goes_on.wait(30)

    boat = copy_of_tiny(tmp_path, "boat")
    load = LoadOptions(on_load=watch)
    with running_server(load, models=[boat], grace_s=0) as server, connect(server.url) as sock:
        sock.sendall(request(server.url, CHAT, {"model": "boat", "messages": HELLO}))
        assert begun.wait(20)
        server.stop()
        until(lambda: not listens(server.url))
        until(lambda: server.catalog.is_closed)
        goes_on.set()
        answer = read(sock)
    assert (answer.status, answer.error["code"]) == (503, "engine_closed")
    assert sum(one.name == "boat" for one in told) == 1


def test_closing_a_catalog_ends_a_load_of_another_thread(tmp_path: Path) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def watch(progress: LoadProgress) -> None:
        begun.set()
        assert goes_on.wait(30)

    options = LoadOptions(on_load=watch)
    catalog = Catalog(copy_of_tiny(tmp_path, "boat"), options, Defaults())
    with ThreadPoolExecutor(1) as thread:
        lease = thread.submit(catalog.lease, None)
        assert begun.wait(20)
        catalog.close()
        goes_on.set()
        with pytest.raises(LLMServerError, match="the client is closed"):
            lease.result(20)


def test_the_port_is_free_at_once(server: LocalServer) -> None:
    with running_server() as other, connect(other.url) as sock:
        sock.sendall(request(other.url, CHAT, ENDLESS))
        sock.recv(100)
        port = other.port
    socket.create_server(("127.0.0.1", port)).close()
