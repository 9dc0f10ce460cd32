"""Calls that are noted while the ring goes on."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from llmring import LLMRingSession
from llmring.conversations import UsageRecord, background_notes, open_store, usage_log
from llmring.conversations.addresses import database_url
from llmring.conversations.usage_log import UsageLog
from llmring.exceptions import (
    AnswerValidationError,
    ConfigurationError,
    CostTrackingError,
    StoreError,
    ValidationError,
)
from tests.llmring.conversations.stores import read_log
from tests.llmring.pools import Pool, error_of, good
from tests.llmring.rings import request

pytestmark = [pytest.mark.usefixtures("own_file"), pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[3]
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "cached_tokens": 3, "cost": 0.5}


class Store:
    """Keeps what is noted; busy, slow or broken, as one wishes."""

    def __init__(
        self, failures: int = 0, delay_s: float = 0.0, free: threading.Event | None = None
    ) -> None:
        self.batches: list[list[UsageRecord]] = []
        self.failures = failures
        self.delay_s = delay_s
        self.free = free

    async def add_usage(self, records: list[UsageRecord]) -> None:
        while self.free and not self.free.is_set():
            await asyncio.sleep(0.001)
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


def flushed(log: UsageLog, timeout_s: float = 20.0) -> bool:
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
    store = Store(free=threading.Event())
    log = log_to(store)
    for _ in range(1000):
        log.call("openai:gpt", USAGE)
    assert not flushed(log, 0.01)
    assert store.records == []
    store.free.set()
    assert flushed(log)
    assert len(store.records) == 1000


def test_many_calls_are_written_together() -> None:
    store = Store(free=threading.Event())
    log = log_to(store)
    for _ in range(1200):
        log.call("openai:gpt", USAGE)
    store.free.set()
    assert flushed(log)
    assert len(store.records) == 1200
    assert len(store.batches) <= 5


def test_a_failure_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_notes, "RETRY_S", 0.0)
    store = Store(failures=1)
    log = log_to(store)
    log.call("openai:gpt", USAGE)
    assert flushed(log)
    assert len(store.records) == 1


def test_what_cannot_be_written_waits_and_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("RETRY_S", "LAST_RETRY_S"):
        monkeypatch.setattr(background_notes, name, 0.0)
    store = Store(failures=5)
    log = log_to(store)
    with caplog.at_level(logging.WARNING, "llmring.usage"):
        log.call("openai:gpt", USAGE)
        while not store.records:
            flushed(log)
    assert caplog.messages == [
        "calls cannot be noted for now, and are kept in memory: the disk is full"
    ]


def test_what_cannot_be_written_at_the_end_is_lost_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = log_to(Store(failures=10))
    with caplog.at_level(logging.WARNING, "llmring.usage"):
        for _ in range(3):
            log.call("openai:gpt", USAGE)
        asyncio.run(log.close())
    assert caplog.messages == ["3 calls are not in the log: the disk is full"]


def test_the_end_waits_so_long_and_no_longer(caplog: pytest.LogCaptureFixture) -> None:
    log = log_to(Store(delay_s=10.0))
    log.call("openai:gpt", USAGE)
    began = time.perf_counter()
    with caplog.at_level(logging.WARNING, "llmring.usage"):
        asyncio.run(log.notes.close(0.05))
    assert time.perf_counter() - began < 2.0
    assert caplog.messages == ["1 call is not in the log: there was no time to write them"]


def test_what_is_told_to_be_lost_is_not_given_up_too() -> None:
    log = log_to(Store(failures=10))
    told: list[str] = []

    class Ending(logging.Handler):
        """The program has no more time just when the first loss is told."""

        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())
            if len(told) == 1:
                log.notes.close_now(0.0)

    logger, ending = logging.getLogger("llmring.usage"), Ending(logging.WARNING)
    logger.addHandler(ending)
    try:
        log.call("openai:gpt", USAGE)
        asyncio.run(log.close())
    finally:
        logger.removeHandler(ending)
    assert told == ["1 call is not in the log: the disk is full"]


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
    assert len(store.records) == 3
    assert caplog.messages == ["47 calls are not in the log: too many waited to be written"]


def test_what_can_never_be_written_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    def nowhere() -> Any:
        raise ConfigurationError("there is no driver")

    log = UsageLog(nowhere, "app")
    with caplog.at_level(logging.WARNING, "llmring.usage"):
        for _ in range(3):
            log.call("openai:gpt", USAGE)
            assert flushed(log)
    assert caplog.messages == ["1 call is not in the log: there is no driver"]


def test_a_call_that_cannot_be_told_takes_no_other_along(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Store()
    log = log_to(store)
    with caplog.at_level(logging.WARNING, "llmring.usage"):
        log.call("openai:gpt", {"prompt_tokens": "Tell nobody."})
        log.call("openai:gpt", USAGE)
        assert flushed(log)
    assert len(store.records) == 1
    assert caplog.messages == ["1 call is not in the log: they cannot be told (ValidationError)"]


def test_facts_that_json_cannot_say_are_told_as_text() -> None:
    store = Store()
    log = log_to(store)
    log.call("openai:gpt", USAGE, metadata={"when": UUID(int=7), "n": 1, "score": math.nan})
    assert flushed(log)
    assert store.records[0].metadata == {"when": str(UUID(int=7)), "n": 1, "score": "NaN"}


def test_a_record_that_is_refused_takes_no_other_along(caplog: pytest.LogCaptureFixture) -> None:
    class Picky(Store):
        async def add_usage(self, records: list[UsageRecord]) -> None:
            if any(record.model == "bad" for record in records):
                raise ValidationError("too large")
            await super().add_usage(records)

    store = Picky()
    log = log_to(store)
    for model in ("a", "b", "bad", "c", "d"):
        log.call(f"openai:{model}", USAGE)
    assert flushed(log)
    assert [record.model for record in store.records] == ["a", "b", "c", "d"]
    assert "1 call is not in the log: too large" in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_forked_child_notes_its_own_calls_alone(tmp_path: Path) -> None:
    where = tmp_path / "usage.sqlite"
    read_log(where)  # makes it, which takes long
    program = (
        "import asyncio, os\n"
        "from llmring.conversations.local_usage import LocalUsage\n"
        "from llmring.conversations.usage_log import UsageLog\n"
        f"log = UsageLog(lambda: LocalUsage({database_url(where)!r}, 'local'), 'app')\n"
        "log.call('openai:parent', None)\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    log.call('openai:child', None)\n"
        "    asyncio.run(log.close())\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
        "asyncio.run(log.close())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.stderr == ""
    assert sorted(record.model for record in read_log(where)) == ["child", "parent"]


@pytest.fixture
def noted(tmp_path: Path) -> Callable[[], list[UsageRecord]]:
    """What the user's own log holds."""

    return lambda: read_log(tmp_path / "usage.sqlite")


def test_a_ring_notes_what_was_answered(
    pool: Callable[..., Pool], noted: Callable[[], list[UsageRecord]], streamed: bool
) -> None:
    one = pool(good, origin="app")
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
    one = pool(good)
    assert isinstance(error_of(one, streamed, response_format=form), AnswerValidationError)
    strict = pool(good, strict_cost=True)
    assert isinstance(error_of(strict, streamed), CostTrackingError)
    for ring in (one.ring, strict.ring):
        asyncio.run(ring.close())
    assert len(noted()) == 2


def test_a_ring_whose_log_fails_answers(
    pool: Callable[..., Pool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(background_notes, "RETRY_S", 0.0)
    (tmp_path / "usage.sqlite").mkdir()
    one = pool(good)
    with caplog.at_level(logging.WARNING, "llmring.usage"):
        assert one.chat().content == "Hello!"
        asyncio.run(one.ring.close())
    assert "1 call is not in the log: cannot use the database" in caplog.text


def test_a_session_tells_the_conversation(tmp_path: Path) -> None:
    async def main() -> tuple[Any, list[UsageRecord]]:
        where = tmp_path / "kept.sqlite"
        async with LLMRingSession(store=where, owner="ada") as ring:
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
    noted()  # makes the file, which takes long
    program = (
        "from llmring import LLMRing\n"
        "ring = LLMRing()\n"
        "print(ring.chat('local:tiny', messages=[{'role': 'user', 'content': 'Hi'}],"
        " max_tokens=2).model)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("local:tiny\n", "")
    assert [record.model for record in noted()] == ["tiny"]


@pytest.mark.parametrize(
    ("environ", "settings"),
    [({}, {"log_metadata": False}), ({"LLMRING_LOG_METADATA": "0"}, {"log_metadata": True})],
    ids=["the program", "the user"],
)
def test_noting_can_be_turned_off(
    pool: Callable[..., Pool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str], settings: dict[str, Any],
) -> None:  # fmt: skip
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    one = pool(good, **settings)
    one.chat()
    asyncio.run(one.ring.close())
    assert not (tmp_path / "usage.sqlite").exists()
