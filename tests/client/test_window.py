"""`LLM` within a context length: what it counts, what it sends, and what the answer says of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from LLM import InvalidRequestError, LLMConfig, LLMConfigError, LLMContextLengthError
from LLM.overflow import NOTE_HEADING, ChatMessage, Overflow
from LLM.window import MEDIA_TOKENS, estimate_prompt_tokens
from tests import worlds
from tests.client.conftest import CHAT, HELLO, answer, events, sent

TALK = [
    {"role": "system", "content": "s"},
    *({"role": role, "content": str(n)} for n in range(8) for role in ("user", "assistant")),
    {"role": "user", "content": "last"},
]


def ten_each(messages: Sequence[ChatMessage]) -> int:
    return 10 * len(messages)


def test_nothing_is_counted_or_cut_unless_asked(api: Any, make: Any) -> None:
    def never(_: Sequence[ChatMessage]) -> int:
        raise AssertionError("counted")

    api.post(CHAT, json=answer())
    response = make(count_tokens=never).chat_completion(TALK * 100)
    assert len(sent(api)["messages"]) == len(TALK) * 100
    assert response.overflow is None


def test_a_call_is_cut_before_it_is_sent_and_says_so(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    llm = make({"context_length": 100, "overflow": "drop_oldest"}, count_tokens=ten_each)
    response = llm.chat_completion(TALK, max_tokens=40)
    assert sent(api)["messages"] == [TALK[0], *TALK[-5:]]
    assert response.overflow == Overflow("drop_oldest", 60, 180, 60, 12, 120)
    assert "overflow" not in sent(api)


def test_a_stream_says_what_was_dropped(api: Any, make: Any) -> None:
    api.post(CHAT, body=events("Hi"), content_type="text/event-stream")
    llm = make({"context_length": 100}, count_tokens=ten_each)
    stream = llm.chat_completion(TALK, max_tokens=40, overflow="drop_middle", stream=True)
    assert stream.overflow.policy == "drop_middle"
    assert stream.response.overflow is stream.overflow


def test_a_servers_own_report_is_read(api: Any, make: Any) -> None:
    report = Overflow("drop_oldest", 60, 180, 60, 12, 120)
    api.post(CHAT, json=answer(overflow=report.to_dict()))
    assert make().chat_completion(HELLO).overflow == report
    first = {"choices": [{"delta": {"content": "Hi"}}], "overflow": report.to_dict()}
    body = f"data: {json.dumps(first)}\n\n{events()}"
    api.post(CHAT, body=body, content_type="text/event-stream")
    stream = make().chat_completion(HELLO, stream=True)
    next(stream)
    assert stream.overflow == report
    assert stream.response.overflow == report


def test_what_a_server_means_otherwise_by_overflow_is_kept(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer(overflow={"pages": 3}))
    assert make().chat_completion(HELLO).overflow == {"pages": 3}


def test_by_default_what_does_not_fit_is_an_error_and_not_sent(make: Any) -> None:
    llm = make({"context_length": 100}, count_tokens=ten_each)
    with pytest.raises(LLMContextLengthError, match=r"180 tokens, but 60 are free"):
        llm.chat_completion(TALK, max_tokens=40)
    assert llm.get_request_count() == 0


def test_an_answer_without_bound_is_left_a_quarter(make: Any) -> None:
    llm = make({"context_length": 100}, count_tokens=ten_each)
    with pytest.raises(LLMContextLengthError, match="75 are free"):
        llm.chat_completion(TALK)


def test_tools_take_room(make: Any) -> None:
    llm = make({"context_length": 1000}, count_tokens=ten_each)
    tool = {"name": "f", "description": "x" * 300, "parameters": {}}
    with pytest.raises(LLMContextLengthError, match=r"1,000 tokens, but 7\d\d are free"):
        llm.chat_completion(HELLO * 100, max_tokens=100, tools=[tool])


def test_the_model_writes_the_summary_when_nobody_else_does(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer("They counted."))
    api.post(CHAT, json=answer("Hi"))
    llm = make({"context_length": 200, "overflow": "summarise"}, count_tokens=ten_each)
    response = llm.chat_completion(TALK, max_tokens=100)
    asked, final = sent(api, 0), sent(api, 1)
    assert "user: 0\nassistant: 0\n" in asked["messages"][0]["content"]
    assert asked["max_tokens"] == 50
    note = {"role": "system", "content": f"{NOTE_HEADING}They counted."}
    assert final["messages"][:2] == [TALK[0], note]
    assert response.overflow.summary == "They counted."
    assert llm.get_request_count() == 2


def test_ones_own_summariser_is_used(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    llm = make({"context_length": 200}, count_tokens=ten_each, summarise=lambda _: "mine")
    response = llm.chat_completion(TALK, max_tokens=100, overflow="summarise")
    assert response.overflow.summary == "mine"


async def later(_: Sequence[ChatMessage]) -> Any:
    return "never awaited"


@worlds.blocking_only
@pytest.mark.parametrize("name", ["summarise", "count_tokens"])
def test_a_coroutine_function_is_refused_where_nobody_awaits_it(make: Any, name: str) -> None:
    with pytest.raises(LLMConfigError, match=f"{name} is a coroutine function"):
        make(**{name: later})


def test_without_a_tokenizer_the_counts_are_flagged_as_an_estimate(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    response = make({"context_length": 200, "overflow": "drop_oldest"}).chat_completion(TALK)
    assert response.overflow.estimated


@pytest.mark.parametrize(
    ("text", "least"),
    [("The quick brown fox jumps over the lazy dog. " * 20, 200), ("if x:\n    y()\n" * 20, 120),
     ("敏捷的棕色狐狸跳过了懒狗" * 20, 240)],
    ids=["English", "code", "Chinese"],
)  # fmt: skip
def test_the_estimate_is_rather_too_high(text: str, least: int) -> None:
    assert least <= estimate_prompt_tokens([{"role": "user", "content": text}]) <= 2.2 * least


def test_a_picture_is_not_counted_by_its_bytes() -> None:
    url = {"url": "data:image/png;base64," + "A" * 1_000_000}
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": url}]
    n_tokens = estimate_prompt_tokens([{"role": "user", "content": parts}])
    assert MEDIA_TOKENS < n_tokens < MEDIA_TOKENS + 50


def test_a_policy_of_the_config_needs_a_window() -> None:
    with pytest.raises(LLMConfigError, match="overflow is 'drop_oldest', which needs context_len"):
        LLMConfig(overflow="drop_oldest")


def test_without_a_window_a_calls_policy_is_the_servers_affair(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    make().chat_completion(TALK, overflow="drop_oldest")
    assert (sent(api)["overflow"], sent(api)["messages"]) == ("drop_oldest", TALK)
    make().chat_completion(HELLO)
    assert "overflow" not in sent(api)


def test_an_unknown_policy_is_refused(make: Any) -> None:
    with pytest.raises(LLMConfigError, match="overflow must be 'error', 'drop_oldest'"):
        LLMConfig(context_length=100, overflow="cut")  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="overflow is 'cut'; give one of 'error'"):
        make({"context_length": 100}).chat_completion(HELLO, overflow="cut")
