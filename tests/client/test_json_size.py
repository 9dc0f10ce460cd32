"""JSON that is small on the wire and large in memory is refused before it is decoded."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, ValidationError

from cloud.llm import ToolCall
from cloud.llm.ollama.lines import LineDecoder
from LLM import ChatCompletionResponse
from LLM.codec import Source, decode_answer, lenient_json
from LLM.exceptions import LLMResponseError
from LLM.json_size import MAX_JSON_VALUES, MAX_PARTS, MAX_WRITTEN_VALUES, has_too_many_values
from LLM.sse import SSEDecoder
from LLM.structured import parsed_content

SOURCE = Source("api.test", "asked-model", None)


def numbers(count: int) -> bytes:
    return b"[" + b",".join([b"10"] * count) + b"]"


@pytest.mark.parametrize("end", [b"", b"\n\n"], ids=["cut", "whole"])
def test_event_of_too_many_values_ends_the_stream(end: bytes) -> None:
    decoder = SSEDecoder()
    with pytest.raises(LLMResponseError, match="1,000,000 JSON values"):
        decoder.feed(b": first\n\ndata: " + numbers(MAX_JSON_VALUES + 1) + end) or decoder.close()


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["cut", "whole"])
def test_line_of_too_many_values_ends_the_stream(end: bytes) -> None:
    decoder = LineDecoder()
    with pytest.raises(LLMResponseError, match="1,000,000 JSON values"):
        decoder.feed(numbers(MAX_JSON_VALUES + 1) + end) or decoder.close()


def test_answer_of_too_many_values_is_not_decoded() -> None:
    body = b'{"choices":' + numbers(MAX_JSON_VALUES + 1) + b"}"
    with pytest.raises(LLMResponseError, match="1,000,000 values") as caught:
        decode_answer(ChatCompletionResponse, body, 200, SOURCE)
    assert (caught.value.status_code, caught.value.provider) == (200, "api.test")
    assert lenient_json(body) is None


def test_values_within_the_bound_are_decoded() -> None:
    assert not has_too_many_values(numbers(MAX_JSON_VALUES - 1))
    assert len(lenient_json(numbers(MAX_JSON_VALUES - 1))) == MAX_JSON_VALUES - 1
    assert not has_too_many_values(numbers(3), most=4)
    assert has_too_many_values(numbers(4), most=3)
    assert has_too_many_values('{"a": [[], {}]}', most=4)


def test_what_a_model_writes_has_a_bound_of_its_own() -> None:
    class Numbers(BaseModel):
        values: list[int]

    text = f'{{"values":{numbers(MAX_WRITTEN_VALUES + 1).decode()}}}'
    with pytest.raises(LLMResponseError, match="100,000 values"):
        parsed_content(text, "stop", Numbers)
    with pytest.raises(LLMResponseError, match="no JSON object"):
        _ = ToolCall("call_1", "add", text).arguments


@pytest.mark.parametrize(
    "choices",
    [
        pytest.param([{}] * 1000, id="choices"),
        pytest.param([{"message": {"tool_calls": [{}] * (MAX_PARTS + 1)}}], id="calls"),
        pytest.param([{"message": {}, "logprobs": {"content": [{}] * 1000}}], id="logprobs"),
    ],
)
def test_lists_of_mistakes_are_told_by_few(choices: list[object]) -> None:
    with pytest.raises(ValidationError) as caught:
        ChatCompletionResponse.model_validate({"choices": choices})
    assert caught.value.error_count() <= 2


def test_odd_details_of_several_choices_cost_no_answer() -> None:
    call = {"id": 5, "function": {"name": "add", "arguments": {"a": 1}}}
    message = {"content": "Hi", "tool_calls": [call] * 3}
    choices = [{"index": i, "finish_reason": 5, "message": message} for i in range(8)]
    body = json.dumps({"choices": choices}).encode()
    answer = decode_answer(ChatCompletionResponse, body, 200, SOURCE)
    assert [len(choice.message.tool_calls or ()) for choice in answer.choices] == [3] * 8
    assert answer.choices[7].message.tool_calls[2].id == "5"  # type: ignore[index]  # there are 3
