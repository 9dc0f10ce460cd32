"""Calls that are wrong, and tools that fail: the model is told, and goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmring.exceptions import ToolError
from llmring.mcp.client import ToolEnded
from llmring.mcp.tools import OnProgress, ToolResult
from tests.llmring.mcp.turns import (
    PROVIDERS,
    SUNNY,
    Said,
    ask,
    get_weather,
    named,
    raw_tool,
    told,
)
from tests.remote import wire

ROME, OSLO = ("get_weather", {"city": "Rome"}), ("get_weather", {"city": "Oslo"})


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (("get_time", {}), "there is no tool 'get_time'; there are: get_weather"),
        (("get_weather", {}), "the arguments do not fit the tool's schema: at $: 'city' is a req"),
        (("get_weather", {"city": 3}), "at $.city: 3 is not of type 'string'"),
        (("get_weather", {"city": "Rome", "x": 1}), "Additional properties are not allowed"),
    ],
    ids=["unknown", "missing", "wrong type", "too much"],
)
def test_a_wrong_call_is_told_to_the_model(call: Any, problem: str) -> None:
    turn, events, _ = ask(Said(calls=[call]), SUNNY, tools=[get_weather])
    assert problem in told(turn)[0]
    assert named(events) == ["ToolEnded", "TurnEnded"]
    assert turn.content == "It is sunny."


def test_arguments_that_are_no_json_are_told_to_the_model() -> None:
    function = {"name": "get_weather", "arguments": '{"city": "Ro'}
    call = {"id": "call_1", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "length"}
    cut = wire.answer({**wire.CHAT, "choices": [choice]})
    turn, _, _ = ask(cut, SUNNY, tools=[get_weather])
    assert told(turn) == ["the arguments are no JSON object; write the call again, complete"]


class OddError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (ToolError("no such city"), "the call failed: no such city"),
        (OddError("odd"), "the call failed: OddError: odd"),
        (TimeoutError("slow disk"), "the call failed: TimeoutError: slow disk"),
        (asyncio.CancelledError(), "the call failed: the call was cancelled"),
        (ExceptionGroup("both", [OddError()]), "the call failed: ExceptionGroup: both"),
    ],
    ids=["ToolError", "unexpected", "its own timeout", "its own cancellation", "a group"],
)
def test_a_tool_that_fails_is_told_to_the_model(error: BaseException, problem: str) -> None:
    async def fail(arguments: dict[str, Any], on_progress: OnProgress | None) -> ToolResult:
        raise error

    turn, events, _ = ask(Said(calls=[("raw", {})]), SUNNY, tools=[raw_tool(fail)])
    assert told(turn)[0].startswith(problem)
    assert [event.result.is_error for event in events if isinstance(event, ToolEnded)] == [True]


class Speechless(Exception):
    def __str__(self) -> str:
        raise OddError


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("text", "it gave a str, and no ToolResult"),
        (ToolResult([1]), "neither text nor a list of content parts"),  # type: ignore[list-item]
        (ToolResult([{"text": "x"}]), "neither text nor a list of content parts"),
        (Speechless(), "the call failed: Speechless"),
    ],
    ids=["text", "numbers", "no type", "speechless"],
)
def test_a_result_that_is_none_is_told_to_the_model(given: Any, problem: str) -> None:
    async def give(arguments: dict[str, Any], on_progress: OnProgress | None) -> Any:
        if isinstance(given, Exception):
            raise given
        return given

    turn, _, _ = ask(Said(calls=[("raw", {})]), SUNNY, tools=[raw_tool(give)])
    assert problem in told(turn)[0]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_names_of_files_that_are_no_text_reach_every_provider(provider: str) -> None:
    async def give(arguments: dict[str, Any], on_progress: OnProgress | None) -> ToolResult:
        return ToolResult([{"type": "text", "text": "a\udcff"}, {"type": "text", "text": ""}])

    said = (Said(calls=[("raw", {})]), SUNNY)
    if provider == "ollama":
        said = (SUNNY, *said)
    turn, _, _ = ask(*said, provider=provider, tools=[raw_tool(give)])
    assert told(turn) == [[{"type": "text", "text": "a?"}]]
