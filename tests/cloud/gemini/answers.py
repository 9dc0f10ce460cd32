"""What Gemini answers when all goes well, or as well as its filters let it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from tests.cloud.gemini import wire
from tests.cloud.gemini.wire import ID, SIGNATURE, answer, call, text
from tests.cloud.scripts import Script

WEATHER = {
    "name": "get_weather",
    "description": "Get weather for a location",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}},
}
TOOLS = {"tools": [WEATHER]}
ARGUMENTS = {"location": "Zürich", "days": [1, 2.5, None], "none": {}}
ODD = 'Grüße, 世界 👩‍💻 e\u0301 \u2028 \\n "quoted"'


class City(BaseModel):
    name: str
    population: int


def _counts(prompt: int, told: int, thoughts: int = 0, **further: int) -> dict[str, Any]:
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": told, **further}
    if thoughts:
        counts["thoughtsTokenCount"] = thoughts
    of_tools = further.get("toolUsePromptTokenCount", 0)
    return {"usageMetadata": {**counts, "totalTokenCount": prompt + told + thoughts + of_tools}}


def _both(name: str, whole: dict[str, Any], *events: dict[str, Any], **expected: Any) -> Script:
    """An answer given whole, and streamed: as `events`, or else as one."""
    asked = expected.pop("call", {})
    return Script(name, whole, wire.stream(*(events or (whole,))), expected, call=asked)


def _thoughts(*blocks: tuple[str, str]) -> list[dict[str, str]]:
    return [{"type": "thinking", "thinking": text, "signature": sign} for text, sign in blocks]


SIGNED = f"google:{SIGNATURE}"
BLOCKED_RATING = {
    "category": "HARM_CATEGORY_DANGEROUS_CONTENT",
    "probability": "HIGH",
    "blocked": True,
}

TEXTS = [
    _both(
        "text",
        answer(text("Hello! How can I help you today?")),
        answer(text("Hello!"), finish=None, **_counts(12, 2)),
        answer(text(" How can I help you today"), finish=None, **_counts(12, 7)),
        answer(text("?")),
        content="Hello! How can I help you today?",
        model=wire.MODEL,
        id=ID,
        finish_reason="stop",
        input_tokens=12,
        output_tokens=9,
        tool_calls=[],
        reasoning=None,
        thinking_blocks=[],
    ),
    _both(
        "text in several parts",
        answer(text("Hello"), text(", "), text("world")),
        content="Hello, world",
    ),
    _both(
        "unicode",
        answer(text(ODD)),
        *(answer(text(c), finish=None) for c in ODD),
        answer(),
        content=ODD,
        finish_reason="stop",
    ),
    Script(
        "unicode escaped",
        answer(text(ODD)),
        wire.event(answer(text(ODD)), escaped=True),
        {"content": ODD},
    ),
    _both(
        "text signed in an empty part",
        answer(text("Hello!", thoughtSignature=SIGNATURE)),
        # Events before the last count nothing in some regions.
        answer(text("Hello!"), finish=None, usageMetadata={"trafficType": "ON_DEMAND"}),
        answer(text("", thoughtSignature=SIGNATURE)),
        content="Hello!",
        reasoning=None,
        thinking_blocks=_thoughts(("", SIGNED)),
        input_tokens=12,
    ),
    _both(
        "cached tokens",
        answer(text("Hi."), **_counts(4096, 2, cachedContentTokenCount=4000)),
        content="Hi.",
        input_tokens=4096,
        output_tokens=2,
    ),
    _both(
        "several candidates",
        {
            **answer(),
            "candidates": [
                {"content": {"parts": [text("one")]}, "finishReason": "STOP"},
                {"content": {"parts": [text("two")]}, "finishReason": "MAX_TOKENS", "index": 1},
            ],
        },
        content="one",
        finish_reason="stop",
    ),
    _both(
        "structured output",
        answer(text('{"name": "Paris", "population": 2100000}')),
        answer(text('{"name": "Paris",'), finish=None),
        answer(text(' "population": 2100000}')),
        parsed=City(name="Paris", population=2_100_000),
        call={"response_format": City},
    ),
    _both(
        "grounded in a search",
        answer(
            text("It is 2,962 metres high."),
            candidate={
                "groundingMetadata": {
                    "webSearchQueries": ["height of the Zugspitze"],
                    "groundingChunks": [{"web": {"uri": "https://example.org", "title": "Alps"}}],
                }
            },
            **_counts(12, 9, toolUsePromptTokenCount=80),
        ),
        content="It is 2,962 metres high.",
        input_tokens=12,
        output_tokens=9,
        call={"tools": [{"google_search": {}}]},
    ),
    _both(
        "run code",
        answer(
            text("I compute it. "),
            {"executableCode": {"language": "PYTHON", "code": "print(6 * 7)"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42\n"}},
            text("It is 42."),
        ),
        content="I compute it. It is 42.",
        call={"tools": [{"code_execution": {}}]},
    ),
    _both(
        "an image beside the text",
        answer(text("Here:"), {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}),
        content="Here:",
    ),
]
CALLS = [
    _both(
        "one call",
        answer(
            call("get_weather", {"location": "Paris"}, id="gp737npz", thoughtSignature=SIGNATURE),
            **_counts(50, 6, 40),
        ),
        content="",
        finish_reason="tool_calls",
        tool_calls=[("get_weather", {"location": "Paris"})],
        output_tokens=46,
        call=TOOLS,
    ),
    _both(
        "parallel calls without ids",
        answer(call("get_weather", {"location": "Paris"}), call("get_time", None)),
        answer(call("get_weather", {"location": "Paris"}), finish=None),
        answer(call("get_time", None), finish=None),
        answer(text("")),
        tool_calls=[("get_weather", {"location": "Paris"}), ("get_time", {})],
        finish_reason="tool_calls",
        call=TOOLS,
    ),
    _both(
        "text before a call",
        answer(text("I look."), call("get_weather", ARGUMENTS)),
        answer(text("I look."), finish=None),
        answer(call("get_weather", ARGUMENTS)),
        content="I look.",
        tool_calls=[("get_weather", ARGUMENTS)],
        call=TOOLS,
    ),
    _both(
        "call cut by the limit",
        answer(call("get_weather", {"location": "P"}), finish="MAX_TOKENS"),
        finish_reason="length",
        tool_calls=[("get_weather", {"location": "P"})],
        call=TOOLS,
    ),
]
THOUGHTS = [
    _both(
        "thoughts",
        answer(
            text("**Greeting** They say hello.", thought=True), text("Hello!"), **_counts(12, 3, 20)
        ),
        answer(text("**Greeting** They ", thought=True), finish=None, **_counts(12, 0, 11)),
        answer(text("say hello.", thought=True), finish=None, **_counts(12, 0, 20)),
        answer(text("Hello!"), **_counts(12, 3, 20)),
        content="Hello!",
        reasoning="**Greeting** They say hello.",
        thinking_blocks=[],
        output_tokens=23,
        call={"thinking_config": {"include_thoughts": True}},
    ),
    _both(
        "thoughts before a signed call",
        answer(
            text("I need the weather.", thought=True),
            call("get_weather", {"location": "Paris"}, thoughtSignature=SIGNATURE),
        ),
        answer(text("I need the weather.", thought=True), finish=None),
        answer(call("get_weather", {"location": "Paris"}, thoughtSignature=SIGNATURE)),
        reasoning="I need the weather.",
        tool_calls=[("get_weather", {"location": "Paris"})],
        call=TOOLS,
    ),
    _both(
        "signed thoughts",
        answer(
            text("One.", thought=True, thoughtSignature="QUFBQQ=="),
            text("Two.", thought=True, thoughtSignature="QkJCQg=="),
            text("Hi."),
        ),
        answer(text("On", thought=True), finish=None),
        answer(text("e.", thought=True, thoughtSignature="QUFBQQ=="), finish=None),
        answer(text("Two.", thought=True), finish=None),
        answer(text("", thought=True, thoughtSignature="QkJCQg=="), finish=None),
        answer(text("Hi.")),
        content="Hi.",
        reasoning="One.Two.",
        thinking_blocks=_thoughts(("One.", "google:QUFBQQ=="), ("Two.", "google:QkJCQg==")),
    ),
    _both(
        "limit spent on thoughts",
        answer(finish="MAX_TOKENS", **_counts(12, 0, 100)),
        content="",
        finish_reason="length",
        input_tokens=12,
        output_tokens=100,
        call={"max_tokens": 100},
    ),
]
ENDS = [
    _both(
        "cut by the limit",
        answer(text("Once upon a"), finish="MAX_TOKENS"),
        answer(text("Once upon"), finish=None),
        answer(text(" a"), finish="MAX_TOKENS"),
        content="Once upon a",
        finish_reason="length",
    ),
    _both(
        "filtered",
        answer(finish="SAFETY", candidate={"safetyRatings": [BLOCKED_RATING]}),
        content="",
        finish_reason="content_filter",
    ),
    _both(
        "filtered after some text",
        answer(text("You take"), finish="PROHIBITED_CONTENT"),
        answer(text("You take"), finish=None),
        answer(finish="PROHIBITED_CONTENT"),
        content="You take",
        finish_reason="content_filter",
    ),
    _both(
        "recited",
        answer(
            text("Call me Ishmael."),
            finish="RECITATION",
            candidate={
                "citationMetadata": {"citationSources": [{"startIndex": 0, "endIndex": 16}]}
            },
        ),
        content="Call me Ishmael.",
        finish_reason="content_filter",
    ),
    _both(
        "text before a malformed call",
        answer(text("I call."), finish="MALFORMED_FUNCTION_CALL"),
        content="I call.",
        finish_reason="MALFORMED_FUNCTION_CALL",
    ),
    _both(
        "a reason in every event",
        answer(text("I look."), call("get_weather", {})),
        answer(text("I "), **_counts(12, 1)),
        answer(text("look."), **_counts(12, 5)),
        answer(call("get_weather", {})),
        content="I look.",
        finish_reason="tool_calls",
        output_tokens=9,
        call=TOOLS,
    ),
    _both("nothing to say", answer(), content="", finish_reason="stop"),
]
ANSWERS = [*TEXTS, *CALLS, *THOUGHTS, *ENDS]
