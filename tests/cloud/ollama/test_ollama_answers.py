"""What answers and streams of ``/api/chat`` become, beyond what the scripts tell."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from cloud.llm.config import ClientConfig
from cloud.llm.events import (
    Finish,
    ReasoningDelta,
    ResponseAssembler,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from cloud.llm.ollama.codec import OllamaCodec
from cloud.llm.ollama.lines import LineDecoder
from cloud.llm.types import ChatResponse
from LLM.codec import Source
from LLM.exceptions import LLMError, LLMResponseError, ModelNotFoundError
from LLM.types import Usage
from tests.cloud.ollama.scripts import SCRIPTS
from tests.cloud.ollama.wire import MODEL, call, last, lines, piece, whole
from tests.cloud.scripts import Script

KEY = "sk-key-1234"
SOURCE = Source("ollama.test", "asked-model", (KEY,))
CODEC = OllamaCodec(ClientConfig(base_url="http://localhost:11434", model="m", api_key=KEY))


def events(stream: bytes, size: int = 1 << 20) -> list[StreamEvent]:
    """The events of a stream that is read in pieces of `size` bytes."""
    decoder = CODEC.decoder(200, SOURCE)
    found = [
        event
        for at in range(0, len(stream), size)
        for event in decoder.feed(stream[at : at + size])
    ]
    return found if decoder.done else [*found, *decoder.finish()]


def assembled(stream: bytes, size: int = 1 << 20) -> ChatResponse:
    assembler = ResponseAssembler("asked-model")
    for event in events(stream, size):
        assembler.add(event)
    response = assembler.response()
    assert response is not None
    return response


def plain(payload: Any) -> ChatResponse:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return CODEC.response(body, 200, SOURCE)


STREAMED = [script for script in SCRIPTS if script.stream is not None]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("script", STREAMED, ids=lambda script: script.name)
def test_streams_are_the_same_however_cut(script: Script, size: int) -> None:
    assert script.stream is not None
    if script.error:
        with pytest.raises(LLMError) as caught:
            events(script.stream, size)
        assert type(caught.value) is script.error
    else:
        assert events(script.stream, size) == events(script.stream)


def test_events_tell_all_that_happens_in_its_order() -> None:
    calls = [call("f", {"x": [1, None]}, id="call_x")]
    stream = lines(piece(thinking="Hm."), piece("Hi"), piece(tool_calls=calls), last())
    assert events(stream) == [
        Start(MODEL),
        ReasoningDelta("Hm."),
        TextDelta("Hi"),
        ToolCallDelta(0, "call_x", "f", '{"x":[1,null]}'),
        Finish("tool_calls"),
        UsageUpdate(Usage(prompt_tokens=26, completion_tokens=282, total_tokens=308)),
    ]


def test_each_line_is_told_before_the_next_is_read() -> None:
    decoder = CODEC.decoder(200, SOURCE)
    arrived = decoder.feed(lines(piece("Hi")) + b"no JSON\n")
    assert [next(arrived), next(arrived)] == [Start(MODEL), TextDelta("Hi")]
    with pytest.raises(LLMResponseError):
        next(arrived)


def test_what_follows_the_last_line_is_not_read() -> None:
    decoder = CODEC.decoder(200, SOURCE)
    assert Finish("stop") in list(decoder.feed(lines(piece("Hi"), last()) + b"no JSON\n"))
    assert decoder.done


def test_ids_of_calls_are_made_up_in_their_order() -> None:
    calls = [call("f", {}), call("g", {}, id="call_g"), call("f", {"x": 1})]
    streamed = assembled(lines(piece(tool_calls=calls[:1]), piece(tool_calls=calls[1:]), last()))
    for response in (plain(whole(tool_calls=calls)), streamed):
        assert [one.id for one in response.tool_calls] == ["call_0", "call_g", "call_2"]


def test_arguments_as_text_stay_the_models_own() -> None:
    calls = [{"function": {"name": "f", "arguments": '{"x": 1'}}]
    for response in (
        plain(whole(tool_calls=calls)),
        assembled(lines(piece(tool_calls=calls), last())),
    ):
        assert response.tool_calls[0].arguments_json == '{"x": 1'


def test_raw_has_the_times() -> None:
    payload = whole("Hi!")
    assert plain(payload).raw == payload


def test_thinking_is_told_apart_and_has_no_blocks() -> None:
    response = plain(whole("4", thinking="Two and two."))
    assert (response.reasoning, response.thinking_blocks) == ("Two and two.", [])


@pytest.mark.parametrize("text", ["\\ud83d", "\\ud83dx", "\\uDE00"])
def test_lone_surrogates_are_replaced(text: str) -> None:
    body = b'{"message":{"content":"a%s"},"done":true}' % text.encode()
    assert plain(body).content == assembled(body).content
    assert plain(body).content.startswith("a\ufffd")


def test_key_in_an_error_is_masked() -> None:
    for body in (f'{{"error": "bad {KEY}"}}', f"<p>{KEY}</p>"):
        with pytest.raises(LLMError) as caught:
            plain(body.encode())
        assert KEY not in f"{caught.value!r} {vars(caught.value)}"
        with pytest.raises(LLMError) as caught:
            events(body.encode() + b"\n")
        assert KEY not in f"{caught.value!r} {vars(caught.value)}"


def test_missing_model_comes_with_advice() -> None:
    error = CODEC.refusal(404, {}, b'{"error":"model \'llama9\' not found"}', SOURCE)
    assert isinstance(error, ModelNotFoundError)
    assert "ensure_model()" in str(error)


@pytest.mark.parametrize("data", [b"x" * 6, b"x" * 6 + b"\n", b"x" * 6 + b"\nx\n"])
def test_line_beyond_its_bound_ends_the_stream(data: bytes) -> None:
    decoder = LineDecoder(max_line_bytes=10)
    assert decoder.feed(b"x\n" + b"x" * 6) == [b"x"]
    with pytest.raises(LLMResponseError, match="more than 10 bytes"):
        decoder.feed(data)


def test_lines_within_the_bound_pass_in_any_number() -> None:
    decoder = LineDecoder(max_line_bytes=10)
    assert decoder.feed(b"0123456789\n" * 50) == [b"0123456789"] * 50
    assert decoder.feed(b"01234") == []
    assert decoder.feed(b"56789\n\n") == [b"0123456789", b""]
    assert decoder.close() == b""


def test_long_lines_in_small_pieces_take_linear_time() -> None:
    def seconds(size: int) -> float:
        body = lines(piece("x" * size), last())
        begin = time.process_time()
        assert len(assembled(body, 64).content) == size
        return time.process_time() - begin

    assert seconds(1 << 20) < 8 * min(seconds(1 << 19) for _ in range(3)) + 0.05
