"""Jobs of single calls at any provider: OpenAI's words in the files, the provider's on the wire."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from cloud.llm import AnthropicClient, OllamaClient, OpenAICompatClient
from LLM.exceptions import LLMAuthError, LLMConfigError
from tests.batch_provider.fake_provider import answer_to, http, message_to
from tests.batch_provider.jobs import KEY, chat_line, errors, lines_of, texts, write
from tests.remote.scripted_server import Request, ScriptedServer

pytestmark = pytest.mark.slow


def anthropic(request: Request) -> bytes:
    return http(200, message_to(json.loads(request.body)))


def openai(request: Request) -> bytes:
    return http(200, answer_to("/v1/chat/completions", json.loads(request.body)))


def ollama(request: Request) -> bytes:
    body = json.loads(request.body)
    text = body["messages"][-1]["content"]
    message = {"role": "assistant", "content": text}
    counts = {"prompt_eval_count": 10, "eval_count": 5}
    told = {"model": body["model"], "message": message, "done": True, "done_reason": "stop"}
    return http(200, {**told, **counts})


CLIENTS: dict[str, tuple[Any, Any]] = {
    "anthropic": (anthropic, lambda url: AnthropicClient(KEY, "m", url, retry_delay=0)),
    "openai": (openai, lambda url: OpenAICompatClient(KEY, "m", url, retry_delay=0)),
    "ollama": (ollama, lambda url: OllamaClient("m", url)),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_job_of_single_calls_gives_chat_completions(name: str, tmp_path: Path) -> None:
    script, new = CLIENTS[name]
    write(tmp_path / "in.jsonl", [chat_line(f"{n}", f"text {n}") for n in range(9)])
    with ScriptedServer((script,)) as server:
        report = new(server.url).batch(
            tmp_path / "in.jsonl", tmp_path / "out.jsonl", progress=False, concurrency=4
        )
        assert len(server.requests) == 9
    assert texts(tmp_path) == {f"{n}": f"text {n}" for n in range(9)}
    assert (report.n_answered, report.usage.total_tokens) == (9, 9 * 15)


def test_openais_answers_come_as_they_are(tmp_path: Path) -> None:
    """With what only they have: several choices, say."""
    body = answer_to("/v1/chat/completions", chat_line("a")["body"])
    body = {**body, "object": "chat.completion", "choices": body["choices"] * 2}
    with ScriptedServer((http(200, body),)) as server:
        client = CLIENTS["openai"][1](server.url)
        write(tmp_path / "in.jsonl", [chat_line("a", n=2)])
        client.batch(tmp_path / "in.jsonl", tmp_path / "out.jsonl", progress=False)
    (line,) = lines_of(tmp_path / "out.jsonl")
    assert line["response"]["body"] == body


def test_several_answers_are_refused_where_one_would_be_told(tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a", n=2)])
    with ScriptedServer((ollama,)) as server:
        client = CLIENTS["ollama"][1](server.url)
        client.batch(tmp_path / "in.jsonl", tmp_path / "out.jsonl", progress=False)
        assert not server.requests
    assert "n is not 1" in errors(tmp_path)["a"]["message"]


def test_a_request_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    error = {"type": "invalid_request_error", "message": "no"}
    refusal = http(400, {"type": "error", "error": error})

    def script(request: Request) -> bytes:
        return refusal if b"text 2" in request.body else anthropic(request)

    write(tmp_path / "in.jsonl", [chat_line(f"{n}", f"text {n}") for n in range(5)])
    with ScriptedServer((script,)) as server:
        client = CLIENTS["anthropic"][1](server.url)
        client.batch(tmp_path / "in.jsonl", tmp_path / "out.jsonl", progress=False)
    assert sorted(texts(tmp_path)) == ["0", "1", "3", "4"]
    assert errors(tmp_path)["2"]["type"] == "InvalidRequestError"


def test_a_refused_key_ends_the_job_and_the_same_call_goes_on(tmp_path: Path) -> None:
    refusal = http(401, {"type": "error", "error": {"type": "authentication_error"}})
    write(tmp_path / "in.jsonl", [chat_line(f"{n}") for n in range(50)])
    job = {"requests": tmp_path / "in.jsonl", "output": tmp_path / "out.jsonl", "progress": False}
    with ScriptedServer((anthropic, refusal)) as server:
        with pytest.raises(LLMAuthError):
            CLIENTS["anthropic"][1](server.url).batch(**job, concurrency=2)
        assert len(server.requests) < 50
    with ScriptedServer((anthropic,)) as server:
        assert CLIENTS["anthropic"][1](server.url).batch(**job).n_answered == 50
        assert len(server.requests) == 49


def test_a_busy_provider_slows_the_job_and_fails_none(tmp_path: Path) -> None:
    lock, seen = threading.Lock(), set[bytes]()
    error = {"type": "overloaded_error", "message": "busy"}
    busy = http(529, {"type": "error", "error": error}, "retry-after: 0.01\r\n")

    def script(request: Request) -> bytes:
        with lock:
            is_new = request.body not in seen
            seen.add(request.body)
        return busy if is_new else anthropic(request)

    write(tmp_path / "in.jsonl", [chat_line(f"{n}", f"text {n}") for n in range(6)])
    with ScriptedServer((script,)) as server:
        client = AnthropicClient(KEY, "m", server.url, retry_delay=0, max_retries=1)
        report = client.batch(tmp_path / "in.jsonl", tmp_path / "out.jsonl", progress=False)
    assert (report.n_answered, report.n_failed) == (6, 0)


def test_ray_is_no_engine_of_a_provider_client(tmp_path: Path) -> None:
    with pytest.raises(LLMConfigError, match="engine is 'ray'"):
        AnthropicClient(KEY).batch(["x"], tmp_path / "out.jsonl", engine="ray")
