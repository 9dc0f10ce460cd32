"""An Ollama server that refuses, breaks, drips or is not there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from LLM.exceptions import (
    InvalidRequestError,
    LLMAuthError,
    LLMConfigError,
    LLMConnectionError,
    LLMContextLengthError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    LLMTimeoutError,
    ModelNotFoundError,
)
from local_llm_kit.engines.ollama import OllamaModel, OllamaOptions
from tests.local.ollama.fake import (
    CUT,
    FakeOllama,
    Hold,
    done,
    fake_ollama,
    ndjson,
    said,
)
from tests.local.ollama.support import chat, load

pytestmark = pytest.mark.slow

_TOO_LONG = {
    "code": 400, "type": "exceed_context_size_error",
    "message": "request (351 tokens) exceeds the available context size (256 tokens)",
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, "bad options", InvalidRequestError),
        (400, "the input length exceeds the context length", LLMContextLengthError),
        (400, json.dumps({"error": _TOO_LONG}), LLMContextLengthError),
        (401, "unauthorized", LLMAuthError),
        (404, "model 'tiny' not found", ModelNotFoundError),
        (404, "404 page not found", InvalidRequestError),
        (429, "slow down", LLMRateLimitError),
        (500, "the runner died", LLMServerError),
        (503, "server busy", LLMServerError),
    ],
)
def test_the_status_chooses_the_error(
    fake: FakeOllama, model: OllamaModel, status: int, error: str, expected: type[LLMError]
) -> None:
    fake.script("/api/chat", *ndjson({"error": error}), status=status)
    with pytest.raises(LLMError) as caught:
        chat(model)
    assert type(caught.value) is expected
    assert caught.value.status_code == status


@pytest.mark.parametrize("status", [201, 204, 307, 399, 600, 999])
def test_a_status_that_ollama_never_gives_is_no_answer(
    fake: FakeOllama, model: OllamaModel, status: int
) -> None:
    fake.script("/api/chat", status=status, headers={"Location": f"http://{fake.host}/else"})
    with pytest.raises(LLMResponseError, match=f"status {status}"):
        chat(model)
    assert [path for path, _ in fake.asked if path == "/else"] == []


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([*ndjson(said("x")[0]), CUT], LLMResponseError),
        (ndjson(said("x")[0]), LLMResponseError),
        ([b'{"message": {"content": "x'], LLMResponseError),
        ([], LLMResponseError),
        ([b"<html>Not Ollama</html>"], LLMResponseError),
        (ndjson([1, 2]), LLMResponseError),
        ([b"[" * 100_000 + b"\n"], LLMResponseError),
        ([b'{"eval_count": ' + b"9" * 10_000 + b"}\n"], LLMResponseError),
        (ndjson(*said("x", eval_duration=10**400)), LLMResponseError),
        (ndjson(*said("x", eval_count=-5)), LLMResponseError),
        ([b'{"message": {"content": "\\ud800"}}\n'], LLMResponseError),
        (ndjson({"message": "text"}), LLMResponseError),
        (ndjson({"message": {"content": 5}}), LLMResponseError),
        (ndjson({"message": {"tool_calls": [{"function": {}}]}}), LLMResponseError),
        (ndjson(done(done_reason="load")), LLMResponseError),
        (ndjson(done(done_reason=None)), LLMResponseError),
        (ndjson(said("x")[0], {"error": "the runner died"}), LLMServerError),
        (ndjson(said("x")[0], {"error": json.dumps({"error": _TOO_LONG})}), LLMContextLengthError),
        (ndjson(*said("x", prompt_eval_count=512, eval_count=1)), LLMContextLengthError),
        (ndjson(*said("x", prompt_eval_count=400, eval_count=300)), LLMContextLengthError),
    ],
    ids=["cut in the body", "no end", "amid a line", "empty", "html", "no object", "deep",
         "huge number", "endless time", "negative count", "surrogate", "message",
         "content", "call", "done_reason", "no done_reason", "error amid",
         "too long amid", "prompt cut", "beginning forgotten"],
)  # fmt: skip
def test_a_broken_answer_is_no_success(
    fake: FakeOllama, model: OllamaModel, steps: list[Any], expected: type[LLMError]
) -> None:
    fake.script("/api/chat", *steps)
    with pytest.raises(LLMError) as caught:
        chat(model)
    assert type(caught.value) is expected
    assert chat(model)["choices"][0]["finish_reason"] == "stop"


def test_an_answer_is_not_unpacked_when_that_was_not_asked_for(
    fake: FakeOllama, model: OllamaModel
) -> None:
    fake.script("/api/chat", b"bomb", headers={"Content-Encoding": "gzip"})
    with pytest.raises(LLMResponseError, match="encoding"):
        chat(model)


def test_a_line_without_end_is_refused_in_bounded_memory(
    fake: FakeOllama, model: OllamaModel
) -> None:
    fake.script("/api/chat", *[b"x" * (1 << 20)] * 64)
    with pytest.raises(LLMResponseError, match="16 MiB"):
        chat(model)


def test_a_server_that_is_not_there_is_told_how_to_start(fake: FakeOllama) -> None:
    with fake_ollama() as other:
        pass
    with pytest.raises(LLMConnectionError, match=r"cannot connect to Ollama.*ollama serve"):
        load(other)


@pytest.mark.parametrize(
    ("steps", "deadline"),
    [([], "first_byte"), (ndjson(said("x")[0]), "between_chunks"), ([b'{"mess'], "first_byte")],
    ids=["silence", "a gap", "a line that drips"],
)
def test_deadlines_are_told_apart(fake: FakeOllama, steps: list[Any], deadline: str) -> None:
    model = load(fake, timeout_s=0.6)
    fake.script("/api/chat", *steps, Hold())
    with pytest.raises(LLMTimeoutError) as caught:
        chat(model)
    model.close()
    assert caught.value.deadline == deadline


@pytest.mark.parametrize("host", [":abc", "http://[::", "x:99999999"])
def test_a_host_that_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(LLMConfigError, match="no address"):
        OllamaModel("tiny", OllamaOptions(host=host))


def test_the_host_comes_from_ollamas_variable(
    fake: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", fake.host)
    model = OllamaModel("tiny")
    model.close()
    assert model.info.path == f"http://{fake.host}"


def test_a_local_server_is_not_reached_through_a_proxy(
    fake: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    load(fake).close()
    assert fake.bodies("/api/show") == [{"model": "tiny"}]


def test_a_key_goes_to_the_server_and_into_no_error(
    fake: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "sk-secret-123")
    model = load(fake)
    fake.script("/api/chat", *ndjson({"error": "bad key sk-secret-123"}), status=401)
    with pytest.raises(LLMAuthError) as caught:
        chat(model)
    model.close()
    assert fake.headers[-1]["authorization"] == "Bearer sk-secret-123"
    assert "secret" not in f"{caught.value!r} {caught.value.body}"


@pytest.mark.parametrize("key", ["sk-secret\n", "sk-secrét"])
def test_a_key_that_no_header_carries_is_refused_unshown(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", key)
    with pytest.raises(LLMConfigError, match="OLLAMA_API_KEY holds characters") as caught:
        OllamaModel("tiny")
    assert "sk-" not in str(caught.value)
