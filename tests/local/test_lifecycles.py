"""Beginnings and ends: loading within a deadline, closing in the middle, calls after the end."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from queue import SimpleQueue
from typing import Any

import pytest

from LLM import LLMConfigError, LLMServerError, LLMTimeoutError
from local_llm_kit import AsyncLLMClient, LLMClient, catalog, deadlines, pool
from local_llm_kit.backends import Backend
from tests.local.pools import make_pool
from tests.local.test_client_surface import ENDLESS

pytestmark = pytest.mark.slow


class Clock:
    """Stands for the module `time` where deadlines read it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_loading_takes_of_a_calls_time(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, load = Clock(), catalog.load_model

    def load_slowly(*args: Any, **options: Any) -> Backend:
        clock.now += 100
        return load(*args, **options)

    monkeypatch.setattr(deadlines, "time", clock)
    monkeypatch.setattr(catalog, "load_model", load_slowly)
    with LLMClient("tiny", n_slots=1) as client:
        assert client._catalog._pool.unload("tiny")
        with pytest.raises(LLMTimeoutError, match="within 99 seconds"):
            list(client.chat.completions.create(**ENDLESS, stream=stream, timeout=99))


def test_a_client_is_closed_in_the_middle_of_many_embeddings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = LLMClient("tiny", n_slots=1)
    with client._catalog.lease(None) as model:
        engine: Any = model.engine  # type: ignore[attr-defined]  # of this back end alone
    begun, embed = threading.Event(), engine._embed

    def embed_a_part(prompts: Any) -> Any:
        begun.set()
        assert len(prompts) < 100
        return embed(prompts)

    monkeypatch.setattr(engine, "_embed", embed_a_part)
    closing = threading.Thread(target=lambda: begun.wait(10) and client.close())
    closing.start()
    with pytest.raises(LLMServerError, match="closed"):
        client.embeddings.create(input=[[5] * 100] * 2048)
    closing.join(10)
    assert not closing.is_alive()


def test_a_keep_alive_of_centuries_can_be_waited_for() -> None:
    model_pool = make_pool(keep_alive_s=1e12)
    model_pool.lease("1").release()
    alarm: SimpleQueue[bool] = SimpleQueue()
    for rings in (True, False):
        alarm.put(rings)
    pool._keep(weakref.ref(model_pool), alarm)
    assert alarm.empty()


def test_a_stream_is_read_in_the_loop_that_began_it() -> None:
    client = AsyncLLMClient("tiny", n_slots=1)
    stream = asyncio.run(client.chat.completions.create(**ENDLESS, stream=True))
    with pytest.raises(LLMConfigError, match="begun in another event loop"):
        asyncio.run(asyncio.wait_for(anext(stream), 10))
    asyncio.run(client.close())


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_lease_whose_release_was_interrupted_ends_when_it_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model_pool = make_pool()
    lease = model_pool.lease("1")
    with monkeypatch.context() as patch:
        patch.setattr(model_pool._residents, "release", interrupt)
        with pytest.raises(KeyboardInterrupt):
            lease.release()
    del lease
    gc.collect()
    assert model_pool.loaded()[0].n_leases == 0


def test_a_lease_that_was_interrupted_as_it_began_holds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model_pool = make_pool()
    model_pool.lease("1").release()
    with monkeypatch.context() as patch:
        patch.setattr(model_pool._residents.changed, "notify_all", interrupt)
        with pytest.raises(KeyboardInterrupt):
            model_pool.lease("1")
    gc.collect()
    assert model_pool.loaded()[0].n_leases == 0
    assert model_pool.unload("1")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_ctrl_c_while_a_model_is_closed_leaves_nobody_waiting(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_pool = make_pool()
    lease = model_pool.lease("1")
    lease.release()
    close, presses = lease.model.close, iter([True])

    def close_interrupted() -> None:
        if moment == "after":
            close()
        if next(presses, False):
            raise KeyboardInterrupt
        close()

    monkeypatch.setattr(lease.model, "close", close_interrupted)
    with pytest.raises(KeyboardInterrupt):
        model_pool.unload("1")
    assert model_pool.loaded() == []
    assert lease.model.closed.is_set()
    model_pool.close()


def test_ctrl_c_before_a_model_is_loaded_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model_pool = make_pool()
    claim = model_pool._residents.claim
    with monkeypatch.context() as patch:
        patch.setattr(model_pool._residents, "claim", lambda entry: interrupt(claim(entry)))
        with pytest.raises(KeyboardInterrupt):
            model_pool.lease("1")
    assert model_pool.loaded() == []
    model_pool.lease("1").release()
