"""Which model answers, and what is told when none does: pools of three at scripted servers."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import dataclass

import pytest

from LLM.retry import RetryPolicy
from llmring import exceptions
from llmring.failover import Failover
from tests.llmring.pools import KEY, MODELS, error_of, good, outcomes, refusal
from tests.remote import wire
from tests.remote.scripted_server import Script, ScriptedServer, close, hang, reset


@dataclass(frozen=True)
class Failure:
    """A way to fail.

    :param error: the name of the class that it is told by.
    :param rounds: how many of three rounds of tries ask the model.
    :param ends: whether the pool's other models are spared.
    :param trips: whether three such calls open the breaker.
    """

    script: Script
    error: str
    status: int | None = None
    rounds: int = 1
    ends: bool = False
    trips: bool = True


def limited(seconds: str) -> Script:
    return refusal(429, headers=[("Retry-After", seconds)])


LONG = "prompt is too long: the context length is 9 tokens"
FAILURES = {
    "400": Failure(refusal(400), "ProviderRequestError", 400, ends=True, trips=False),
    "401": Failure(refusal(401), "ProviderAuthenticationError", 401, trips=False),
    "402": Failure(refusal(402), "ProviderRateLimitError", 402),
    "403": Failure(refusal(403), "ProviderAuthenticationError", 403, trips=False),
    "404-model": Failure(
        refusal(404, "model: 'x' not found", code="model_not_found"),
        "ModelNotFoundError", 404, trips=False,
    ),
    "404-path": Failure(refusal(404, "no"), "ProviderRequestError", 404, ends=True, trips=False),
    "413": Failure(refusal(413), "ProviderRequestError", 413, ends=True, trips=False),
    "422": Failure(refusal(422), "ProviderRequestError", 422, ends=True, trips=False),
    "context-length": Failure(
        refusal(400, LONG), "ProviderContextLengthError", 400, trips=False
    ),
    "content-filter": Failure(
        refusal(400, "our content policy forbids it"),
        "ProviderContentFilterError", 400, ends=True, trips=False,
    ),
    "429": Failure(refusal(429), "ProviderRateLimitError", 429, rounds=3),
    "429-retry-after": Failure(
        limited("2"), "ProviderRateLimitError", 429, rounds=3
    ),
    "429-for-too-long": Failure(limited("31"), "ProviderRateLimitError", 429),
    "429-quota": Failure(
        refusal(429, "usage limit reached", code="insufficient_quota"),
        "ProviderRateLimitError", 429,
    ),
    "500": Failure(refusal(500), "ProviderServerError", 500, rounds=3),
    "501": Failure(refusal(501), "ProviderServerError", 501),
    "503": Failure(refusal(503), "ProviderServerError", 503, rounds=3),
    "529": Failure(refusal(529, code="overloaded_error"), "ProviderServerError", 529, rounds=3),
    "redirect": Failure(
        wire.answer(b"", 302, [("Location", "/x")]), "ProviderResponseError", 302, trips=False
    ),
    "disconnected": Failure([close], "ProviderConnectionError", rounds=3),
    "reset": Failure([reset], "ProviderConnectionError", rounds=3),
    "no-http": Failure([b"SSH-2.0\r\n", close], "ProviderAnswerError"),
    "no-json": Failure(wire.answer(b"<html>"), "ProviderAnswerError", 200),
    "cut": Failure([wire.answer(b"{", content_length="99"), close], "ProviderAnswerError"),
    "silence": Failure([hang], "ProviderTimeoutError"),
}  # fmt: skip


pytestmark = [pytest.mark.usefixtures("sleeps"), pytest.mark.slow]


failing = pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)


def timeout_s(failure: Failure) -> float:
    return 0.6 if failure.error == "ProviderTimeoutError" else 60.0


@pytest.mark.parametrize("n_failing", [1, 2])
@failing
def test_the_next_model_answers_unless_the_caller_is_to_blame(
    pool, streamed, failure, n_failing, sleeps
):
    scripts = [failure.script if n < n_failing else good for n in range(3)]
    ring = pool(*scripts, timeout=timeout_s(failure))
    if failure.ends:
        error = error_of(ring, streamed)
        assert (type(error).__name__, ring.n_requests) == (failure.error, [1, 0, 0])
        attempts = error.details["attempts"]
        assert outcomes(attempts) == [("openai", failure.error)]
    else:
        text, attempts = ring.ask(streamed)
        names = ["openai", "anthropic", "ollama"]
        assert text == "Hello!"
        assert ring.n_requests == [1] * (n_failing + 1) + [0] * (2 - n_failing)
        assert outcomes(attempts) == [
            *[(name, failure.error) for name in names[:n_failing]],
            (names[n_failing], "answered"),
        ]
    assert attempts[0]["status_code"] == failure.status
    assert sleeps == []


@pytest.mark.parametrize("rounds", [1, 3])
@failing
def test_a_pool_that_fails_is_asked_again_where_waiting_helps(
    pool, streamed, failure, rounds, sleeps
):
    ring = pool(*[failure.script] * 3, rounds=rounds, timeout=timeout_s(failure))
    error = error_of(ring, streamed)
    n_rounds = min(rounds, failure.rounds)
    assert type(error).__name__ == failure.error
    assert error.status_code == failure.status
    assert ring.n_requests == ([1, 0, 0] if failure.ends else [n_rounds] * 3)
    assert len(error.details["attempts"]) == sum(ring.n_requests)
    assert len(sleeps) == n_rounds - 1
    assert KEY not in f"{error!r} {error.details} {error.__cause__!r}"


@failing
def test_what_the_caller_or_the_key_is_to_blame_for_opens_no_breaker(pool, failure, streamed):
    ring = pool(failure.script, rounds=1, timeout=timeout_s(failure))
    for n_calls in range(1, 4):
        error_of(ring, streamed)
        assert ring.is_left_alone(MODELS[0]) == (failure.trips and n_calls == 3)


def test_waits_double_and_are_those_of_one_round(pool, sleeps):
    error_of(pool(*[refusal(500)] * 3, rounds=4), False)
    # A quarter of each is drawn at random; the least of three is waited.
    assert len(sleeps) == 3
    for slept, longest in zip(sleeps, (0.5, 1.0, 2.0), strict=True):
        assert 0.75 * longest <= slept <= longest


def test_retry_after_is_waited_for(pool, streamed, sleeps):
    text, attempts = pool((limited("2"), good)).ask(streamed)
    assert (text, sleeps) == ("Hello!", [2.0])
    assert outcomes(attempts) == [("openai", "ProviderRateLimitError"), ("openai", "answered")]
    assert attempts[0]["retry_after"] == 2.0


def test_a_model_that_wants_a_longer_rest_is_left_out_of_the_round(pool, streamed, sleeps):
    ring = pool(limited("20"), (refusal(500), good))
    _, attempts = ring.ask(streamed)
    assert ring.n_requests == [1, 2]
    assert outcomes(attempts)[-1] == ("anthropic", "answered")
    assert [slept <= 0.5 for slept in sleeps] == [True]


def test_a_timeout_elsewhere_in_the_pool_does_not_end_the_wait(pool, streamed, sleeps):
    ring = pool((limited("1"), good), [hang], timeout=0.6)
    assert ring.ask(streamed)[0] == "Hello!"
    assert (ring.n_requests, sleeps) == ([2, 1], [1.0])


def test_a_retry_after_beyond_the_bound_is_told_at_once(pool, streamed, sleeps, monkeypatch):
    monkeypatch.setenv("LLMRING_RETRY_MAX_S", "3")
    error = error_of(pool(limited("4"), refusal(401)), streamed)
    assert isinstance(error, exceptions.ProviderRateLimitError)
    assert (error.retry_after, error.status_code, sleeps) == (4.0, 429, [])
    assert outcomes(error.details["attempts"])[-1] == ("anthropic", "ProviderAuthenticationError")


@pytest.mark.parametrize(
    ("scripts", "error"),
    [
        ([limited("3"), limited("9"), refusal(401)], ("ProviderRateLimitError", 3.0)),
        ([refusal(500), limited("9")], ("ProviderServerError", None)),
        ([refusal(500), refusal(503)], ("ProviderServerError", None)),
        ([refusal(404, "model: 'x' not found", code="model_not_found"), refusal(403)],
         ("ProviderAuthenticationError", None)),
        ([refusal(401), refusal(400, LONG)], ("ProviderContextLengthError", None)),
        ([refusal(429, code="insufficient_quota"), refusal(401)],
         ("ProviderAuthenticationError", None)),
    ],
    ids=["soonest", "at-once", "equals", "last", "last-of-two", "quota"],
)  # fmt: skip
def test_the_error_is_that_which_a_wait_mends_soonest_or_the_last(pool, streamed, scripts, error):
    raised = error_of(pool(*scripts, rounds=1), streamed)
    assert (type(raised).__name__, raised.retry_after) == error
    assert len(raised.details["attempts"]) == len(scripts)


def _closed_port() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


UNREACHABLE = {
    "refused": _closed_port,
    "unknown-host": lambda: "http://nobody.invalid",
}


@pytest.mark.parametrize("address", UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_provider_that_cannot_be_reached_is_passed_over(pool, streamed, address):
    ring = pool(address(), good)
    text, attempts = ring.ask(streamed)
    assert text == "Hello!"
    assert outcomes(attempts) == [("openai", "ProviderConnectionError"), ("anthropic", "answered")]


def test_a_provider_without_tls_is_passed_over(pool, streamed):
    with ScriptedServer((), on_connect=[b"HTTP/1.1 400 X\r\n\r\n", hang]) as plain:
        _, attempts = pool(plain.url.replace("http:", "https:"), good).ask(streamed)
    assert outcomes(attempts) == [("openai", "ProviderConnectionError"), ("anthropic", "answered")]
    assert "does not speak TLS" in attempts[0]["reason"]


def test_a_connection_that_is_not_made_in_time_is_a_failure(pool, streamed, sleeps):
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as listener:
        # Two wait to be accepted, and the system answers no third.
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        ring = pool(f"http://127.0.0.1:{listener.getsockname()[1]}", good, timeout=0.6)
        _, attempts = ring.ask(streamed)
        for one in waiting:
            one.close()
    assert outcomes(attempts) == [("openai", "ProviderTimeoutError"), ("anthropic", "answered")]
    assert "deadline 'connect'" in attempts[0]["reason"]


def test_a_provider_without_a_key_is_told_as_unavailable(pool, streamed, tmp_path):
    ring = pool(good, good, good)
    ring.ring.providers._registered.pop("openai")
    text, attempts = ring.ask(streamed)
    assert (text, ring.n_requests) == ("Hello!", [0, 1, 0])
    assert attempts[0] == {
        "model": MODELS[0], "outcome": "unavailable", "reason": "OPENAI_API_KEY is not set",
    }  # fmt: skip


def test_a_model_that_is_named_says_which_key_is_missing(pool, streamed):
    ring = pool(good)
    ring.ring.providers._registered.pop("openai")
    with pytest.raises(exceptions.ConfigurationError, match="OPENAI_API_KEY"):
        ring.chunks(MODELS[0]) if streamed else ring.chat(MODELS[0])


def test_open_breakers_are_passed_over_without_a_request(pool, streamed):
    ring = pool(good, good, good)
    ring.open_breaker(MODELS[0])
    text, attempts = ring.ask(streamed)
    assert (text, ring.n_requests) == ("Hello!", [0, 1, 0])
    assert outcomes(attempts) == [("openai", "skipped"), ("anthropic", "answered")]
    assert 9.0 < attempts[0]["retry_after"] <= 10.0


def test_when_all_breakers_are_open_the_error_says_how_long(pool, streamed, sleeps):
    ring = pool(good, good, good)
    for model, retry_after in zip(MODELS, (60.0, None, 30.0), strict=True):
        ring.open_breaker(model, retry_after)
    error = error_of(ring, streamed)
    assert isinstance(error, exceptions.CircuitBreakerError)
    assert (error.model, error.details["failure_count"]) == (MODELS[1], 3)
    assert 9.0 < (error.retry_after or 0.0) <= 10.0
    assert outcomes(error.details["attempts"]) == [
        ("openai", "skipped"), ("anthropic", "skipped"), ("ollama", "skipped"),
    ]  # fmt: skip
    assert (ring.n_requests, sleeps) == ([0, 0, 0], [])


def test_a_real_failure_tells_more_than_an_open_breaker(pool, streamed):
    ring = pool(refusal(401), good)
    ring.open_breaker(MODELS[1])
    assert isinstance(error_of(ring, streamed), exceptions.ProviderAuthenticationError)


def test_the_tries_of_a_call_count_once_and_an_answer_closes(pool, streamed):
    ring = pool((refusal(500), refusal(500), refusal(500), refusal(500), good))
    error_of(ring, streamed)
    breaker = ring.ring._caller.failover.breaker(MODELS[0])
    assert breaker.failure_count == 1
    assert ring.ask(streamed)[0] == "Hello!"
    assert (breaker.failure_count, breaker.is_open) == (0, False)


def test_each_ring_has_breakers_of_its_own(pool):
    first, second = pool(good), pool(good)
    first.open_breaker(MODELS[0])
    assert second.chat().content == "Hello!"


def test_each_model_has_a_breaker_of_its_own(pool):
    ring = pool(good)
    ring.open_breaker(MODELS[0])
    assert ring.chat("openai:gpt-y").content == "Hello!"


def test_the_request_may_name_its_own_timeout(pool, streamed):
    ring = pool([hang], good)
    _, attempts = ring.ask(streamed, timeout=0.6)
    assert "within 0.6 s" in attempts[0]["reason"]


def test_breakers_of_models_that_did_not_fail_are_not_kept_for_ever(monkeypatch):
    monkeypatch.setattr("llmring.failover._MAX_BREAKERS", 3)
    failover = Failover(RetryPolicy())
    admission = failover.breaker("a:failed").admit()
    assert admission is not None
    admission.failed()
    for number in range(10):
        failover.breaker(f"a:{number}")
        assert len(failover.breakers) <= 3
    assert "a:failed" in failover.breakers
