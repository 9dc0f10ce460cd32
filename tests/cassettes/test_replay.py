"""What was recorded is replayed: answers, streams, errors and retries, in both worlds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from LLM import (
    LLM,
    AsyncLLM,
    LLMConfig,
    LLMConnectionError,
    LLMRateLimitError,
    LLMResponseError,
    LLMTimeoutError,
    cassette,
)
from tests.cassettes.conftest import DONE, HELLO, NOWHERE, event, lines, saying
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer, hang

Serve = Callable[..., ScriptedServer]
Client = Callable[..., LLM]

STREAM = wire.stream_answer(event("Hel") + event("lo!", "stop") + DONE, size=40)
CALLS: dict[str, tuple[bytes, Callable[[LLM], Any]]] = {
    "whole": (wire.answer(saying("Hello!")), lambda llm: llm.chat_completion(HELLO).text),
    "streamed": (STREAM, lambda llm: "".join(llm.stream_text(HELLO))),
    "models": (wire.answer(wire.MODELS), lambda llm: llm.list_models().data[0].id),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_second_run_needs_no_server(
    serve: Serve, client: Client, file: Path, name: str
) -> None:
    script, call = CALLS[name]
    with cassette(file):
        first = call(client(serve(script).url))
    with cassette(file, pace=0):
        assert call(client(NOWHERE)) == first
    assert len(lines(file)) == 1


@pytest.mark.parametrize("name", CALLS)
def test_recording_changes_no_answer(serve: Serve, client: Client, file: Path, name: str) -> None:
    script, call = CALLS[name]
    server = serve(script)
    plain = call(client(server.url))
    with cassette(file):
        assert call(client(server.url)) == plain


def test_one_request_recorded_in_one_world_answers_in_the_other(serve: Serve, file: Path) -> None:
    async def ask(url: str) -> str:
        async with AsyncLLM(LLMConfig(base_url=url)) as llm:
            return "".join([text async for text in llm.stream_text(HELLO)])

    with cassette(file):
        first = asyncio.run(ask(serve(STREAM).url))
    with cassette(file, pace=0), LLM(LLMConfig(base_url=NOWHERE)) as llm:
        assert "".join(llm.stream_text(HELLO)) == first == "Hello!"


def test_a_stream_replays_its_pieces_as_they_came(serve: Serve, client: Client, file: Path) -> None:
    with cassette(file):
        "".join(client(serve(STREAM).url).stream_text(HELLO))
    told = lines(file)[0]["response"]
    assert "".join(piece for _, piece in told["stream"]).encode() == (
        event("Hel") + event("lo!", "stop") + DONE
    )
    assert [at for at, _ in told["stream"]] == sorted(at for at, _ in told["stream"])
    assert "end" not in told


def test_refusals_and_the_success_after_them_replay(
    serve: Serve, client: Client, file: Path, sleeps: list[float]
) -> None:
    busy = wire.answer({"error": {"message": "slow down"}}, 429, [("Retry-After", "3")])
    with cassette(file):
        llm = client(serve(busy, wire.answer(saying("Hi."))).url, max_retries=2)
        assert llm.chat_completion(HELLO).text == "Hi."
    assert sleeps == [3.0]
    with cassette(file, strict=True):
        assert client(NOWHERE, max_retries=2).chat_completion(HELLO).text == "Hi."
    assert [seconds for seconds in sleeps if seconds >= 1] == [3.0, 3.0]


def test_at_pace_0_nobody_waits_between_tries(
    serve: Serve, client: Client, file: Path, sleeps: list[float]
) -> None:
    busy = wire.answer(b"", 429, [("Retry-After", "3")])
    with cassette(file):
        client(serve(busy, wire.answer(saying("Hi."))).url, max_retries=1).chat_completion(HELLO)
    del sleeps[:]
    with cassette(file, pace=0):
        client(NOWHERE, max_retries=1).chat_completion(HELLO)
    assert sum(sleeps) == 0


ERRORS: dict[str, tuple[Any, type[Exception]]] = {
    "refused": (wire.answer({"error": {"message": "no"}}, 429), LLMRateLimitError),
    "timed out": ([hang], LLMTimeoutError),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", LLMResponseError),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ERRORS)
def test_errors_replay_with_their_facts(
    serve: Serve, client: Client, file: Path, name: str, streamed: bool
) -> None:
    script, kind = ERRORS[name]
    seen = []
    for url in (serve(script).url, NOWHERE):
        with cassette(file, pace=0), pytest.raises(kind) as caught:
            client(url, timeout=0.3).chat_completion(HELLO, stream=streamed).text  # noqa: B018
        error: Any = caught.value
        seen.append((type(error), error.status_code, error.code))
    assert seen[0] == seen[1]


def test_a_connection_that_nobody_takes_is_recorded(client: Client, file: Path) -> None:
    for _ in range(2):
        with cassette(file, pace=0), pytest.raises(LLMConnectionError, match="nothing listens"):
            client(NOWHERE).chat_completion(HELLO)
    assert lines(file)[0]["error"]["type"] == "LLMConnectionError"


def test_a_stream_that_broke_breaks_again(serve: Serve, client: Client, file: Path) -> None:
    script = [wire.CHUNKED, wire.chunked([event("Hel")])[:-5]]
    broken = [*script, lambda connection: connection.close()]
    for url in (serve(broken).url, NOWHERE):
        with cassette(file, pace=0):
            stream = client(url).chat_completion(HELLO, stream=True)
            assert next(stream).choices[0].delta.content == "Hel"
            with pytest.raises(LLMResponseError, match="cut short"):
                next(stream)


def test_threads_get_each_answer_once_in_order(serve: Serve, file: Path) -> None:
    scripts = [wire.answer(saying(str(i))) for i in range(8)]
    with cassette(file), LLM(LLMConfig(base_url=serve(*scripts).url)) as llm:
        first = [llm.chat_completion(HELLO).text for _ in range(8)]
    with (
        cassette(file, pace=0),
        LLM(LLMConfig(base_url=NOWHERE)) as llm,
        ThreadPoolExecutor(8) as threads,
    ):
        again = list(threads.map(lambda _: llm.chat_completion(HELLO).text, range(8)))
    assert first == [str(i) for i in range(8)]
    assert sorted(again) == first


def test_tasks_at_once_are_recorded_each_by_its_question(serve: Serve, file: Path) -> None:
    def echo(request: Any) -> bytes:
        return wire.answer(request.body.replace(b'"model"', b'"choices": [{"index": 0, "message":'
                           b' {"content": "ok"}}], "model"'))  # fmt: skip

    async def ask(url: str) -> list[Any]:
        async with AsyncLLM(LLMConfig(base_url=url)) as llm:
            asked = [llm.chat_completion(HELLO, seed=i) for i in range(20)]
            return [answer.seed for answer in await asyncio.gather(*asked)]

    with cassette(file):
        assert asyncio.run(ask(serve(echo).url)) == list(range(20))
    with cassette(file, strict=True, pace=0):
        assert asyncio.run(ask(NOWHERE)) == list(range(20))


def test_a_new_port_of_this_machine_is_the_same_host(serve: Serve, file: Path) -> None:
    for port in (serve(wire.answer(saying("Hi."))).port, 9):
        url = f"http://localhost:{port}" if port == 9 else f"http://127.0.0.1:{port}"
        with cassette(file, pace=0), LLM(LLMConfig(base_url=url)) as llm:
            assert llm.chat_completion(HELLO).text == "Hi."
