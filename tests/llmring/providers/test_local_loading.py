"""When models in this process are loaded, by whom, and until when."""

from __future__ import annotations

import asyncio
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from LLM import LLMServerError, LLMTimeoutError
from llmring.providers.local import provider as local_provider
from llmring.providers.local.provider import LocalProvider
from local_llm_kit import AsyncLLMClient
from local_llm_kit.loading import LoadOptions, plan_model
from local_llm_kit.model_files import BUNDLED
from tests.llmring.providers.local_calls import ENDLESS, call, run

pytestmark = pytest.mark.slow


class SlowLoads:
    """Loading waits until it is let go; counts those that began."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began = 0
        self.go = threading.Event()
        load = AsyncLLMClient.load_ahead

        async def slow(client: AsyncLLMClient, model: str | None = None) -> None:
            self.began += 1
            assert await asyncio.to_thread(self.go.wait, 10)
            await load(client, model)

        monkeypatch.setattr(AsyncLLMClient, "load_ahead", slow)

    async def begun(self) -> None:
        async with asyncio.timeout(10):
            while not self.began:
                await asyncio.sleep(0.001)


def test_twenty_that_ask_first_wait_for_one_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = SlowLoads(monkeypatch)

    async def ask() -> list[str]:
        provider = LocalProvider(n_slots=2)
        asked = [asyncio.create_task(provider.chat(call(max_tokens=2))) for _ in range(20)]
        await loads.begun()
        # Their waiting holds no thread, which others want for other work.
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 5) == "free"
        loads.go.set()
        answers = await asyncio.gather(*asked)
        assert [one.name for one in provider.client._catalog.loaded()] == ["tiny"]
        await provider.close()
        return [answer.content for answer in answers]

    assert len(set(run(ask()))) == loads.began == 1


def test_loading_goes_on_when_the_task_that_asked_first_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads = SlowLoads(monkeypatch)

    async def ask() -> str:
        provider = LocalProvider(n_slots=1)
        first = asyncio.create_task(provider.chat(call(max_tokens=2)))
        await loads.begun()
        second = asyncio.create_task(provider.chat(call(max_tokens=2)))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        loads.go.set()
        answer = await second
        await provider.close()
        return answer.content

    assert run(ask())
    assert loads.began == 1


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_a_model_that_is_still_loading_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    loads = SlowLoads(monkeypatch)

    async def ask() -> None:
        provider = LocalProvider(n_slots=1)
        asked = call(timeout_s=0.01)
        try:
            await (provider.stream(asked).response if streamed else provider.chat(asked))
        finally:
            loads.go.set()
            await provider.close()

    with pytest.raises(LLMTimeoutError, match=r"'tiny' was not loaded within 0\.01 seconds; that"):
        run(ask())


def test_what_loading_took_is_taken_of_the_calls_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=iter([0.0, 59.99]).__next__)
    monkeypatch.setattr(local_provider, "time", clock)

    async def ask() -> None:
        provider = LocalProvider(n_slots=1)
        try:
            await provider.chat(call(extra=ENDLESS, timeout_s=60))
        finally:
            await provider.close()

    with pytest.raises(LLMTimeoutError, match=r"within 0\.01 seconds \(deadline: total\)"):
        run(ask())


def test_threads_with_loops_of_their_own_share_the_model() -> None:
    provider, answers = LocalProvider(n_slots=2), []

    def ask() -> None:
        answers.append(run(provider.chat(call(max_tokens=3))).content)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 3
    assert len(set(answers)) == 1
    assert len(provider.client._catalog.loaded()) == 1
    run(provider.close())


def test_closing_unloads_and_may_be_done_twice() -> None:
    async def close() -> tuple[str, str]:
        provider = LocalProvider(n_slots=1)
        client, before = provider.client, await provider.chat(call(max_tokens=2))
        await provider.close()
        await provider.close()
        with pytest.raises(LLMServerError, match="closed"):
            await client.load()
        after = await provider.chat(call(max_tokens=2))
        await provider.close()
        return before.content, after.content

    before, after = run(close())
    assert before == after


def test_the_environments_model_is_not_loaded_for_anothers_sake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOCAL_LLM_KIT_MODEL_PATH", "/nowhere/model.gguf")

    async def ask() -> str:
        provider = LocalProvider(n_slots=1)
        answer = await provider.chat(call(max_tokens=1))
        await provider.close()
        return answer.model

    assert run(ask()) == "tiny"


def test_all_models_share_one_memory_budget(tmp_path: Path) -> None:
    other = shutil.copy(BUNDLED["tiny"], tmp_path / "boat.gguf")
    planned = plan_model("tiny", LoadOptions(n_slots=1))
    assert planned is not None
    budget = planned.total_bytes * 3 // 2

    async def ask() -> list[str]:
        # There is room for one of them.
        provider = LocalProvider(n_slots=1, memory_budget=budget)
        await provider.chat(call(max_tokens=1))
        answer = await provider.chat(call(max_tokens=1, model=str(other)))
        loaded = [one.name for one in provider.client._catalog.loaded()]
        await provider.close()
        return [answer.model, *loaded]

    assert run(ask()) == ["boat", str(other)]
