"""Event streams in every legal form and many illegal ones."""

from __future__ import annotations

import json

import pytest

from LLM import LLMAPIError, LLMResponseError, LLMServerError
from tests.remote import wire
from tests.remote.conftest import CALLS, MESSAGES
from tests.remote.scripted_server import close, hang

pytestmark = pytest.mark.slow

TOOL_EVENTS = b"".join(
    wire.event(wire.chunk(tool_calls=[call]))
    for call in (
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"x"'}},
        {"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}},
        {"index": 0, "function": {"arguments": ": 1}"}},
    )
) + wire.event(wire.chunk(finish="tool_calls"))


def _stream(client, serve, body: bytes):
    return client(serve([wire.UNTIL_CLOSE + body, close])).chat_completion(MESSAGES, stream=True)


LEGAL_FORMS = {
    "crlf": wire.CHAT_EVENTS.replace(b"\n", b"\r\n"),
    "cr": wire.CHAT_EVENTS.replace(b"\n", b"\r"),
    "mixed-ends": wire.CHAT_EVENTS.replace(b"\n\n", b"\r\n\n"),
    "no-space": wire.CHAT_EVENTS.replace(b"data: ", b"data:"),
    "comments": b": hello\n\n" + wire.CHAT_EVENTS.replace(b"data: ", b": x\n:\ndata: "),
    "ids-and-retries": wire.CHAT_EVENTS.replace(b"data: ", b"id: 7\nretry: 10\ndata: "),
    "named-message": wire.CHAT_EVENTS.replace(b"data: ", b"event: message\ndata: "),
    "empty-lines": b"\n\n\n" + wire.CHAT_EVENTS.replace(b"\n\n", b"\n\n\n\n"),
    "several-lines": wire.CHAT_EVENTS.replace(b', "', b',\ndata: "'),
    "byte-order-mark": b"\xef\xbb\xbf" + wire.CHAT_EVENTS,
    "no-last-empty-line": wire.CHAT_EVENTS.removesuffix(b"\n"),
    "no-last-line-end": wire.CHAT_EVENTS.removesuffix(b"\n\n"),
    "no-done": wire.CHAT_EVENTS.removesuffix(wire.DONE),
    "no-done-no-line-end": wire.CHAT_EVENTS.removesuffix(b"\n\n" + wire.DONE),
    "unknown-fields": wire.CHAT_EVENTS.replace(b"data: ", b"data2: x\ndatax\ndata: "),
    "after-done": wire.CHAT_EVENTS + wire.event(wire.chunk(" more")) + wire.event({"error": "x"}),
    "done-twice": wire.CHAT_EVENTS + wire.DONE,
    "finish-twice": wire.CHAT_EVENTS.replace(
        wire.DONE, wire.event(wire.chunk(finish="stop")) + wire.DONE
    ),
    "done-spaced": wire.CHAT_EVENTS.replace(b"data: [DONE]", b"data:  [DONE] "),
}


@pytest.mark.parametrize("body", LEGAL_FORMS.values(), ids=LEGAL_FORMS)
def test_every_legal_form_gives_the_same_answer(serve, client, body):
    response = _stream(client, serve, body).response
    assert response.text == "Hello!"
    assert response.choices[0].finish_reason == "stop"
    assert response.usage.total_tokens == 5


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("coding", ["chunked", "until-close"])
@pytest.mark.parametrize(
    "events",
    [
        pytest.param(wire.CHAT_EVENTS, id="text"),
        pytest.param(wire.CHAT_EVENTS.replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(wire.CHAT_EVENTS.replace(b"\n", b"\r"), id="cr"),
        pytest.param(TOOL_EVENTS + wire.DONE, id="tools"),
        pytest.param(wire.CHAT_EVENTS.replace(b"Hel", "Hé😀".encode()), id="multi-byte"),
        pytest.param(wire.CHAT_EVENTS.replace(b"Hel", b"H\\ud83d\\ude00"), id="escapes"),
    ],
)
def test_cuts_do_not_change_the_answer(serve, client, events, size, coding):
    whole = _stream(client, serve, events).response
    pieces = wire.cut(events, size)
    if coding == "chunked":
        script = [wire.CHUNKED, *wire.cut(wire.chunked(pieces), 50)]
    else:
        script = [wire.UNTIL_CLOSE, *pieces, close]
    assert client(serve(script)).chat_completion(MESSAGES, stream=True).response == whole


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "empty stream", id="empty"),
        pytest.param(wire.DONE, "empty stream", id="done-alone"),
        pytest.param(b": hello\n\n", "empty stream", id="comments"),
        pytest.param(b"\n\n\n\n", "empty stream", id="empty-lines"),
        pytest.param(b": x\n\n" + wire.DONE, "empty stream", id="comments-and-done"),
        pytest.param(b"event: ping\n\n" * 5, "empty stream", id="names"),
        pytest.param(json.dumps(wire.CHAT).encode(), "one JSON document", id="json"),
        pytest.param(json.dumps(wire.CHAT, indent=2).encode(), "one JSON document", id="pretty"),
        pytest.param(b"<html>\n\n<p>Sign in</p>", "text", id="html"),
        pytest.param(b"None", "text", id="None"),
    ],
)
def test_what_is_no_stream_is_a_response_error(serve, client, body, words):
    with pytest.raises(LLMResponseError, match=words):
        list(_stream(client, serve, body))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(wire.event({**wire.chunk(), "choices": []}), id="no-choice"),
        pytest.param(
            wire.event({**wire.chunk(), "choices": [], "usage": wire.CHAT["usage"]}), id="usage"
        ),
    ],
)
@pytest.mark.parametrize("end", [b"", wire.DONE], ids=["cut", "done"])
def test_stream_without_any_choice_is_a_response_error(serve, client, body, end):
    with pytest.raises(LLMResponseError):
        list(_stream(client, serve, body + end))


CUT_STREAMS = {
    "after-a-chunk": wire.event(wire.chunk("Hel")),
    "in-an-event": wire.event(wire.chunk("Hel")) + b'data: {"choices"',
    "after-a-comment": wire.event(wire.chunk("Hel")) + b": bye\n\n",
    "one-of-two-finished": wire.event(wire.chunk("Hel"))
    + wire.event(wire.chunk("Hi", "stop", index=1)),
    "tool-call": TOOL_EVENTS[: TOOL_EVENTS.rindex(b"data: ")],
}


@pytest.mark.parametrize("body", CUT_STREAMS.values(), ids=CUT_STREAMS)
def test_cut_stream_raises_and_keeps_what_arrived(serve, client, body):
    stream = _stream(client, serve, body)
    with pytest.raises(LLMResponseError):
        list(stream)
    assert stream.response.choices
    assert client(serve([wire.UNTIL_CLOSE + body, close])).get_last_response() is None


def test_cut_stream_is_not_taken_for_the_last_response(serve, client):
    llm = client(serve([wire.UNTIL_CLOSE + CUT_STREAMS["after-a-chunk"], close]))
    with pytest.raises(LLMResponseError, match="cut the stream short"):
        list(llm.chat_completion(MESSAGES, stream=True))
    assert llm.get_last_response() is None


NOT_CHUNKS = {
    "not-json": b"Hello!",
    "empty": b"",
    "null": b"null",
    "number": b"1",
    "list": b"[]",
    "object": b"{}",
    "choices-null": b'{"choices": null}',
    "choices-text": b'{"choices": "x"}',
    "choice-null": b'{"choices": [null]}',
    "content-number": b'{"choices": [{"delta": {"content": 5}}]}',
    "content-list": b'{"choices": [{"delta": {"content": ["x"]}}]}',
    "content-object": b'{"choices": [{"delta": {"content": {"a": 1}}}]}',
    "deep": b"[" * 100_000,
    "deep-inside": b'{"choices": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "digits": b'{"choices": [], "created": ' + b"9" * 10_000 + b"}",
    "cut-json": b'{"choices": [{"delta": {"content": "x',
}


@pytest.mark.parametrize("data", NOT_CHUNKS.values(), ids=NOT_CHUNKS)
@pytest.mark.parametrize("before", [b"", wire.event(wire.chunk("Hel"))], ids=["first", "later"])
def test_event_that_is_no_chunk_is_a_response_error(serve, client, before, data):
    with pytest.raises(LLMResponseError) as caught:
        list(_stream(client, serve, before + wire.event(data) + wire.CHAT_EVENTS))
    assert len(str(caught.value).encode()) < 8192


ERROR_EVENTS = {
    "openai": wire.event({"error": {"message": "the reason"}}),
    "text": wire.event({"error": "the reason"}),
    "vllm": wire.event({"object": "error", "message": "the reason", "code": 400}),
    "code": wire.event({"error": {"message": "the reason", "code": 502}}),
    "beside-choices": wire.event({**wire.chunk("x"), "error": {"message": "the reason"}}),
    "null-choices": wire.event({"choices": None, "error": {"message": "the reason"}}),
    "named": wire.event({"error": {"message": "the reason"}}, "error"),
    "named-bare": wire.event({"message": "the reason"}, "error"),
    "named-text": wire.event(b"the reason", "error"),
    "named-json-text": wire.event(b'"the reason"', "error"),
    "google-list": wire.event([{"error": {"message": "the reason", "code": 503}}]),
    "error-field": b'error: {"code": 500, "message": "the reason"}\n\n',
    "bare-json": b'{"error": {"message": "the reason"}}\n\n',
    "bare-json-line": b'{"error": {"message": "the reason"}}\n',
}


@pytest.mark.parametrize("event", ERROR_EVENTS.values(), ids=ERROR_EVENTS)
@pytest.mark.parametrize("before", [b"", wire.event(wire.chunk("Hel"))], ids=["first", "later"])
@pytest.mark.parametrize("after", [b"", wire.DONE], ids=["cut", "done"])
def test_error_in_a_stream_is_raised_with_its_reason(serve, client, before, event, after):
    stream = _stream(client, serve, before + event + after)
    with pytest.raises(LLMAPIError, match="the reason"):
        list(stream)
    assert stream.text == ("Hel" if before else "")


def test_error_event_of_a_completion_is_raised(serve, failure):
    body = wire.event(wire.text_chunk("Hel")) + wire.event({"error": {"message": "x", "code": 500}})
    error = failure(CALLS["completion-stream"], serve(wire.stream_answer(body)))
    assert isinstance(error, LLMServerError)


def test_error_after_the_first_token_is_never_retried(serve, failure):
    body = wire.event(wire.chunk("Hel")) + wire.event({"error": {"message": "x", "code": 503}})
    server = serve(wire.stream_answer(body))
    failure(CALLS["chat-stream"], server, max_retries=5)
    assert len(server.requests) == 1


@pytest.mark.parametrize("coding", ["chunked", "until-close"])
@pytest.mark.parametrize("kind", ["event", "line", "data-lines", "comment"])
def test_event_of_17_mb_is_refused(serve, client, coding, kind):
    big = {
        "event": wire.event(wire.chunk("x" * 17_000_000)),
        "line": b"x" * 17_000_000 + b"\n\n",
        "data-lines": b"data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n" * 500_000 + b"\n",
        "comment": b":" + b"x" * 17_000_000 + b"\n\n",
    }[kind]
    script = (
        wire.stream_answer(big, 1 << 16) if coding == "chunked" else [wire.UNTIL_CLOSE + big, close]
    )
    with pytest.raises(LLMResponseError, match="16,777,216"):
        list(client(serve(script)).chat_completion(MESSAGES, stream=True))


def test_event_of_15_mb_is_read(serve, client):
    events = wire.event(wire.chunk("x" * 15_000_000, "stop")) + wire.DONE
    assert len(_stream(client, serve, events).response.text) == 15_000_000


def test_many_small_events_pass_the_cap_of_one(serve, client):
    events = wire.event(wire.chunk("x" * 100_000)) * 200 + wire.event(wire.chunk(finish="stop"))
    assert len(_stream(client, serve, events).response.text) == 20_000_000


def test_interleaved_choices_are_kept_apart(serve, client):
    events = [
        wire.chunk("A", index=1), wire.chunk("a"), wire.chunk("B", index=1), wire.chunk("b"),
        wire.chunk(finish="stop"), wire.chunk(finish="length", index=1),
    ]  # fmt: skip
    stream = _stream(client, serve, b"".join(map(wire.event, events)))
    found = [(c.index, c.message.content, c.finish_reason) for c in stream.response.choices]
    assert found == [(0, "ab", "stop"), (1, "AB", "length")]


def test_tool_calls_are_assembled_by_index(serve, client):
    calls = _stream(client, serve, TOOL_EVENTS).tool_calls
    assert [(c.id, c.function.name, c.function.arguments) for c in calls] == [
        ("a", "f", '{"x": 1}'),
        ("b", "g", "{}"),
    ]


def test_tool_calls_without_index_are_assembled_by_id(serve, client):
    pieces = [
        {"id": "a", "function": {"name": "f", "arguments": '{"x"'}},
        {"function": {"arguments": ": 1}"}},
        {"id": "b", "function": {"name": "f", "arguments": "{}"}},
    ]
    events = [wire.chunk(tool_calls=[p]) for p in pieces] + [wire.chunk(finish="tool_calls")]
    calls = _stream(client, serve, b"".join(map(wire.event, events))).tool_calls
    assert [(c.id, c.function.arguments) for c in calls] == [("a", '{"x": 1}'), ("b", "{}")]


@pytest.mark.parametrize("index", [-1, 10**9, 2**63], ids=["negative", "large", "huge"])
def test_odd_index_is_a_number_like_any_other(serve, client, index):
    piece = {"index": index, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    events = [wire.chunk("x", index=index), wire.chunk(finish="stop", index=index)]
    events += [wire.chunk(tool_calls=[piece]), wire.chunk(finish="stop")]
    response = _stream(client, serve, b"".join(map(wire.event, events))).response
    assert {choice.index for choice in response.choices} == {0, index}


@pytest.mark.parametrize("field", ["name", "tool_call_id", "parsed", "self", "model_config"])
@pytest.mark.parametrize("value", ["x", 5, ["x"], {"a": 1}], ids=repr)
def test_odd_field_of_a_delta_does_not_escape(serve, client, field, value):
    events = [wire.chunk("Hello!", **{field: value}), wire.chunk(finish="stop")]
    assert _stream(client, serve, b"".join(map(wire.event, events))).response.text == "Hello!"


def test_stream_closed_early_closes_its_connection(serve, client):
    whole = wire.stream_answer(wire.CHAT_EVENTS)
    server = serve([whole[:-60], hang], whole)
    llm = client(server)
    with llm.chat_completion(MESSAGES, stream=True) as stream:
        assert next(stream)
    assert list(stream) == []
    llm.chat_completion(MESSAGES, stream=True).response  # noqa: B018  # reads it
    assert server.connections == 2


def test_stream_text_yields_pieces_and_raises_errors(serve, client):
    body = wire.event(wire.chunk("Hel")) + wire.event({"error": "the reason"})
    pieces = client(serve(wire.stream_answer(body))).stream_text("Hello?")
    assert next(pieces) == "Hel"
    with pytest.raises(LLMAPIError, match="the reason"):
        next(pieces)
