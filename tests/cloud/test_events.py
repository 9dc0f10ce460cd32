"""Events of a stream, and the answer that they add up to."""

from __future__ import annotations

import pytest

from cloud.llm import (
    Finish,
    Ping,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from cloud.llm.events import ResponseAssembler
from cloud.llm.types import ChatResponse
from LLM.types import Usage


def added(*events: StreamEvent) -> ChatResponse:
    assembler = ResponseAssembler("asked")
    for event in events:
        assembler.add(event)
    response = assembler.response()
    assert response is not None
    return response


def usage(prompt: int, completion: int) -> Usage:
    return Usage(prompt_tokens=prompt, completion_tokens=completion)


def test_nothing_adds_up_to_no_answer() -> None:
    assembler = ResponseAssembler("asked")
    assert (assembler.response(), assembler.text, assembler.finished) == (None, "", False)


def test_text_adds_up() -> None:
    response = added(
        Start("m-1", "id-1"), TextDelta("Hel"), Ping(), TextDelta("lo"), Finish("stop")
    )
    assert (response.content, response.model, response.id) == ("Hello", "m-1", "id-1")
    assert response.finish_reason == "stop"


def test_a_model_that_does_not_name_itself_is_the_one_asked() -> None:
    assert added(Start("", None), TextDelta("x")).model == "asked"


def test_what_was_left_early_has_no_finish_reason() -> None:
    assert added(TextDelta("x")).finish_reason == ""


def test_calls_add_up_by_their_index() -> None:
    calls = added(
        ToolCallDelta(1, "b", "g", "{}"),
        ToolCallDelta(0, "a", "f", '{"x":'),
        ToolCallDelta(0, "", "f", "1}"),
        ToolCallDelta(1, extra={"google": {}}),
    ).tool_calls
    assert [(c.id, c.name, c.arguments) for c in calls] == [("a", "f", {"x": 1}), ("b", "g", {})]
    assert calls[1].extra == {"google": {}}


def test_later_usage_replaces_earlier() -> None:
    response = added(UsageUpdate(usage(3, 0)), UsageUpdate(usage(3, 2), input_tokens=1))
    assert (response.input_tokens, response.output_tokens) == (1, 2)
    assert response.usage == usage(3, 2)


def test_plain_reasoning_makes_no_blocks_to_send_back() -> None:
    response = added(ReasoningDelta("I "), ReasoningDelta("think"), TextDelta("x"))
    assert (response.reasoning, response.thinking_blocks) == ("I think", [])


def test_signed_reasoning_makes_the_blocks_that_go_back() -> None:
    response = added(
        ReasoningDelta("I ", index=0),
        ReasoningDelta("think", index=0),
        ReasoningDelta("", signature="si", index=0),
        ReasoningDelta("", signature="gn", index=0),
        ReasoningDelta("", redacted="Zw==", index=1),
    )
    assert response.reasoning == "I think"
    assert response.thinking_blocks == [
        {"type": "thinking", "thinking": "I think", "signature": "sign"},
        {"type": "redacted_thinking", "data": "Zw=="},
    ]


def test_a_refusal_adds_up_apart_from_the_text() -> None:
    response = added(RefusalDelta("I "), RefusalDelta("can't."), Finish("stop"))
    assert (response.content, response.refusal) == ("", "I can't.")


EVENTS = {
    "start": Start("m"),
    "text": TextDelta("x"),
    "reasoning": ReasoningDelta("x"),
    "refusal": RefusalDelta("x"),
    "tool_call": ToolCallDelta(0),
    "usage": UsageUpdate(usage(1, 1)),
    "finish": Finish("stop"),
    "ping": Ping(),
}


@pytest.mark.parametrize(("kind", "event"), EVENTS.items(), ids=EVENTS)
def test_events_say_their_kind_and_do_not_change(kind: str, event: StreamEvent) -> None:
    assert event.type == kind
    with pytest.raises((AttributeError, TypeError)):
        event.type = "other"  # type: ignore[misc]  # that it fails is the test
