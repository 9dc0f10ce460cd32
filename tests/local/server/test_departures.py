"""Clients that leave, wherever their request is by then: nothing goes on for them."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_llm_kit import catalog
from local_llm_kit.loading import LoadOptions
from local_llm_kit.server import LocalServer, connection
from tests.local.http import ask, connect, read, request
from tests.local.server.models import copy_of_tiny, metric, until
from tests.local.support import model_of, running_server, slow_down

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]
CHAT = "/v1/chat/completions"
ENDLESS = {"messages": HELLO, "stream": True, "logit_bias": {"0": -100, "1": -100, "2": -100}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


class Held:
    """A function that waits, in the middle, until it is let go."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._goes_on = threading.Event()
        self.n_calls = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.n_calls += 1
        assert self._goes_on.wait(30)
        return self._function(*args, **kwargs)

    def let_go(self) -> None:
        self._goes_on.set()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any, str], Held]]:
    """Makes a function of an object wait; all are let go at the end."""
    made: list[Held] = []

    def hold(owner: Any, name: str) -> Held:
        made.append(Held(getattr(owner, name)))
        monkeypatch.setattr(owner, name, made[-1])
        return made[-1]

    yield hold
    for one in made:
        one.let_go()


def n_leases(server: LocalServer) -> int:
    return sum(one.n_leases for one in server.catalog.loaded())


def test_one_who_leaves_while_the_request_is_prepared_is_not_served(
    held: Callable[[Any, str], Held],
) -> None:
    with running_server() as server:
        chat = held(model_of(server), "chat")
        with connect(server.url) as sock:
            sock.sendall(request(server.url, CHAT, {"messages": HELLO, "tools": [TOOL]}))
            until(lambda: chat.n_calls == 1)
        until(lambda: metric(server, f"http_requests_total,POST,{CHAT},499") == 1)
        assert n_leases(server) == 1  # the thread still uses the model
        chat.let_go()
        until(lambda: n_leases(server) == 0)
        assert model_of(server).stats.n_generated == 0


def test_one_who_leaves_while_waiting_for_a_thread_is_not_even_prepared(
    held: Callable[[Any, str], Held],
) -> None:
    with running_server() as server:
        chat = held(model_of(server), "chat")
        socks = [connect(server.url) for _ in range(6)]
        for sock in socks:
            sock.sendall(request(server.url, CHAT, {"messages": HELLO, "tools": [TOOL]}))
        until(lambda: metric(server, "requests_preparing") == 6)
        for sock in socks:
            sock.close()
        until(lambda: metric(server, "requests_preparing") == 4)
        chat.let_go()
        until(lambda: metric(server, "requests_preparing") == 0 == n_leases(server))
        assert chat.n_calls == 4


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (CHAT, {"messages": HELLO}),
        ("/v1/embeddings", {"input": "Hello"}),
        ("/api/embeddings", {"prompt": "Hello"}),
        ("/v1/messages/count_tokens", {"messages": HELLO}),
        ("/v1/responses/input_tokens", {"input": "Hello"}),
        ("/tokenize", {"content": "Hello"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_who_leaves_while_a_model_loads_waits_no_more(
    tmp_path: Path, held: Callable[[Any, str], Held], path: str, fields: dict[str, Any]
) -> None:
    boat = copy_of_tiny(tmp_path, "boat")
    with running_server(models=[boat]) as server:
        load = held(catalog, "load_model")
        with connect(server.url) as sock:
            sock.sendall(request(server.url, path, {"model": "boat", **fields}))
            until(lambda: metric(server, "requests_awaiting_load") == 1)
        until(lambda: metric(server, "requests_awaiting_load") == 0)
        load.let_go()
        body = {"model": "boat", "messages": HELLO, "max_tokens": 1}
        assert ask(server.url, CHAT, body).json["model"] == "boat"
        assert load.n_calls == 1


@pytest.mark.parametrize("path", ["/v1/embeddings", "/api/embed"])
def test_one_who_leaves_among_embeddings_gets_no_more_of_them(
    held: Callable[[Any, str], Held], path: str
) -> None:
    with running_server() as server:
        embed = held(model_of(server), "embeddings")
        with connect(server.url) as sock:
            sock.sendall(request(server.url, path, {"model": "tiny", "input": ["x"] * 2048}))
            until(lambda: embed.n_calls == 1)
        until(lambda: metric(server, f"http_requests_total,POST,{path},499") == 1)
        embed.let_go()
        until(lambda: n_leases(server) == 0)
        assert embed.n_calls == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages/count_tokens", {"messages": HELLO}),
        ("/v1/responses/input_tokens", {"input": "Hello!"}),
    ],
    ids=["anthropic", "responses"],
)
def test_one_who_leaves_while_tokens_are_counted_waits_no_more(
    held: Callable[[Any, str], Held], path: str, body: dict[str, Any]
) -> None:
    with running_server() as server:
        count = held(model_of(server), "count_tokens")
        with connect(server.url) as sock:
            sock.sendall(request(server.url, path, body))
            until(lambda: count.n_calls == 1)
        until(lambda: metric(server, f"http_requests_total,POST,{path},499") == 1)
        count.let_go()
        until(lambda: n_leases(server) == 0)


def test_one_who_leaves_in_the_engines_queue_is_taken_out_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_server(LoadOptions(n_slots=1)) as server, connect(server.url) as first:
        slow_down(model_of(server), monkeypatch)
        first.sendall(request(server.url, CHAT, ENDLESS))
        first.recv(100)
        with connect(server.url) as second:
            second.sendall(request(server.url, CHAT, {"messages": HELLO}))
            until(lambda: model_of(server).stats.n_waiting == 1)
        until(lambda: model_of(server).stats.n_waiting == 0)
        assert model_of(server).stats.n_running == 1


def test_one_who_leaves_while_the_conversation_is_summarised_ends_the_summary(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = [{"role": "user", "content": f"The number {i} is here."} for i in range(200)]
    load = LoadOptions(n_slots=1, context_length=1024)
    with running_server(load) as server, connect(server.url) as first:
        slow_down(model_of(server), monkeypatch)
        first.sendall(request(server.url, CHAT, ENDLESS))
        first.recv(100)
        with connect(server.url) as second:
            second.sendall(request(server.url, CHAT, {"messages": long, "overflow": "summarise"}))
            until(lambda: model_of(server).stats.n_waiting == 1)
        until(lambda: metric(server, "requests_preparing") == 0)
        assert (model_of(server).stats.n_waiting, model_of(server).stats.n_running) == (0, 1)


def test_embeddings_without_end_do_not_keep_chats_waiting() -> None:
    with running_server() as server:
        socks = [connect(server.url, 120) for _ in range(5)]
        for sock in socks:
            sock.sendall(request(server.url, "/v1/embeddings", {"input": ["xy " * 30] * 2048}))
        until(lambda: metric(server, "requests_preparing") >= 4)
        body = {"messages": HELLO, "max_tokens": 2, "tools": [TOOL]}
        assert ask(server.url, CHAT, body).status == 200
        ended, _, _ = select.select(socks, [], [], 0)
        for sock in socks:
            sock.close()
        assert not ended


def test_two_hundred_clients_at_once_are_served_or_told_to_come_back() -> None:
    with running_server(LoadOptions(n_slots=4, max_queue=32)) as server:
        socks = [connect(server.url, 60) for _ in range(200)]
        for sock in socks:
            sock.sendall(request(server.url, CHAT, {"messages": HELLO, "temperature": 0}))
        answers = [read(sock) for sock in socks]
        assert {answer.status for answer in answers} <= {200, 429, 503}
        assert sum(answer.status == 200 for answer in answers) >= 36
        assert all("retry-after" in one.headers for one in answers if one.status != 200)
        health = ask(server.url, "/health").json
        assert (health["running"], health["waiting"], n_leases(server)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("path", "status"), [(CHAT, 413), ("/health", 405), ("/v1/nothing", 404)], ids=str
)
def test_one_who_goes_on_sending_what_was_refused_is_dropped(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    monkeypatch.setattr(connection, "LINGER_S", 0.2)
    headers = {"Content-Length": "99999999", "Connection": "keep-alive"}
    with connect(server.url) as sock:
        sock.sendall(request(server.url, path, b"", headers=headers))
        assert f" {status} ".encode() in sock.recv(4096)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            drip(sock)


def drip(sock: socket.socket) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        sock.sendall(b" ")
        time.sleep(0.01)


def test_a_body_that_comes_late_but_whole_keeps_its_connection(server: LocalServer) -> None:
    headers = {"Content-Length": "5", "Connection": "keep-alive"}
    with connect(server.url) as sock:
        sock.sendall(request(server.url, "/v1/nothing", b"", headers=headers))
        assert b" 404 " in sock.recv(4096)
        sock.sendall(b"12345" + request(server.url, "/health"))
        assert read(sock).json["status"] == "ok"


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET / HTTP/1.1\r\nHost: ", request("http://localhost", CHAT, b"{")[:-1]],
    ids=["silent", "headers", "body"],
)
def test_connections_that_ask_nothing_give_way_to_one_who_asks(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 20)
    idle = [connect(server.url) for _ in range(60)]
    for sock in idle:
        with contextlib.suppress(OSError):
            sock.sendall(begun)
    assert ask(server.url, "/health").status == 200
    for sock in idle:
        sock.close()
