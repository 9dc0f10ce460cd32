"""Many calls of an Ollama server: slots, queues, cancels, the end."""

from __future__ import annotations

import random
import threading
from queue import SimpleQueue
from typing import Any

import pytest

from LLM.exceptions import (
    LLMRateLimitError,
    LLMServerError,
)
from local_llm_kit.arguments import parse_chat
from local_llm_kit.engines.ollama import OllamaModel
from local_llm_kit.engines.protocol import Delta, Event, Failed, Finished
from tests.local.ollama.fake import (
    FakeOllama,
    Hold,
    ndjson,
    said,
)
from tests.local.ollama.support import HELLO, chat, load
from tests.local.support import told_in_a_forked_child

pytestmark = pytest.mark.slow


def start(model: OllamaModel, **arguments: Any) -> tuple[Any, SimpleQueue[list[Event]]]:
    batches: SimpleQueue[list[Event]] = SimpleQueue()
    job = model.chat(parse_chat({"messages": HELLO} | arguments, model.defaults))
    return job.start(batches.put), batches


def last(batches: SimpleQueue[list[Event]]) -> Event:
    """The end of a request."""
    while True:
        event = batches.get(timeout=20)[-1]
        if isinstance(event, (Finished, Failed)):
            return event


@pytest.mark.parametrize("pieces", [[], ndjson(said("x")[0])], ids=["reading", "writing"])
def test_a_cancelled_call_closes_its_connection(
    fake: FakeOllama, model: OllamaModel, pieces: list[bytes]
) -> None:
    hold = Hold()
    fake.script("/api/chat", *pieces, hold)
    (handle,), batches = start(model)
    assert hold.reached.wait(20)
    handle.cancel()
    handle.cancel()
    end = last(batches)
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"
    assert hold.left.wait(20)


def test_only_so_many_calls_run_and_wait(fake: FakeOllama) -> None:
    model = load(fake, n_slots=1, max_queue=1)
    hold = Hold()
    fake.script("/api/chat", hold, *ndjson(*said("first")))
    _, first = start(model)
    _, second = start(model)
    assert hold.reached.wait(20)
    assert (model.stats.n_running, model.stats.n_waiting) == (1, 1)
    with pytest.raises(LLMRateLimitError):
        start(model)
    assert len(fake.bodies("/api/chat")) == 1
    hold.release()
    assert isinstance(last(first), Finished)
    assert isinstance(last(second), Finished)
    model.close()


def test_a_call_with_more_choices_than_room_starts_none(fake: FakeOllama) -> None:
    model = load(fake, n_slots=1, max_queue=1)
    with pytest.raises(LLMRateLimitError):
        start(model, n=3)
    model.close()
    assert fake.bodies("/api/chat") == []


def test_a_waiting_call_is_cancelled_unsent(fake: FakeOllama) -> None:
    model = load(fake, n_slots=1)
    hold = Hold()
    fake.script("/api/chat", hold)
    start(model)
    (handle,), batches = start(model)
    assert hold.reached.wait(20)
    handle.cancel()
    assert isinstance(last(batches), Finished)
    model.close()
    assert len(fake.bodies("/api/chat")) == 1


def test_closing_ends_what_runs(fake: FakeOllama, model: OllamaModel) -> None:
    hold = Hold()
    fake.script("/api/chat", hold)
    _, batches = start(model)
    assert hold.reached.wait(20)
    model.close()
    model.close()
    end = last(batches)
    assert isinstance(end, Failed)
    assert isinstance(end.error, LLMServerError)
    with pytest.raises(LLMServerError, match="closed"):
        start(model)


def test_a_sink_that_asks_the_server_is_told_and_does_not_hang(model: OllamaModel) -> None:
    said_to_sink: SimpleQueue[BaseException] = SimpleQueue()

    def sink(events: list[Event]) -> None:
        try:
            model.models()
        except LLMServerError as err:
            said_to_sink.put(err)

    model.chat(parse_chat({"messages": HELLO}, model.defaults)).start(sink)
    assert "own thread" in str(said_to_sink.get(timeout=20))


def test_connections_are_used_again(fake: FakeOllama) -> None:
    model = load(fake, n_slots=1)
    for _ in range(5):
        chat(model)
    model.close()
    assert fake.n_connections == 1


def test_threads_get_each_their_own_answers(fake: FakeOllama, model: OllamaModel) -> None:
    answers: SimpleQueue[str] = SimpleQueue()

    def ask() -> None:
        answers.put(chat(model)["choices"][0]["message"]["content"])

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    assert [answers.get(timeout=20) for _ in threads] == ["Hello there"] * 16
    for thread in threads:
        thread.join()
    assert (model.stats.n_running, model.stats.n_waiting) == (0, 0)


def test_random_cancels_leak_no_slot_and_touch_no_other(fake: FakeOllama) -> None:
    model = load(fake, n_slots=4)
    rng = random.Random(7)
    texts: list[str] = []

    def ask(seed: int) -> None:
        leaves = random.Random(seed)
        for _ in range(8):
            handles, batches = start(model, n=2)
            if leaves.random() < 0.5:
                handles[leaves.randrange(2)].cancel()
            ends = 0
            while ends < 2:
                for event in batches.get(timeout=20):
                    ends += isinstance(event, (Finished, Failed))
                    texts.extend([event.text] if isinstance(event, Delta) else [])

    threads = [threading.Thread(target=ask, args=(rng.random(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(texts) == {"Hello", " there"}
    assert (model.stats.n_running, model.stats.n_waiting) == (0, 0)
    model.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_is_told_that_it_has_no_thread(model: OllamaModel) -> None:
    assert b"fork" in told_in_a_forked_child(model.models)
