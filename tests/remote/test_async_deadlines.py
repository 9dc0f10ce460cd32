"""One timer for many deadlines: each call ends at its own, and only its own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from LLM.async_transport_deadline import Deadlines


async def pause(seconds: float) -> None:
    """Some time of the loop's own: `asyncio.sleep` takes none in these tests."""
    over = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, over.set_result, None)
    await over


async def stay(deadlines: Deadlines, seconds: float) -> float:
    """Seconds until the deadline ends an endless wait."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(TimeoutError), deadlines.within(seconds):
        await loop.create_future()
    return loop.time() - start


def test_each_deadline_ends_its_own_task() -> None:
    async def main() -> Any:
        deadlines = Deadlines(asyncio.get_running_loop())
        waits = [0.02, 0.05, 0.02, 0.05]
        passed = await asyncio.gather(*[stay(deadlines, seconds) for seconds in waits])
        return zip(waits, passed, strict=True)

    assert all(seconds <= passed for seconds, passed in asyncio.run(main()))


def test_a_later_call_of_the_same_length_has_all_its_time() -> None:
    async def main() -> float:
        deadlines = Deadlines(asyncio.get_running_loop())
        with deadlines.within(0.5):
            await pause(0.05)
        return await stay(deadlines, 0.5)

    assert asyncio.run(main()) >= 0.5


def test_a_block_left_in_time_is_left_alone() -> None:
    async def main() -> int:
        deadlines = Deadlines(asyncio.get_running_loop())
        with deadlines.within(0.01):
            pass
        await pause(0.03)
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling() + len(deadlines._running)

    assert asyncio.run(main()) == 0


def test_a_cancellation_from_outside_is_no_timeout() -> None:
    async def main() -> None:
        deadlines = Deadlines(asyncio.get_running_loop())
        task = asyncio.create_task(stay(deadlines, 5.0))
        await asyncio.sleep(0)
        # As when the deadline passes and somebody else cancels in the same turn of the loop.
        next(iter(deadlines._running[5.0])).pass_()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_an_error_of_the_block_goes_through() -> None:
    async def main() -> None:
        with pytest.raises(KeyError), Deadlines(asyncio.get_running_loop()).within(1):
            raise KeyError

    asyncio.run(main())


def test_ever_new_lengths_leave_no_timers_behind() -> None:
    async def main() -> int:
        deadlines = Deadlines(asyncio.get_running_loop())
        with deadlines.within(1000.0):
            for n in range(1, 1000):
                with deadlines.within(float(n)):
                    pass
        return len(deadlines._running)

    assert asyncio.run(main()) <= 100


def test_a_deadline_holds_among_many_other_lengths() -> None:
    async def main() -> float:
        deadlines = Deadlines(asyncio.get_running_loop())
        for n in range(1, 1000):
            with deadlines.within(float(n)):
                pass
        return await stay(deadlines, 0.02)

    assert asyncio.run(main()) >= 0.02
