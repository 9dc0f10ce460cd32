"""Google's upload in two requests: where the second may go, and the wait for what it comes to."""

from __future__ import annotations

from typing import Any

import pytest

from cloud.llm import InvalidRequestError, LLMAPIError, LLMResponseError, LLMTimeoutError
from cloud.llm.files import Patience
from cloud.llm.gemini.files import GeminiFiles
from tests import worlds
from tests.cloud.files.uploads import (
    KEY,
    PDF,
    TOLD,
    Twin,
    accepted,
    both_twins,
    google_upload_url,
    uploaded,
)
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer
from tests.remote.test_secrets import assert_no_key, traces

PROCESSING = {**TOLD["Gemini"], "state": "PROCESSING"}


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return worlds.record_sleeps(monkeypatch)


def upload(twin: Twin, server: ScriptedServer, **arguments: Any) -> Any:
    arguments = {"filename": "a.pdf", **arguments}
    return twin("Gemini", "upload_file", PDF, client={"base_url": server.url}, **arguments)


def redirecting(url: str) -> Any:
    return lambda _: wire.answer({}, headers=[("X-Goog-Upload-URL", url)])


@both_twins
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{other}/upload",
        "https://127.0.0.1:{port}/upload",
        "http://127.0.0.2:{port}/upload",
        "http://localhost:{port}/upload",
        "http://127.0.0.1:{port}@127.0.0.1:{other}/upload",
        "http://127.0.0.1:{other}\\@127.0.0.1:{port}/upload",
        "//127.0.0.1:{other}/upload",
        "http://127.0.0.1/upload",
        "http://127.0.0.1:x/upload",
        "/upload",
        "http://[::1",
        "file:///etc/passwd",
    ],
)
def test_content_goes_to_no_other_origin(twin: Twin, url: str) -> None:
    with ScriptedServer((b"",)) as other, ScriptedServer(()) as server:
        server.scripts = (redirecting(url.format(port=server.port, other=other.port)),)
        with pytest.raises(LLMResponseError, match="another origin") as caught:
            upload(twin, server)
    assert not other.connections
    assert len(server.requests) == 1
    assert_no_key(traces(caught.value, with_frames=True), KEY)


@both_twins
def test_the_same_origin_may_be_spelled_otherwise(twin: Twin) -> None:
    def start(request: Request) -> bytes:
        url = google_upload_url(request).replace("http://", "HTTP://user:pass@")
        return wire.answer({}, headers=[("x-goog-upload-url", url)])

    with ScriptedServer((start, accepted("Gemini"))) as server:
        assert upload(twin, server) == uploaded("Gemini")
    assert server.requests[1].headers["host"] == server.url.removeprefix("http://")


@both_twins
def test_a_redirect_of_the_content_is_not_followed(twin: Twin) -> None:
    with ScriptedServer((b"",)) as other:
        moved = wire.answer(b"", 307, headers=[("Location", other.url)])
        server = ScriptedServer((accepted("Gemini"), moved))
        with server, pytest.raises(LLMAPIError, match="redirects are not followed"):
            upload(twin, server)
        assert not other.connections


@both_twins
def test_a_beginning_without_an_address_is_an_error(twin: Twin) -> None:
    server = ScriptedServer((wire.answer({}),))
    with server, pytest.raises(LLMResponseError, match="X-Goog-Upload-URL"):
        upload(twin, server)


@both_twins
def test_an_upload_that_is_not_final_is_an_error(twin: Twin) -> None:
    answer = wire.answer({"file": TOLD["Gemini"]}, headers=[("X-Goog-Upload-Status", "active")])
    server = ScriptedServer((accepted("Gemini"), answer))
    with server, pytest.raises(LLMResponseError, match="not 'final'"):
        upload(twin, server)


@both_twins
def test_a_file_is_waited_for_until_it_is_read(twin: Twin, sleeps: list[float]) -> None:
    taken, still, ready = accepted("Gemini", PROCESSING), wire.answer(PROCESSING), TOLD["Gemini"]
    scripts = (taken, taken, *[still] * 5, wire.answer(ready))
    with ScriptedServer(scripts) as server:
        assert upload(twin, server) == uploaded("Gemini")
    assert [r.path for r in server.requests[2:]] == ["/v1beta/files/abc"] * 6
    assert sleeps == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


@both_twins
def test_a_file_that_is_never_read_ends_at_the_deadline(
    twin: Twin, sleeps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def patience(timeout_s: float, clock: Any) -> Patience:
        return Patience(timeout_s, lambda: sum(sleeps))

    for name in ("client", "async_client"):
        monkeypatch.setattr(f"cloud.llm.{name}.Patience", patience)
    server = ScriptedServer((accepted("Gemini", PROCESSING),))
    with server, pytest.raises(LLMTimeoutError, match=r"'files/abc'.* within 10 s") as caught:
        upload(twin, server, timeout=10)
    assert caught.value.deadline == "total"
    assert sum(sleeps) == 10


@both_twins
def test_a_file_that_cannot_be_read_is_an_error(twin: Twin) -> None:
    reason = {"code": 3, "message": f"no video stream, {KEY}"}
    failed = wire.answer({**TOLD["Gemini"], "state": "FAILED", "error": reason})
    server = ScriptedServer((*[accepted("Gemini", PROCESSING)] * 2, failed))
    with server, pytest.raises(InvalidRequestError, match="no video stream") as caught:
        upload(twin, server)
    assert caught.value.code == "file_failed"
    assert_no_key(traces(caught.value, with_frames=False), KEY)


@both_twins
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [({"filename": "a"}, "give media_type"), ({"filename": "a" * 509 + ".pdf"}, "takes 512")],
)
def test_what_google_would_refuse_is_not_sent(
    twin: Twin, arguments: dict[str, str], problem: str
) -> None:
    with ScriptedServer((b"",)) as server, pytest.raises(InvalidRequestError, match=problem):
        upload(twin, server, **arguments)
    assert not server.requests


@pytest.mark.parametrize("file_id", ["files/abc", "abc"])
def test_an_id_may_lack_its_kind(file_id: str) -> None:
    files = GeminiFiles("https://generativelanguage.googleapis.com/v1beta")
    assert files.info(file_id).path == files.state(file_id).path == "/files/abc"
