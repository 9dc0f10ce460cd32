"""Circuit breakers, on a clock that tests turn."""

from __future__ import annotations

import asyncio
import threading

import pytest

from LLM.exceptions import LLMServerError
from LLM.retry import RetryPolicy
from llmring.attempts import Attempts
from llmring.breaker import MAX_PAUSE_S, CircuitBreaker
from llmring.exceptions import CircuitBreakerError
from llmring.failover import Answered, Failover
from tests.llmring.pools import MESSAGES, MODELS, Pool, cut, good, refusal
from tests.remote.scripted_server import hang


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock=clock)


def fail(breaker: CircuitBreaker, times: int = 1, retry_after: float | None = None) -> None:
    for _ in range(times):
        admission = breaker.admit()
        assert admission is not None
        admission.failed(retry_after)


def test_three_failures_in_a_row_open_it_for_ten_seconds(breaker, clock):
    fail(breaker, 2)
    assert not breaker.is_open
    fail(breaker)
    assert (breaker.is_open, breaker.failure_count, breaker.retry_after) == (True, 3, 10.0)
    clock.now = 9.9
    assert breaker.admit() is None
    clock.now = 10.0
    assert breaker.admit() is not None


def test_a_success_begins_the_count_anew(breaker):
    fail(breaker, 2)
    breaker.admit().succeeded()
    fail(breaker, 2)
    assert not breaker.is_open


def test_failures_of_one_call_count_once(breaker):
    admission = breaker.admit()
    assert [admission.failed() for _ in range(5)] == [False] * 5
    assert breaker.failure_count == 1


def test_the_failure_that_opens_it_says_so(breaker):
    assert [breaker.admit().failed() for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    ("asked", "pause"), [(3.0, 10.0), (30.0, 30.0), (1e9, MAX_PAUSE_S)], ids=str
)
def test_the_pause_is_as_long_as_the_provider_asks_within_bounds(breaker, asked, pause):
    fail(breaker, 3, asked)
    assert breaker.retry_after == pause


def test_one_probe_closes_it_or_opens_it_again(breaker, clock):
    fail(breaker, 3)
    clock.now = 10.0
    fail(breaker)
    assert (breaker.retry_after, breaker.failure_count) == (10.0, 4)
    clock.now = 20.0
    breaker.admit().succeeded()
    assert (breaker.is_open, breaker.failure_count) == (False, 0)


def test_a_probe_that_is_given_back_goes_to_the_next(breaker, clock):
    fail(breaker, 3)
    clock.now = 10.0
    probe = breaker.admit()
    assert breaker.admit() is None
    probe.released()
    assert breaker.retry_after == 0.0
    assert breaker.admit() is not None


def test_a_probe_that_is_lost_holds_the_next_up_for_one_pause(breaker, clock):
    fail(breaker, 3)
    clock.now = 10.0
    assert breaker.admit() is not None
    assert (breaker.admit(), breaker.retry_after) == (None, 10.0)
    clock.now = 20.0
    assert breaker.admit() is not None


def test_who_is_no_probe_gives_none_back(breaker, clock):
    early = breaker.admit()
    fail(breaker, 3)
    clock.now = 10.0
    assert breaker.admit() is not None
    early.released()
    assert breaker.admit() is None


def test_calls_that_began_before_do_not_make_the_pause_longer(breaker, clock):
    early = [breaker.admit() for _ in range(50)]
    fail(breaker, 3)
    clock.now = 9.0
    assert not any(admission.failed() for admission in early)
    assert breaker.retry_after == 1.0


def test_threads_share_one_probe(breaker, clock):
    fail(breaker, 3)
    clock.now = 10.0
    start, admitted = threading.Barrier(16), []

    def probe() -> None:
        start.wait()
        admitted.append(breaker.admit())

    threads = [threading.Thread(target=probe) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admission is not None for admission in admitted) == 1


def test_failures_of_many_threads_are_all_counted(breaker):
    def work() -> None:
        for _ in range(200):
            if (admission := breaker.admit()) is not None:
                admission.failed()

    breaker._threshold = 1601
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breaker.failure_count == 1600


def failover(clock: Clock) -> Failover:
    policy = RetryPolicy(max_retries=0)
    return Failover(policy, lambda: CircuitBreaker(clock=clock), clock)


def test_of_fifty_calls_at_once_one_probes(clock):
    ring = failover(clock)
    fail(ring.breaker("a:b"), 3)
    clock.now = 10.0
    asked = []

    async def ask(model: str) -> str:
        asked.append(model)
        await asyncio.sleep(0)
        return "Hello!"

    async def main() -> list[object]:
        runs = [ring.run(["a:b"], ask, Attempts()) for _ in range(50)]
        return await asyncio.gather(*runs, return_exceptions=True)

    outcomes = asyncio.run(main())
    assert len(asked) == 1
    assert sum(isinstance(one, Answered) for one in outcomes) == 1
    assert sum(isinstance(one, CircuitBreakerError) for one in outcomes) == 49


@pytest.mark.parametrize("end", [asyncio.CancelledError, KeyboardInterrupt, ZeroDivisionError])
def test_a_probe_that_is_cancelled_goes_to_the_next(clock, end):
    ring = failover(clock)
    breaker = ring.breaker("a:b")
    fail(breaker, 3)
    clock.now = 10.0

    async def ask(model: str) -> str:
        raise end

    with pytest.raises(end):
        ring.run(["a:b"], ask, Attempts()).send(None)
    assert (breaker.failure_count, breaker.retry_after) == (3, 0.0)


def test_a_probe_fails_as_one_call_whatever_its_tries(clock, sleeps):
    ring = Failover(RetryPolicy(max_retries=2), lambda: CircuitBreaker(clock=clock), clock)
    fail(ring.breaker("a:b"), 3)
    clock.now = 10.0

    async def ask(model: str) -> str:
        raise LLMServerError("no", status_code=500)

    with pytest.raises(LLMServerError):
        asyncio.run(ring.run(["a:b"], ask, Attempts()))
    assert (ring.breaker("a:b").failure_count, len(sleeps)) == (4, 2)


def probing(pool: Pool) -> CircuitBreaker:
    """The breaker of the pool's first model, which lets a probe through now."""
    pool.open_breaker(MODELS[0])
    breaker = pool.ring._caller.failover.breaker(MODELS[0])
    breaker._open_until = 0.0
    return breaker


def test_a_stream_closes_it_at_its_end_only(pool):
    ring = pool(good)
    breaker = probing(ring)

    async def read() -> list[bool]:
        return [breaker.is_open async for _ in ring.ring.chat_stream("pool", messages=MESSAGES)]

    assert ring.run(read) == [True, True, False]


def test_a_stream_that_is_cut_counts(pool):
    ring = pool(cut(after_text=True))
    breaker = probing(ring)
    with pytest.raises(Exception, match="cut the stream short"):
        ring.chunks()
    assert (breaker.failure_count, breaker.retry_after > 9.0) == (4, True)


async def _leave(stream) -> None:
    await anext(stream)
    await stream.aclose()


async def _leave_its_block(stream) -> None:
    async with stream:
        await anext(stream)


async def _drop(stream) -> None:
    await anext(stream)


async def _cancel(stream) -> None:
    await anext(stream)
    waiting = asyncio.ensure_future(_rest(stream))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait([waiting])


async def _rest(stream) -> None:
    async for _ in stream:
        continue


@pytest.mark.parametrize(
    "leave", [_leave, _leave_its_block, _drop, _cancel], ids=lambda leave: leave.__name__.strip("_")
)
def test_a_stream_that_is_left_gives_the_probe_back(pool, leave):
    ring = pool(lambda request: [*cut(after_text=True)(request)[:-1], hang])
    breaker = probing(ring)

    async def read() -> None:
        await leave(ring.ring.chat_stream("pool", messages=MESSAGES))

    ring.run(read)
    assert (breaker.is_open, breaker.retry_after, breaker.failure_count) == (True, 0.0, 3)


def test_a_call_that_is_cancelled_gives_the_probe_back(pool):
    ring = pool([hang])
    breaker = probing(ring)

    async def main() -> None:
        call = asyncio.create_task(ring.ring.chat("pool", messages=MESSAGES))
        while not ring.n_requests[0]:
            await asyncio.sleep(0.01)
        assert breaker.admit() is None
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()

    ring.run(main)
    assert (breaker.failure_count, breaker.retry_after) == (3, 0.0)


def test_a_mistake_of_the_caller_gives_the_probe_back(pool, streamed):
    ring = pool(refusal(400))
    breaker = probing(ring)
    with pytest.raises(Exception, match="400"):
        ring.ask(streamed)
    assert (breaker.failure_count, breaker.retry_after) == (3, 0.0)
