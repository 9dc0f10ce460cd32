"""`local-llm-kit doctor`: the servers of models that it finds, and what it says of them."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from local_llm_kit.doctor import servers
from local_llm_kit.doctor.servers import Found, check_servers, identify, ollama_place, usual_places
from tests.cli.answers import Answer, answering
from tests.local.support import running_server

pytestmark = pytest.mark.slow


def kind(answers: dict[str, Answer]) -> tuple[str, int | None]:
    with answering(answers) as url:
        found = identify("127.0.0.1", int(url.rpartition(":")[2]), 5)
    assert found is not None
    assert found.url == url
    return found.kind, found.n_models


def models(owner: str) -> Answer:
    return 200, {"object": "list", "data": [{"id": "m", "owned_by": owner}]}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (
            {"/api/version": (200, {"version": "0.9"}), "/api/tags": (200, {"models": [{}, {}]})},
            ("Ollama", 2),
        ),
        ({"/health": (200, ""), "/v1/models": models("vllm")}, ("vLLM", 1)),
        (
            {"/health": (200, {"status": "ok"}), "/v1/models": models("llamacpp")},
            ("llama-server", 1),
        ),
        (
            {"/health": (200, {"error": "Unexpected"}), "/v1/models": models("organization_owner")},
            ("LM Studio", 1),
        ),
        ({"/v1/models": models("me")}, ("a server with OpenAI's API", 1)),
        ({"/v1/models": (200, {"data": [{"owned_by": {}}]})}, ("a server with OpenAI's API", 1)),
        ({"/v1/models": (401, {})}, ("a server that asks for a key", None)),
        ({"/": (200, "<html>")}, ("another web server", None)),
        ({"/v1/models": (200, "[" * 100_000)}, ("another web server", None)),
    ],
    ids=["ollama", "vllm", "llama-server", "lm studio", "openai", "odd", "key", "page", "deep"],
)
def test_servers_are_told_apart(
    answers: dict[str, Answer], expected: tuple[str, int | None]
) -> None:
    assert kind(answers) == expected


def test_our_own_server_is_known() -> None:
    with running_server() as server:
        found = identify("127.0.0.1", server.port, 5)
    assert found is not None
    assert (found.kind, found.n_models is not None) == ("llm-kit", True)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)  # for a thread that waits for a caller who never comes
        yield listener


def test_a_port_where_nobody_listens_is_none(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert identify("127.0.0.1", port, 5) is None


def test_a_server_that_says_nothing_costs_its_time_alone(listener: socket.socket) -> None:
    found = identify("127.0.0.1", listener.getsockname()[1], 0.05)
    assert found is not None
    assert found.kind == "a program that does not answer in time"


def test_a_server_that_drips_costs_no_more_time(listener: socket.socket) -> None:
    gone = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not gone.wait(0.02):
                connection.sendall(b"X-Still: here\r\n")

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    found = identify("127.0.0.1", listener.getsockname()[1], 0.3)
    gone.set()
    thread.join()
    assert found is not None
    assert found.kind == "a program that does not answer in time"


def test_time_that_is_over_before_it_connects_is_no_sign_of_nobody(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(monotonic=itertools.count(0, 0.2).__next__)
    monkeypatch.setattr(servers, "time", clock)
    found = identify("127.0.0.1", listener.getsockname()[1], 0.3)
    assert found is not None
    assert found.kind == "a program that does not answer in time"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "no..localhost"])
def test_a_name_without_an_address_is_nobody(host: str) -> None:
    assert identify(host, 11434, 5) is None


def test_what_speaks_no_http_is_told(listener: socket.socket) -> None:
    def greet() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"220 mail ready\r\n")

    thread = threading.Thread(target=greet)
    thread.start()
    found = identify("127.0.0.1", listener.getsockname()[1], 5)
    thread.join()
    assert found is not None
    assert found.kind == "a program that is no web server"


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("", None),
        ("0.0.0.0", ("127.0.0.1", 11434)),
        (":1234", ("127.0.0.1", 1234)),
        ("localhost:99", ("127.0.0.1", 99)),
        ("http://box", ("box", 80)),
        ("http://box:5/", ("box", 5)),
        ("[::]:7", ("::1", 7)),
        ("https://far", None),
        ("me:hush@box", None),
        ("box:70000", None),
    ],
)
def test_ollamas_address_is_read_as_ollama_does(host: str, place: tuple[str, int] | None) -> None:
    assert ollama_place(host) == place
    assert usual_places({"OLLAMA_HOST": host})[0] == (place or ("127.0.0.1", 11434))


@pytest.mark.parametrize(
    ("n_models", "has_package", "status"), [(2, True, "ok"), (0, True, "note"), (2, False, "note")]
)
def test_an_ollama_server_says_what_is_left_to_do(
    n_models: int, has_package: bool, status: str
) -> None:
    (found,) = check_servers([Found("127.0.0.1", 1, "Ollama", n_models)], has_package)
    assert (found.status, found.fix is None) == (status, status == "ok")


def test_no_server_is_a_note() -> None:
    assert [one.status for one in check_servers([], True)] == ["note"]
