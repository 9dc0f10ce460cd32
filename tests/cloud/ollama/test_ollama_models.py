"""Looking for models on a server, and having it download them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from cloud.llm.ollama import async_client, client
from cloud.llm.ollama.management import PullProgress, full_name
from LLM.exceptions import (
    InvalidRequestError,
    LLMAuthError,
    LLMConnectionError,
    LLMResponseError,
    LLMServerError,
    LLMTimeoutError,
    ModelNotFoundError,
)
from tests.cloud.ollama.twins import coroutines
from tests.cloud.ollama.wire import lines
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer, close, hang

Twin = Callable[..., Any]
Serve = Callable[..., ScriptedServer]

NAMES = ["llama3.2:3b", "qwen2.5:latest", "hf.co/org/model:Q4_K_M", "localhost:5000/m:latest"]
TAGS = {
    "models": [
        {
            "name": name,
            "model": name,
            "modified_at": "2026-05-04T17:37:44Z",
            "size": 1,
            "digest": "d",
        }
        for name in NAMES
    ]
}
DIGEST = "sha256:dde5aa3fc5ffc17176b5e8bdc82f587b24b2678c6c66101bf7da77af9f7ccdff"
PULLING = f"pulling {DIGEST[7:19]}"
PULL = [
    {"status": "pulling manifest"},
    {"status": PULLING, "digest": DIGEST, "total": 2000},
    {"status": PULLING, "digest": DIGEST, "total": 2000, "completed": 2000},
    {"status": "verifying sha256 digest"},
    {"status": "success"},
]
NOTHING_LISTENS = "http://127.0.0.1:9"


def stream(*objects: Any, size: int = 1000) -> bytes:
    """A whole stream of lines."""
    return pieces(lines(*objects), size)


def pieces(body: bytes, size: int = 1000) -> bytes:
    head = wire.head("Transfer-Encoding: chunked", content_type="application/x-ndjson")
    return head + wire.chunked(wire.cut(body, size))


def test_models_are_listed_by_name(twin: Twin, serve: Serve) -> None:
    server = serve(wire.answer(TAGS))
    found = twin(lambda c: c.list_models(), base_url=server.url, api_key="sk-1234")
    assert found == NAMES
    [request] = server.requests
    assert (request.method, request.path, request.body) == ("GET", "/api/tags", b"")
    assert request.headers["authorization"] == "Bearer sk-1234"


@pytest.mark.parametrize(
    ("name", "is_there"),
    [
        ("llama3.2:3b", True),
        ("llama3.2", False),
        ("llama3.2:latest", False),
        ("llama3.2:3", False),
        ("qwen2.5", True),
        ("qwen2.5:latest", True),
        ("qwen2.5:3b", False),
        ("qwen", False),
        ("hf.co/org/model:Q4_K_M", True),
        ("hf.co/org/model", False),
        ("localhost:5000/m", True),
        (None, False),
    ],
)
def test_model_is_there_with_just_its_tag(
    twin: Twin, serve: Serve, name: str | None, is_there: bool
) -> None:
    server = serve(wire.answer(TAGS))
    assert twin(lambda c: c.has_model(name), base_url=server.url) is is_there


def test_tag_is_latest_where_none_is_given() -> None:
    assert full_name("localhost:5000/org/m") == "localhost:5000/org/m:latest"


@pytest.mark.parametrize("body", [{"models": []}, {"models": None}, {}], ids=repr)
def test_server_without_models_lists_none(twin: Twin, serve: Serve, body: Any) -> None:
    assert twin(lambda c: c.list_models(), base_url=serve(wire.answer(body)).url) == []


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[]", b"null", b'{"models":5}', b'{"models":[{}]}', b"[" * 10_000]
)
def test_what_is_no_list_of_models_is_refused(twin: Twin, serve: Serve, body: bytes) -> None:
    server = serve(wire.answer(body))
    with pytest.raises(LLMResponseError, match="not as an Ollama server does"):
        twin(lambda c: c.list_models(), base_url=server.url)


def test_listing_says_when_nothing_listens(twin: Twin) -> None:
    with pytest.raises(LLMConnectionError, match="nothing listens"):
        twin(lambda c: c.list_models(), base_url=NOTHING_LISTENS)


def test_listing_is_tried_again_where_asked(twin: Twin, serve: Serve, sleeps: list[float]) -> None:
    server = serve(wire.answer({"error": "busy"}, 503), wire.answer(TAGS))
    assert twin(lambda c: c.list_models(), base_url=server.url, max_retries=1) == NAMES
    assert len(sleeps) == 1


def test_available_server_is_available(twin: Twin, serve: Serve) -> None:
    assert twin(lambda c: c.is_available(), base_url=serve(wire.answer(TAGS)).url) is True


@pytest.mark.parametrize(
    "answer",
    [
        wire.answer({"error": "unauthorized"}, 401),
        wire.answer({"error": "no"}, 500),
        wire.answer(TAGS, 404),
        wire.answer(b"", 302, [("Location", "http://127.0.0.1:9/")]),
        wire.answer(b"<html>"),
        wire.answer({"error": "no"}),
        b"not HTTP\r\n\r\n",
        (hang,),
    ],
    ids=["401", "500", "404", "redirect", "html", "error-in-200", "no-http", "hangs"],
)
def test_what_cannot_be_used_is_not_available(
    twin: Twin, serve: Serve, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    for module in (client, async_client):
        monkeypatch.setattr(module, "AVAILABLE_WITHIN_S", 0.6)
    server = serve(answer)
    assert twin(lambda c: c.is_available(), base_url=server.url, max_retries=3) is False
    assert len(server.requests) == 1


def test_nothing_that_listens_is_not_available(twin: Twin) -> None:
    assert twin(lambda c: c.is_available(), base_url=NOTHING_LISTENS) is False


def test_model_is_shown_as_the_server_tells_it(twin: Twin, serve: Serve) -> None:
    shown = {"capabilities": ["completion"], "model_info": {"llama.context_length": 8192}}
    server = serve(wire.answer(shown))
    assert twin(lambda c: c.show_model("llama3.2"), base_url=server.url) == shown
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/api/show")
    assert json.loads(request.body) == {"model": "llama3.2"}


def test_model_that_is_not_there_cannot_be_shown(twin: Twin, serve: Serve) -> None:
    server = serve(wire.answer({"error": "model 'm' not found"}, 404))
    with pytest.raises(ModelNotFoundError, match="ensure_model") as caught:
        twin(lambda c: c.show_model(), base_url=server.url, model="m")
    assert caught.value.model == "m"


def test_loaded_models_are_told(twin: Twin, serve: Serve) -> None:
    models = [{"name": "m:latest", "size_vram": 5, "context_length": 4096}]
    server = serve(wire.answer({"models": models}))
    assert twin(lambda c: c.loaded_models(), base_url=server.url) == models
    assert server.requests[0].path == "/api/ps"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_download_tells_its_progress(twin: Twin, serve: Serve, size: int) -> None:
    server = serve(stream(*PULL, size=size))
    told: list[PullProgress] = []
    assert twin(lambda c: c.pull_model("m", told.append), base_url=server.url) is True
    assert told == [
        PullProgress("pulling manifest"),
        PullProgress(PULLING, DIGEST, None, 2000),
        PullProgress(PULLING, DIGEST, 2000, 2000),
        PullProgress("verifying sha256 digest"),
        PullProgress("success"),
    ]
    [request] = server.requests
    assert (request.path, json.loads(request.body)) == ("/api/pull", {"model": "m"})


def test_download_is_of_the_clients_model_by_default(twin: Twin, serve: Serve) -> None:
    server = serve(stream(*PULL))
    assert twin(lambda c: c.pull_model(), base_url=server.url, model="llama3.2")
    assert json.loads(server.bodies[0]) == {"model": "llama3.2"}


def test_progress_may_be_told_to_a_coroutine_function(serve: Serve) -> None:
    told = []

    async def tell(progress: PullProgress) -> None:
        told.append(progress.status)

    coroutines(lambda c: c.pull_model("m", tell), base_url=serve(stream(*PULL)).url)
    assert told[-1] == "success"


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (
            stream(PULL[0], {"error": "pull model manifest: file does not exist"}),
            ModelNotFoundError,
            "file does not exist",
        ),
        (stream(*PULL[:2], {"error": "max retries exceeded"}), LLMServerError, "max retries"),
        (wire.answer({"error": "invalid model name"}, 400), InvalidRequestError, "invalid model"),
        (wire.answer({"error": "not over HTTP"}, 403), LLMAuthError, "not over HTTP"),
        (stream(*PULL[:3]), LLMResponseError, "broke the download off"),
        (pieces(lines(*PULL[:3])[:-9]), LLMResponseError, "not as an Ollama server does"),
        (pieces(b""), LLMResponseError, "broke the download off"),
        (pieces(b"<html>\n"), LLMResponseError, "not as an Ollama server does"),
        (stream({"state": 1}), LLMResponseError, "not as an Ollama server does"),
        ([wire.CHUNKED, b"14\r\n" + lines(PULL[0])[:20], close], LLMResponseError, "cut short"),
    ],
    ids=[
        "unknown", "failed", "bad-name", "refused", "cut", "cut-in-a-line", "empty", "html",
        "other-lines", "broken-off",
    ],
)  # fmt: skip
def test_download_that_fails_says_why(
    twin: Twin, serve: Serve, answer: Any, error: type[Exception], told: str
) -> None:
    server = serve(
        [*answer, lambda connection: connection.close()] if isinstance(answer, tuple) else answer
    )
    with pytest.raises(error, match=told) as caught:
        twin(lambda c: c.pull_model("m"), base_url=server.url)
    assert type(caught.value) is error
    assert caught.value.model == "m"  # type: ignore[attr-defined]  # all of ours have it


def test_download_without_a_step_ends_with_its_deadline(twin: Twin, serve: Serve) -> None:
    server = serve([wire.CHUNKED, wire.chunked([lines(PULL[0])])[:-5], hang])
    with pytest.raises(LLMTimeoutError) as caught:
        twin(lambda c: c.pull_model("m", timeout=0.2), base_url=server.url)
    assert caught.value.deadline == "between_chunks"


def test_error_of_the_callback_ends_the_download(twin: Twin, serve: Serve) -> None:
    ended: list[bool] = []

    def wait_for_the_end(connection: Any) -> None:
        ended.append(connection.sock.recv(1) == b"")
        connection.close()

    server = serve([wire.CHUNKED, wire.chunked([lines(PULL[0])])[:-5], wait_for_the_end])

    def fail(progress: PullProgress) -> None:
        raise KeyError(progress.status)

    with pytest.raises(KeyError, match="pulling manifest"):
        twin(lambda c: c.pull_model("m", fail), base_url=server.url)
    server.close()
    assert ended == [True]


def test_cancelled_task_ends_the_download(serve: Serve) -> None:
    ended: list[bool] = []

    def wait_for_the_end(connection: Any) -> None:
        ended.append(connection.sock.recv(1) == b"")
        connection.close()

    server = serve([wire.CHUNKED, wire.chunked([lines(PULL[0])])[:-5], wait_for_the_end])

    async def pull_for_a_moment(c: Any) -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(c.pull_model("m", lambda _: begun.set()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    coroutines(pull_for_a_moment, base_url=server.url)
    server.close()
    assert ended == [True]


def test_missing_model_is_downloaded_once(twin: Twin, serve: Serve) -> None:
    server = serve(wire.answer(TAGS), stream(*PULL))
    assert twin(lambda c: c.ensure_model("llama3.2"), base_url=server.url) is True
    assert [request.path for request in server.requests] == ["/api/tags", "/api/pull"]


def test_model_that_is_there_is_not_downloaded(twin: Twin, serve: Serve) -> None:
    server = serve(wire.answer(TAGS))
    assert twin(lambda c: c.ensure_model("llama3.2:3b"), base_url=server.url) is True
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["", "  ", 5, b"m"])
@pytest.mark.parametrize("method", ["has_model", "show_model", "pull_model", "ensure_model"])
def test_name_that_is_none_is_refused(twin: Twin, serve: Serve, method: str, name: Any) -> None:
    server = serve(wire.answer(TAGS))
    with pytest.raises(InvalidRequestError, match="give a model's name"):
        twin(lambda c: getattr(c, method)(name), base_url=server.url)
    assert server.requests == []
