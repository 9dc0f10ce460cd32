"""How `bench/local.py` judges, and that a contender that fails is told and not skipped."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from local_engine.children import Absent, Child, Worker
from local_engine.findings import Finding, Values, table
from local_engine.over_http import _largest_gap
from local_engine.turns import in_turns
from local_engine.wire import Answer, ask

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ECHO = "import sys; print('{}', flush=True)\nfor line in sys.stdin: print(line, end='', flush=True)"
WORKER = [sys.executable, "-c", ECHO]


@pytest.mark.parametrize(
    ("ours", "at_least", "verdict"),
    [
        pytest.param((2.0, 2.0), True, "met", id="reached"),
        pytest.param((1.0, 1.0), True, "MISSED", id="too low"),
        pytest.param((1.0, 1.0), False, "met", id="below a bound"),
        pytest.param((), True, "not available", id="not measured"),
    ],
)
def test_a_ratio_is_held_against_its_target(
    ours: tuple[float, ...], at_least: bool, verdict: str
) -> None:
    finding = Finding("x", "", Values("we", ours), Values("they", (1.0, 1.0)), 1.5, at_least)
    assert finding.verdict == verdict
    assert finding.fails == (verdict != "met")


def test_the_ratio_is_the_median_of_the_rounds_ratios() -> None:
    finding = Finding("x", "", Values("we", (1.0, 8.0, 30.0)), Values("they", (1.0, 2.0, 10.0)))
    assert finding.value == 3.0
    assert not finding.fails


def test_the_table_says_why_a_contender_is_missing() -> None:
    lines = table([Finding("x", "rate", Values("we", absent="no torch"), target=1.0)])
    assert "not available (no torch)" in lines


def test_contenders_take_turns_and_the_one_that_fails_is_absent() -> None:
    def turn(child: Worker) -> float:
        found = child.turn(value=1.0) if child is good[0] else child.turn(error="broken")
        return float(found["value"])

    good: list[Worker] = []

    def start() -> Worker:
        good.append(Worker(WORKER))
        return good[-1]

    first, second = in_turns({"a": start, "b": start}, turn, rounds=2)
    assert first.values(float).values == (1.0, 1.0)
    assert second.values(float).values == ()
    assert second.absent == "broken"
    assert all(child.process.returncode == 0 for child in good)


def test_a_contender_that_cannot_start_is_absent_with_its_last_words() -> None:
    with pytest.raises(Absent, match="no such engine"):
        Worker([sys.executable, "-c", "raise SystemExit('no such engine')"])


def test_a_child_that_ignores_the_end_of_its_input_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("local_engine.children._STOP_S", 0.2)
    child = Child([sys.executable, "-c", "import threading; threading.Event().wait()"])
    child.stop()
    assert child.process.returncode == -15


def serve(answer: bytes) -> Callable[[], Answer]:
    """Ask a server that gives these bytes, two at a time."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for start in range(0, len(answer), 2):
            writer.write(answer[start : start + 2])
            await writer.drain()
        writer.close()

    async def run() -> Answer:
        server = await asyncio.start_server(respond, "127.0.0.1", 0)
        async with server:
            return await ask(server.sockets[0].getsockname()[1], [], 2)

    return lambda: asyncio.run(run())


def event(content: str | None, reason: str | None = None) -> bytes:
    choice = {"delta": {"content": content}, "finish_reason": reason}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def test_only_chunks_with_text_count() -> None:
    events = [event(None), event(""), event('"a'), event("b"), event(None, "length")]
    answer = serve(b"HTTP/1.1 200 OK\r\n\r\n" + b"".join(events))()
    assert len(answer.arrivals) == 2
    assert answer.whole
    assert answer.n_read is None


def test_tokens_read_are_those_that_were_not_cached() -> None:
    usage = {"prompt_tokens": 40, "prompt_tokens_details": {"cached_tokens": 30}}
    last = b"data: " + json.dumps({"usage": usage}).encode() + b"\n\n"
    assert serve(b"HTTP/1.1 200 OK\r\n\r\n" + event("a") + last)().n_read == 10


def test_a_refusal_is_told() -> None:
    with pytest.raises(ConnectionRefusedError, match=r"429 [\s\S]*too many"):
        serve(b"HTTP/1.1 429 Too Many\r\n\r\ntoo many")()


def test_a_gap_is_looked_for_while_the_long_prompt_waits() -> None:
    stream = Answer(0.0, [1.0, 3.0, 4.0, 4.5, 9.0])
    assert _largest_gap(stream, Answer(4.2, [6.0])) == 1.5


def test_a_missing_model_fails_the_check_and_names_the_command(tmp_path: Path) -> None:
    script = [sys.executable, str(ROOT / "bench/local.py"), "--models", str(tmp_path)]
    run = subprocess.run(
        [*script, "--only", "pairs", "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 1
    assert "run: scripts/make-random-model half" in run.stdout
