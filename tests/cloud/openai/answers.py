"""What OpenAI itself answers."""

from __future__ import annotations

import json

from tests.cloud.openai.wire import (
    DONE,
    ID,
    MODEL,
    PARIS,
    ROLE,
    ROME,
    TWO_CALLS,
    USAGE,
    call,
    chunk,
    first,
    more,
    plain,
    sse,
    text_stream,
    usage_chunk,
)
from tests.cloud.scripts import Script

TOOLS = [{"name": "get_weather", "parameters": {"type": "object", "properties": {}}}]

_CACHED = {
    **USAGE,
    "prompt_tokens": 2006,
    "completion_tokens": 300,
    "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {**USAGE["completion_tokens_details"], "reasoning_tokens": 256},
}
_UNICODE = 'Grüße, 世界! 👋🏽 \u2028 naïve\r\n\t"quoted" \\ \x7f'

OPENAI = [
    Script(
        "text",
        plain("Hello! How can I help you today?"),
        text_stream("Hello", "!", " How", " can", " I", " help", " you", " today", "?"),
        {
            "content": "Hello! How can I help you today?",
            "model": MODEL,
            "id": ID,
            "finish_reason": "stop",
            "input_tokens": 19,
            "output_tokens": 10,
            "tool_calls": [],
            "reasoning": None,
        },
    ),
    Script("unicode", plain(_UNICODE), text_stream(*_UNICODE), {"content": _UNICODE}),
    Script(
        "unicode-escaped",
        json.dumps(plain(_UNICODE)).encode(),
        b"".join(
            b"data: %b\n\n" % json.dumps(c).encode()
            for c in (chunk(content=_UNICODE), chunk("stop"))
        )
        + sse(usage_chunk(), DONE),
        {"content": _UNICODE},
    ),
    Script(
        "no-usage",
        plain("Hi", usage=None),
        sse(ROLE, chunk(content="Hi"), chunk("stop"), DONE),
        {"content": "Hi", "usage": None, "input_tokens": 0, "output_tokens": 0},
    ),
    Script("empty", plain(""), sse(ROLE, chunk("stop"), usage_chunk(), DONE), {"content": ""}),
    Script(
        "tool-call",
        plain(None, "tool_calls", tool_calls=[call("call_abc123", "get_weather", PARIS)]),
        sse(
            chunk(role="assistant", content=None, refusal=None),
            first(0, "call_abc123", "get_weather"),
            *[more(0, piece) for piece in ('{"', "location", '":"', "Paris", ", France", '"}')],
            chunk("tool_calls"),
            usage_chunk(),
            DONE,
        ),
        {
            "content": "",
            "finish_reason": "tool_calls",
            "tool_calls": [("get_weather", {"location": "Paris, France"})],
        },
        call={"tools": TOOLS},
    ),
    Script(
        "tool-calls-in-parallel",
        plain("Let me look.", "tool_calls", tool_calls=TWO_CALLS),
        sse(
            ROLE,
            chunk(content="Let me"),
            chunk(content=" look."),
            first(0, "call_62136354", "get_weather"),
            more(0, PARIS[:9]),
            more(0, PARIS[9:]),
            first(1, "call_62136355", "time"),
            more(1, ROME),
            chunk("tool_calls"),
            usage_chunk(),
            DONE,
        ),
        {
            "content": "Let me look.",
            "tool_calls": [
                ("get_weather", {"location": "Paris, France"}),
                ("time", {"location": "Rome, Italy"}),
            ],
        },
        call={"tools": TOOLS},
    ),
    Script(
        "tool-calls-mixed-up",
        plain(None, "tool_calls", tool_calls=TWO_CALLS),
        sse(
            first(0, "call_62136354", "get_weather"),
            first(1, "call_62136355", "time"),
            *[
                more(i, text[n : n + 5])
                for n in range(0, 30, 5)
                for i, text in ((1, ROME), (0, PARIS))
            ],
            chunk("tool_calls"),
            usage_chunk(),
            DONE,
        ),
        {
            "tool_calls": [
                ("get_weather", {"location": "Paris, France"}),
                ("time", {"location": "Rome, Italy"}),
            ]
        },
    ),
    Script(
        "tool-call-without-arguments",
        plain(None, "tool_calls", tool_calls=[call("call_1", "now", "")]),
        sse(first(0, "call_1", "now"), chunk("tool_calls"), usage_chunk(), DONE),
        {"tool_calls": [("now", {})]},
    ),
    Script(
        "tool-call-cut-at-max-tokens",
        plain(None, "length", tool_calls=[call("call_1", "get_weather", '{"location":"Par')]),
        sse(
            first(0, "call_1", "get_weather"),
            more(0, '{"location":"Par'),
            chunk("length"),
            usage_chunk(),
            DONE,
        ),
        {"finish_reason": "length", "tool_calls": [("get_weather", '{"location":"Par')]},
    ),
    Script(
        "function-call",
        plain(None, "function_call", function_call={"name": "get_weather", "arguments": PARIS}),
        sse(
            chunk(
                role="assistant",
                content=None,
                function_call={"name": "get_weather", "arguments": ""},
            ),
            chunk(function_call={"arguments": PARIS[:7]}),
            chunk(function_call={"arguments": PARIS[7:]}),
            chunk("function_call"),
            usage_chunk(),
            DONE,
        ),
        {"tool_calls": [("get_weather", {"location": "Paris, France"})]},
        sdk=False,  # which keeps calls of the old form apart
    ),
    Script(
        "refusal",
        plain(None, refusal="I'm sorry, I can't assist with that."),
        sse(
            ROLE,
            chunk(refusal="I'm sorry,"),
            chunk(refusal=" I can't assist with that."),
            chunk("stop"),
            usage_chunk(),
            DONE,
        ),
        {"content": "", "refusal": "I'm sorry, I can't assist with that."},
    ),
    Script(
        "length",
        plain("Once upon a", "length"),
        text_stream("Once", " upon", " a", finish="length"),
        {"content": "Once upon a", "finish_reason": "length"},
        call={"max_tokens": 3},
    ),
    Script(
        "cached-and-reasoning-tokens",
        plain("42", usage=_CACHED),
        text_stream("42", usage=_CACHED),
        {"input_tokens": 2006, "output_tokens": 300},
    ),
    Script(
        "structured-output",
        plain('{"city":"Paris","population":2102650}'),
        text_stream('{"', "city", '":"', "Paris", '","', "population", '":', "210", "2650", "}"),
        {"content": '{"city":"Paris","population":2102650}'},
        call={"response_format": {"type": "json_object"}},
    ),
]
