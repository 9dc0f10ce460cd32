"""What a server must stand: facts/security.md, 6, 7, 18 and 22, and more clients than it likes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from llmring.server.run import RingServer
from local_llm_kit.server import body as local_body
from local_llm_kit.server import connection
from tests.llmring.server.servers import ADMIN_KEY, Client, received, request, running
from tests.local.server.models import until

pytestmark = pytest.mark.slow

LOG = "/api/v1/log"
CALL = b'{"model": "m", "provider": "p", "metadata": %s}'


@pytest.fixture(scope="module")
def ring_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RingServer]:
    """A server; what stands between a client and the database is the same for all databases."""
    path = tmp_path_factory.mktemp("server") / "server.sqlite"
    with running(database=path, admin_key=ADMIN_KEY, has_metrics=True) as server:
        yield server


def status(answer: bytes) -> int:
    """The status of an answer, which is in our shape where it is an error."""
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    found = int(answer[9:12])
    if found >= 400:
        error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert len(error["message"]) < 1000
    return found


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000 + b"]" * 100_000,
        CALL % (b'{"a":' * 150 + b"1" + b"}" * 150),
        CALL % (b'{"\\ud800":' * 120 + b"1" + b"}" * 120),
        CALL % (b'["\\ud800", ' + b"[" * 5000 + b"]" * 5000 + b"]"),
        CALL % (b"[" + b"{}," * 300_000 + b"{}]"),
        b'{"model": "m", "provider": "p", "input_tokens": ' + b"9" * 10_000 + b"}",
        b'{"model": "m", "provider": "p", "alias": "\\ud800", "cost": ' + b"9" * 10_000 + b"}",
        b'{"model": "m", "provider": "p", "cost": 1e999}',
        b'{"model": "m", "provider": "p", "cost": NaN}',
        b'{"model": "m", "provider": "p", "alias": "\\ud800", "cost": Infinity}',
        b'{"model": "m", "provider": "p", "cost": -1}',
        b'{"model": "m", "provider": "p", "input_tokens": 9223372036854775807}',
        b'{"model": "m", "provider": "p", "timestamp": "0001-01-01T00:00:00+14:00"}',
        b'{"model": "m", "provider": "p", "timestamp": 1e300}',
        b'{"model": "m", "provider": "p", "base_url": "http://127.0.0.1"}',
        b'{"model": "m", "provider": "p", "\\ud800": 1}',
        b'{"model": "%s", "provider": "p"}' % (b"x" * 2000),
        b'{"model": "m", "provider": "p", "id": "1 OR 1=1"}',
        b'{"model": "\xff", "provider": "p"}',
        b'{"model": "m"', b"null", b"[]", b'"x"', b"\x00", b"{}",
    ],
    ids=lambda body: repr(body[:48]),
)  # fmt: skip
def test_a_body_that_cannot_be_one_is_refused(ada: Client, body: bytes) -> None:
    assert status(ada.raw(request("POST", LOG, ada.key or "", body))) == 400
    assert ada.get("/stats")["summary"]["calls"] == 0


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=-1", "limit=1e3", f"limit={'9' * 5000}", "offset=-1",
     "offset=9223372036854775808", "limit=1&limit=2", "what=1", "since=x", "until=1e300",
     "since=0001-01-01T00:00:00%2b14:00"],
    ids=lambda query: query[:30],
)  # fmt: skip
def test_a_query_that_cannot_be_one_is_refused(ada: Client, query: str) -> None:
    assert status(ada.raw(request("GET", f"/api/v1/logs?{query}", ada.key or ""))) == 400


@pytest.mark.parametrize(
    "path",
    ["/registry/../api/v1/conversations", "/registry/%2e%2e/api/v1/conversations",
     "//api/v1/conversations", "/health/../api/v1/conversations", "/api/v1/conversations;/health",
     "/api/v1/%63onversations", "/api/v1/conversations%2f", "/api/v1/conversations?/health",
     "/api/v1/conversations#/health", "/registry//api/v1/conversations",
     "/registry/..%2fapi/v1/conversations", "/API/v1/conversations", "/api/v1/keys/x"],
)  # fmt: skip
def test_no_path_opens_what_needs_a_key(ring_server: RingServer, path: str) -> None:
    client = Client(ring_server.url)
    assert status(client.raw(request("GET", path))) in (400, 401, 404)
    assert status(client.raw(request("POST", path, "", b"{}"))) in (400, 401, 404, 405)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["host: evil.example"], 403),
        (["host: 127.0.0.1.evil.example"], 403),
        (["host: [::1].evil.example"], 403),
        (["host: evil.example/api/v1/../../health?"], 403),
        (["host: localhost:9/health#"], 403),
        (["host: 127.0.0.1", "host: evil.example"], 400),
        (["host:"], 403),
        (["host: 127.0.0.1", "origin: https://evil.example"], 403),
        (["host: 127.0.0.1", "origin: null"], 403),
        (["host: 127.0.0.1", "sec-fetch-site: cross-site"], 403),
        (["host: localhost:1234"], 200),
        (["host: [::1]"], 200),
    ],
    ids=lambda value: str(value)[:40],
)
def test_only_who_names_this_server_is_heard(
    ada: Client, headers: list[str], expected: int
) -> None:
    sent = request("GET", "/api/v1/conversations", ada.key or "", b"", *headers)
    answer = ada.raw(sent)
    assert status(answer) == expected
    assert b"access-control-allow-origin" not in answer.lower()


@pytest.mark.parametrize(
    "headers",
    [[], ["content-type: text/plain"], ["content-type: application/x-www-form-urlencoded"],
     ["content-type: application/json; charset=utf-16"],
     ["content-type: application/json", "content-encoding: gzip"]],
    ids=["none", "text", "form", "utf-16", "gzip"],
)  # fmt: skip
def test_a_body_must_be_plain_json_by_its_headers(ada: Client, headers: list[str]) -> None:
    data = CALL % b"{}"
    length = f"content-length: {len(data)}"
    sent = request("POST", LOG, ada.key or "", b"", length, *headers) + data
    assert status(ada.raw(sent)) == 415


def test_a_body_is_capped_while_it_is_read(ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_body, "MAX_BODY_BYTES", 1 << 20)
    head = ["content-type: application/json", "transfer-encoding: chunked"]
    start = request("POST", LOG, ada.key or "", b"", *head)
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with ada.connect() as flood:
        flood.sendall(start)
        for _ in range(16):
            flood.sendall(chunk)
        flood.sendall(chunk)
        assert status(received(flood)) == 413
    lengthy = [head[0], "content-length: 99999999999999999999"]
    assert status(ada.raw(request("POST", LOG, ada.key or "", b"", *lengthy))) in (400, 413)


def test_a_flood_of_tiny_chunks_is_dropped(ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_FRAMING_BYTES", 10_000)
    head = ["content-type: application/json", "transfer-encoding: chunked"]
    with ada.connect() as flood:
        flood.sendall(request("POST", LOG, ada.key or "", b"", *head) + b"1\r\n \r\n" * 4000)
        assert status(received(flood)) == 400


def test_slow_headers_and_bodies_are_dropped(ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEADER_TIMEOUT_S", 0.2)
    monkeypatch.setattr(local_body, "BODY_TIMEOUT_S", 0.2)
    assert ada.raw(b"GET /health HTTP/1.1\r\nhost: 127") == b""
    sent = request("POST", LOG, ada.key or "", CALL % b"{}")
    assert status(ada.raw(sent[:-5])) == 408


def test_two_hundred_clients_at_once_are_all_answered(ada: Client) -> None:
    def ask(n: int) -> int:
        path, body = ("/log", {"model": "m", "provider": "p"}) if n % 2 else ("/stats", None)
        return ada.ask("POST" if n % 2 else "GET", path, body).status

    with ThreadPoolExecutor(200) as pool:
        assert set(pool.map(ask, range(200))) == {200}
    assert ada.get("/stats")["summary"]["calls"] == 100


def test_the_health_is_told_while_the_database_is_busy(
    ring_server: RingServer, ada: Client
) -> None:
    big = {"messages": [{"role": "user", "content": "x" * 300_000}] * 2}
    made = ada.post("/conversations", {})["id"]
    path = f"/conversations/{made}/messages/batch"
    with closing(sqlite3.connect(ring_server.where)) as other, ThreadPoolExecutor(4) as pool:
        other.execute("BEGIN IMMEDIATE")  # nobody else writes before it ends
        writes = [pool.submit(ada.post, path, big) for _ in range(4)]
        until(lambda: ring_server._service.gate.n_running == len(writes))
        assert Client(ada.url).get("//health")["database"] == "ok"
        assert not any(one.done() for one in writes)
        other.rollback()
    assert ada.get(f"/conversations/{made}")["message_count"] == 8


def test_who_leaves_in_the_middle_leaves_no_trace(ada: Client) -> None:
    sent = request("POST", LOG, ada.key or "", CALL % b"{}")
    for n in range(20):
        with ada.connect() as leaving:
            leaving.sendall(sent[: len(sent) - n % 5 - 1])
    assert ada.get("/stats")["summary"]["calls"] == 0


def test_metrics_need_a_key_and_tell_of_routes_alone(ada: Client) -> None:
    ada.ask("GET", "/conversations/what-was-asked-for")
    assert Client(ada.url).ask("GET", "//metrics").status == 401
    text = ada.raw(request("GET", "/metrics", ada.key or "")).decode()
    assert (
        'llmring_server_http_requests_total{method="GET",route="/api/v1/conversations/{id}"' in text
    )
    assert "what-was-asked-for" not in text
