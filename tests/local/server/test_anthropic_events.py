"""How chunks of an answer are told as events, and added up to a message. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from LLM.exceptions import LLMServerError
from local_llm_kit.server.anthropic.events import MessageEvents
from local_llm_kit.server.anthropic.shape import WholeMessage

USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "prompt_tokens_details": {"cached_tokens": 6},
}


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
    return {"id": "chatcmpl-1", "model": "m", "choices": [choice], "usage": None}


def call(index: int, arguments: str, **head: str) -> dict[str, Any]:
    name = {"name": head.pop("name")} if "name" in head else {}
    function = {**name, "arguments": arguments}
    return {"tool_calls": [{"index": index, **head, "function": function}]}


def end(finish: str = "stop", **more: Any) -> list[dict[str, Any]]:
    last = chunk({}, finish, **more)
    return [last, {"id": "chatcmpl-1", "model": "m", "choices": [], "usage": USAGE}]


#: An answer with every kind of block, and text between two calls.
MIXED = [
    chunk({"role": "assistant", "content": None, "reasoning_content": "h"}),
    chunk({"reasoning_content": "m"}),
    chunk({"content": "I "}),
    chunk({"content": "look."}),
    chunk(call(0, "", id="call_1", name="look")),
    chunk(call(0, '{"x": ')),
    chunk(call(0, "1}")),
    chunk(call(1, '{"x": 2}', id="call_2", name="look")),
    chunk({"content": "So."}),
    *end("tool_calls"),
]


def message_of(
    chunks: list[dict[str, Any]], *, max_tokens: int = 4, shows_thoughts: bool = True
) -> dict[str, Any]:
    shape = WholeMessage(MessageEvents(max_tokens, shows_thoughts))
    assert shape.chunks(chunks) == b""
    return shape.whole({})


def test_blocks_come_in_the_order_in_which_they_were_made() -> None:
    message = message_of(MIXED)
    assert message["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"x": 1}},
        {"type": "tool_use", "id": "toolu_2", "name": "look", "input": {"x": 2}},
        {"type": "text", "text": "So."},
    ]
    assert (message["id"], message["stop_reason"]) == ("msg_1", "tool_use")


def test_each_block_is_begun_grown_and_stopped_before_the_next() -> None:
    events = MessageEvents(4, shows_thoughts=True)
    told = [*events.add(MIXED), *events.end()]
    blocks = [(one["type"], one["index"]) for one in told if "index" in one]
    starts = [index for kind, index in blocks if kind == "content_block_start"]
    assert starts == [0, 1, 2, 3, 4]
    for index in starts:
        kinds = [kind for kind, place in blocks if place == index]
        assert (kinds[0], kinds[-1]) == ("content_block_start", "content_block_stop")
        assert set(kinds[1:-1]) == {"content_block_delta"}
    assert [place for _, place in blocks] == sorted(place for _, place in blocks)


def test_thoughts_that_are_unwanted_are_left_out() -> None:
    content = message_of(MIXED, shows_thoughts=False)["content"]
    assert "thinking" not in [block["type"] for block in content]


def test_a_call_that_was_cut_has_as_much_of_its_input_as_came() -> None:
    chunks = [chunk(call(0, '{"a": 1, "b": [2', id="call_1", name="look")), *end("length")]
    message = message_of(chunks)
    assert message["content"][0]["input"] == {"a": 1, "b": [2]}
    assert message["stop_reason"] == "max_tokens"


@pytest.mark.parametrize(
    "arguments",
    [r'{"a": "\ud83d"}', "[1]", "nonsense", '{"a":' * 250],
    ids=["surrogate", "list", "text", "deep"],
)
def test_a_whole_call_of_what_is_no_object_is_an_error_that_says_so(arguments: str) -> None:
    with pytest.raises(LLMServerError, match="called 'look' with what is no JSON object"):
        message_of([chunk(call(0, arguments, id="call_1", name="look")), *end("tool_calls")])


def test_what_the_cache_held_is_counted_apart() -> None:
    assert message_of([chunk({"content": "a"}), *end()])["usage"] == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 6,
        "output_tokens": 4,
    }


@pytest.mark.parametrize(
    ("ending", "max_tokens", "told"),
    [
        (end("stop"), 9, ("end_turn", None)),
        (end("stop", stop_reason="X"), 9, ("stop_sequence", "X")),
        (end("tool_calls", stop_reason="X"), 9, ("tool_use", None)),
        (end("length"), 4, ("max_tokens", None)),
        (end("length"), 9, ("model_context_window_exceeded", None)),
    ],
    ids=["by itself", "stop sequence", "calls", "limit", "window"],
)
def test_the_reason_of_the_end(
    ending: list[dict[str, Any]], max_tokens: int, told: tuple[str, str | None]
) -> None:
    message = message_of([chunk({"content": "a"}), *ending], max_tokens=max_tokens)
    assert (message["stop_reason"], message["stop_sequence"]) == told


def test_an_empty_answer_has_no_block() -> None:
    message = message_of([chunk({"role": "assistant", "content": ""}), *end("length")])
    assert message["content"] == []
