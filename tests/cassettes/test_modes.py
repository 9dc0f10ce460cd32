"""When a cassette records, when it replays, and who says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from LLM import (
    LLM,
    AsyncLLM,
    CassetteMissError,
    LLMConfig,
    LLMConfigError,
    LLMConnectionError,
    cassette,
    wire,
)
from tests.cassettes.conftest import HELLO, NOWHERE, lines, saying
from tests.remote import wire as answers
from tests.remote.scripted_server import ScriptedServer

Serve = Callable[..., ScriptedServer]


def ask(url: str, seed: int | None = None) -> str:
    with LLM(LLMConfig(base_url=url, max_retries=0)) as llm:
        return llm.chat_completion(HELLO, seed=seed).text


@pytest.fixture
def server(serve: Serve) -> ScriptedServer:
    """Says 0 and then 1, 2, …."""
    return serve(*(answers.answer(saying(str(i))) for i in range(9)))


@pytest.fixture
def recorded(server: ScriptedServer, file: Path) -> Path:
    """A cassette that holds the answer 0."""
    with cassette(file):
        ask(server.url)
    return file


def test_once_asks_nobody_where_a_file_is(recorded: Path, server: ScriptedServer) -> None:
    with cassette(recorded, pace=0):
        assert ask(server.url) == "0"
        with pytest.raises(CassetteMissError):
            ask(server.url, seed=1)
    assert len(server.requests) == 1


def test_new_episodes_adds_what_is_not_recorded(recorded: Path, server: ScriptedServer) -> None:
    with cassette(recorded, "new_episodes", pace=0):
        assert [ask(server.url), ask(server.url, seed=1)] == ["0", "1"]
    assert [one["number"] for one in lines(recorded)] == [0, 1]
    with cassette(recorded, strict=True, pace=0):
        assert [ask(NOWHERE, seed=1), ask(NOWHERE)] == ["1", "0"]


def test_all_records_anew(recorded: Path, server: ScriptedServer) -> None:
    with cassette(recorded, "all"):
        assert ask(server.url, seed=5) == "1"
    assert [one["request"]["body"]["seed"] for one in lines(recorded)] == [5]


def test_off_neither_reads_nor_writes(recorded: Path, server: ScriptedServer) -> None:
    before = recorded.read_bytes()
    with cassette(recorded, "off"):
        assert ask(server.url) == "1"
        assert wire.layers() == ()
    assert recorded.read_bytes() == before


@pytest.mark.parametrize("how", [{"strict": True}, {"mode": "none"}], ids=["strict", "none"])
def test_strict_needs_a_cassette(file: Path, how: Any) -> None:
    with pytest.raises(CassetteMissError, match="there is no cassette"), cassette(file, **how):
        raise AssertionError("its block ran")
    assert not file.parent.exists()


@pytest.mark.parametrize(
    ("name", "seen"),
    [("strict", "0"), ("none", "0"), ("once", "0"), ("record", "1"), ("all", "1"), ("off", "1")],
)
def test_the_variable_goes_before_the_mode(
    recorded: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, name: str, seen: str
) -> None:
    monkeypatch.setenv("LLM_CASSETTE", name)
    with cassette(recorded, "new_episodes" if seen == "0" else "none", pace=0):
        assert ask(server.url) == seen


def test_a_variable_that_is_no_mode_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_CASSETTE", "reccord")
    with pytest.raises(LLMConfigError, match="LLM_CASSETTE is 'reccord'; give one of once"):
        cassette(file).__enter__()


@pytest.mark.parametrize(
    "arguments", [{"mode": "twice"}, {"mode": "all", "strict": True}], ids=["unknown", "both"]
)
def test_modes_that_cannot_be_are_refused(file: Path, arguments: Any) -> None:
    with pytest.raises(LLMConfigError, match="mode"):
        cassette(file, **arguments)


def test_of_two_blocks_the_inner_one_has_the_calls(
    recorded: Path, server: ScriptedServer, tmp_path: Path
) -> None:
    inner = tmp_path / "inner.jsonl"
    with cassette(recorded, pace=0):
        with cassette(inner):
            assert ask(server.url) == "1"
        assert ask(server.url) == "0"
    assert len(lines(inner)) == len(lines(recorded)) == 1
    assert wire.layers() == wire.in_process.now() == ()


def test_a_block_within_its_own_is_refused(file: Path) -> None:
    tape = cassette(file)
    with tape, pytest.raises(LLMConfigError, match="in use"):
        tape.__enter__()
    assert wire.layers() == ()


def test_a_function_replays_in_each_of_its_calls(recorded: Path) -> None:
    @cassette(recorded, strict=True, pace=0)
    def hello(url: str) -> str:
        """Greet."""
        return ask(url)

    assert [hello(NOWHERE), hello(NOWHERE)] == ["0", "0"]
    assert (hello.__name__, hello.__doc__) == ("hello", "Greet.")


def test_a_coroutine_function_and_an_async_block_replay(recorded: Path) -> None:
    async def ask_async() -> str:
        async with AsyncLLM(LLMConfig(base_url=NOWHERE)) as llm:
            return (await llm.chat_completion(HELLO)).text

    @cassette(recorded, strict=True, pace=0)
    async def hello() -> str:
        return await ask_async()

    async def block() -> str:
        async with cassette(recorded, strict=True, pace=0):
            return await ask_async()

    assert asyncio.run(hello()) == asyncio.run(block()) == "0"


def test_a_generator_is_not_decorated(file: Path) -> None:
    def words() -> Any:
        yield "a"

    with pytest.raises(LLMConfigError, match="with block"):
        cassette(file)(words)


def test_after_the_block_calls_are_real_again(recorded: Path) -> None:
    with pytest.raises(RuntimeError), cassette(recorded, strict=True):
        raise RuntimeError
    with pytest.raises(LLMConnectionError):
        ask(NOWHERE)
