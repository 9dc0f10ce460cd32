"""Running a server: its log of requests, its end, and what it gives back."""

from __future__ import annotations

import gc
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from LLM import LLMConfigError
from local_llm_kit.server import LocalServer, ServerOptions
from local_llm_kit.server.shapes import OpenAIShape
from tests.local.http import ask, connect, read, request
from tests.local.server.models import copy_of_tiny, metric, until
from tests.local.support import model_of, running_server

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]
CHAT = "/v1/chat/completions"
ENDLESS = {"messages": HELLO, "stream": True, "logit_bias": {"0": -100, "1": -100, "2": -100}}
KEY = "sk-local-test"


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "local_llm_kit.access")
    return caplog


def entries(logged: pytest.LogCaptureFixture, n: int) -> list[Any]:
    """The log's entries, once there are so many: an answer is noted after it was sent."""
    until(lambda: len(logged.records) >= n)
    return list(logged.records)


def test_a_request_is_logged_without_what_was_said(logged: pytest.LogCaptureFixture) -> None:
    with running_server(api_key=KEY, log_requests=True) as server:
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = ask(server.url, f"{CHAT}?token={KEY}", {"messages": HELLO}, headers=headers)
        (entry,) = entries(logged, 1)
        usage = answer.json["usage"]
        assert (entry.method, entry.path, entry.status) == ("POST", CHAT, 200)
        assert entry.request_id == answer.headers["x-request-id"]
        assert entry.prompt_tokens == usage["prompt_tokens"]
        assert entry.completion_tokens == usage["completion_tokens"]
        assert entry.took_ms > 0
        assert entry.message.startswith(f"POST {CHAT} 200 ")
        assert "Hello" not in logged.text
        assert KEY not in logged.text


def test_refusals_and_departures_are_logged_too(logged: pytest.LogCaptureFixture) -> None:
    with running_server(log_requests=True) as server:
        ask(server.url, "/v1/nothing")
        ask(server.url, "/v1/models", headers={"Host": "evil.com"})
        with connect(server.url) as sock:
            sock.sendall(request(server.url, CHAT, ENDLESS | {"stream": False}))
            until(lambda: model_of(server).stats.n_running == 1)
        assert [entry.status for entry in entries(logged, 3)] == [404, 403, 499]


def test_a_path_cannot_forge_a_line_of_the_log(logged: pytest.LogCaptureFixture) -> None:
    with running_server(log_requests=True) as server:
        ask(server.url, "/a%0aPOST%20/b" + "c" * 1000)
        (entry,) = entries(logged, 1)
        assert "\n" not in entry.message
        assert len(entry.path) == 200


def test_nothing_is_logged_unless_asked_for(logged: pytest.LogCaptureFixture) -> None:
    with running_server() as server:
        ask(server.url, "/health")
        ask(server.url, CHAT, {"messages": HELLO, "max_tokens": 1})
    assert not logged.records


def test_a_fault_of_ours_is_logged_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server() as server:
        monkeypatch.setattr(model_of(server), "chat", lambda *arguments: 1 / 0)
        assert ask(server.url, CHAT, {"messages": HELLO}).status == 500
        assert metric(server, f"http_requests_total,POST,{CHAT},500") == 1
    assert [one.message for one in caplog.records] == ["a request failed"]


def test_a_fault_of_ours_amid_a_stream_is_its_last_event_and_frees_the_slot(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server() as server:
        monkeypatch.setattr(OpenAIShape, "chunks", lambda *arguments: 1 / 0)
        answer = ask(server.url, CHAT, ENDLESS)
        assert answer.body.endswith(b"\r\n0\r\n\r\n")
        assert b'"code":null' in answer.body
        assert b"server_error" in answer.body
        until(lambda: model_of(server).stats.n_running == 0)
        until(lambda: not any(one.n_leases for one in server.catalog.loaded()))
    assert [one.message for one in caplog.records] == ["an answer failed while it was sent"]


@contextmanager
def serving(**settings: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its address."""
    code = f"from local_llm_kit.server import serve; serve('tiny', port=0, **{settings!r})"
    with subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        yield process, next(word for word in line.split() if word.startswith("http://"))
        process.kill()


def test_serve_shows_the_log_on_standard_error() -> None:
    with serving(log_requests=True) as (process, url):
        assert process.stderr is not None
        ask(url, "/health")
        line = process.stderr.readline()
        assert "GET /health 200 " in line
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_serve_writes_its_logs_as_json() -> None:
    with serving(log_requests=True, log_format="json") as (process, url):
        assert process.stderr is not None
        ask(url, "/health")
        line = json.loads(process.stderr.readline())
        assert (line["logger"], line["level"]) == ("local_llm_kit.access", "INFO")
        assert (line["method"], line["path"], line["status"]) == ("GET", "/health", 200)
        assert line["request_id"].startswith("req_")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_format_of_logs_that_is_none_is_refused() -> None:
    with pytest.raises(LLMConfigError, match="log_format is 'xml'"):
        ServerOptions(log_format="xml")  # type: ignore[arg-type]  # that is what is refused


def test_a_signal_while_a_model_loads_ends_the_server(tmp_path: Path) -> None:
    with serving(models=[copy_of_tiny(tmp_path, "boat")]) as (process, url):
        with connect(url) as sock:
            sock.sendall(request(url, CHAT, {"model": "boat", "messages": HELLO}))
            assert ask(url, "/health").status == 200  # the server reads them in turn
            process.send_signal(signal.SIGTERM)
            assert read(sock).status in (200, 503)
        assert process.wait(20) == 0


def test_running_answers_are_finished_at_the_end_and_new_ones_refused() -> None:
    with running_server() as server:
        body = {"messages": HELLO, "stream": True, "temperature": 0}
        with connect(server.url) as sock:
            sock.sendall(request(server.url, CHAT, body))
            first = sock.recv(1)
            server.stop()
            until(lambda: not is_listening(server))
            assert b"[DONE]" in first + read(sock).body


def is_listening(server: LocalServer) -> bool:
    try:
        with socket.create_connection((server.host, server.port), 1):
            return True
    except OSError:
        return False


def test_what_is_prepared_and_queued_at_the_end_gets_an_answer() -> None:
    from local_llm_kit.loading import LoadOptions

    with running_server(LoadOptions(n_slots=1), grace_s=0.2) as server:
        socks = [connect(server.url) for _ in range(6)]
        for sock in socks:
            sock.sendall(request(server.url, CHAT, ENDLESS | {"stream": False}))
        until(lambda: model_of(server).stats.n_waiting == 5)
        server.stop()
        answers = [read(sock) for sock in socks]
        assert {answer.status for answer in answers} <= {200, 503}


def test_a_server_that_never_runs_gives_everything_back() -> None:
    n_threads = threading.active_count()
    with LocalServer("tiny", ServerOptions(port=0)) as server:
        port, model = server.port, weakref.ref(model_of(server))
    server.close()
    socket.create_server(("127.0.0.1", port)).close()
    until(lambda: threading.active_count() <= n_threads)
    del server
    gc.collect()
    assert model() is None


def test_a_missing_package_is_named() -> None:
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from local_llm_kit.cli import cli; cli(['serve', '--port', '0'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "'prometheus_client'" in done.stderr
    assert "[llama,server]" in done.stderr
