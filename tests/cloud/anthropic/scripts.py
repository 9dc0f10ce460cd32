"""What Anthropic answers: see `tests.cloud.scripts`."""

from __future__ import annotations

from typing import Any

from LLM.exceptions import (
    InvalidRequestError,
    LLMAuthError,
    LLMContentFilterError,
    LLMContextLengthError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    ModelNotFoundError,
)
from tests.cloud.anthropic import wire
from tests.cloud.scripts import Script

WEATHER = {
    "name": "get_weather",
    "description": "Get weather for a location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}
SIGNATURE = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds+WJQ=="
THOUGHT = "The user greets me, so I greet them back."
SEARCH = [
    wire.text("I look that up. "),
    {
        "type": "server_tool_use",
        "id": "srvtoolu_01WYG3ziw53XMcoyKL4XcZmE",
        "name": "web_search",
        "input": {"query": "height of the Zugspitze"},
    },
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_01WYG3ziw53XMcoyKL4XcZmE",
        "content": [
            {
                "type": "web_search_result",
                "url": "https://example.org/zugspitze",
                "title": "Zugspitze",
                "encrypted_content": "EqgfCioIARgBIiQ3YTAwMjY1Mi1m",
                "page_age": "April 30, 2025",
            }
        ],
    },
    wire.text("It is "),
    wire.text(
        "2,962 metres high.",
        citations=[
            {
                "type": "web_search_result_location",
                "url": "https://example.org/zugspitze",
                "title": "Zugspitze",
                "encrypted_index": "Eo8BCioIAhgBIiQyYjQ0OWJmZi1l",
                "cited_text": "The Zugspitze is 2,962 metres high.",
            }
        ],
    ),
]


def _answers(name: str, whole: dict[str, Any], size: int = 7, **expected: Any) -> Script:
    """A message, given whole and streamed."""
    call = expected.pop("call", {})
    facts = {
        "id": whole["id"],
        "model": wire.MODEL,
        "input_tokens": whole["usage"]["input_tokens"],
        "output_tokens": whole["usage"]["output_tokens"],
        "finish_reason": "stop",
        "tool_calls": [],
        **expected,
    }
    return Script(name, whole, wire.stream(whole, size), facts, call=call)


def _refuses(
    name: str,
    status: int,
    kind: str,
    reason: str,
    error: type[LLMError],
    headers: tuple[tuple[str, str], ...] = (),
    details: dict[str, Any] | None = None,
    **expected: Any,
) -> Script:
    """An error with a status of its own."""
    body = wire.error(kind, reason, **({"details": details} if details else {}))
    facts = {"status_code": status, "code": kind, "request_id": body["request_id"], **expected}
    headers = (("request-id", body["request_id"]), *headers)
    return Script(name, body, None, facts, error, status, headers)


def _fails(name: str, kind: str, reason: str, error: type[LLMError], **expected: Any) -> Script:
    """An error in mid-stream."""
    failure = wire.error(kind, reason)
    stream = wire.start(wire.message()) + wire.block(0, wire.text("Once upon a"))
    facts = {"code": kind, "request_id": failure["request_id"], **expected}
    return Script(name, None, stream + wire.event(failure), facts, error)


SCRIPTS: list[Script] = [
    _answers("text", wire.message(wire.text("Hello!")), content="Hello!"),
    _answers(
        "text in many deltas",
        wire.message(wire.text("Grüße aus Köln, 世界! 👩‍🚀 " * 12)),
        size=3,
        content="Grüße aus Köln, 世界! 👩‍🚀 " * 12,
    ),
    _answers(
        "tool call after text",
        wire.message(
            wire.text("I'll check the weather."),
            wire.tool_use("toolu_01T1x1fJ34qAm", "get_weather", {"location": "Paris, FR"}),
            stop="tool_use",
        ),
        call={"tools": [WEATHER]},
        content="I'll check the weather.",
        finish_reason="tool_calls",
        tool_calls=[("get_weather", {"location": "Paris, FR"})],
    ),
    _answers(
        "parallel tool calls",
        wire.message(
            wire.tool_use("toolu_01A", "get_weather", {"location": "Oslo"}),
            wire.tool_use("toolu_01B", "get_weather", {"location": 'Zürich "Nord"'}),
            stop="tool_use",
        ),
        call={"tools": [WEATHER]},
        content="",
        finish_reason="tool_calls",
        tool_calls=[
            ("get_weather", {"location": "Oslo"}),
            ("get_weather", {"location": 'Zürich "Nord"'}),
        ],
    ),
    _answers(
        "tool call without arguments",
        wire.message(wire.tool_use("toolu_01C", "get_time", {}), stop="tool_use"),
        call={"tools": [{"name": "get_time"}]},
        content="",
        finish_reason="tool_calls",
        tool_calls=[("get_time", {})],
    ),
    _answers(
        "thinking",
        wire.message(
            wire.thinking(THOUGHT, SIGNATURE),
            wire.text("Hello!"),
            usage={**wire.USAGE, "output_tokens_details": {"thinking_tokens": 9}},
        ),
        call={"thinking": {"type": "enabled", "budget_tokens": 1024}},
        content="Hello!",
        reasoning=THOUGHT,
        thinking_blocks=[wire.thinking(THOUGHT, SIGNATURE)],
    ),
    _answers(
        "thinking that is not shown",
        wire.message(wire.thinking("", SIGNATURE), wire.text("Hello!")),
        content="Hello!",
        reasoning=None,
        thinking_blocks=[wire.thinking("", SIGNATURE)],
    ),
    _answers(
        "redacted thinking before a tool call",
        wire.message(
            {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4a"},
            wire.thinking(THOUGHT, SIGNATURE),
            wire.tool_use("toolu_01D", "get_weather", {"location": "Oslo"}),
            stop="tool_use",
        ),
        call={"tools": [WEATHER]},
        content="",
        finish_reason="tool_calls",
        reasoning=THOUGHT,
        tool_calls=[("get_weather", {"location": "Oslo"})],
        thinking_blocks=[
            {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4a"},
            wire.thinking(THOUGHT, SIGNATURE),
        ],
    ),
    _answers(
        "prompt from the cache",
        wire.message(
            wire.text("Yes."),
            usage={
                **wire.USAGE,
                "input_tokens": 4,
                "cache_creation_input_tokens": 456,
                "cache_read_input_tokens": 1800,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 256,
                    "ephemeral_1h_input_tokens": 200,
                },
            },
        ),
        content="Yes.",
    ),
    _answers(
        "cut at max_tokens",
        wire.message(wire.text("Once upon a"), stop="max_tokens"),
        content="Once upon a",
        finish_reason="length",
    ),
    _answers(
        "full context window",
        wire.message(wire.text("Once upon a"), stop="model_context_window_exceeded"),
        content="Once upon a",
        finish_reason="length",
    ),
    _answers(
        "stop sequence",
        wire.message(wire.text("1, 2, "), stop="stop_sequence", stop_sequence="3"),
        call={"stop": ["3"]},
        content="1, 2, ",
    ),
    _answers(
        "refusal",
        wire.message(
            wire.text("First"),
            stop="refusal",
            stop_details={
                "type": "refusal",
                "category": "cyber",
                "explanation": "This request was declined by a safety classifier.",
            },
        ),
        content="First",
        finish_reason="content_filter",
        refusal="This request was declined by a safety classifier.",
    ),
    _answers(
        "web search with citations",
        wire.message(
            *SEARCH,
            usage={
                **wire.USAGE,
                "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
            },
        ),
        call={"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]},
        content="I look that up. It is 2,962 metres high.",
    ),
    _answers(
        "paused turn",
        wire.message(*SEARCH[:3], stop="pause_turn"),
        content="I look that up. ",
        finish_reason="pause_turn",
    ),
    _answers(
        "structured output",
        wire.message(wire.text('{"name": "Ada", "born": 1815}')),
        call={
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "Person", "schema": {"type": "object"}},
            }
        },
        content='{"name": "Ada", "born": 1815}',
    ),
    _answers("nothing to say", wire.message(), content=""),
    _fails(
        "overload in mid-stream",
        "overloaded_error",
        "Overloaded",
        LLMServerError,
        status_code=529,
    ),
    _fails(
        "rate limit in mid-stream",
        "rate_limit_error",
        "Number of tokens has been exceeded",
        LLMRateLimitError,
        status_code=429,
    ),
    _fails(
        "server error in mid-stream",
        "api_error",
        "Internal server error",
        LLMServerError,
        status_code=500,
    ),
    Script(
        "stream cut short",
        stream=wire.start(wire.message()) + wire.block(0, wire.text("Once upon a")),
        expected={"code": "truncated_stream", "status_code": 200},
        error=LLMResponseError,
        sdk=False,
    ),
    _refuses("wrong key", 401, "authentication_error", "invalid x-api-key", LLMAuthError),
    _refuses("no permission", 403, "permission_error", "not allowed here", LLMAuthError),
    _refuses(
        "unpaid",
        402,
        "billing_error",
        "Check your payment details",
        LLMRateLimitError,
        code="insufficient_quota",
        quota_exhausted=True,
    ),
    _refuses(
        "no credit",
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API.",
        LLMRateLimitError,
        code="insufficient_quota",
        quota_exhausted=True,
    ),
    _refuses(
        "own spend limit",
        400,
        "invalid_request_error",
        "You have reached your specified workspace API usage limits.",
        LLMRateLimitError,
        code="insufficient_quota",
        quota_exhausted=True,
    ),
    _refuses(
        "spend limit of the tier",
        429,
        "rate_limit_error",
        "The monthly limit of your tier is reached",
        LLMRateLimitError,
        details={"error_code": "enforced_spend_limit_reached"},
        code="insufficient_quota",
        quota_exhausted=True,
    ),
    _refuses("unknown model", 404, "not_found_error", "model: claude-none", ModelNotFoundError),
    _refuses("unknown path", 404, "not_found_error", "Not found", InvalidRequestError),
    _refuses(
        "prompt too long",
        400,
        "invalid_request_error",
        "prompt is too long: 208310 tokens > 200000 maximum",
        LLMContextLengthError,
    ),
    _refuses(
        "prompt and answer too long",
        400,
        "invalid_request_error",
        "input length and `max_tokens` exceed context limit: 195000 + 8192 > 200000",
        LLMContextLengthError,
    ),
    _refuses(
        "content filter",
        400,
        "invalid_request_error",
        "Output blocked by content filtering policy",
        LLMContentFilterError,
    ),
    _refuses(
        "image too large",
        400,
        "invalid_request_error",
        "messages.0.content.1.image.source.base64: at most 8000 pixels",
        InvalidRequestError,
        details={"error_code": "image_dimensions_too_large"},
        code="image_dimensions_too_large",
    ),
    _refuses(
        "request too large",
        413,
        "request_too_large",
        "Request exceeds the maximum size",
        InvalidRequestError,
    ),
    _refuses(
        "rate limit",
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit",
        LLMRateLimitError,
        (("retry-after", "17"),),
        retry_after=17.0,
        quota_exhausted=False,
    ),
    _refuses("internal error", 500, "api_error", "Internal server error", LLMServerError),
    _refuses("timeout", 504, "timeout_error", "Request timeout", LLMServerError),
    _refuses("overload", 529, "overloaded_error", "Overloaded", LLMServerError),
]
