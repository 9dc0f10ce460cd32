"""A call as a coroutine, and read without one: `await ring.chat(…)`, `ring.chat(…).content`."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from llmring import LLMResponse, LLMRing, Pending
from llmring.exceptions import ConfigurationError, ProviderServerError
from llmring.pending import PendingResponse
from tests.llmring.pools import MESSAGES, Pool, good, refusal
from tests.remote.scripted_server import hang


@pytest.fixture
def answering(pool: Any) -> Pool:
    return pool(good)


@pytest.fixture
def ring(answering: Pool) -> LLMRing:
    return answering.ring


def ask(ring: LLMRing) -> Pending[LLMResponse]:
    return ring.chat("pool", messages=MESSAGES)


@pytest.fixture
def call(ring: LLMRing) -> Iterator[Pending[LLMResponse]]:
    """A call that need not be awaited."""
    made = ask(ring)
    yield made
    made.close()


def test_a_field_that_is_read_waits_for_the_answer(ring, answering):
    call = ask(ring)
    assert (call.content, call.total_tokens, call.model) == ("Hello!", 5, "openai:gpt-x")
    assert call.model_dump()["finish_reason"] == "stop"
    assert answering.n_requests == [1]


async def _awaited(call: Pending[LLMResponse]) -> LLMResponse:
    return await call


async def _task(call: Pending[LLMResponse]) -> LLMResponse:
    return await asyncio.create_task(call)


async def _gathered(call: Pending[LLMResponse]) -> LLMResponse:
    first, second = await asyncio.gather(call, call)
    assert first is second
    return first


async def _waited_for(call: Pending[LLMResponse]) -> LLMResponse:
    return await asyncio.wait_for(call, 5)


async def _shielded(call: Pending[LLMResponse]) -> LLMResponse:
    return await asyncio.shield(call)


async def _waited(call: Pending[LLMResponse]) -> LLMResponse:
    done, _ = await asyncio.wait([asyncio.ensure_future(call)])
    return done.pop().result()


async def _grouped(call: Pending[LLMResponse]) -> LLMResponse:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(call)
    return task.result()


async def _threadsafe(call: Pending[LLMResponse]) -> LLMResponse:
    future = asyncio.run_coroutine_threadsafe(call, asyncio.get_running_loop())
    return await asyncio.wrap_future(future)


WAYS = [_awaited, _task, _gathered, _waited_for, _shielded, _waited, _grouped, _threadsafe]
ways = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))


@ways
def test_it_is_awaited_as_coroutines_are(answering, way):
    response = answering.run(lambda: way(ask(answering.ring)))
    assert (response.content, answering.n_requests) == ("Hello!", [1])


@ways
def test_awaiting_again_gives_the_same_answer(answering, way):
    async def main() -> bool:
        call = ask(answering.ring)
        return await way(call) is await _awaited(call) is await _task(call) is call.result()

    assert answering.run(main)
    assert answering.n_requests == [1]


@ways
def test_awaiting_again_raises_the_same_error(pool, way):
    failing = pool(refusal(500), rounds=1)

    async def main() -> list[BaseException]:
        call = ask(failing.ring)
        again = [way(call), _awaited(call), _task(call)]
        return [(await asyncio.gather(one, return_exceptions=True))[0] for one in again]

    errors = failing.run(main)
    inner = [getattr(error, "exceptions", [error])[0] for error in errors]
    assert isinstance(inner[0], ProviderServerError)
    assert inner[0] is inner[1] is inner[2]
    assert failing.n_requests == [1]


def test_it_is_what_asyncio_run_takes(ring, answering):
    call = ask(ring)
    assert isinstance(call, Coroutine)
    assert asyncio.run(call).content == "Hello!"


def test_reading_again_after_a_failure_raises_it_again(pool):
    call = ask(pool(refusal(500), rounds=1).ring)
    errors = []
    for _ in range(2):
        with pytest.raises(ProviderServerError) as caught:
            _ = call.content
        errors.append(caught.value)
    assert errors[0] is errors[1]


def test_reading_in_a_loop_says_to_await(call, answering):
    async def main() -> str:
        with pytest.raises(ConfigurationError, match=r"chat\('pool'\) was not awaited.*await"):
            _ = call.content
        return (await call).content

    assert answering.run(main) == "Hello!"
    assert call.content == "Hello!"


def test_two_tasks_cannot_await_one_call(answering):
    async def main() -> list[Any]:
        call = ask(answering.ring)
        tasks = [asyncio.create_task(call) for _ in range(2)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    answer, error = answering.run(main)
    assert (answer.content, answering.n_requests) == ("Hello!", [1])
    assert isinstance(error, ConfigurationError)
    assert "being awaited elsewhere" in error.message


def test_threads_that_read_one_call_make_it_once(pool):
    held = threading.Event()

    def answer(request: Any) -> Any:
        return [lambda connection: held.wait(5), good(request)]

    asked = pool(answer)
    call = ask(asked.ring)

    def read() -> str:
        try:
            return str(call.content)
        except ConfigurationError as err:
            held.set()
            return err.message

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: read(), range(8)))
    assert (asked.n_requests, call.content) == ([1], "Hello!")
    assert all(text == "Hello!" or "being awaited elsewhere" in text for text in told)


def test_a_cancelled_call_says_so_when_it_is_awaited_again(pool):
    silent = pool([hang])

    async def main() -> None:
        call = ask(silent.ring)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, 0.05)
        with pytest.raises(ConfigurationError, match="was cancelled"):
            await call

    silent.run(main)


def test_a_task_that_is_cancelled_before_it_began_sends_nothing(answering):
    async def main() -> None:
        task = asyncio.create_task(ask(answering.ring))
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    answering.run(main)
    assert answering.n_requests == [0]


def test_a_call_that_nobody_awaits_warns(ring, answering):
    with pytest.warns(RuntimeWarning, match=r"chat\('pool'\) was never awaited.*nothing was sent"):
        ask(ring)
    assert answering.n_requests == [0]


def test_looking_at_a_call_sends_nothing(call, answering):
    assert repr(call) == "<chat('pool'): not awaited>"
    assert "content" in dir(call)
    assert "model_dump" in dir(call)
    for name in ("cr_code", "cr_running", "gi_frame", "_repr_html_", "__len__", "contnt", "shape"):
        assert not hasattr(call, name)
    assert not isinstance(call, LLMResponse)
    assert bool(call)
    assert answering.n_requests == [0]


def test_what_an_answer_has_not_is_named(call):
    with pytest.raises(AttributeError, match="'contnt'"):
        _ = call.contnt


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_call_has_no_copy_but_its_answer_has(ring, copied):
    call = ask(ring)
    with pytest.raises(TypeError, match=r"chat\('pool'\) is a call"):
        copied(call)
    assert call.content == "Hello!"
    assert copied(call.result())


def test_a_task_is_shown_by_the_call_that_it_makes(answering):
    async def main() -> str:
        task = asyncio.create_task(ask(answering.ring))
        shown = repr(task)
        await task
        return shown

    assert "chat('pool')" in answering.run(main)


def test_a_closed_call_is_not_made(ring, answering):
    call = ask(ring)
    call.close()
    call.close()
    with pytest.raises(ConfigurationError, match="was cancelled"):
        _ = call.content
    assert answering.n_requests == [0]


def test_states_are_shown(pool):
    ring = pool((good, refusal(400))).ring
    answered, failed = ask(ring), ask(ring)
    answered.result()
    with pytest.raises(Exception, match="400"):
        failed.result()
    assert (repr(answered), repr(failed)) == ("<chat('pool'): answered>", "<chat('pool'): failed>")


def test_a_call_awaited_in_another_loop_uses_connections_of_its_own(answering):
    assert asyncio.run(ask(answering.ring)).content == "Hello!"
    assert ask(answering.ring).content == "Hello!"
    assert asyncio.run(ask(answering.ring)).content == "Hello!"
    assert answering.n_requests == [3]


def test_type_checkers_know_every_field_of_an_answer_of_a_call_that_is_not_awaited() -> None:
    told = {name for name in dir(LLMResponse) if name in ("total_tokens", "to_message")}
    assert set(PendingResponse.__annotations__) == {*LLMResponse.model_fields, *told}


def test_a_library_types_what_it_reads_of_calls(ring: LLMRing) -> None:
    def summary() -> str:  # mypy checks that it is
        return ring.chat_with_alias("pool", MESSAGES).content

    def status() -> str:
        return ring.calculate_cost(ring.chat("pool", messages=MESSAGES)).status

    def words() -> list[str]:
        return [chunk.delta for chunk in ring.chat_with_alias("pool", MESSAGES, stream=True)]

    assert summary() == "".join(words())
    assert status() == "model_not_in_registry"
