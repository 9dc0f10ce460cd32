"""The items of a response and the events that tell of them, from chunks that a test makes up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from LLM.exceptions import InvalidRequestError, LLMError, LLMRateLimitError, LLMServerError
from local_llm_kit.server.responses.shape import ResponseShape

ECHO = {"background": False}


def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return {"model": "m", "choices": [choice]}


def call(name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return chunk({"tool_calls": [{"index": 0, "id": f"call_{name}", "function": function}]})


def more(arguments: str) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]})


USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 3,
    "total_tokens": 8,
    "prompt_tokens_details": {"cached_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
MIXED = [
    chunk({"role": "assistant", "content": None, "reasoning_content": "Let me "}),
    chunk({"reasoning_content": "see."}),
    chunk({"content": "I look. "}),
    call("weather", '{"city": '),
    more('"Paris"}'),
    chunk({"content": "And now "}),
    chunk({"content": "the time."}),
    call("time", "{}"),
    chunk({}, "tool_calls"),
    {"model": "m", "choices": [], "usage": USAGE},
]


def events_of(told: bytes) -> list[dict[str, Any]]:
    blocks = [block for block in told.decode().split("\n\n") if block]
    events = [json.loads(block.partition("\ndata: ")[2]) for block in blocks]
    assert [block.partition("\n")[0] for block in blocks] == [f"event: {e['type']}" for e in events]
    return events


def streamed(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    shape = ResponseShape(ECHO, "m", lambda _: None)
    return events_of(shape.begin() + b"".join(shape.chunks([c]) for c in chunks) + shape.end())


def without_ids(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in item.items() if name != "id"} for item in items]


def test_text_thoughts_and_calls_are_items_in_their_order() -> None:
    output = streamed(MIXED)[-1]["response"]["output"]
    assert [item["type"] for item in output] == [
        "reasoning", "message", "function_call", "message", "function_call",
    ]  # fmt: skip
    assert output[0]["content"] == [{"type": "reasoning_text", "text": "Let me see."}]
    assert output[2]["arguments"] == '{"city": "Paris"}'
    assert output[3]["content"][0]["text"] == "And now the time."


def test_a_whole_answer_has_the_items_of_the_stream() -> None:
    shape = ResponseShape(ECHO, "m", lambda _: None)
    shape.chunks(MIXED)
    whole = shape.whole({})
    last = streamed(MIXED)[-1]["response"]
    assert without_ids(whole["output"]) == without_ids(last["output"])
    assert whole["usage"] == last["usage"]


def test_sequence_numbers_count_from_zero() -> None:
    events = streamed(MIXED)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def test_what_is_added_is_done_and_is_the_sum_of_its_deltas() -> None:
    events = streamed(MIXED)
    added = [e["item"]["id"] for e in events if e["type"] == "response.output_item.added"]
    done = [e["item"] for e in events if e["type"] == "response.output_item.done"]
    assert [item["id"] for item in done] == added
    assert done == events[-1]["response"]["output"]
    for item in done:
        deltas = "".join(
            e["delta"]
            for e in events
            if e["type"].endswith(".delta") and e["item_id"] == item["id"]
        )
        assert deltas == (item.get("arguments") or item["content"][0]["text"])


def test_one_item_grows_at_a_time_between_its_first_and_last_event() -> None:
    is_open = None
    for event in streamed(MIXED)[2:-1]:
        if event["type"] == "response.output_item.added":
            assert is_open is None
            is_open = event["output_index"]
        assert event["output_index"] == is_open
        if event["type"] == "response.output_item.done":
            is_open = None


def test_parts_of_messages_and_thoughts_are_added_empty_and_done_whole() -> None:
    events = streamed(MIXED)
    added = [e["part"] for e in events if e["type"] == "response.content_part.added"]
    done = [e["part"] for e in events if e["type"] == "response.content_part.done"]
    assert [part["text"] for part in added] == ["", "", ""]
    assert [part["text"] for part in done] == ["Let me see.", "I look. ", "And now the time."]


def test_token_counts_have_the_names_of_this_api() -> None:
    assert streamed(MIXED)[-1]["response"]["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 8,
    }


def test_an_answer_that_was_cut_is_incomplete_and_says_why() -> None:
    last = streamed([chunk({"content": "Once upon"}), chunk({}, "length")])[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert last["response"]["completed_at"] is None
    assert last["response"]["output"][0]["status"] == "incomplete"


def test_an_answer_whose_client_has_left_is_kept_as_cancelled() -> None:
    kept: list[dict[str, Any]] = []
    shape = ResponseShape(ECHO, "m", kept.append)
    shape.chunks([chunk({"content": "Once upon"}), chunk({}, "cancelled")])
    shape.end()
    assert (kept[-1]["status"], kept[-1]["completed_at"]) == ("cancelled", None)
    assert kept[-1]["output"][0]["status"] == "incomplete"


def test_an_answer_without_text_is_one_empty_message() -> None:
    output = streamed([chunk({"content": ""}, "stop")])[-1]["response"]["output"]
    assert [part["text"] for item in output for part in item["content"]] == [""]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(LLMServerError("the engine failed"), "server_error", id="engine"),
        pytest.param(LLMRateLimitError("the queue is full"), "rate_limit_exceeded", id="queue"),
        pytest.param(InvalidRequestError("it is too long"), "invalid_prompt", id="refused"),
    ],
)
def test_a_failure_ends_the_stream_with_what_came_and_is_kept(error: LLMError, code: str) -> None:
    kept: list[dict[str, Any]] = []
    shape = ResponseShape(ECHO, "m", kept.append)
    told = shape.begin() + shape.chunks([chunk({"content": "Once"})]) + shape.failure(error)
    last = events_of(told)[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["error"] == {"code": code, "message": error.message}
    assert last["response"]["output"][0]["content"][0]["text"] == "Once"
    assert kept == [last["response"]]


def test_what_was_left_out_of_a_long_conversation_is_told() -> None:
    first = chunk({"content": "Yes."}) | {"overflow": {"policy": "drop_oldest"}}
    assert streamed([first, chunk({}, "stop")])[-1]["response"]["overflow"] == first["overflow"]
