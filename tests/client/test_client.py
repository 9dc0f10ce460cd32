"""`LLM` as its users call it. The `responses` library answers, which shows that it can."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from LLM import (
    LLM,
    InvalidRequestError,
    LLMConfig,
    LLMConfigError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    Message,
)
from tests import worlds
from tests.client.conftest import BASE, CHAT, HELLO, answer, events, headers_sent, sent


def test_only_what_is_set_is_sent(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    make({"temperature": None}).chat_completion(HELLO, stop=None)
    assert sent(api) == {"model": "gpt-4", "messages": HELLO}


def test_zero_is_something_that_is_set(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    make().chat_completion(HELLO, temperature=0.0, max_tokens=0)
    assert (sent(api)["temperature"], sent(api)["max_tokens"]) == (0.0, 0)


def test_any_further_keyword_is_sent_as_it_is(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"default": None}}}]
    further = {"tools": tools, "tool_choice": "auto", "seed": 1, "n": 2, "odd": {"x": [None]}}
    make({"max_tokens": 5}).chat_completion(HELLO, model="other", **further)
    assert sent(api) == {
        "model": "other", "messages": HELLO, "temperature": 0.7, "max_tokens": 5, **further,
    }  # fmt: skip


FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object"}}


NESTED = {"type": "function", "function": FUNCTION}


@pytest.mark.parametrize(
    ("tool", "sent_as"),
    [
        (NESTED, NESTED),
        ({"function": FUNCTION}, NESTED),
        (FUNCTION, NESTED),
        ({"type": "function", **FUNCTION}, NESTED),
        ({"type": "web_search"}, {"type": "web_search"}),
    ],
    ids=["nested", "nested-untyped", "flat", "flat-typed", "other"],
)
def test_tools_may_be_nested_or_flat(api: Any, make: Any, tool: Any, sent_as: Any) -> None:
    api.post(CHAT, json=answer())
    make().chat_completion(HELLO, tools=[tool])
    assert sent(api)["tools"] == [sent_as]


def test_the_newer_name_of_max_tokens_replaces_the_older(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    make({"max_tokens": 5}).chat_completion(HELLO, max_completion_tokens=9)
    assert "max_tokens" not in sent(api)


class Turn:
    """A message of another library: an object with `role` and `content`."""

    def __init__(self, role: str, content: str) -> None:
        self.role, self.content = role, content


def test_messages_come_in_many_forms(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    llm = make()
    reply = llm.chat_completion(HELLO).choices[0].message
    forms = [Message(role="system", content="s"), Turn("user", "u"), HELLO[0], reply]
    llm.chat_completion(tuple(forms))
    assert sent(api)["messages"] == [
        {"role": "system", "content": "s"}, {"role": "user", "content": "u"}, HELLO[0],
        {"role": "assistant", "content": "Hi!"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda llm: llm.chat_completion([]), "messages is empty"),
        (lambda llm: llm.chat_completion("Hello!"), "messages is a str"),
        (lambda llm: llm.chat_completion(HELLO[0]), "messages is a dict"),
        (lambda llm: llm.chat_completion([3]), r"messages\[0\] is a int"),
        (lambda llm: llm.chat_completion([{"content": "x"}]), r"messages\[0\] has no 'role'"),
        (lambda llm: llm.chat_completion(HELLO, temperature=3), "temperature is 3"),
        (lambda llm: llm.chat_completion(HELLO, temperature=10**400), "temperature is 10000"),
        (lambda llm: llm.chat_completion(HELLO, temperature=float("nan")), "temperature is nan"),
        (lambda llm: llm.chat_completion(HELLO, max_tokens=-1), "max_tokens is -1"),
        (lambda llm: llm.chat_completion(HELLO, timeout=0), "timeout is 0"),
        (lambda llm: llm.chat_completion(HELLO, timeout="1"), "timeout is '1'"),
        (lambda llm: llm.chat_completion(HELLO, top_p=float("inf")), "top_p is inf"),
        (lambda llm: llm.chat_completion(HELLO, user=object()), "cannot be written as JSON"),
        (lambda llm: llm.chat_completion([{"role": "user", "content": "\ud800"}]), "surrogate"),
        (lambda llm: llm.chat_completion(HELLO, tools=NESTED), "tools is a dict"),
        (lambda llm: llm.chat_completion(HELLO, tools=[{"x": 1}]), r"tools\[0\] is no tool"),
        (
            lambda llm: llm.chat_completion(HELLO, tools=[{"function": {"name": ""}}]),
            r"tools\[0\]\.function has no name",
        ),
        (lambda llm: llm.chat_completion(HELLO, tools=[print]), r"tools\[0\] is no tool"),
        (lambda llm: llm.chat_completion(HELLO, extra_body={"x": 1}), "extra_body belongs to"),
        (lambda llm: llm.chat_completion(HELLO, max_tokens=1.5), r"max_tokens is 1\.5"),
        (lambda llm: llm.completion([]), "an empty list"),
        (lambda llm: llm.completion(None), "prompt is NoneType"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_sent(
    make: Any, call: Callable[[LLM], Any], message: str
) -> None:
    llm = make()
    with pytest.raises(InvalidRequestError, match=message):
        call(llm)
    assert llm.get_request_count() == 0


def test_the_last_response_is_kept(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    api.post(f"{BASE}/v1/completions", json={"choices": [{"text": "upon a time"}]})
    llm = make()
    assert llm.get_last_response() is None
    chat = llm.chat_completion(HELLO)
    assert llm.get_last_response() is chat
    text = llm.completion("Once")
    assert llm.get_last_response() is text


def test_a_finished_stream_is_the_last_response(api: Any, make: Any) -> None:
    api.post(CHAT, body=events("Hel", "lo"), content_type="text/event-stream")
    llm = make()
    assert list(llm.stream_text("Hi")) == ["Hel", "lo"]
    assert llm.get_last_response().text == "Hello"
    assert sent(api)["messages"] == [{"role": "user", "content": "Hi"}]


def test_streams_ask_for_usage_unless_told_not_to(api: Any, make: Any) -> None:
    api.post(CHAT, body=events("a"), content_type="text/event-stream")
    make().chat_completion(HELLO, stream=True).close()
    assert sent(api)["stream_options"] == {"include_usage": True}
    make({"stream_usage": False}).chat_completion(HELLO, stream=True).close()
    assert "stream_options" not in sent(api)


def test_each_call_counts_once_whatever_becomes_of_it(api: Any, make: Any) -> None:
    api.post(CHAT, status=503)
    api.post(CHAT, json=answer())
    api.get(f"{BASE}/v1/models", status=404)
    llm = make()
    llm.chat_completion(HELLO)
    with pytest.raises(InvalidRequestError):
        llm.list_models()
    assert llm.get_request_count() == 2


def test_reset_session_clears_the_response_and_the_count(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    llm = make()
    llm.chat_completion(HELLO)
    llm.reset_session()
    assert (llm.get_last_response(), llm.get_request_count()) == (None, 0)
    llm.chat_completion(HELLO)
    assert llm.get_request_count() == 1
    assert llm.usage.total.calls == 2, "what was spent stays spent"


def test_a_closed_client_says_so(make: Any) -> None:
    llm = make()
    llm.close()
    llm.close()
    with pytest.raises(LLMConfigError, match="closed"):
        llm.chat_completion(HELLO)


def test_the_context_manager_closes(make: Any) -> None:
    llm = make()
    with llm as entered:
        assert entered is llm
    with pytest.raises(LLMConfigError, match="closed"):
        llm.list_models()


def test_retries_wait_as_the_reference_says(api: Any, make: Any, sleeps: list[float]) -> None:
    api.post(CHAT, status=500)
    with pytest.raises(LLMServerError):
        make({"max_retries": 5, "retry_delay": 2.0}).chat_completion(HELLO)
    assert sleeps == [2.0, 4.0, 8.0, 16.0, 32.0]
    assert len(api.calls) == 6


class Never:
    """A strategy that gives up at once."""

    def delay(self, error: LLMError, attempt: int) -> float | None:
        return None


def test_a_strategy_of_ones_own_decides(api: Any, make: Any) -> None:
    api.post(CHAT, status=500)
    with pytest.raises(LLMServerError):
        make(retry_policy=Never()).chat_completion(HELLO)
    assert len(api.calls) == 1


def test_a_spent_quota_is_not_retried(api: Any, make: Any) -> None:
    api.post(CHAT, status=429, json={"error": {"message": "pay", "code": "insufficient_quota"}})
    with pytest.raises(LLMRateLimitError, match="pay") as caught:
        make().chat_completion(HELLO)
    assert caught.value.quota_exhausted
    assert len(api.calls) == 1


def test_nulls_in_tool_calls_cost_no_answer(api: Any, make: Any) -> None:
    calls = [{"id": None, "function": {"name": "now", "arguments": None}}]
    api.post(CHAT, json=answer(None, message={"tool_calls": calls}))
    call = make().chat_completion(HELLO).choices[0].message.tool_calls[0]
    assert (call.id, call.function.name, call.function.arguments) == ("", "now", "")


def test_events_of_other_kinds_are_passed_over(api: Any, make: Any) -> None:
    ping = 'event: ping\ndata: {"type": "ping"}\n\n'
    api.post(CHAT, body=ping + events("a", "b").replace("data: [DONE]", ping + "data: [DONE]"))
    assert make().chat_completion(HELLO, stream=True).response.text == "ab"


def test_a_null_delta_is_an_empty_one(api: Any, make: Any) -> None:
    api.post(CHAT, body=events("a").replace('"delta": {}', '"delta": null'))
    choice = make().chat_completion(HELLO, stream=True).response.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("a", "stop")


class City(BaseModel):
    name: str
    people: int


def test_a_pydantic_class_gives_its_object(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer('{"name": "Rome", "people": 3}'))
    response = make().chat_completion(HELLO, response_format=City)
    assert response.parsed == City(name="Rome", people=3)
    assert response.choices[0].message.parsed == response.parsed
    assert sent(api)["response_format"]["json_schema"]["name"] == "City"
    assert "parsed" not in response.model_dump_json()


def test_a_pydantic_class_works_with_streams(api: Any, make: Any) -> None:
    api.post(CHAT, body=events('{"name": "Rome",', ' "people": 3}'))
    stream = make().chat_completion(HELLO, response_format=City, stream=True)
    assert stream.response.parsed == City(name="Rome", people=3)


def test_an_answer_that_does_not_fit_keeps_its_text(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer("no idea"))
    llm = make()
    with pytest.raises(LLMResponseError, match="does not fit City") as caught:
        llm.chat_completion(HELLO, response_format=City)
    assert caught.value.body == "no idea"
    assert llm.get_last_response().text == "no idea"


def test_a_dict_as_response_format_is_sent_as_it_is(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer("{}"))
    make().chat_completion(HELLO, response_format={"type": "json_object"})
    assert sent(api)["response_format"] == {"type": "json_object"}


def test_events_are_logged_without_text_or_key(
    api: Any, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    api.post(CHAT, json=answer("the answer"))
    api.post(CHAT, status=401, json={"error": {"message": "Incorrect API key: sk-secret-1"}})
    with caplog.at_level(logging.DEBUG, logger="LLM"):
        llm = make({"api_key": "sk-secret-1"})
        llm.chat_completion(HELLO)
        with pytest.raises(LLMError):
            llm.chat_completion(HELLO)
        llm.reset_session()
        llm.close()
    text = caplog.text
    for event in ("initialized", "chat completion: model gpt-4, 1 messages, temperature 0.7",
                  "response chatcmpl-1", "tokens: 9 prompt", "call failed", "session reset",
                  "session closed"):  # fmt: skip
        assert event in text
    assert [word for word in ("sk-secret-1", "Hello!", "the answer") if word in text] == []
    assert {record.levelname for record in caplog.records} >= {"INFO", "ERROR"}


def test_a_servers_words_are_in_the_error_and_not_in_the_log(
    api: Any, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    api.post(CHAT, status=422, json={"detail": "cannot handle 'my diary' of tenant-secret"})
    with pytest.raises(InvalidRequestError, match="my diary") as caught:
        make({"headers": {"X-Api-Key": "tenant-secret"}}).chat_completion(HELLO)
    assert "tenant-secret" not in f"{caught.value} {caught.value.body}"
    assert "my diary" not in caplog.text
    assert "status 422" in caplog.text


def test_the_tries_are_counted_in_the_error(api: Any, make: Any) -> None:
    api.post(CHAT, status=503)
    with pytest.raises(LLMServerError, match=r"\(tried 4 times\)"):
        make().chat_completion(HELLO)


def test_headers_replace_the_clients_own_whatever_their_case(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    headers = {"authorization": "Basic abcd", "user-agent": "mine"}
    make({"api_key": "sk-1234", "headers": headers}).chat_completion(HELLO)
    assert headers_sent(api).items() >= headers.items()
    names = [name.lower() for name in api.calls[0].request.headers]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("given", ["http://127.0.0.1:8000", {"model": "m"}, LLMConfig], ids=str)
def test_anything_but_a_config_is_refused_by_name(world: str, given: Any) -> None:
    with pytest.raises(LLMConfigError, match=r"LLM takes an LLMConfig, not"):
        worlds.WORLDS[world](given)


def test_a_stream_taken_for_an_answer_says_where_it_is(api: Any, make: Any) -> None:
    api.post(CHAT, body=events("a"), content_type="text/event-stream")
    with make().chat_completion(HELLO, stream=True) as stream:
        with pytest.raises(AttributeError, match=r"it is in (await )?\.response"):
            _ = stream.choices
        assert repr(stream) == "<ChatStream open, 0 characters so far>"


def test_further_fields_of_a_stream_are_kept(api: Any, make: Any) -> None:
    body = events("a").replace('"choices": []', '"choices": [], "citations": ["x"]')
    api.post(CHAT, body=body)
    assert make().chat_completion(HELLO, stream=True).response.model_extra == {"citations": ["x"]}


def test_further_headers_are_sent_with_every_call(api: Any, make: Any) -> None:
    api.get(f"{BASE}/v1/models", json={"data": [{"id": "gpt-4"}]})
    llm = make({"headers": {"X-Title": "mine"}, "api_key": "sk-1234"})
    assert [model.id for model in llm.list_models().data] == ["gpt-4"]
    headers = headers_sent(api)
    assert (headers["x-title"], headers["authorization"]) == ("mine", "Bearer sk-1234")


@worlds.blocking_only
def test_tools_that_hook_requests_see_no_key(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    make({"api_key": "sk-1234"}).chat_completion(HELLO)
    assert "sk-1234" not in repr(api.calls[0].request.headers)
