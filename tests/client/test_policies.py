"""Retry, rate limit and usage: policies that decide, tried without a clock."""

from __future__ import annotations

import threading

import pytest

from LLM import (
    LLMConfigError,
    LLMConnectionError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    LLMTimeoutError,
    RateLimiter,
    RetryPolicy,
    Usage,
    UsageLimitError,
    UsageTracker,
)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_delays_double_from_the_base() -> None:
    policy = RetryPolicy(max_retries=5, base_delay=2.0)
    error = LLMServerError("busy", status_code=503)
    assert [policy.delay(error, n) for n in range(1, 7)] == [2.0, 4.0, 8.0, 16.0, 32.0, None]


def test_retry_waits_longest_of_header_and_backoff() -> None:
    policy = RetryPolicy(max_retries=9, base_delay=2.0)
    error = LLMRateLimitError("slow down", status_code=429, retry_after=5.0)
    assert [policy.delay(error, n) for n in (1, 2, 3)] == [5.0, 5.0, 8.0]


def test_a_retry_after_beyond_the_cap_is_not_waited_for() -> None:
    error = LLMRateLimitError("slow down", status_code=429, retry_after=121.0)
    assert RetryPolicy().delay(error, 1) is None
    assert RetryPolicy(max_retry_after=200.0).delay(error, 1) == 121.0


def test_jitter_shortens_by_its_share_at_most() -> None:
    error = LLMServerError("busy", status_code=500)
    assert RetryPolicy(jitter=0.5, draw=lambda: 1.0).delay(error, 1) == 0.5
    assert RetryPolicy(jitter=0.5, draw=lambda: 0.0).delay(error, 1) == 1.0


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (LLMServerError("x", status_code=500), True),
        (LLMServerError("x", status_code=501), False),
        (LLMServerError("x", status_code=529), False),
        (LLMRateLimitError("x", status_code=429), True),
        (LLMRateLimitError("x", status_code=429, code="insufficient_quota"), False),
        (LLMConnectionError("x", code="connect"), True),
        (LLMConnectionError("x", code="disconnected"), True),
        (LLMConnectionError("x", code="tls"), False),
        (LLMConnectionError("x", code="unknown_host"), False),
        (LLMTimeoutError("x", code="connect"), True),
        (LLMTimeoutError("x", code="first_byte"), False),
        (LLMTimeoutError("x", code="total"), False),
        (LLMResponseError("x", status_code=200), False),
        (LLMError("x"), False),
    ],
    ids=str,
)
def test_only_what_another_try_can_mend_is_retried(error: LLMError, retried: bool) -> None:
    assert (RetryPolicy().delay(error, 1) is not None) is retried


def test_timeouts_and_disconnects_are_a_choice() -> None:
    policy = RetryPolicy(retry_timeouts=True, retry_disconnects=False)
    assert policy.delay(LLMTimeoutError("x", code="total"), 1) == 1.0
    assert policy.delay(LLMConnectionError("x", code="disconnected"), 1) is None


@pytest.mark.parametrize(
    "settings", [{"max_retries": -1}, {"jitter": 7}, {"base_delay": float("nan")}], ids=str
)
def test_a_policy_that_cannot_work_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(LLMConfigError, match=f"RetryPolicy.{next(iter(settings))}"):
        RetryPolicy(**settings)  # type: ignore[arg-type]


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        RetryPolicy().max_retries = 7  # type: ignore[misc]


def test_requests_beyond_the_minute_queue_up() -> None:
    clock = Clock()
    limiter = RateLimiter(requests_per_minute=2, clock=clock)
    assert [limiter.reserve(0) for _ in range(4)] == [0.0, 0.0, 30.0, 60.0]
    clock.now += 90.0
    assert limiter.reserve(0) == 0.0


def test_tokens_are_corrected_once_they_are_known() -> None:
    clock = Clock()
    limiter = RateLimiter(tokens_per_minute=600, clock=clock)
    assert limiter.reserve(500) == 0.0
    limiter.settle(500, 100)
    assert limiter.reserve(500) == 0.0
    assert limiter.reserve(10) == pytest.approx(1.0)


def test_a_call_beyond_a_whole_minute_passes_and_is_paid_off() -> None:
    limiter = RateLimiter(tokens_per_minute=60, clock=Clock())
    assert limiter.reserve(120) == pytest.approx(60.0)


def test_a_turn_that_is_left_goes_to_who_comes_next() -> None:
    limiter = RateLimiter(requests_per_minute=2, clock=Clock())
    assert [limiter.reserve(0) for _ in range(4)] == [0.0, 0.0, 30.0, 60.0]
    limiter.cancel()
    assert limiter.reserve(0) == 60.0


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_a_limit_that_lets_nothing_through_is_refused(limit: float) -> None:
    with pytest.raises(LLMConfigError, match="above 0"):
        RateLimiter(requests_per_minute=limit)


def test_usage_adds_up_in_all_and_by_model() -> None:
    tracker = UsageTracker()
    for model in ("a", "a", "b"):
        tracker.reserve(5)
        tracker.settle(5, model, Usage(prompt_tokens=3, completion_tokens=4))
    assert tracker.total.total_tokens == 21
    assert tracker.by_model["a"].calls == 2
    assert tracker.by_model["b"].total_tokens == 7


def test_the_call_that_would_pass_the_limit_is_refused() -> None:
    tracker = UsageTracker(max_total_tokens=100)
    tracker.reserve(60)
    with pytest.raises(UsageLimitError, match=r"max_total_tokens is 100.*60 held by calls"):
        tracker.reserve(60)
    tracker.release(60)
    tracker.reserve(100)
    tracker.settle(100, "m", Usage(prompt_tokens=50, completion_tokens=50))
    with pytest.raises(UsageLimitError):
        tracker.reserve(0)


def test_threads_cannot_pass_the_limit_together() -> None:
    tracker = UsageTracker(max_total_tokens=50)
    allowed: list[int] = []

    def call() -> None:
        try:
            tracker.reserve(10)
        except UsageLimitError:
            return
        allowed.append(1)

    threads = [threading.Thread(target=call) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(allowed) == 5
