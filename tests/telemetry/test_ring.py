"""A ring's span around those of its tries, and the spans of tools."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from llmring.exceptions import LLMRingError
from llmring.mcp.client.calls import CallSettings, RoundOfCalls
from llmring.mcp.tools import Tool, ToolResult
from llmring.tracing import in_conversation
from tests.llmring.conftest import pool
from tests.llmring.pools import MESSAGES, cut, good, refusal
from tests.telemetry.conftest import Seen

pytestmark = pytest.mark.slow

__all__ = ["pool"]  # a fixture


def _asked(name: str) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": '{"a":1}'}}


def _use(tool: Tool) -> None:
    """Have a model call the tool."""

    async def run() -> None:
        calls = RoundOfCalls([_asked(tool.name)], {tool.name: tool}, CallSettings(), 1)
        async for _ in calls.events():
            continue

    asyncio.run(run())


def _tool(result: ToolResult | Exception) -> Tool:
    async def call(arguments: dict[str, Any], progress: object) -> ToolResult:
        if isinstance(result, Exception):
            raise result
        return result

    return Tool("adder", "Adds the zebra.", {"type": "object"}, call)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_ring_spans_its_tries_and_tells_what_came_of_them(
    seen: Seen, pool: Any, streamed: bool
) -> None:
    pool(refusal(500), good, rounds=1).ask(streamed)
    failed, answered, ring = seen.spans
    assert [failed.name, answered.name, ring.name] == [
        "chat gpt-x",
        "chat claude-x",
        "ring pool",
    ]
    assert ring.kind is SpanKind.INTERNAL
    assert {failed.parent.span_id, answered.parent.span_id} == {ring.context.span_id}
    told = dict(ring.attributes)
    assert told == {
        "llm_kit.ring.alias": "pool",
        "llm_kit.ring.models_tried": ("openai:gpt-x", "anthropic:claude-x"),
        "llm_kit.ring.model": "anthropic:claude-x",
        "llm_kit.ring.outcome": "answered",
    }
    assert answered.attributes["gen_ai.provider.name"] == "anthropic"


def test_tokens_of_a_ring_are_counted_once(seen: Seen, pool: Any) -> None:
    usage = pool(good, rounds=1).chat().usage
    points = seen.points("gen_ai.client.token.usage")
    assert sum(point.sum for point in points) == usage["total_tokens"]
    assert sum(p.count for p in seen.points("gen_ai.client.operation.duration")) == 1


def test_ring_whose_models_all_fail_has_failed(seen: Seen, pool: Any) -> None:
    with pytest.raises(LLMRingError):
        pool(refusal(500), refusal(500), refusal(500), rounds=1).chat()
    ring = seen.spans[-1]
    assert ring.status.status_code is StatusCode.ERROR
    assert ring.attributes["llm_kit.ring.outcome"] == "failed"
    assert len(ring.attributes["llm_kit.ring.models_tried"]) == 3


def test_stream_that_is_cut_fails_try_and_ring(seen: Seen, pool: Any) -> None:
    with pytest.raises(LLMRingError):
        pool(cut(after_text=True), rounds=1).chunks()
    assert [span.status.status_code for span in seen.spans] == [StatusCode.ERROR] * 2


def test_stream_of_a_ring_that_is_dropped_is_left(seen: Seen, pool: Any) -> None:
    made = pool(good, rounds=1)

    async def run() -> None:
        stream = made.ring.chat_stream("pool", messages=MESSAGES)
        await anext(stream)
        del stream
        gc.collect()

    made.run(run)
    seen.wait_for(2)
    ring = next(span for span in seen.spans if span.name == "ring pool")
    assert ring.attributes["llm_kit.ring.outcome"] == "left"
    assert ring.status.is_unset


def test_calls_of_a_conversation_tell_its_id(seen: Seen, pool: Any) -> None:
    with in_conversation("c-1"):
        pool(good, rounds=1).chat()
    assert seen.spans[0].attributes["gen_ai.conversation.id"] == "c-1"


def test_tool_is_a_span_of_its_own(seen: Seen) -> None:
    _use(_tool(ToolResult("3")))
    assert (seen.span.name, seen.span.kind) == ("execute_tool adder", SpanKind.INTERNAL)
    assert dict(seen.span.attributes or {}) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "adder",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.tool.description": "Adds the zebra.",
    }


@pytest.mark.parametrize(
    ("result", "error"),
    [(ToolResult("no", is_error=True), "tool_error"), (KeyError("zebra"), "KeyError")],
    ids=["says_so", "raises"],
)
def test_tool_that_fails_says_how(seen: Seen, result: Any, error: str) -> None:
    _use(_tool(result))
    assert (seen.span.attributes or {})["error.type"] == error
    assert seen.span.status.status_code is StatusCode.ERROR


def test_arguments_of_tools_are_content(seen: Seen) -> None:
    seen.record(capture_content=True)
    _use(_tool(ToolResult("the zebra")))
    told = seen.span.attributes or {}
    assert told["gen_ai.tool.call.arguments"] == '{"a":1}'
    assert told["gen_ai.tool.call.result"] == "the zebra"
