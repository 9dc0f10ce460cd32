"""What the tests of the Responses API share."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_llm_kit.server import LocalServer
from tests.local.http import ask

PATH = "/v1/responses"
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
#: Keys of OpenAI's schema that are required, and those that it defines and we always tell.
RESPONSE_KEYS = {
    "id", "object", "created_at", "error", "incomplete_details", "instructions", "model", "tools",
    "output", "parallel_tool_calls", "metadata", "tool_choice", "temperature", "top_p",
} | {
    "status", "completed_at", "background", "max_output_tokens", "max_tool_calls",
    "previous_response_id", "reasoning", "service_tier", "store", "text", "top_logprobs",
    "truncation",
}  # fmt: skip
ITEM_KEYS = {
    "message": {"id", "type", "role", "content", "status"},
    "function_call": {"id", "type", "call_id", "name", "arguments", "status"},
}
PART_KEYS = {"type", "text", "annotations", "logprobs"}
USAGE_KEYS = {
    "input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details",
    "total_tokens",
}  # fmt: skip


def create(server: LocalServer, body: dict[str, Any]) -> dict[str, Any]:
    answer = ask(server.url, PATH, body)
    assert answer.status == 200, answer.body
    response: dict[str, Any] = answer.json
    return response


def stream(server: LocalServer, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = ask(server.url, PATH, body | {"stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = answer.body.decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def text_of(response: dict[str, Any]) -> str:
    return "".join(part["text"] for item in response["output"] for part in item["content"])


def comparable(response: dict[str, Any]) -> dict[str, Any]:
    """A response without what differs from one call to the next."""
    told = json.loads(json.dumps(response))
    for name in ("id", "created_at", "completed_at"):
        del told[name]
    for item in told["output"]:
        del item["id"]
        item.pop("call_id", None)
    del told["usage"]["input_tokens_details"]
    return dict(told)


def near(value: Any) -> Any:
    """A value whose numbers need only be close: a prompt from the cache is summed otherwise."""
    if isinstance(value, dict):
        return {name: near(one) for name, one in value.items()}
    if isinstance(value, list):
        return [near(one) for one in value]
    return pytest.approx(value, abs=1e-3) if isinstance(value, float) else value


def check_response(response: dict[str, Any]) -> None:
    assert response.keys() >= RESPONSE_KEYS
    for item in response["output"]:
        assert item.keys() == ITEM_KEYS[item["type"]]
        assert all(part.keys() == PART_KEYS for part in item.get("content", []))
