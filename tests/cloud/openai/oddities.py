"""Answers of servers with OpenAI's language that are odd in one thing, named after it."""

from __future__ import annotations

import json

from tests.cloud.openai.wire import (
    DONE,
    PARIS,
    ROLE,
    ROME,
    TWO_CALLS,
    USAGE,
    call,
    call_piece,
    chunk,
    first,
    more,
    plain,
    sse,
    text_stream,
    usage_chunk,
)
from tests.cloud.scripts import Script

ODDITIES = [
    Script(
        "calls-that-share-an-index",
        plain(None, "tool_calls", tool_calls=TWO_CALLS),
        sse(
            first(0, "call_62136354", "get_weather", PARIS[:5]),
            more(0, PARIS[5:]),
            first(0, "call_62136355", "time", ROME[:5]),
            more(0, ROME[5:]),
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
        sdk=False,  # which makes one of them
    ),
    Script(
        "arguments-as-an-object",
        plain(
            None,
            "tool_calls",
            tool_calls=[
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": {"location": "Paris"}},
                }
            ],
        ),
        sse(
            call_piece(
                0,
                id="c1",
                type="function",
                function={"name": "get_weather", "arguments": {"location": "Paris"}},
            ),
            chunk("tool_calls"),
            usage_chunk(),
            DONE,
        ),
        {"tool_calls": [("get_weather", {"location": "Paris"})]},
        sdk=False,
    ),
    Script(
        "usage-in-every-chunk",
        plain("Hi"),
        sse(
            {**ROLE, "usage": {"prompt_tokens": 19, "completion_tokens": 0, "total_tokens": 19}},
            {
                **chunk(content="Hi"),
                "usage": {"prompt_tokens": 19, "completion_tokens": 1, "total_tokens": 20},
            },
            {**chunk("stop"), "usage": USAGE},
            DONE,
        ),
        {"content": "Hi", "output_tokens": 10},
    ),
    Script(
        "usage-with-null-choices",
        plain("Hi"),
        sse(ROLE, chunk(content="Hi"), chunk("stop"), {**usage_chunk(), "choices": None}, DONE),
        {"content": "Hi", "output_tokens": 10},
        sdk=False,
    ),
    Script(
        "carriage-returns-and-no-spaces",
        plain("Hi\r\nthere"),
        text_stream("Hi", "\r\n", "there").replace(b"data: ", b"data:").replace(b"\n", b"\r\n"),
        {"content": "Hi\r\nthere"},
    ),
    Script(
        "no-done",
        plain("Hi"),
        sse(ROLE, chunk(content="Hi"), chunk("stop"), usage_chunk()),
        {"content": "Hi"},
    ),
    Script(
        "no-finish-reason",
        plain("Hi", None),
        sse(ROLE, chunk(content="Hi"), chunk(), usage_chunk(), DONE),
        {"content": "Hi", "finish_reason": "stop"},
    ),
    Script(
        "no-finish-reason-and-no-line-end",
        None,
        sse(ROLE, chunk(content="Hi"), DONE.removesuffix(b"\n\n")),
        {"content": "Hi", "finish_reason": "stop"},
    ),
    Script(
        "no-finish-reason-after-a-call",
        plain(None, None, tool_calls=[call("call_1", "now", "{}")]),
        sse(first(0, "call_1", "now", "{}"), chunk(), usage_chunk(), DONE),
        {"tool_calls": [("now", {})], "finish_reason": "tool_calls"},
    ),
    Script(
        "pings",
        plain("Hi"),
        sse(b"event: ping\ndata: {}\n\n", b":\n\n", b"retry: 100\nid: 7\n\n", text_stream("Hi")),
        {"content": "Hi"},
        sdk=False,
    ),
    Script(
        "half-an-emoji",
        json.dumps(plain("Hi ")).encode().replace(b"Hi ", rb"Hi \ud83d"),
        sse(ROLE, chunk(content="Hi "), chunk("stop"), usage_chunk(), DONE).replace(
            b"Hi ", rb"Hi \ud83d"
        ),
        {"content": "Hi �"},
        sdk=False,
    ),
    Script(
        "two-choices",
        {
            **plain("A"),
            "choices": [*plain("A")["choices"], {**plain("B")["choices"][0], "index": 1}],
        },
        sse(
            chunk(content="A"),
            {
                **chunk(content="B"),
                "choices": [{"index": 1, "delta": {"content": "B"}, "finish_reason": None}],
            },
            chunk("stop"),
            {**chunk(), "choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]},
            usage_chunk(),
            DONE,
        ),
        {"content": "A", "finish_reason": "stop"},
    ),
]
