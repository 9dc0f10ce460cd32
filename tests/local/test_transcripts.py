"""What ``LLM_DEBUG`` shows of models in this process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from LLM import InvalidRequestError, Message, debug, wire
from local_llm_kit import AsyncLLMClient, LLMClient

pytestmark = pytest.mark.slow

HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that transcripts go to."""
    path = tmp_path / "calls.jsonl"
    monkeypatch.setenv("LLM_DEBUG", str(path))
    yield path
    monkeypatch.delenv("LLM_DEBUG")
    debug.heed_debug_setting()
    assert (debug.transcript(), wire.in_process.now()) == (None, ())


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_chat_is_told_with_what_went_in_and_came_out(told: Path) -> None:
    with LLMClient("tiny") as client:
        messages = [Message(role="user", content="Hi")]
        text = client.chat.completions.create(messages=messages, max_tokens=8, temperature=0).text
    asked, answered = records(told)
    assert asked["url"] == "local:/v1/chat/completions"
    assert (asked["body"]["messages"][0]["content"], asked["body"]["max_tokens"]) == ("Hi", 8)
    assert (answered["event"], answered["number"]) == ("answer", asked["number"])
    assert answered["body"]["choices"][0]["message"]["content"] == text


@pytest.mark.parametrize("is_async", [False, True], ids=["blocking", "async"])
def test_a_stream_is_told_as_it_has_grown(told: Path, is_async: bool) -> None:
    async def ask() -> str:
        async with AsyncLLMClient("tiny") as client:
            made = client.chat.completions.create(messages=HI, max_tokens=8, stream=True)
            async with await made as stream:
                return "".join([text async for text in stream.iter_text()])

    if is_async:
        text = asyncio.run(ask())
    else:
        with LLMClient("tiny") as client:
            made = client.chat.completions.create(messages=HI, max_tokens=8, stream=True)
            text = "".join(made.iter_text())
    answered = records(told)[-1]
    assert (answered["event"], answered["outcome"]) == ("stream", "complete")
    assert answered["body"]["choices"][0]["delta"]["content"] == text
    assert 0 <= answered["first_s"] <= answered["last_s"] <= answered["seconds"]


def test_embeddings_are_told_with_few_of_their_numbers(told: Path) -> None:
    with LLMClient("tiny") as client:
        client.embeddings.create(input="a text")
    asked, answered = records(told)
    assert asked["url"] == "local:/v1/embeddings"
    assert asked["body"]["input"] == "a text"
    assert answered["body"]["data"][0]["embedding"][-1] == "… (128 numbers)"


def test_what_is_refused_reaches_no_model_and_no_transcript(told: Path) -> None:
    with LLMClient("tiny") as client, pytest.raises(InvalidRequestError):
        client.chat.completions.create(messages=HI, temperature=9)
    assert records(told) == []


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local_llm_kit", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_line_shows_it_on_standard_error(tmp_path: Path) -> None:
    ended = run("run", "-m", "tiny", "Hi", LLM_DEBUG="1", HOME=str(tmp_path))
    assert (ended.returncode, "local:" in ended.stdout) == (0, False), ended.stderr
    assert "> POST local:/v1/chat/completions (" in ended.stderr
    assert '"content": "Hi"' in ended.stderr
    assert "\x1b" not in ended.stderr


def test_a_command_line_names_the_variable_that_cannot_work(tmp_path: Path) -> None:
    ended = run("run", "-m", "tiny", "Hi", LLM_DEBUG="loud", HOME=str(tmp_path))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "LLM_DEBUG is 'loud'" in ended.stderr
    assert "Traceback" not in ended.stderr
