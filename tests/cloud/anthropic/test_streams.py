"""What becomes of Anthropic's streams, right ones and wrong ones, however they are cut."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from cloud.llm import ChatResponse, LLMAPIError
from cloud.llm.events import (
    Finish,
    Ping,
    ReasoningDelta,
    ResponseAssembler,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from LLM.exceptions import LLMAuthError, LLMResponseError, LLMServerError
from tests.cloud.anthropic import wire
from tests.cloud.anthropic.asked import KEY, SOURCE, codec
from tests.cloud.anthropic.scripts import SCRIPTS
from tests.cloud.scripts import Script

HELLO = wire.message(wire.text("Hello!"))
BEGUN = wire.start(HELLO)
STREAMED = [script for script in SCRIPTS if script.plain and script.stream]


def events(stream: bytes, size: int = 1 << 20) -> list[StreamEvent]:
    """The events of a whole stream, read in pieces of `size` bytes."""
    decoder = codec().decoder(200, SOURCE)
    found: list[StreamEvent] = []
    for i in range(0, len(stream), size):
        found += decoder.feed(stream[i : i + size])
        if decoder.done:
            return found
    return found + list(decoder.finish())


def response(stream: bytes, size: int = 1 << 20) -> ChatResponse:
    assembler = ResponseAssembler("asked-model")
    for event in events(stream, size):
        assembler.add(event)
    found = assembler.response()
    assert found is not None
    return found


def delta(index: Any, **fields: Any) -> bytes:
    return wire.event({"type": "content_block_delta", "index": index, "delta": fields})


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("script", STREAMED, ids=lambda script: script.name)
def test_stream_comes_to_the_plain_answer(script: Script, size: int) -> None:
    assert script.stream is not None
    plain = codec().response(json.dumps(script.plain).encode(), 200, SOURCE)
    found = response(script.stream, size)
    assert found.to_dict() == plain.to_dict()
    for name in ("id", "usage", "reasoning", "thinking_blocks", "refusal"):
        assert getattr(found, name) == getattr(plain, name)


def test_events_come_in_the_order_of_the_wire() -> None:
    whole = wire.message(
        wire.thinking("Hm.", "EqQB"),
        wire.text("Hi"),
        wire.tool_use("toolu_1", "now", {"a": 1}),
        stop="tool_use",
    )
    found = events(wire.stream(whole))
    assert [event for event in found if not isinstance(event, UsageUpdate)] == [
        Start(wire.MODEL, whole["id"]),
        Ping(),
        ReasoningDelta("Hm."),
        ReasoningDelta("", "EqQB"),
        TextDelta("Hi"),
        ToolCallDelta(0, "toolu_1", "now"),
        ToolCallDelta(0, arguments='{"a": 1'),
        ToolCallDelta(0, arguments="}"),
        Finish("tool_calls"),
    ]


def test_no_event_is_kept_back() -> None:
    decoder = codec().decoder(200, SOURCE)
    assert len(list(decoder.feed(BEGUN))) == 2
    assert list(decoder.feed(delta(0, type="text_delta", text="Hi"))) == [TextDelta("Hi")]


def test_counts_are_cumulative_and_come_before_the_end() -> None:
    found = events(wire.stream(HELLO))
    first, last = (event for event in found if isinstance(event, UsageUpdate))
    assert (first.usage.completion_tokens, last.usage.completion_tokens) == (1, 15)
    assert first.usage.prompt_tokens == last.usage.prompt_tokens == 25
    assert found[-2:] == [last, Finish("stop")]


GOOD: dict[str, bytes] = {
    "no names of events": wire.stream(HELLO).replace(b"event: ", b": "),
    "no ping": wire.stream(HELLO).replace(wire.PING, b""),
    "a kind to come": BEGUN + wire.event({"type": "nap"}) + wire.block(0, wire.text("Hello!"))
    + wire.end(HELLO),
    "a delta to come": BEGUN + delta(0, type="nap") + wire.block(0, wire.text("Hello!"))
    + wire.end(HELLO),
    "a block to come": BEGUN + wire.block(0, {"type": "nap"}) + wire.block(1, wire.text("Hello!"))
    + wire.end(HELLO),
    "text in its beginning": BEGUN
    + wire.event({"type": "content_block_start", "index": 0, "content_block": wire.text("Hel")})
    + delta(0, type="text_delta", text="lo!")
    + wire.end(HELLO),
    "a null piece": BEGUN + delta(0, type="text_delta", text=None)
    + wire.block(0, wire.text("Hello!")) + wire.end(HELLO),
    "an odd detail of the stop": BEGUN + wire.block(0, wire.text("Hello!"))
    + wire.end({**HELLO, "stop_details": {"explanation": 5}}),
    "no message_stop": wire.stream(HELLO).removesuffix(wire.STOP),
    "no last line end": wire.stream(HELLO).removesuffix(wire.STOP).rstrip(b"\n"),
    "no stop reason": BEGUN + wire.block(0, wire.text("Hello!")) + wire.STOP,
    "more after the end": wire.stream(HELLO) + b"data: what?\n\n",
}  # fmt: skip


@pytest.mark.parametrize("stream", GOOD.values(), ids=GOOD)
def test_odd_streams_are_read(stream: bytes) -> None:
    found = response(stream)
    assert (found.content, found.finish_reason) == ("Hello!", "stop")


def test_arguments_that_come_whole_are_read() -> None:
    call = wire.tool_use("toolu_1", "now", {"zone": "UTC"})
    begin = {"type": "content_block_start", "index": 0, "content_block": call}
    stop = {"type": "content_block_stop", "index": 0}
    stream = BEGUN + wire.event(begin) + wire.event(stop) + wire.end(HELLO)
    assert response(stream).tool_calls[0].arguments == {"zone": "UTC"}


def test_blocks_that_all_have_one_index_are_told_apart() -> None:
    thoughts = [wire.thinking(f"Hm {n}.", f"EqQ{n}") for n in range(3)]
    calls = [wire.tool_use(f"toolu_{n}", f"tool_{n}", {"n": n}) for n in range(3)]
    blocks = b"".join(wire.block(0, one) for one in [*thoughts, *calls])
    found = response(BEGUN + blocks + wire.end(HELLO))
    assert [(call.name, call.arguments["n"]) for call in found.tool_calls] == [
        ("tool_0", 0), ("tool_1", 1), ("tool_2", 2)
    ]  # fmt: skip
    assert found.thinking_blocks == thoughts


def test_half_an_emoji_is_replaced() -> None:
    stream = wire.stream(HELLO).replace(b"Hello!", b"Hello\\ud83d")
    assert response(stream).content == "Hello�"


WRONG: dict[str, tuple[bytes, str]] = {
    "no bytes": (b"", "nothing"),
    "html": (b"<html>Bad gateway</html>", "Bad gateway"),
    "one document": (json.dumps(HELLO).encode(), "no stream of a message"),
    "openai's": (b'data: {"choices": []}\n\n', "nothing"),
    "end alone": (wire.STOP, "nothing"),
    "pings alone": (wire.PING, "nothing"),
    "no JSON": (BEGUN + b"data: what?\n\n", "no JSON object: what"),
    "a list": (BEGUN + b"data: []\n\n", "no JSON object"),
    "deep": (BEGUN + b"data: " + b"[" * 100_000 + b"]" * 100_000 + b"\n\n", "no JSON object"),
    "huge number": (b'data: {"type": "ping", "n": %s}\n\n' % (b"9" * 9999), "no JSON object"),
    "a message that is none": (wire.event({"type": "message_start"}), "without its message"),
    "a block that is none": (
        wire.event({"type": "content_block_start", "index": 0}),
        "without a block",
    ),
    "a block of no index": (
        wire.event({"type": "content_block_start", "content_block": wire.text("")}),
        "without a block",
    ),
    "a delta that is none": (wire.event({"type": "content_block_delta"}), "no object"),
    "a delta of no index": (delta([1], type="input_json_delta", partial_json="{"), "the index"),
    "text that is none": (delta(0, type="text_delta", text=5), "whose text is a int"),
    "cut short": (BEGUN + wire.block(0, wire.text("Hel")), "cut the stream short"),
    "cut at its beginning": (BEGUN, "cut the stream short"),
    "cut in an event": (wire.stream(HELLO)[:-200], "."),
}


@pytest.mark.parametrize(("stream", "problem"), WRONG.values(), ids=WRONG)
def test_what_is_no_stream_raises(stream: bytes, problem: str) -> None:
    with pytest.raises(LLMResponseError, match=problem) as caught:
        events(stream)
    assert caught.value.status_code == 200


ERRORS: dict[str, tuple[bytes, type[LLMAPIError], int]] = {
    "event": (wire.event(wire.error("overloaded_error", "Overloaded")), LLMServerError, 529),
    "event without a name": (
        b"data: " + json.dumps(wire.error("api_error", "Oops")).encode() + b"\n\n",
        LLMServerError,
        500,
    ),
    "error that says it is something else": (
        wire.event({"type": "error", "object": "x", "message": "no"}), LLMAPIError, 200,
    ),
    "name without a type": (b'event: error\ndata: {"message": "no"}\n\n', LLMAPIError, 200),
    "document": (
        json.dumps(wire.error("authentication_error", f"no key {KEY}")).encode(),
        LLMAuthError,
        401,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("stream", "error", "status"), ERRORS.values(), ids=ERRORS)
def test_errors_in_a_stream_are_raised(
    stream: bytes, error: type[LLMAPIError], status: int
) -> None:
    with pytest.raises(LLMAPIError) as caught:
        events(stream)
    assert type(caught.value) is error
    assert caught.value.status_code == status
    assert KEY not in f"{caught.value!r} {vars(caught.value)}"


def test_text_before_an_error_is_given_first() -> None:
    decoder = codec().decoder(200, SOURCE)
    text = delta(0, type="text_delta", text="Hi")
    found = decoder.feed(text + wire.event(wire.error("api_error", "Oops")))
    assert next(iter(found)) == TextDelta("Hi")
    with pytest.raises(LLMServerError, match="Oops"):
        next(iter(found))


def test_decoding_takes_linear_time() -> None:
    def seconds(n: int) -> float:
        start = time.process_time()
        whole = wire.message(wire.text("x" * n), wire.tool_use("toolu_1", "f", {"a": "y" * n}))
        assert len(response(wire.stream(whole, 4), 50).content) == n
        return time.process_time() - start

    seconds(1000)
    assert seconds(40_000) < 24 * max(seconds(5000), 0.02)
