"""Rings on a cassette: pools, failover, streams and models in this process replay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from LLM import CassetteMissError, cassette
from llmring import LLMRing, LLMRingError
from tests.llmring.pools import MESSAGES, Pool, good, refusal

pytestmark = pytest.mark.slow

MakePool = Callable[..., Pool]


def asked(pool: Pool, streamed: bool, **fields: Any) -> str:
    if streamed:
        return "".join(chunk.delta for chunk in pool.chunks(**fields))
    return pool.chat(**fields).content


def test_failover_replays_without_a_server(pool: MakePool, streamed: bool, tmp_path: Path) -> None:
    file = tmp_path / "ring.jsonl"
    made = pool(refusal(503), refusal(429), good, rounds=1)
    with cassette(file):
        first = asked(made, streamed)
    for server in made.servers:
        server.close()
    with cassette(file, strict=True, pace=0):
        assert asked(made, streamed) == first
    assert first
    assert len(file.read_text("utf-8").splitlines()) == 1 + 3


def test_rounds_replay_at_once(
    pool: MakePool, streamed: bool, tmp_path: Path, sleeps: list[float]
) -> None:
    file = tmp_path / "ring.jsonl"
    made = pool(refusal(503), refusal(503), refusal(503), rounds=2)
    with cassette(file), pytest.raises(LLMRingError):
        asked(made, streamed)
    waited = sum(sleeps)
    del sleeps[:]
    with cassette(file, strict=True, pace=0), pytest.raises(LLMRingError):
        asked(made, streamed)
    assert waited > 0
    assert sum(sleeps) == 0


def test_a_miss_ends_the_call_and_no_other_model_is_asked(
    pool: MakePool, streamed: bool, tmp_path: Path
) -> None:
    file = tmp_path / "ring.jsonl"
    made = pool(good, good, good)
    with cassette(file):
        asked(made, streamed)
    with cassette(file, strict=True, pace=0), pytest.raises(CassetteMissError) as caught:
        asked(made, streamed, temperature=0.25)
    assert isinstance(caught.value, LLMRingError)
    assert "0.25" in str(caught.value)
    assert made.n_requests == [1, 0, 0]
    assert not made.is_left_alone("openai:gpt-x")


def test_no_key_of_a_pool_is_kept(pool: MakePool, streamed: bool, tmp_path: Path) -> None:
    file = tmp_path / "ring.jsonl"
    with cassette(file):
        asked(pool(refusal(503), refusal(503), good, rounds=1), streamed)
    assert "sk-pool" not in file.read_text("utf-8")


def test_a_model_in_this_process_replays_without_being_loaded(
    streamed: bool, tmp_path: Path
) -> None:
    async def ask() -> tuple[str, list[Any]]:
        async with LLMRing() as ring:
            if streamed:
                stream = ring.chat_stream("local:tiny", messages=MESSAGES, max_tokens=6)
                text = "".join([chunk.delta async for chunk in stream])
            else:
                text = (await ring.chat("local:tiny", messages=MESSAGES, max_tokens=6)).content
            client: Any = ring.get_provider("local").client
            return text, client._catalog.loaded()

    with cassette(tmp_path / "local.jsonl"):
        first, loaded = asyncio.run(ask())
    with cassette(tmp_path / "local.jsonl", strict=True, pace=0):
        assert asyncio.run(ask()) == (first, [])
    assert first
    assert len(loaded) == 1
