"""Recorded time: as it was, faster, or none at all."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from LLM import LLM, AsyncLLM, LLMConfig, cassette
from tests import worlds
from tests.cassettes.conftest import DONE, HELLO, NOWHERE, event

Client = Callable[..., LLM]
TIMES = (0.25, 0.5, 2.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that pass by sleeping alone."""
    slept = worlds.record_sleeps(monkeypatch)
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    return slept


@pytest.fixture
def recorded(file: Path) -> Path:
    """A cassette with a stream of three pieces, the headers after 0.1 s."""
    request = {
        "method": "POST",
        "url": f"{NOWHERE}/v1/chat/completions",
        "body": {"stream": True},
    }
    pieces = [event("a"), event("b", "stop"), DONE]
    stream = [[at, piece.decode()] for at, piece in zip(TIMES, pieces, strict=True)]
    response = {"status": 200, "headers": {}, "stream": stream}
    line = {"number": 0, "request": request, "seconds": 0.1, "response": response}
    file.parent.mkdir()
    file.write_text(json.dumps({"cassette": 1}) + "\n" + json.dumps(line) + "\n", "utf-8")
    return file


@pytest.mark.parametrize(("pace", "total"), [(1, 2.0), (0.5, 1.0), (3, 6.0), (0, 0.0)])
def test_pieces_come_at_their_times(
    recorded: Path, client: Client, clock: list[float], pace: float, total: float
) -> None:
    with cassette(recorded, pace=pace, match_on=["method", "path"]):
        llm = client(NOWHERE)
        del clock[:]
        came = [round(sum(clock), 6) for _ in llm.chat_completion(HELLO, stream=True)]
        came.append(round(sum(clock), 6))
    assert came == [0.25 * pace, 0.5 * pace, 2.0 * pace]
    assert came[-1] == total


def test_a_slow_reader_does_not_make_the_stream_slower(recorded: Path, clock: list[float]) -> None:
    config = LLMConfig(base_url=NOWHERE)
    with cassette(recorded, match_on=["path"]), LLM(config) as llm:
        for text in llm.stream_text(HELLO):
            time.sleep(0.2 if text == "a" else 0.0)
    assert round(sum(clock), 6) == 2.0


def test_a_stream_that_is_closed_waits_for_nothing(recorded: Path, clock: list[float]) -> None:
    config = LLMConfig(base_url=NOWHERE)
    with cassette(recorded, match_on=["path"]), LLM(config) as llm:
        with llm.chat_completion(HELLO, stream=True) as stream:
            next(stream)
        assert round(sum(clock), 6) == 0.25


def test_other_tasks_run_while_one_replays_at_once(recorded: Path) -> None:
    async def run() -> list[str]:
        seen: list[str] = []

        async def read(name: str) -> None:
            async with AsyncLLM(LLMConfig(base_url=NOWHERE)) as llm:
                async for text in llm.stream_text(HELLO):
                    seen.append(name + text)  # noqa: PERF401  # both tasks write as they read

        await asyncio.gather(read("1"), read("2"))
        return seen

    with cassette(recorded, pace=0, match_on=["path"], allow_repeats=True):
        assert asyncio.run(run()) == ["1a", "2a", "1b", "2b"]


@pytest.mark.parametrize("pace", [-1, float("nan"), True, "fast", 1e9], ids=str)
def test_a_pace_that_is_none_is_refused(file: Path, pace: Any) -> None:
    with pytest.raises(ValueError, match="pace is"):
        cassette(file, pace=pace)
