"""`LLMRing` as its users call it: arguments, aliases, closing, logs."""

from __future__ import annotations

import asyncio
import logging

import pytest

from llmring import LLMRequest, LLMRing, Message
from llmring.exceptions import (
    ConfigurationError,
    CostTrackingError,
    LockfileError,
    ProviderError,
    ProviderRequestError,
    ValidationError,
)
from llmring.providers.openai.provider import CompatibleProvider
from tests.llmring.conversations.stores import read_log
from tests.llmring.pools import KEY, MESSAGES, MODELS, cut, good, refusal
from tests.remote.scripted_server import hang

REQUEST = LLMRequest(model="pool", messages=[Message(role="user", content="Hello?")])


@pytest.mark.parametrize("stream", [False, True])
def test_chat_with_alias_answers_whole_or_in_chunks(pool, stream):
    ring = pool(good).ring
    answer = ring.chat_with_alias("pool", MESSAGES, 0.5, 20, "default", stream)
    text = "".join(chunk.delta for chunk in answer) if stream else answer.content
    assert text == "Hello!"


def test_a_request_without_a_model_asks_the_default_alias(pool):
    assert pool(good).chat(None).content == "Hello!"


@pytest.mark.parametrize("name", ["chat", "chat_stream"])
@pytest.mark.parametrize(
    ("arguments", "fields", "problem"),
    [
        ((None,), {}, "no messages, but a NoneType"),
        (("the secret of the zebra",), {}, "no messages, but a str"),
        (({"model": "fast"},), {}, "no messages, but a dict"),
        ((REQUEST,), {"messages": MESSAGES}, "give the fields in the LLMRequest"),
        ((REQUEST,), {"temperature": 0.5}, "give the fields in the LLMRequest"),
        (("fast",), {"messages": []}, "messages: .*at least 1"),
        (("fast",), {"messages": "Hello?"}, "messages: .*list"),
        (("fast",), {"messages": [{"role": "king", "content": "x"}]}, r"messages\.0\.role"),
        (("fast",), {"messages": [{"role": "user"}]}, "a user message without content"),
        (("fast",), {"messages": MESSAGES, "temprature": 1}, "temprature"),
        (("fast",), {"messages": MESSAGES, "temperature": 3}, "temperature"),
        (("fast",), {"messages": MESSAGES, "timeout": 0}, "timeout"),
        ((5,), {"messages": MESSAGES}, "model: "),
        (("fast",), {"messages": MESSAGES, "response_format": int}, "or a pydantic class"),
        (("fast",), {"messages": MESSAGES, "stream": True}, "call chat_stream"),
        (("",), {"messages": MESSAGES}, "model is empty"),
        ((LLMRequest(model="", messages=REQUEST.messages),), {}, "model is empty"),
    ],
)
def test_arguments_that_make_no_request_are_refused(pool, name, arguments, fields, problem):
    with pytest.raises(ValidationError, match=problem) as caught:
        getattr(pool(good).ring, name)(*arguments, **fields)
    assert "zebra" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("profile", ["nowhere", "", 5, "a b"])
def test_profiles_that_are_not_there_are_refused(pool, streamed, profile):
    ring = pool(good)
    asked = ring.ring.chat_stream if streamed else ring.ring.chat
    with pytest.raises(LockfileError, match="profile"):
        ring.run(lambda: _all(asked(REQUEST, profile)))
    assert ring.n_requests == [0]


async def _all(answer):
    return [one async for one in answer] if hasattr(answer, "aclose") else await answer


def test_what_a_call_cost_is_told_awaited_or_not(pool):
    ring = pool(good)
    response = ring.chat("openai:gpt-4o-mini")

    async def cost() -> float:
        return (await ring.ring.calculate_cost(response))["total_cost"]

    assert ring.run(cost) == ring.ring.calculate_cost(response)["total_cost"] > 0
    assert response.usage["cost"] == ring.run(cost)


@pytest.mark.parametrize("given", [None, "an answer", {"model": "openai:gpt-4o"}])
def test_what_is_no_answer_is_not_priced(given):
    with pytest.raises(ValidationError, match="give the LLMResponse of a call"):
        LLMRing().calculate_cost(given)


def test_what_is_no_request_is_not_measured():
    with pytest.raises(ValidationError, match="no messages, but a NoneType"):
        asyncio.run(LLMRing().validate_context_limit(None))


def test_what_cannot_be_priced_says_why(pool):
    ring = pool(good)
    costs = ring.ring.calculate_cost(ring.chat())
    assert (dict(costs), costs.status) == ({}, "model_not_in_registry")
    with pytest.raises(CostTrackingError, match="model_not_in_registry"):
        _ = costs["total_cost"]


def test_a_cost_that_must_be_told_is_an_error(pool, streamed):
    ring = pool(good, strict_cost=True)
    with pytest.raises(CostTrackingError, match="model_not_in_registry"):
        ring.ask(streamed)


def test_a_closed_ring_makes_no_calls(pool):
    ring = pool(good)
    begun = ring.ring.chat(REQUEST)
    ring.run(ring.ring.close)
    ring.run(ring.ring.close)
    for make in (ring.ring.chat, ring.ring.chat_stream):
        with pytest.raises(ConfigurationError, match="this LLMRing is closed"):
            make(REQUEST)
    with pytest.raises(ConfigurationError, match="this LLMRing is closed"):
        begun.result()
    with pytest.raises(ConfigurationError, match="this LLMRing is closed"):
        ring.run(ring.ring.get_available_models)
    assert ring.n_requests == [0]


def test_a_provider_that_cannot_be_closed_loses_no_note(tmp_path, monkeypatch):
    class Stuck(CompatibleProvider):
        async def close(self) -> None:
            raise ZeroDivisionError

    monkeypatch.setenv("LLMRING_LOG_METADATA", "1")
    monkeypatch.setenv("LLMRING_DATABASE_URL", str(tmp_path / "usage.sqlite"))
    ring = LLMRing()
    ring.register_provider("stuck", Stuck("stuck", base_url="http://127.0.0.1:9"))
    ring._logs._usage.call("stuck:m", {"prompt_tokens": 1})
    with pytest.raises(ZeroDivisionError):
        asyncio.run(ring.close())
    assert [one.model for one in read_log(tmp_path / "usage.sqlite")] == ["m"]


def test_a_call_in_flight_is_answered_when_the_ring_closes(pool):
    ring = pool(lambda request: [lambda connection: connection.wait(0.1), good(request)])

    async def main() -> str:
        async with ring.ring:
            call = asyncio.create_task(ring.ring.chat(REQUEST))
            while not ring.n_requests[0]:
                await asyncio.sleep(0.01)
        return (await call).content

    assert ring.run(main) == "Hello!"


def test_a_stream_in_flight_goes_on_when_the_ring_closes(pool):
    ring = pool(good)

    async def main() -> str:
        async with ring.ring:
            stream = ring.ring.chat_stream(REQUEST)
            first = await anext(stream)
        return first.delta + "".join([chunk.delta async for chunk in stream])

    assert ring.run(main) == "Hello!"


def test_each_try_that_fails_is_logged_without_prompt_and_key(pool, streamed, sleeps, caplog):
    caplog.set_level(logging.INFO, "llmring")
    asked = "no zebra for " + KEY
    ring = pool(refusal(503, asked), "http://nobody.invalid", rounds=2)
    ring.open_breaker(MODELS[1])
    with pytest.raises(Exception, match="503"):
        ring.ask(streamed)
    lines = [record.message for record in caplog.records if record.name == "llmring"]
    assert lines[0].startswith("openai:gpt-x failed after 0.")
    assert lines[0].endswith("s: ProviderServerError, status 503, code None, id None")
    assert [line.partition(" in ")[0] for line in lines[1::2]] == [
        "all models have failed; asking again"
    ]
    assert "zebra" not in caplog.text
    assert KEY not in caplog.text


def test_a_call_that_another_model_answers_logs_no_error(pool, streamed, caplog):
    caplog.set_level(logging.DEBUG)
    pool(refusal(503), good).ask(streamed)
    levels = {record.levelname for record in caplog.records if record.name[:3] in ("LLM", "llm")}
    assert levels == {"DEBUG", "INFO", "WARNING"}


def test_a_model_that_is_left_alone_is_logged_once(pool, caplog):
    ring = pool("http://nobody.invalid", rounds=1)
    for _ in range(4):
        with pytest.raises(ProviderError):
            ring.chat(MODELS[0])
    lines = [record.message for record in caplog.records if record.name == "llmring"]
    assert [line.split()[0] for line in lines] == [MODELS[0]] * 4
    assert sum("left alone" in line for line in lines) == 1
    assert "cannot find the host" in lines[0]


def test_a_cut_stream_is_logged(pool, caplog):
    with pytest.raises(Exception, match="short"):
        pool(cut(after_text=True)).chunks()
    assert "openai:gpt-x failed after" in caplog.text


def test_keys_are_in_no_error_and_no_traceback(pool, streamed):
    ring = pool(refusal(400, f"key {KEY} is odd"))
    with pytest.raises(ProviderRequestError) as caught:
        ring.ask(streamed)
    error = caught.value
    assert KEY not in f"{error!r} {error} {error.details} {error.body} {error.__cause__!r}"
    assert KEY not in repr(ring.ring)


def test_a_named_model_needs_no_lockfile_alias(pool):
    ring = pool(good)
    assert ring.chat("OpenAI:gpt-x").model == MODELS[0]
    assert isinstance(ring.ring, LLMRing)


def test_cancelling_a_call_ends_its_connection(pool, streamed):
    ring = pool([hang])

    async def main() -> None:
        stream = ring.ring.chat_stream(REQUEST)
        call = asyncio.ensure_future(anext(stream) if streamed else ring.ring.chat(REQUEST))
        while not ring.n_requests[0]:
            await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.wait([call])
        while ring.servers[0]._open:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), 5))


@pytest.mark.parametrize("origin", [5, "", "x" * 201], ids=["number", "empty", "long"])
def test_an_origin_that_is_no_name_is_refused(origin):
    with pytest.raises(ConfigurationError, match="give a name of 1 to 200 characters"):
        LLMRing(origin=origin)
