"""No key in what is told of calls: transcripts, logs, errors, standard error, whatever comes back.

Every client of both worlds calls servers that give its key back, wherever an answer has room.
"""

from __future__ import annotations

import asyncio
import io
import json
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from LLM import LLM, AsyncLLM, LLMConfig, configure_logging, debug
from LLM.logs import reset_logging
from tests.cloud.play import MESSAGES, PROVIDERS
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow

#: One that looks like a key, one that only its client knows for one, and one that JSON, `repr` and
#: addresses write otherwise.
KEYS = {
    "plain": "sk-SECRET0123456789abcdefghijklmnop",
    "unlike": "correct horse battery".replace(" ", "-"),
    "quoted": 'my-"SECRET"\\0123456789/a+b%c',
}
Told = Callable[[], str]


def forms(key: str) -> set[str]:
    """The ways in which a key can be written, so that whoever reads it has it."""
    quoted = json.dumps(key)[1:-1]
    slashed = quoted.replace("/", "\\/")
    return {key, quoted, slashed, repr(key)[1:-1], quote(key), quote(key, safe="")}


def echoes(key: str) -> dict[str, bytes]:
    """Answers that give the key back."""
    said = f"Incorrect API key provided: {key}. See https://x/?key={quote(key, safe='')}"
    error = {"error": {"message": said, "type": said, "code": said, key: key, "details": [key]}}
    pieces = [wire.event({"choices": [{"index": 0, "delta": {"content": one}}]}) for one in key]
    content = {**wire.CHAT, "id": key, "model": key}
    return {
        "refusal": wire.answer(error, 401, [("x-request-id", key), ("set-cookie", f"a={key}")]),
        "overloaded": wire.answer(error, 429, [("retry-after", "0")]),
        "page": wire.answer(f"<html>{said}</html>".encode(), 500, content_type="text/html"),
        "answer": wire.answer({**content, "message": {"content": said}, "content": said}),
        "broken": wire.answer(json.dumps(error).encode()[:-3]),
        "stream": wire.stream_answer(b"".join(pieces) + wire.event(error)),
        "lines": wire.answer(
            json.dumps({"message": {"content": said}}).encode()
            + b"\n"
            + json.dumps(error).encode(),
            content_type="application/x-ndjson",
        ),
    }


def call(client: Any) -> None:
    """A call of any client, whole and streamed, in the world that is its own."""
    if isinstance(client, LLM):
        client.chat_completion(MESSAGES)
    elif isinstance(client, AsyncLLM):
        asyncio.run(client.chat_completion(MESSAGES))
    elif asyncio.iscoroutinefunction(client.chat):
        asyncio.run(client.chat(MESSAGES))
    else:
        client.chat(MESSAGES)


def stream(client: Any) -> None:
    async def read(chunks: Any) -> None:
        async for _ in await chunks if asyncio.iscoroutine(chunks) else chunks:
            pass

    if isinstance(client, (LLM, AsyncLLM)):
        chunks = client.chat_completion(MESSAGES, stream=True)
    else:
        chunks = client.chat_stream(MESSAGES)
    if hasattr(chunks, "__iter__"):
        list(chunks)
    else:
        asyncio.run(read(chunks))


CLIENTS: dict[str, Callable[..., Any]] = {
    "LLM": lambda **settings: LLM(LLMConfig(**settings)),
    "AsyncLLM": lambda **settings: AsyncLLM(LLMConfig(**settings)),
    **{one.client.__name__: one.client for one in PROVIDERS},
    **{one.async_client.__name__: one.async_client for one in PROVIDERS},
}


@pytest.fixture
def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Told]:
    """All that was told of calls so far."""
    logs = io.StringIO()
    transcript = tmp_path / "transcript.log"
    monkeypatch.setenv("LLM_DEBUG", str(transcript))
    configure_logging("DEBUG", json=True, stream=logs)

    def everything() -> str:
        written = capfd.readouterr()
        return transcript.read_text() + logs.getvalue() + written.out + written.err

    yield everything
    reset_logging()
    monkeypatch.delenv("LLM_DEBUG")
    debug.heed_debug_setting()


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("name", CLIENTS)
def test_a_key_is_in_nothing_that_is_told(name: str, key: str, told: Told) -> None:
    errors = []
    for answer in echoes(key).values():
        with ScriptedServer((answer,)) as server:
            client = CLIENTS[name](
                base_url=server.url, api_key=key, model="m", max_retries=1, retry_delay=0
            )
            for ask in (call, stream):
                try:
                    ask(client)
                except Exception as err:  # noqa: BLE001  # what it shows is what is looked at
                    errors += traceback.format_exception(err)
            assert key in str([one.headers for one in server.requests]) or '"' in key
    text = told() + "".join(errors)
    assert text.count("> POST") >= 14
    assert "**********" in text
    for form in forms(key):
        place = text.find(form)
        assert place < 0, f"the key is in {text[max(0, place - 200) : place + 100]!r}"
