"""Work that many tasks wait for and one does."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

from LLM import LLMServerError, LLMTimeoutError
from llmring.providers.single_flight import SingleFlight


class Work:
    """Work that waits to be let go, and then gives its key, or fails."""

    def __init__(self, fails: bool = False) -> None:
        self.done: list[str] = []
        self.go = asyncio.Event()
        self._fails = fails

    async def __call__(self, key: str) -> str:
        await self.go.wait()
        self.done.append(key)
        if self._fails:
            raise LLMServerError("the work failed")
        return key.upper()


def test_all_who_ask_meanwhile_get_one_result_and_later_ones_another() -> None:
    async def run() -> tuple[list[str], list[str]]:
        work = Work()
        flight = SingleFlight(work)
        asked = [asyncio.create_task(flight.result(key, 5, "late")) for key in "aab"]
        await asyncio.sleep(0)
        work.go.set()
        found = await asyncio.gather(*asked)
        found.append(await flight.result("a", 5, "late"))
        return found, sorted(work.done)

    assert asyncio.run(run()) == (["A", "A", "B", "A"], ["a", "a", "b"])


def test_all_who_wait_get_the_error_and_the_next_tries_again() -> None:
    async def run() -> list[Any]:
        work = Work(fails=True)
        work.go.set()
        flight = SingleFlight(work)
        asked = [flight.result("a", 5, "late") for _ in range(3)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        with pytest.raises(LLMServerError):
            await flight.result("a", 5, "late")
        return [*map(type, found), len(work.done)]

    assert asyncio.run(run()) == [LLMServerError] * 3 + [2]


def test_who_waits_too_long_leaves_and_the_work_goes_on() -> None:
    async def run() -> list[str]:
        work = Work()
        flight = SingleFlight(work)
        with pytest.raises(LLMTimeoutError, match=r"^it is late within 0\.01 seconds; that goes"):
            await flight.result("a", 0.01, "it is late")
        work.go.set()
        await flight.result("a", 5, "late")
        return work.done

    assert asyncio.run(run()) == ["a"]


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True], ids=["result", "error"])
def test_nothing_is_complained_of_when_nobody_waits_any_more(fails: bool) -> None:
    complaints: list[Any] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        work = Work(fails)
        asked = asyncio.create_task(SingleFlight(work).result("a", 5, "late"))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        work.go.set()
        while not work.done:
            await asyncio.sleep(0)
        del asked, work

    asyncio.run(run())
    gc.collect()
    assert complaints == []


def test_a_timeout_of_the_works_own_is_not_taken_for_the_callers() -> None:
    async def fail(key: str) -> str:
        raise TimeoutError(key)

    with pytest.raises(TimeoutError, match=r"^a$"):
        asyncio.run(SingleFlight(fail).result("a", 5, "late"))


def test_each_loop_does_its_own_and_forgets_those_that_have_ended() -> None:
    async def work(key: str) -> int:
        return threading.get_ident()

    async def stuck(key: str) -> int:
        await asyncio.Event().wait()
        return 0

    flight: SingleFlight[int] = SingleFlight(stuck)
    with pytest.raises(LLMTimeoutError):
        asyncio.run(flight.result("a", 0.01, "late"))
    flight._work = work
    assert asyncio.run(flight.result("a", 5, "late")) == threading.get_ident()
    assert flight._flights == {}
