"""Steps: what waits for answers, driven by blocking and by asynchronous callers alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest

from LLM.steps import nested_steps, run_steps, run_steps_async

Drive = Callable[[Generator[int, int, Any], Callable[[int], int]], Any]


def drive_async(steps: Generator[int, int, Any], answer: Callable[[int], int]) -> Any:
    async def later(question: int) -> int:
        await asyncio.sleep(0)
        return answer(question)

    return asyncio.run(run_steps_async(steps, later))


@pytest.fixture(params=[run_steps, drive_async], ids=["blocking", "async"])
def drive(request: pytest.FixtureRequest) -> Drive:
    return request.param


def twice() -> Generator[int, int, list[int]]:
    first = yield 1
    second = yield 2
    return [first, second]


def test_each_question_gets_its_answer(drive: Drive) -> None:
    assert drive(twice(), lambda question: question * 10) == [10, 20]


def test_steps_that_ask_nothing_have_their_result(drive: Drive) -> None:
    def silent() -> Generator[int, int, str]:
        return "done"
        yield 1

    assert drive(silent(), abs) == "done"


def test_what_an_answer_raises_is_raised(drive: Drive) -> None:
    def fails(question: int) -> int:
        raise KeyError(question)

    with pytest.raises(KeyError):
        drive(twice(), fails)


def test_steps_may_answer_by_steps_of_their_own(drive: Drive) -> None:
    def asked_twice(question: int) -> Generator[int, int, int]:
        return (yield question) + (yield question * 100)

    assert drive(nested_steps(twice(), asked_twice), lambda question: question + 1) == [103, 204]
