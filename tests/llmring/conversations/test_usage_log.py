"""Calls that are noted while the ring goes on."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmring import LLMRing, LLMRingSession
from llmring.conversations import UsageRecord, open_store, usage_log
from llmring.conversations.usage_log import UsageLog
from llmring.exceptions import AnswerValidationError, CostTrackingError, StoreError
from tests.llmring.pools import Pool, error_of, good
from tests.llmring.rings import request

ROOT = Path(__file__).resolve().parents[3]
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "cached_tokens": 3, "cost": 0.5}


class Store:
    """Keeps what is noted; slow, or broken, as one wishes."""

    def __init__(self, failures: int = 0, delay_s: float = 0.0) -> None:
        self.batches: list[list[UsageRecord]] = []
        self.failures = failures
        self.delay_s = delay_s

    async def add_usage(self, records: list[UsageRecord]) -> None:
        await asyncio.sleep(self.delay_s)
        if self.failures:
            self.failures -= 1
            raise StoreError("the disk is full")
        self.batches.append(list(records))

    async def close(self) -> None:
        self.closed = True

    @property
    def records(self) -> list[UsageRecord]:
        return [record for batch in self.batches for record in batch]


def log_to(store: Any) -> UsageLog:
    return UsageLog(lambda: store, "app")


def flushed(log: UsageLog, timeout_s: float = 5.0) -> bool:
    return asyncio.run(log.flush(timeout_s))


def test_a_call_is_noted() -> None:
    store = Store()
    log = log_to(store)
    facts = {"id_at_origin": "x7", "conversation_id": None, "user": 1}
    log.call("openai:gpt:x", USAGE, alias="fast", profile="dev", metadata=facts)
    assert flushed(log)
    (record,) = store.records
    assert (record.provider, record.model, record.alias) == ("openai", "gpt:x", "fast")
    assert (record.input_tokens, record.output_tokens, record.cached_input_tokens) == (5, 2, 3)
    assert (record.cost, record.origin, record.profile) == (0.5, "app", "dev")
    assert (record.id_at_origin, record.metadata) == ("x7", {"user": 1})


def test_a_model_by_its_own_name_is_no_alias_and_no_usage_is_none() -> None:
    store = Store()
    log = log_to(store)
    log.call("openai:gpt", None, alias="openai:gpt")
    log.call("openai:gpt", {"cost_status": "model_not_in_registry"})
    assert flushed(log)
    assert [(r.alias, r.input_tokens, r.cost) for r in store.records] == [(None, 0, None)] * 2
    assert store.records[1].metadata == {"cost_status": "model_not_in_registry"}


def test_noting_does_not_wait_for_the_store() -> None:
    log = log_to(Store(delay_s=0.3))
    began = time.perf_counter()
    for _ in range(1000):
        log.call("openai:gpt", USAGE)
    assert time.perf_counter() - began < 0.2
    assert not flushed(log, 0.01)
    assert flushed(log)


def test_many_calls_are_written_together() -> None:
    store = Store(delay_s=0.05)
    log = log_to(store)
    for _ in range(1200):
        log.call("openai:gpt", USAGE)
    assert flushed(log)
    assert len(store.records) == 1200
    assert len(store.batches) <= 5


def test_a_failure_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_log, "RETRY_S", 0.0)
    store = Store(failures=1)
    log = log_to(store)
    log.call("openai:gpt", USAGE)
    assert flushed(log)
    assert len(store.records) == 1


def test_what_cannot_be_written_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(usage_log, "RETRY_S", 0.0)
    log = log_to(Store(failures=2))
    with caplog.at_level(logging.WARNING, "llmring.usage"):
        log.call("openai:gpt", USAGE)
        assert flushed(log)
    assert caplog.messages == ["1 calls are not in the usage log: the disk is full"]


def test_too_many_at_once_are_left_out_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(usage_log, "MAX_WAITING", 3)
    store = Store(delay_s=0.2)
    log = log_to(store)
    with caplog.at_level(logging.WARNING, "llmring.usage"):
        for _ in range(50):
            log.call("openai:gpt", USAGE)
        assert flushed(log)
    assert 3 <= len(store.records) < 50
    assert f"{50 - len(store.records)} calls are not in the usage log" in caplog.messages[0]


@pytest.fixture
def noted(tmp_path: Path) -> Callable[[], list[UsageRecord]]:
    """What the user's own log holds."""

    def read() -> list[UsageRecord]:
        async def main() -> list[UsageRecord]:
            store = open_store()
            try:
                return await store.usage()
            finally:
                await store.close()

        return asyncio.run(main())

    return read


@pytest.fixture(autouse=True)
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMRING_DATABASE_URL", str(tmp_path / "usage.sqlite"))


def test_a_ring_notes_what_was_answered(
    pool: Callable[..., Pool], noted: Callable[[], list[UsageRecord]], streamed: bool
) -> None:
    one = pool(good, log_metadata=True, origin="app")
    one.ask(streamed)
    asyncio.run(one.ring.close())
    (record,) = noted()
    assert (record.model, record.alias, record.origin) == ("gpt-x", "pool", "app")
    assert record.metadata == {"cost_status": "model_not_in_registry"}
    assert record.input_tokens > 0


def test_a_call_whose_answer_is_refused_is_noted(
    pool: Callable[..., Pool], noted: Callable[[], list[UsageRecord]], streamed: bool
) -> None:
    form = {"type": "json_schema", "strict": True,
            "json_schema": {"name": "a", "schema": {"type": "object"}}}  # fmt: skip
    one = pool(good, log_metadata=True)
    assert isinstance(error_of(one, streamed, response_format=form), AnswerValidationError)
    strict = pool(good, log_metadata=True, strict_cost=True)
    assert isinstance(error_of(strict, streamed), CostTrackingError)
    for ring in (one.ring, strict.ring):
        asyncio.run(ring.close())
    assert len(noted()) == 2


def test_a_ring_whose_log_fails_answers(
    pool: Callable[..., Pool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(usage_log, "RETRY_S", 0.0)
    (tmp_path / "usage.sqlite").mkdir()
    one = pool(good, log_metadata=True)
    with caplog.at_level(logging.WARNING, "llmring.usage"):
        assert one.chat().content == "Hello!"
        asyncio.run(one.ring.close())
    assert "1 calls are not in the usage log: cannot use the database" in caplog.text


def test_a_session_tells_the_conversation(tmp_path: Path) -> None:
    async def main() -> tuple[Any, list[UsageRecord]]:
        where = tmp_path / "kept.sqlite"
        async with LLMRingSession(store=where, log_metadata=True, owner="ada") as ring:
            made = await ring.create_conversation(max_tokens=3)
            await ring.chat_with_conversation(request("local:tiny", metadata={"a": 1}), made)
        store = open_store(where, "ada")
        try:
            return made, await store.usage()
        finally:
            await store.close()

    made, (record,) = asyncio.run(main())
    assert (record.conversation_id, record.provider, record.cost) == (made, "local", 0.0)
    assert record.metadata == {"a": 1}


def test_what_waits_is_written_when_the_program_ends(
    tmp_path: Path, noted: Callable[[], list[UsageRecord]]
) -> None:
    program = (
        "from llmring import LLMRing\n"
        "ring = LLMRing(log_metadata=True)\n"
        "print(ring.chat('local:tiny', messages=[{'role': 'user', 'content': 'Hi'}],"
        " max_tokens=2).model)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("local:tiny\n", "")
    assert [record.model for record in noted()] == ["tiny"]


def test_nothing_is_noted_unless_asked(pool: Callable[..., Pool], tmp_path: Path) -> None:
    one = pool(good)
    one.chat()
    assert not (tmp_path / "usage.sqlite").exists()
    assert isinstance(one.ring, LLMRing)
