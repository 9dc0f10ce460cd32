"""`llm-kit batch --provider`: single calls in the language of each provider."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.batch_provider.fake_provider import answer_to, http, message_to
from tests.llm_kit.support import line, read, report, run, write
from tests.remote.scripted_server import Request, ScriptedServer


def openai(body: dict[str, Any]) -> dict[str, Any]:
    return answer_to("/v1/chat/completions", body)


def google(body: dict[str, Any]) -> dict[str, Any]:
    content = {"role": "model", "parts": body["contents"][-1]["parts"]}
    counts = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    answer = {"content": content, "finishReason": "STOP", "index": 0}
    return {"candidates": [answer], "usageMetadata": counts, "modelVersion": "gemini-2.5-flash"}


@pytest.mark.parametrize(
    ("provider", "variable", "answer", "model", "header", "is_priced"),
    [
        ("openai", "OPENAI_API_KEY", openai, "gpt-4o-mini", "authorization", True),
        ("groq", "GROQ_API_KEY", openai, "llama", "authorization", False),
        ("anthropic", "ANTHROPIC_API_KEY", message_to, "claude-sonnet-4-5", "x-api-key", True),
        ("google", "GEMINI_API_KEY", google, "gemini-2.5-flash", "x-goog-api-key", True),
    ],
    ids=["openai", "groq", "anthropic", "google"],
)
def test_a_provider_answers_a_file_by_single_calls(
    provider: str,
    variable: str,
    answer: Callable[[dict[str, Any]], dict[str, Any]],
    model: str,
    header: str,
    is_priced: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, out = write(tmp_path / "in.jsonl", line("a", model=model)), tmp_path / "out.jsonl"

    def script(request: Request) -> bytes:
        assert header not in request.headers  # the address is not the provider's own
        return http(200, answer(json.loads(request.body)))

    with ScriptedServer((script,)) as server:
        options = ("--provider", provider, "--base-url", server.url, "--json")
        done = run(source, out, *options, **{variable: "sk-mine"})
    assert done.exit_code == 0, done.stderr
    assert f"{variable} is not sent to {server.url}" in done.stderr
    (told,) = read(out)
    assert told["response"]["body"]["choices"][0]["message"]["content"] == "Hello!"
    assert ((report(done)["cost"] or 0) > 0) == is_priced
