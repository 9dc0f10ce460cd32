"""`AsyncLLMClient`: the twin for coroutines."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Any

import pytest

from LLM import LLMConfigError, LLMServerError, LLMTimeoutError
from LLM.async_streaming import AsyncStream
from LLM.streaming import Stream
from local_llm_kit import AsyncLLMClient, InvalidRequestError, LLMClient, ModelNotFoundError
from tests.local.support import slow_down

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]


@pytest.fixture(scope="module")
def shared() -> Iterator[AsyncLLMClient]:
    """One model, used from the loop of every test: each has its own."""
    client = AsyncLLMClient("tiny")
    yield client
    asyncio.run(client.close())


def run(use: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(asyncio.wait_for(use(), 60))  # type: ignore[arg-type]


async def until_idle(client: AsyncLLMClient) -> int:
    """Tokens generated until nothing ran any more."""
    async with asyncio.timeout(10):
        while client.stats.n_running:
            await asyncio.sleep(0.001)
    return client.stats.n_generated


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.001)


def endless(client: LLMClient | AsyncLLMClient) -> dict[str, Any]:
    """Arguments of a call that goes on to the end of the window: nothing that ends is allowed."""
    return {"messages": HELLO, "logit_bias": {0: -100.0, 1: -100.0, 2: -100.0}, "temperature": 1.5}


def methods(cls: type) -> dict[str, list[str]]:
    """Public methods and properties of a class, each with its parameters' names."""
    members = {n: m for n, m in inspect.getmembers(cls) if not n.startswith("_")}
    return {
        name: list(inspect.signature(member).parameters) if callable(member) else []
        for name, member in members.items()
    }


@pytest.mark.parametrize("place", ["", "chat.completions", "completions", "embeddings",
                                   "decisions", "models"])  # fmt: skip
def test_the_twins_have_the_same_methods(
    client: LLMClient, shared: AsyncLLMClient, place: str
) -> None:
    one, other = client, shared
    for name in filter(None, place.split(".")):
        one, other = getattr(one, name), getattr(other, name)
    assert methods(type(one)) == methods(type(other))


def test_the_twins_are_made_alike() -> None:
    assert inspect.signature(LLMClient) == inspect.signature(AsyncLLMClient)


def test_the_twins_streams_have_the_same_methods() -> None:
    assert methods(Stream).keys() - {"close"} == methods(AsyncStream).keys() - {"aclose"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_same_seed_gives_both_the_same_answer(
    client: LLMClient, shared: AsyncLLMClient, stream: bool
) -> None:
    arguments: dict[str, Any] = {"messages": HELLO, "seed": 11, "max_tokens": 20, "n": 2}

    async def ask() -> Any:
        answer = await shared.chat.completions.create(**arguments, stream=stream)
        return await answer.response if isinstance(answer, AsyncStream) else answer

    expected = client.chat.completions.create(**arguments)
    assert [choice.message.content for choice in run(ask).choices] == [
        choice.message.content for choice in expected.choices
    ]


def test_a_text_completion_streams(client: LLMClient, shared: AsyncLLMClient) -> None:
    async def ask() -> str:
        stream = await shared.completions.create(
            prompt="One, two,", temperature=0, max_tokens=8, stream=True
        )
        return "".join([text async for text in stream.iter_text()])

    expected = client.completions.create(prompt="One, two,", temperature=0, max_tokens=8)
    assert run(ask) == expected.text


def test_decisions_embeddings_and_counts_are_the_twins(
    client: LLMClient, shared: AsyncLLMClient
) -> None:
    questions = [{"type": "choice", "instructions": "Which?",
                  "choices": [{"value": "red"}, {"value": "blue"}]}]  # fmt: skip

    async def ask() -> tuple[Any, Any, int, list[str], Any]:
        return (
            await shared.decisions.create(input="A red boat.", questions=questions),
            await shared.embeddings.create(input="A red boat."),
            await shared.count_tokens(HELLO),
            [model.id for model in (await shared.models.list()).data],
            await shared.models.retrieve("tiny"),
        )

    decision, embedded, n_tokens, names, model = run(ask)
    expected = client.decisions.create(input="A red boat.", questions=questions)
    assert [one.probability for one in decision.answers[0].probabilities] == pytest.approx(
        [one.probability for one in expected.answers[0].probabilities],  # type: ignore[union-attr]
        abs=0.02,
    )
    assert embedded.data[0].embedding == pytest.approx(
        client.embeddings.create(input="A red boat.").data[0].embedding, abs=1e-3
    )
    assert n_tokens == client.count_tokens(HELLO)
    assert names == [model.id for model in client.models.list().data]
    assert model == client.models.retrieve("tiny")


def test_a_stream_is_left_early_and_frees_its_slot(shared: AsyncLLMClient) -> None:
    async def leave() -> int:
        async with await shared.chat.completions.create(**endless(shared), stream=True) as stream:
            async for _ in stream:
                break
        assert [chunk async for chunk in stream] == []
        before = shared.stats.n_generated
        return await until_idle(shared) - before

    assert run(leave) < 10


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_cancelling_the_task_frees_the_slot(shared: AsyncLLMClient, stream: bool) -> None:
    async def ask() -> None:
        answer = await shared.chat.completions.create(**endless(shared), stream=stream)
        async for _ in answer:
            continue

    async def cancel() -> int:
        task = asyncio.create_task(ask())
        while not shared.stats.n_running:
            await asyncio.sleep(0.001)
        task.cancel()
        before = shared.stats.n_generated
        with pytest.raises(asyncio.CancelledError):
            await task
        return await until_idle(shared) - before

    assert run(cancel) < 20


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_cancelling_a_call_that_is_prepared_ends_the_summary_for_it(
    monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    long = [{"role": "user", "content": f"The number {i} is here."} for i in range(200)]

    async def cancel() -> None:
        async with AsyncLLMClient("tiny", context_length=1024, n_slots=1) as client:
            slow_down(*client._catalog.loaded_models(), monkeypatch)
            create = client.chat.completions.create
            first = asyncio.create_task(create(**endless(client)))
            await until(lambda: client.stats.n_running == 1)
            task = asyncio.create_task(create(messages=long, overflow="summarise", stream=stream))
            await until(lambda: client.stats.n_waiting == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: client.stats.n_waiting == 0)
            assert not first.done(), "the summary waited for its turn until it was given up"
            first.cancel()

    run(cancel)


def test_many_calls_run_at_once_in_two_loops(client: LLMClient, shared: AsyncLLMClient) -> None:
    async def ask(text: str) -> str:
        answer = await shared.chat.completions.create(
            messages=[{"role": "user", "content": text}], temperature=0, max_tokens=12
        )
        return str(answer.text)

    async def ask_all() -> list[str]:
        return list(await asyncio.gather(*map(ask, texts)))

    texts = [f"Say the word number{i}" for i in range(12)]
    answers: list[list[str]] = []
    threads = [threading.Thread(target=lambda: answers.append(run(ask_all))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 2
    assert [len(answer) for answer in answers] == [12, 12]
    assert all(answer for one in answers for answer in one)


def test_the_loop_wakes_once_a_step_whatever_the_number_of_calls(
    shared: AsyncLLMClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def count() -> tuple[int, int]:
        loop, n_wakes = asyncio.get_running_loop(), 0
        original = loop.call_soon_threadsafe

        def counted(callback: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal n_wakes
            n_wakes += getattr(callback, "__name__", "") == "_deliver"
            return original(callback, *args, **kwargs)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        before = shared.stats.n_steps
        call = shared.chat.completions.create
        await asyncio.gather(*[call(**endless(shared), max_tokens=50) for _ in range(8)])
        return n_wakes, shared.stats.n_steps - before

    n_wakes, n_steps = run(count)
    assert n_wakes <= n_steps


def test_many_tasks_with_random_cancels_leave_nothing_behind(shared: AsyncLLMClient) -> None:
    random = Random(7)

    async def read(n_chunks: int) -> str:
        stream = await shared.chat.completions.create(
            messages=HELLO, temperature=0, max_tokens=30, stream=True
        )
        async for _ in stream:
            n_chunks -= 1
            if n_chunks == 0:
                asyncio.current_task().cancel()  # type: ignore[union-attr]
        return str(stream.text)

    async def read_all() -> list[Any]:
        tasks = [asyncio.create_task(read(random.choice([1, 3, 100]))) for _ in range(80)]
        for task in random.sample(tasks, 20):
            await asyncio.sleep(0.001)
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await until_idle(shared)
        return results

    results = run(read_all)
    texts = {one for one in results if isinstance(one, str)}
    assert len(texts) == 1
    assert all(isinstance(one, (str, asyncio.CancelledError)) for one in results)
    assert [one.n_leases for one in shared._catalog._pool.loaded()] == [0]


def test_closing_the_client_ends_what_runs() -> None:
    async def close() -> None:
        client = AsyncLLMClient("tiny", n_slots=1)
        stream = await client.chat.completions.create(**endless(client), stream=True)
        await anext(stream)
        await client.close()
        with pytest.raises(LLMServerError, match="closed"):
            await stream.response

    run(close)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_timeout_stops_the_work(shared: AsyncLLMClient, stream: bool) -> None:
    async def ask() -> None:
        answer = await shared.chat.completions.create(
            **endless(shared), stream=stream, timeout=1e-6
        )
        await answer.response

    async def time_out() -> int:
        with pytest.raises(LLMTimeoutError) as caught:
            await ask()
        assert caught.value.deadline == ("first_byte" if stream else "total")
        before = shared.stats.n_generated
        return await until_idle(shared) - before

    assert run(time_out) < 20


def test_errors_are_the_twins(shared: AsyncLLMClient) -> None:
    async def ask() -> None:
        with pytest.raises(InvalidRequestError, match="temperature is 3"):
            await shared.chat.completions.create(messages=HELLO, temperature=3)
        with pytest.raises(InvalidRequestError, match="unknown argument 'colour'"):
            await shared.chat.completions.create(messages=HELLO, colour="red")

    run(ask)


def test_the_model_is_loaded_by_the_first_call_and_closed_at_the_end() -> None:
    async def use() -> None:
        client = AsyncLLMClient("tiny", context_length=256, n_slots=1)
        assert repr(client) == "AsyncLLMClient('tiny', not loaded)"
        with pytest.raises(LLMConfigError, match="not loaded"):
            client.info  # noqa: B018
        assert await client.count_tokens("Hello") > 0
        assert repr(client) == "AsyncLLMClient('tiny', context_length=256)"
        async with client:
            assert client.info.context_length == 256
        with pytest.raises(LLMServerError, match="closed"):
            await client.chat.completions.create(messages=HELLO)

    run(use)


def test_a_model_that_is_not_there_is_told_when_it_is_loaded() -> None:
    client = AsyncLLMClient("nowhere.gguf")
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        run(client.load)


def test_a_stream_left_open_when_its_loop_ends_frees_its_slot(shared: AsyncLLMClient) -> None:
    async def leave() -> Any:
        stream = await shared.chat.completions.create(**endless(shared), stream=True)
        await anext(stream)
        return stream

    stream = run(leave)
    run(lambda: until_idle(shared))
    assert "open" in repr(stream)
