"""What an Ollama server may answer."""

from __future__ import annotations

from LLM.exceptions import (
    InvalidRequestError,
    LLMAuthError,
    LLMContextLengthError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    ModelNotFoundError,
)
from tests.cloud.ollama.wire import MODEL, USAGE, call, last, lines, piece, whole
from tests.cloud.scripts import Script

_PARIS = call("get_weather", {"city": "Paris", "days": 2, "unit": None})
_ROME = call("get_weather", {"city": "Rome"})
_TWO_CALLS = [
    ("get_weather", {"city": "Paris", "days": 2, "unit": None}),
    ("get_weather", {"city": "Rome"}),
]
_TOOLS = [{"name": "get_weather", "parameters": {"type": "object", "properties": {}}}]
_TOWN = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
_TOO_LONG = "the input length exceeds the context length"
_RUNNER_LONG = (
    '{"error":{"code":400,"message":"request (9001 tokens) exceeds the available context size '
    '(4096 tokens), try increasing it","type":"exceed_context_size_error"}}'
)
_RUNNER_DIED = "an error was encountered while running the model: unexpected EOF"

ANSWERS = [
    Script(
        "text",
        whole("Hello! How are you?"),
        lines(piece("Hello"), piece("!"), piece(" How are you?"), last()),
        {"content": "Hello! How are you?", "model": MODEL, "finish_reason": "stop", **USAGE},
    ),
    Script(
        "text-in-last-line",
        whole("Hi!"),
        lines(piece("Hi"), last(content="!")),
        {"content": "Hi!", "finish_reason": "stop", **USAGE},
    ),
    Script(
        "unicode",
        whole("Grüße 👋🏽 \u2028次\x85 \x00"),
        lines(piece("Grüße 👋"), piece("🏽 \u2028"), piece("次\x85 \x00"), last()),
        {"content": "Grüße 👋🏽 \u2028次\x85 \x00"},
        # httpx, on which the library stands, cuts lines inside texts at U+0085 and U+2028.
        sdk=False,
    ),
    Script(
        "null-images-and-no-reason",
        whole("Hi!", None, images=None),
        lines(piece("Hi!", images=None), last(None)),
        {"content": "Hi!", "finish_reason": "stop", "input_tokens": 0, "output_tokens": 0},
    ),
    Script(
        "prompt-in-cache",
        {**whole("Hi!", None), "done_reason": "stop", "eval_count": 2},
        lines(piece("Hi!"), {**last(None), "done_reason": "stop", "eval_count": 2}),
        {"content": "Hi!", "input_tokens": 0, "output_tokens": 2},
    ),
    Script(
        "length",
        whole("Once upon", "length"),
        lines(piece("Once"), piece(" upon"), last("length")),
        {"content": "Once upon", "finish_reason": "length", **USAGE},
        call={"max_tokens": 2},
    ),
    Script(
        "thinking",
        whole("4", thinking="Two and two."),
        lines(piece(thinking="Two and"), piece(thinking=" two."), piece("4"), last()),
        {"content": "4", "reasoning": "Two and two.", "thinking_blocks": [], **USAGE},
        call={"reasoning_effort": "high"},
    ),
    Script(
        "tool-call",
        whole(tool_calls=[_PARIS]),
        lines(piece(tool_calls=[_PARIS]), last()),
        {"content": "", "finish_reason": "tool_calls", "tool_calls": _TWO_CALLS[:1], **USAGE},
        call={"tools": _TOOLS},
    ),
    Script(
        "tool-calls-in-one-line",
        whole("Let me look.", tool_calls=[_PARIS, _ROME], thinking="Two towns."),
        lines(
            piece(thinking="Two towns."),
            piece("Let me look."),
            piece(tool_calls=[_PARIS, _ROME]),
            last(),
        ),
        {"content": "Let me look.", "finish_reason": "tool_calls", "tool_calls": _TWO_CALLS},
        call={"tools": _TOOLS},
    ),
    Script(
        "tool-calls-in-two-lines-with-ids",
        whole(tool_calls=[{"id": "call_x1", **_PARIS}, {"id": "call_x2", **_ROME}]),
        lines(
            piece(tool_calls=[{"id": "call_x1", **_PARIS}]),
            piece(tool_calls=[{"id": "call_x2", **_ROME}]),
            last(),
        ),
        {"finish_reason": "tool_calls", "tool_calls": _TWO_CALLS},
        call={"tools": _TOOLS},
    ),
    Script(
        "tool-call-without-arguments",
        whole(tool_calls=[call("now", {})]),
        lines(piece(tool_calls=[call("now", {})]), last()),
        {"tool_calls": [("now", {})]},
        call={"tools": _TOOLS},
    ),
    Script(
        "tool-call-cut-by-length",
        whole(reason="length", tool_calls=[_ROME]),
        lines(piece(tool_calls=[_ROME]), last("length")),
        {"finish_reason": "length", "tool_calls": _TWO_CALLS[1:]},
        call={"tools": _TOOLS},
    ),
    Script(
        "structured",
        whole('{"name": "Rome"}'),
        lines(piece('{"name": '), piece('"Rome"}'), last()),
        {"content": '{"name": "Rome"}'},
        call={"response_format": {"type": "json_schema", "json_schema": {"schema": _TOWN}}},
    ),
    Script(
        "refusal-is-text",
        whole("I'm sorry, but I can't help with that."),
        lines(piece("I'm sorry,"), piece(" but I can't help with that."), last()),
        {"content": "I'm sorry, but I can't help with that.", "refusal": None},
    ),
    Script(
        "loaded",
        whole("", "load"),
        lines(last("load")),
        {"content": "", "finish_reason": "load"},
    ),
    Script(
        "cloud-model",
        {**whole("Hi!"), "remote_model": "gpt-oss:120b", "remote_host": "https://ollama.com:443"},
        lines(piece("Hi!"), {**last(), "remote_model": "gpt-oss:120b"}),
        {"content": "Hi!", "model": MODEL},
    ),
    Script(
        "logprobs",
        {**whole("Hi!"), "logprobs": [{"token": "Hi!", "logprob": -0.1}]},
        lines({**piece("Hi!"), "logprobs": [{"token": "Hi!", "logprob": -0.1}]}, last()),
        {"content": "Hi!"},
        call={"logprobs": True},
    ),
    Script(
        "crlf-blank-lines-and-no-last-line-end",
        stream=(lines(piece("Hel")) + b"\r\n\n  \n" + lines(piece("lo!"), last())[:-1]).replace(
            b"}\n", b"}\r\n"
        ),
        expected={"content": "Hello!", "finish_reason": "stop", **USAGE},
        sdk=False,  # json.loads of a blank line
    ),
    Script(
        "unknown-lines",
        stream=lines({"status": "loading"}, piece("Hi!"), {"progress": 3}, last()),
        expected={"content": "Hi!", **USAGE},
        sdk=False,  # its message is required
    ),
    Script(
        "whole-answer-to-a-stream",
        stream=lines(whole("Hi!"))[:-1],
        expected={"content": "Hi!", "finish_reason": "stop", **USAGE},
    ),
    Script(
        "half-an-emoji",
        b'{"model":"m","message":{"role":"assistant","content":"a\\ud83d"},"done":true}',
        b'{"model":"m","message":{"role":"assistant","content":"a\\ud83d"},"done":true}\n',
        {"content": "a\ufffd"},
        sdk=False,
    ),
    Script(
        "odd-details",
        {**whole("Hi!"), "prompt_eval_count": "many", "eval_count": -5, "done_reason": 7},
        lines(piece("Hi!"), {**last(7), "prompt_eval_count": 1.5, "eval_count": -5}),
        {"content": "Hi!", "finish_reason": "stop", "input_tokens": 0, "output_tokens": 0},
        sdk=False,
    ),
]

ERRORS = [
    Script(
        "400-no-thinking",
        {"error": '"llama3.2" does not support thinking'},
        error=InvalidRequestError,
        status=400,
        expected={"status_code": 400, "model": "asked-model"},
    ),
    Script(
        "400-context",
        {"error": _TOO_LONG},
        error=LLMContextLengthError,
        status=400,
        expected={"body": {"error": _TOO_LONG}},
    ),
    Script(
        "400-context-of-the-runner",
        {"error": _RUNNER_LONG},
        error=LLMContextLengthError,
        status=400,
        expected={"code": "400"},
    ),
    Script(
        "401-cloud",
        {"error": "unauthorized", "signin_url": "https://ollama.com/connect?name=x&key=y"},
        error=LLMAuthError,
        status=401,
    ),
    Script(
        "403-cloud-off",
        {"error": "ollama cloud is disabled: remote model is unavailable"},
        error=LLMAuthError,
        status=403,
    ),
    Script(
        "404-model",
        {"error": "model 'llama9' not found"},
        error=ModelNotFoundError,
        status=404,
    ),
    Script("404-path", b"404 page not found", error=InvalidRequestError, status=404),
    Script(
        "429-rate",
        {"error": "rate limit exceeded"},
        error=LLMRateLimitError,
        status=429,
        headers=(("Retry-After", "7"),),
        expected={"retry_after": 7.0, "quota_exhausted": False},
    ),
    Script(
        "429-quota",
        {"error": "you (ada) have reached your weekly usage limit, upgrade for higher limits"},
        error=LLMRateLimitError,
        status=429,
        expected={"quota_exhausted": True},
    ),
    Script(
        "500-memory",
        {"error": "model requires more system memory (24.1 GiB) than is available (7.2 GiB)"},
        error=LLMServerError,
        status=500,
    ),
    Script(
        "502-cloud-unreachable",
        {"error": "remote model is unavailable"},
        error=LLMServerError,
        status=502,
        headers=(("X-Request-Id", "b7b2c1"),),
        expected={"request_id": "b7b2c1"},
    ),
    Script(
        "503-busy",
        {"error": "server busy, please try again.  maximum pending requests exceeded"},
        error=LLMServerError,
        status=503,
    ),
    Script(
        "error-in-200",
        {"error": _RUNNER_DIED},
        lines({"error": _RUNNER_DIED}),
        error=LLMServerError,
        expected={"status_code": 200, "body": {"error": _RUNNER_DIED}},
        sdk=False,  # the library reads a whole one for an answer that lacks its message
    ),
    Script(
        "error-in-mid-stream",
        stream=lines(piece("Yes"), piece("."), {"error": _RUNNER_DIED}),
        error=LLMServerError,
        expected={"text": "Yes.", "status_code": 200},
    ),
    Script(
        "context-error-in-mid-stream",
        stream=lines(piece("Yes"), {"error": _TOO_LONG}),
        error=LLMContextLengthError,
        expected={"text": "Yes"},
    ),
    Script(
        "coded-error-in-mid-stream",
        # as our own server tells them
        stream=lines(piece("Yes"), {"error": "too long", "code": "context_length_exceeded"}),
        error=LLMContextLengthError,
        expected={"text": "Yes", "code": "context_length_exceeded"},
    ),
    Script(
        "cut-between-lines",
        stream=lines(piece("Hel"), piece("lo")),
        error=LLMResponseError,
        expected={"text": "Hello", "code": "truncated_stream"},
        sdk=False,
    ),
    Script(
        "cut-in-a-line",
        stream=lines(piece("Hel"), piece("lo"))[:-20],
        error=LLMResponseError,
        expected={"text": "Hel", "code": "truncated_stream"},
        sdk=False,
    ),
    Script(
        "cut-in-the-first-line",
        stream=lines(piece("Hello"))[:30],
        error=LLMResponseError,
        expected={"text": "", "code": "truncated_stream"},
        sdk=False,
    ),
    *(
        Script(name, body, body, error=kind, sdk=False)
        for name, body, kind in (
            ("empty-body", b"", LLMResponseError),
            ("html", b"<html>\n<body>It works!</body>\n</html>\n", LLMResponseError),
            ("null", b"null\n", LLMResponseError),
            ("list", b"[1, 2]\n", LLMResponseError),
            ("no-json", b"Hello!\n", LLMResponseError),
            ("null-message", b'{"message":null,"done":true}\n', LLMResponseError),
            ("first-line-alone", lines(piece("Hel")), LLMResponseError),
            ("no-answer", b'{"status": "success"}\n', LLMResponseError),
            ("deep", b"[" * 100_000 + b"\n", LLMResponseError),
            ("deep-arguments", b'{"message":{"a":' + b"[" * 5000 + b"\n", LLMResponseError),
            ("huge-number", b'{"eval_count":' + b"9" * 10_000 + b"}\n", LLMResponseError),
            ("content-a-number", b'{"message":{"content":5},"done":true}\n', LLMResponseError),
            ("call-unnamed", lines(whole(tool_calls=[{"function": {}}])), LLMResponseError),
            ("calls-a-text", lines(whole(tool_calls="get_weather")), LLMResponseError),
            ("arguments-a-list", lines(whole(tool_calls=[call("f", [1])])), LLMResponseError),  # type: ignore[arg-type]  # wrong on purpose
            ("event-stream", b'data: {"choices": []}\n\n', LLMResponseError),
            ("error-an-object", b'{"error":{"message":"no","code":"x"}}\n', LLMServerError),
        )
    ),
]

SCRIPTS = [*ANSWERS, *ERRORS]
