"""An older Claude is held to a schema by a tool of which callers see nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel

from cloud.llm.events import Finish, ResponseAssembler, StreamEvent, TextDelta, ToolCallDelta
from cloud.llm.json_schema import JSONSchema
from cloud.llm.streams import AsyncEventStream
from llmring import LLMResponse
from llmring.exceptions import ProviderAnswerError
from llmring.providers.anthropic.forced_tool import ForcedTool
from llmring.providers.base import ProviderCall
from tests.cloud.anthropic import wire as claude
from tests.cloud.anthropic.scripts import SIGNATURE, WEATHER
from tests.cloud.official_types import JUDGES
from tests.llmring.rings import answer_to, chunks_of, request, sent
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

MODEL = "anthropic:claude-opus-4-1-20250805"
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
LIST = {"type": "array", "items": {"type": "string"}}
ANN = {"name": "Ann", "age": 3}


class Person(BaseModel):
    name: str
    age: int | None = None


def calls(*blocks: dict[str, Any], stop: str = "tool_use") -> Any:
    return claude.message(*blocks, stop=stop)


def gives(value: dict[str, Any], name: str = "person") -> dict[str, Any]:
    """The block by which the model gives its answer."""
    return claude.tool_use("toolu_1", name, value)


def play(whole: Any, **fields: Any) -> tuple[dict[str, Any], LLMResponse]:
    """What is sent, and the answer; the same answer streamed comes to the same."""
    asked = request(MODEL, **{"response_format": FORMAT, **fields})
    scripts = (wire.answer(whole), wire.stream_answer(claude.stream(whole)))
    with ScriptedServer(scripts) as server:
        response = answer_to(server, asked)
        chunks = chunks_of(server, asked)
        body: dict[str, Any] = sent(server, 0)
    JUDGES["anthropic"]()(body)
    last = chunks[-1]
    assert json.loads("".join(chunk.delta for chunk in chunks) or "null") == (
        json.loads(response.content or "null")
    )
    assert (last.parsed, last.finish_reason) == (response.parsed, response.finish_reason)
    assert [one["id"] for one in last.tool_calls or ()] == (
        [one["id"] for one in response.tool_calls or ()]
    )
    return body, response


def test_the_tools_arguments_are_the_answer() -> None:
    body, response = play(calls(gives(ANN)))
    (tool,) = body["tools"]
    assert (tool["name"], tool["input_schema"]["properties"]) == ("person", PERSON["properties"])
    assert body["tool_choice"] == {"type": "tool", "name": "person"}
    assert "output_config" not in body
    assert (json.loads(response.content), response.parsed) == (ANN, ANN)
    assert (response.finish_reason, response.tool_calls) == ("stop", None)


def test_a_class_gets_its_object() -> None:
    whole = calls(gives(ANN, "Person"))
    assert play(whole, response_format=Person)[1].parsed == Person(name="Ann", age=3)


def test_what_is_said_before_the_call_is_no_part_of_the_answer() -> None:
    _, response = play(calls(claude.text("Here it is."), gives(ANN), claude.text("There.")))
    assert json.loads(response.content) == ANN


def test_the_callers_tools_can_be_called_as_well() -> None:
    body, response = play(
        calls(claude.tool_use("toolu_2", "get_weather", {"location": "Rome"})), tools=[WEATHER]
    )
    assert [tool["name"] for tool in body["tools"]] == ["get_weather", "person"]
    assert body["tool_choice"] == {"type": "any"}
    assert response.finish_reason == "tool_calls"
    assert response.tool_calls is not None
    assert response.tool_calls[0]["function"]["name"] == "get_weather"


def test_of_several_calls_the_callers_are_left() -> None:
    weather = claude.tool_use("toolu_2", "get_weather", {"location": "Rome"})
    _, response = play(calls(gives(ANN), weather), tools=[WEATHER])
    assert json.loads(response.content) == ANN
    assert response.finish_reason == "tool_calls"
    assert [call["id"] for call in response.tool_calls or ()] == ["toolu_2"]


def test_of_several_answers_the_first_counts() -> None:
    again = claude.tool_use("toolu_2", "person", {"name": "Bob"})
    _, response = play(calls(gives(ANN), again))
    assert (response.parsed, response.tool_calls) == (ANN, None)


def test_a_model_that_thinks_is_asked_and_not_forced() -> None:
    whole = calls(claude.thinking("Hm.", SIGNATURE), gives(ANN))
    body, response = play(whole, reasoning_tokens=2000)
    assert body["tool_choice"] == {"type": "auto"}
    assert (response.parsed, response.reasoning) == (ANN, "Hm.")


def test_a_model_that_answers_in_text_is_heard() -> None:
    _, response = play(claude.message(claude.text(json.dumps(ANN))))
    assert response.parsed == ANN


def test_an_answer_that_is_cut_says_so() -> None:
    with ScriptedServer((wire.answer(calls(gives({"name": "An"}), stop="max_tokens")),)) as server:
        response = answer_to(server, request(MODEL, response_format=FORMAT))
    assert response.finish_reason == "length"


def test_a_strict_answer_that_does_not_fit_is_an_error() -> None:
    strict = {**FORMAT, "strict": True}
    with (
        ScriptedServer((wire.answer(calls(gives({"age": "old"}))),)) as server,
        pytest.raises(ProviderAnswerError),
    ):
        answer_to(server, request(MODEL, response_format=strict))


def test_a_list_is_asked_for_in_an_object_and_given_by_itself() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "towns", "schema": LIST}}
    (property_name,) = JSONSchema(LIST).as_object["properties"]
    whole = calls(gives({property_name: ["Rome", "Ulm"]}, "towns"))
    with ScriptedServer((wire.answer(whole),)) as server:
        response = answer_to(server, request(MODEL, response_format=wanted))
        (tool,) = sent(server)["tools"]
    assert tool["input_schema"]["type"] == "object"
    assert (response.parsed, response.content) == (["Rome", "Ulm"], '["Rome","Ulm"]')


def stream_of(*events: StreamEvent, closed: list[bool]) -> AsyncEventStream:
    """A provider's stream; `closed` tells how often it was."""

    async def told() -> AsyncIterator[StreamEvent]:
        for event in events:
            yield event

    return AsyncEventStream(told(), lambda: closed.append(True), ResponseAssembler("m"))


def forced_tool() -> ForcedTool:
    call = ProviderCall("m", [], 5.0, response_format=JSONSchema(PERSON, "person"))
    forced = ForcedTool.of(call)
    assert forced is not None
    return forced


def test_leaving_a_stream_ends_the_one_behind_it() -> None:
    closed: list[bool] = []
    behind = stream_of(ToolCallDelta(0, "1", "person", "{"), Finish("tool_calls"), closed=closed)

    async def leave() -> StreamEvent:
        async with forced_tool().stream(behind) as events:
            return await anext(events)

    assert asyncio.run(leave()) == TextDelta("{")
    assert closed == [True]


@pytest.mark.parametrize(
    ("begin", "told"),
    [(TextDelta("No."), TextDelta("No.")), (ToolCallDelta(0, "1", "person"), TextDelta("{}"))],
    ids=["text", "an empty object"],
)
def test_an_answer_is_told_once_where_its_end_is_told_twice(
    begin: StreamEvent, told: StreamEvent
) -> None:
    events = [begin, Finish("stop"), Finish("stop")]

    async def read() -> list[StreamEvent]:
        return [event async for event in forced_tool().stream(stream_of(*events, closed=[]))]

    assert asyncio.run(read()) == [told, *events[1:]]


def test_a_dropped_stream_ends_the_one_behind_it_at_once() -> None:
    closed: list[bool] = []
    behind = stream_of(ToolCallDelta(0, "1", "person", "{"), Finish("stop"), closed=closed)

    async def drop() -> None:
        stream = forced_tool().stream(behind)
        await anext(stream)
        del stream
        assert closed == [True]

    asyncio.run(drop())


def test_json_of_any_form_needs_no_tool() -> None:
    body, response = play(
        claude.message(claude.text('{"a": 1}')), response_format={"type": "json_object"}
    )
    assert "tools" not in body
    assert response.parsed == {"a": 1}


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-5"])
def test_newer_models_need_no_tool(model: str) -> None:
    with ScriptedServer((wire.answer(claude.message(claude.text(json.dumps(ANN)))),)) as server:
        response = answer_to(server, request(f"anthropic:{model}", response_format=FORMAT))
        body = sent(server)
    assert "tools" not in body
    assert body["output_config"]["format"]["type"] == "json_schema"
    assert response.parsed == ANN


CHOICES: dict[str, tuple[Any, Any, list[str]]] = {
    "none": ("none", "person", ["person"]),
    "required": ("required", "required", ["get_weather", "person"]),
    "auto": ({"type": "auto"}, "required", ["get_weather", "person"]),
    "a tool": ("get_weather", {"type": "function", "function": {"name": "get_weather"}},
               ["get_weather", "person"]),
}  # fmt: skip


@pytest.mark.parametrize(("choice", "expected", "names"), CHOICES.values(), ids=CHOICES)
def test_the_callers_choice_counts(choice: Any, expected: Any, names: list[str]) -> None:
    call = ProviderCall("m", [], 5.0, tools=[WEATHER], tool_choice=choice,
                        response_format=JSONSchema(PERSON, "person"))  # fmt: skip
    forced = ForcedTool.of(call)
    assert forced is not None
    assert forced.call.tools is not None
    assert [tool["function"]["name"] for tool in forced.call.tools] == names
    assert forced.call.tool_choice == expected


def test_the_tools_name_is_free() -> None:
    tools = [{"name": "a" * 64}, {"type": "function", "function": {"name": "a" * 56 + "_2"}}]
    call = ProviderCall("m", [], 5.0, tools=tools, response_format=JSONSchema(PERSON, "a" * 64))
    forced = ForcedTool.of(call)
    assert forced is not None
    assert forced.name == "a" * 56 + "_3"
