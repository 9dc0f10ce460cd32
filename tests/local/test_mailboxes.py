"""Events on their way to who waits for them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from LLM.exceptions import LLMAPIError
from local_llm_kit.backends import Job
from local_llm_kit.mailboxes import MAX_TAKEN, Mailboxes


class Told:
    """An answer that notes how many events it is given at a time."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def feed(self, events: list[Any]) -> list[Any]:
        self.counts.append(len(events))
        return []


def test_who_is_far_behind_leaves_the_loop_to_others() -> None:
    async def catch_up() -> tuple[list[int], int]:
        answer: Any = Told()
        event: Any = SimpleNamespace(tag=SimpleNamespace(answer=answer))
        delivery = Mailboxes().start(Job(answer, lambda post: post([event] * 1000) or ()))
        n_turns = 0

        async def other() -> None:
            nonlocal n_turns
            while True:
                n_turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        while sum(answer.counts) < 1000:
            await delivery.step()
        task.cancel()
        return answer.counts, n_turns

    counts, n_turns = asyncio.run(catch_up())
    assert max(counts) == MAX_TAKEN
    assert n_turns >= len(counts)


def test_who_waits_is_told_when_another_task_closes() -> None:
    async def closed_meanwhile() -> None:
        answer: Any = Told()
        answer.done = False
        delivery = Mailboxes().start(Job(answer, lambda _: []))
        reader = asyncio.create_task(delivery.step())
        await asyncio.sleep(0)
        await asyncio.to_thread(delivery.close)
        await asyncio.wait_for(reader, 30)

    with pytest.raises(LLMAPIError, match="left while it was waited for"):
        asyncio.run(closed_meanwhile())


def test_who_begins_to_wait_for_what_was_left_is_told() -> None:
    async def closed_before() -> None:
        answer: Any = Told()
        answer.done = False
        delivery = Mailboxes().start(Job(answer, lambda _: []))
        delivery.close()
        await asyncio.wait_for(delivery.step(), 30)

    with pytest.raises(LLMAPIError, match="left while it was waited for"):
        asyncio.run(closed_before())
