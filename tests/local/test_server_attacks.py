"""What a hostile client or a web page may try: each ends as a refusal in OpenAI's shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local_llm_kit.server import LocalServer, body, body_budget, connection
from local_llm_kit.server.guard import host_name
from tests.local.http import ask, connect, request, send
from tests.local.support import model_of, running_server

HELLO = [{"role": "user", "content": "Hello!"}]
CHAT = "/v1/chat/completions"
KEY = "sk-local-test"


@pytest.fixture(scope="module")
def locked() -> Iterator[LocalServer]:
    with running_server(api_key=KEY) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/v1/nothing", {}, 404),
        ("/v1/models/", {}, 404),
        ("/v1/chat/completions/", {"body": {}}, 404),
        ("/v1/models/../../etc/passwd", {}, 404),
        ("/v1/models/%2e%2e%2f", {}, 404),
        ("/v1/embeddings", {}, 405),
        ("/v1/models", {"method": "DELETE"}, 405),
        ("/v1/models", {"method": "OPTIONS"}, 405),
        (CHAT, {"body": {}, "headers": {"Content-Type": "text/plain"}}, 415),
        (CHAT, {"body": {}, "headers": {"Content-Type": "application/json; charset=utf-16"}}, 415),
        (CHAT, {"body": {}, "headers": {"Content-Encoding": "gzip"}}, 415),
        (CHAT, {"body": {}, "headers": {"Content-Length": "99999999999"}}, 413),
        (CHAT, {"body": b""}, 400),
        (CHAT, {"body": b"{"}, 400),
        (CHAT, {"body": b"[" * 100_000}, 400),
        (CHAT, {"body": b'{"messages":[' + b"[]," * 300_000 + b"0]}"}, 400),
        (CHAT, {"body": b'{"seed":' + b"9" * 10_000 + b"}"}, 400),
        (CHAT, {"body": b'{"temperature": NaN}'}, 400),
        (CHAT, {"body": b'{"messages": [{"role": "user", "content": "\\ud800"}]}'}, 400),
        (CHAT, {"body": b"\xff\xfe{}"}, 400),
        (CHAT, {"body": []}, 400),
        (CHAT, {"body": {}}, 400),
        ("/v1/completions", {"body": {"prompt": [1 << 40]}}, 400),
        ("/v1/completions", {"body": {"prompt": [[99999]]}}, 400),
        ("/v1/completions", {"body": {"prompt": ""}}, 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_request_is_refused_in_openais_shape(
    server: LocalServer, path: str, options: dict[str, Any], status: int
) -> None:
    answer = ask(server.url, path, **options)
    assert answer.status == status
    assert answer.error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["tls", "words", "version", "address"],
)
def test_bytes_that_are_no_request_are_refused_in_the_same_shape(
    server: LocalServer, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = send(server.url, data)
    assert (answer.status, answer.error["code"]) == (400, "bad_request")
    assert not caplog.records  # a line for each would fill a disk


def test_a_body_is_capped_while_it_is_read(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "MAX_BODY_BYTES", 1000)
    chunk = b"400\r\n" + b" " * 0x400 + b"\r\n"
    headers = {"Transfer-Encoding": "chunked", "Content-Length": None}
    head = request(server.url, CHAT, b"", headers=headers)
    answer = send(server.url, head + chunk)
    assert (answer.status, answer.error["code"]) == (413, "body_too_large")


CHUNKED = {"Transfer-Encoding": "chunked", "Content-Length": None}


@pytest.mark.parametrize("more", [b"X-T: 1\r\n", b"a"], ids=["trailers", "one trailer"])
def test_what_follows_a_body_is_capped(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, more: bytes
) -> None:
    monkeypatch.setattr(connection, "MAX_FRAMING_BYTES", 1000)
    with connect(server.url) as sock:
        sock.sendall(request(server.url, CHAT, b"", headers=CHUNKED) + b"2\r\n{}\r\n0\r\nX: ")
        sock.sendall(more * 2000)
        assert b"around its content" in sock.recv(1000)


def test_what_follows_a_body_is_no_header(locked: LocalServer) -> None:
    data = request(locked.url, CHAT, b"", headers=CHUNKED)
    trailer = b"Authorization: Bearer " + KEY.encode()
    assert send(locked.url, data + b"2\r\n{}\r\n0\r\n" + trailer + b"\r\n\r\n").status == 401


def test_a_body_that_never_comes_ends_at_the_deadline(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "BODY_TIMEOUT_S", 0.1)
    answer = send(server.url, request(server.url, CHAT, b"", headers={"Content-Length": "10"}))
    assert (answer.status, answer.error["code"]) == (408, "request_timeout")


def test_bodies_are_capped_together_and_small_ones_are_read(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_budget, "MAX_HELD_BYTES", 100_000)
    large = {"messages": HELLO, "user": "a" * 4000, "metadata": {"note": "a" * 90_000}}
    with connect(server.url) as holder:
        holder.sendall(request(server.url, CHAT, large)[:-1])
        while (answer := ask(server.url, CHAT, large)).status == 200:
            continue  # until what the other sent has come
        assert (answer.status, answer.error["code"]) == (429, "bodies_full")
        assert answer.headers["retry-after"] == "1"
        assert ask(server.url, CHAT, {"messages": HELLO, "max_tokens": 1}).status == 200
    while ask(server.url, CHAT, large).status == 429:
        continue  # until the other is gone
    assert ask(server.url, CHAT, large).status == 200


def test_headers_that_never_end_are_dropped(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEADER_TIMEOUT_S", 0.1)
    with connect(server.url) as sock:
        sock.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Drip: ")
        try:
            assert sock.recv(100) == b""
        except ConnectionResetError:
            pass


def test_headers_without_bound_are_refused(server: LocalServer) -> None:
    line = b"X-A: " + b"a" * 60_000 + b"\r\n"
    with connect(server.url) as sock, pytest.raises((BrokenPipeError, ConnectionResetError)):
        sock.sendall(b"GET / HTTP/1.1\r\n" + line * 1000)


@pytest.mark.parametrize(
    "host",
    ["evil.com", "evil.com:8000", "127.0.0.1.evil.com", "user@127.0.0.1", "localhost/x", "",
     "[::1].evil.com", "[::1]x", "localhost:99999", "2130706433", "0x7f.1", "localhost,evil.com"],
)  # fmt: skip
def test_another_hosts_name_is_refused(server: LocalServer, host: str) -> None:
    answer = ask(server.url, "/v1/models", headers={"Host": host})
    assert answer.status == 403
    assert answer.error["code"] == "host_not_allowed"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8000", "127.1.2.3"]
)
def test_loopbacks_names_pass(server: LocalServer, host: str) -> None:
    assert ask(server.url, "/v1/models", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.com", "null", "http://localhost.evil.com", "http://[::1].evil.com"]
)
def test_a_page_of_another_site_is_refused(server: LocalServer, origin: str) -> None:
    answer = ask(server.url, "/v1/models", headers={"Origin": origin})
    assert (answer.status, answer.error["code"]) == (403, "origin_refused")


@pytest.mark.parametrize(
    ("mode", "status"), [("no-cors", 403), ("cors", 403), ("navigate", 200)], ids=str
)
def test_another_sites_page_may_link_here_and_embed_nothing(
    server: LocalServer, mode: str, status: int
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode}
    assert ask(server.url, "/", headers=headers).status == status


def test_no_answer_lets_another_origin_read_it(server: LocalServer) -> None:
    answer = ask(server.url, "/v1/models", headers={"Origin": "http://localhost:3000"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {KEY}",
        f"Bearer {KEY}x",
        f"Bearer {KEY[:-1]}",
        "Bearer ÿ",
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/nothing", "//health", "/health/../v1/models"])
def test_nothing_is_answered_without_the_key(
    locked: LocalServer, value: str | None, path: str
) -> None:
    answer = ask(locked.url, path, headers={"Authorization": value})
    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")
    assert KEY not in answer.body.decode()


def test_the_key_opens_and_health_needs_none(locked: LocalServer) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    assert ask(locked.url, "/v1/models", headers=headers).status == 200
    assert ask(locked.url, "/health").status == 200


def test_two_authorisations_or_two_hosts_are_refused(locked: LocalServer) -> None:
    good = request(locked.url, "/v1/models", headers={"Authorization": f"Bearer {KEY}"})
    twice = good.replace(b"\r\n\r\n", b"\r\nAuthorization: Bearer x\r\n\r\n")
    assert send(locked.url, twice).status == 401
    assert send(locked.url, good.replace(b"\r\n\r\n", b"\r\nHost: evil.com\r\n\r\n")).status == 400


def test_large_prompts_are_refused_without_stopping_the_server(server: LocalServer) -> None:
    text = "a" * 4_000_000
    answer = ask(server.url, CHAT, {"messages": [{"role": "user", "content": text}]})
    assert (answer.status, answer.error["code"]) == (400, "context_length_exceeded")
    assert ask(server.url, "/health").status == 200


def test_a_fault_of_ours_is_a_500_without_its_details(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_of(server), "chat", lambda arguments: {}["secret"])
    answer = ask(server.url, CHAT, {"messages": HELLO})
    assert (answer.status, answer.error["type"]) == (500, "server_error")
    assert "secret" not in answer.body.decode()


@pytest.mark.parametrize(
    ("authority", "name"),
    [
        ("a.b:80", "a.b"), ("[::1]:80", "::1"), ("A.", "a"), ("a:b", None), ("a@b", None),
        ("a/b", None), ("", None), ("[::1", None), ("a:0", None), ("[::1].b", None),
        ("a:", "a"), (".", None), ("a:65536", None),
    ],
)  # fmt: skip
def test_host_names_are_read_in_one_way(authority: str, name: str | None) -> None:
    assert host_name(authority) == name


def test_the_shape_of_errors_is_json(server: LocalServer) -> None:
    answer = ask(server.url, "/v1/nothing")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body)["error"]["param"] is None


@pytest.mark.parametrize(
    ("n_requests", "is_answered"), [(50, True), (5000, False)], ids=["some", "flood"]
)
def test_requests_sent_ahead_are_bounded(
    server: LocalServer, n_requests: int, is_answered: bool
) -> None:
    ahead = request(server.url, "/health", headers={"Connection": "keep-alive"})
    last = request(server.url, "/health")
    received = b""
    with connect(server.url) as sock:
        try:
            sock.sendall(ahead * (n_requests - 1) + last)
            while piece := sock.recv(1 << 16):
                received += piece
        except (BrokenPipeError, ConnectionResetError):
            pass
    n_found = received.count(b"HTTP/1.1 200")
    assert (n_found == n_requests) is is_answered


def test_a_second_request_whose_headers_never_end_is_dropped(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEADER_TIMEOUT_S", 0.6)
    with connect(server.url) as sock:
        sock.sendall(request(server.url, "/health", headers={"Connection": "keep-alive"}))
        assert b"200 OK" in sock.recv(1000)
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Drip: ")
        try:
            assert sock.recv(100) == b""
        except ConnectionResetError:
            pass


@pytest.mark.slow
def test_a_client_that_does_not_read_its_stream_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WRITE_TIMEOUT_S", 0.5)
    large = {"messages": HELLO, "stream": True, "n": 8, "logprobs": True, "top_logprobs": 20}
    large["logit_bias"] = {"0": -100, "1": -100, "2": -100}
    with running_server() as server, connect(server.url) as sock:
        sock.sendall(request(server.url, CHAT, large))
        while ask(server.url, "/health").json["running"] == 0:
            continue
        while ask(server.url, "/health").json["running"]:
            continue
        received = bytearray()
        try:
            while piece := sock.recv(1 << 20):
                received += piece
        except ConnectionResetError:
            pass
        assert b"[DONE]" not in received
