"""A stream and a whole answer say the same, wherever the text is cut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from LLM.assembly import ChatAssembler
from LLM.types import ChatCompletionChunk, ChatCompletionResponse
from local_llm_kit import LLMClient
from local_llm_kit.answers import ChatAnswer
from local_llm_kit.answers.chat import Calls
from local_llm_kit.engines.protocol import Delta, Event, Finished, FinishReason
from local_llm_kit.engines.text import TextStream
from local_llm_kit.tools import CLOSE, OPEN

pytestmark = pytest.mark.slow

CALL = OPEN + '{"name": "add", "arguments": {"a": "}é</tool_call>\\"", "b": [1, {}]}}' + CLOSE
#: What answers are made of, and what nearly is.
SCRAPS = [
    "Hello",
    " ",
    "\n",
    "é",
    "\U0001f600",
    "<",
    "<tool_",
    OPEN,
    CLOSE,
    CALL,
    "STOP",
    "ST",
    "{}",
]
texts = st.lists(st.sampled_from(SCRAPS), max_size=8).map("".join)
#: Texts in which every block is a call: what a grammar lets through.
held_texts = st.lists(st.sampled_from(["Hi", " ", "\n", "é<", CALL, f"{CALL}\n"]), max_size=5).map(
    "".join
)


def events(answer: ChatAnswer, text: str, cuts: list[int], stops: list[str]) -> Iterator[Event]:
    """What an engine tells of a text that comes in pieces of bytes."""
    data, tag = text.encode(), answer.choices[0]
    stream = TextStream(stops)
    places = sorted({0, *(cut % (len(data) + 1) for cut in cuts), len(data)})
    for begin, end in pairwise(places):
        piece = stream.feed(data[begin:end])
        if piece:
            yield Delta(tag, piece)
        if stream.met:
            break
    rest = "" if stream.met else stream.flush()
    if rest:
        yield Delta(tag, rest)
    yield Finished(tag, "stop", 3, len(data), 0, stream.met)


def bare(response: ChatCompletionResponse) -> dict[str, Any]:
    """An answer without what is new each time."""
    choice = response.choices[0].model_dump()
    for call in choice["message"]["tool_calls"] or ():
        del call["id"]
    return {"choice": choice, "usage": response.usage and response.usage.model_dump()}


def whole(text: str, cuts: list[int], stops: list[str], calls: Calls) -> dict[str, Any]:
    answer = ChatAnswer("m", 1, calls=calls)
    answer.feed(list(events(answer, text, cuts, stops)))
    return bare(ChatCompletionResponse.model_validate(answer.response()))


def streamed(text: str, cuts: list[int], stops: list[str], calls: Calls) -> dict[str, Any]:
    answer, assembler = (
        ChatAnswer("m", 1, calls=calls, stream=True, include_usage=True),
        ChatAssembler(),
    )
    for event in events(answer, text, cuts, stops):
        for chunk in answer.feed([event]):
            assembler.add(ChatCompletionChunk.model_validate(chunk))
    response = assembler.response()
    assert response is not None
    return bare(response)


cuts = st.lists(st.integers(0, 400), max_size=30)
stops = st.sampled_from([[], ["STOP"], ["é", "STOP"], ["add"], ["}}"]])


@settings(max_examples=300, deadline=None)
@given(texts, cuts, cuts, stops, st.sampled_from(["none", "free"]))
def test_free_text_does_not_depend_on_its_cuts(
    text: str, some: list[int], others: list[int], ends: list[str], calls: Calls
) -> None:
    assert streamed(text, some, ends, calls) == whole(text, others, ends, calls)


@settings(max_examples=300, deadline=None)
@given(held_texts, st.integers(0, 300), cuts, cuts, stops)
def test_held_text_does_not_depend_on_its_cuts(
    text: str, end: int, some: list[int], others: list[int], ends: list[str]
) -> None:
    text = text[: len(text) - end] if end < len(text) else text  # cut as by max_tokens
    assert streamed(text, some, ends, "held") == whole(text, others, ends, "held")


def test_a_held_call_ends_where_its_arguments_do() -> None:
    answer = whole(CALL * 2, [], [], "held")["choice"]
    calls = answer["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["add", "add"]
    assert calls[0]["function"]["arguments"] == '{"a": "}é</tool_call>\\"", "b": [1, {}]}'
    assert (answer["message"]["content"], answer["finish_reason"]) == (None, "tool_calls")


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_a_call_that_was_cut_is_told_as_far_as_it_came(reason: FinishReason) -> None:
    answer = ChatAnswer("m", 1, calls="held")
    tag = answer.choices[0]
    answer.feed([Delta(tag, CALL.partition("é")[0]), Finished(tag, reason, 1, 1, 0)])
    choice = answer.response()["choices"][0]
    assert choice["finish_reason"] == reason
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"a": "}'


@pytest.fixture(scope="module")
def exact(tiny_f32: Path) -> Iterator[LLMClient]:
    """A model whose sums do not depend on what else is computed."""
    with LLMClient(str(tiny_f32), kv_type="f32", flash_attention=False) as client:
        yield client


TOOL = {"name": "get_weather", "parameters": {"type": "object", "properties": {
    "city": {"type": "string"}}, "required": ["city"]}}  # fmt: skip
REQUESTS: dict[str, dict[str, Any]] = {
    "text": {},
    "stop": {"stop": ["e", " a"]},
    "several": {"n": 3},
    "auto": {"tools": [TOOL]},
    "required": {"tools": [TOOL], "tool_choice": "required"},
    "legacy": {"functions": [TOOL], "function_call": {"name": "get_weather"}},
    "json": {"response_format": {"type": "json_object"}},
    "json or call": {"response_format": {"type": "json_object"}, "tools": [TOOL]},
    "pattern": {"response_format": {"type": "regex", "regex": "[é\U0001f600a-z ]{1,40}"}},
    "scores": {"logprobs": True, "top_logprobs": 2, "tools": [TOOL]},
}


@pytest.mark.parametrize("fields", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("seed", range(4))
def test_a_stream_says_what_the_whole_answer_says(
    exact: LLMClient, seed: int, fields: dict[str, Any]
) -> None:
    asked = [{"role": "user", "content": "What is the weather in Paris and in Rome?"}]
    given = {"messages": asked, "seed": seed, "temperature": 1.2, "max_tokens": 60, **fields}
    answer = exact.chat.completions.create(**given)
    with exact.chat.completions.create(**given, stream=True) as stream:
        for _ in stream:
            pass
    assert stream.response is not None
    for one, other in zip(stream.response.choices, answer.choices, strict=True):
        assert _said(one) == _said(other)
    assert _counts(stream.response) == _counts(answer)


def _said(choice: Any) -> dict[str, Any]:
    said: dict[str, Any] = choice.model_dump(exclude_none=True)
    for call in said["message"].get("tool_calls", ()):
        del call["id"]
    # The prompt was read once and found in the cache once: their sums differ in the last digits.
    said["logprobs"] = [score["bytes"] for score in (said.get("logprobs") or {}).get("content", ())]
    return said


def _counts(response: Any) -> tuple[int, int]:
    return response.usage.prompt_tokens, response.usage.completion_tokens
