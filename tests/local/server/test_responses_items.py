"""Inputs of items, and the messages of a chat that they make."""

from __future__ import annotations

from typing import Any

import pytest

from LLM.exceptions import InvalidRequestError
from local_llm_kit.server.responses.conversation import chat_messages
from local_llm_kit.server.responses.items import MAX_ITEMS, read_input

USER = {"role": "user", "content": "Hi"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a": 1}'}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "42"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}


def messages_of(value: Any, instructions: str | None = None) -> list[dict[str, Any]]:
    return chat_messages(read_input(value, lambda _: None), instructions)


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        pytest.param("Hi", [USER], id="text"),
        pytest.param(None, [{"role": "user", "content": ""}], id="nothing"),
        pytest.param([USER], [USER], id="message"),
        pytest.param(
            [{"type": "message", "role": "developer", "content": [
                {"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]}],
            [{"role": "developer", "content": "ab"}],
            id="parts",
        ),
        pytest.param(
            [{"role": "assistant", "content": [
                {"type": "output_text", "text": "a", "annotations": []},
                {"type": "refusal", "refusal": "b"}]}],
            [{"role": "assistant", "content": "ab"}],
            id="said",
        ),
    ],
)  # fmt: skip
def test_messages_are_messages(value: Any, messages: list[dict[str, Any]]) -> None:
    assert messages_of(value) == messages


def test_instructions_come_first() -> None:
    assert messages_of("Hi", "Be brief.") == [{"role": "system", "content": "Be brief."}, USER]


def test_the_calls_of_a_turn_and_its_text_are_one_message() -> None:
    said = {"role": "assistant", "content": "I look."}
    second = CALL | {"call_id": "call_2"}
    messages = messages_of([USER, said, CALL, said, second, RESULT, RESULT | {"call_id": "call_2"}])
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool"]
    assert messages[1]["content"] == "I look.I look."
    assert [one["id"] for one in messages[1]["tool_calls"]] == ["call_1", "call_2"]
    assert messages[2] == {"role": "tool", "tool_call_id": "call_1", "content": "42"}


def test_a_thought_belongs_to_what_is_said_next() -> None:
    messages = messages_of([{"role": "assistant", "content": "a"}, USER, THOUGHT, CALL, RESULT])
    assert "reasoning_content" not in messages[0]
    assert messages[2]["reasoning_content"] == "Hm."


def test_a_thought_that_nothing_follows_is_left_out() -> None:
    assert messages_of([USER, THOUGHT, USER]) == [USER, USER]


def test_an_image_becomes_an_image_of_the_chat() -> None:
    url = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
    parts = [{"type": "input_text", "text": "What?"}, {"type": "input_image", "image_url": url}]
    (message,) = messages_of([{"role": "user", "content": parts}])
    assert message["content"][1] == {
        "type": "image_url",
        "image_url": {"url": url, "detail": "auto"},
    }


def test_a_reference_stands_for_the_item_that_is_kept() -> None:
    (kept,) = read_input("Hi", lambda _: None)
    references = [{"type": "item_reference", "id": kept["id"]}, {"id": kept["id"]}]
    assert read_input(references, {kept["id"]: kept}.get) == [kept, kept]


def test_items_have_ids_of_ours() -> None:
    first, second = read_input([USER | {"id": "msg_1"}, USER | {"id": "msg_1"}], lambda _: None)
    assert len({"msg_1", first["id"], second["id"]}) == 3


@pytest.mark.parametrize(
    ("value", "param"),
    [
        pytest.param(7, "input", id="number"),
        pytest.param([], "input", id="empty"),
        pytest.param([USER] * (MAX_ITEMS + 1), "input", id="too-many"),
        pytest.param(["Hi"], "input[0]", id="text-in-list"),
        pytest.param([{"type": "web_search_call"}], "input[0].type", id="hosted"),
        pytest.param([{"type": ["message"]}], "input[0].type", id="type-no-text"),
        pytest.param([USER | {"mood": "good"}], "input[0]", id="unknown-field"),
        pytest.param([USER | {"role": "tool"}], "input[0].role", id="role"),
        pytest.param([USER | {"status": "asleep"}], "input[0].status", id="status"),
        pytest.param([USER | {"status": []}], "input[0].status", id="status-no-text"),
        pytest.param([{"role": "user"}], "input[0].content", id="no-content"),
        pytest.param([USER | {"content": ["Hi"]}], "input[0].content[0]", id="part-text"),
        pytest.param(
            [USER | {"content": [{"type": "input_file"}]}], "input[0].content[0]", id="file"
        ),
        pytest.param(
            [USER | {"content": [{"type": "input_text", "text": "\ud800"}]}],
            "input[0].content[0].text",
            id="surrogate",
        ),
        pytest.param(
            [USER | {"content": [{"type": "input_image", "image_url": "http://127.0.0.1/a.png"}]}],
            "input[0].content[0].image_url.url",
            id="image-address",
        ),
        pytest.param(
            [USER | {"content": [{"type": "input_image", "file_id": "file_1"}]}],
            "input[0].content[0].file_id",
            id="image-file",
        ),
        pytest.param(
            [{"role": "assistant", "content": [{"type": "input_image"}]}],
            "input[0].content[0]",
            id="assistant-image",
        ),
        pytest.param([CALL | {"name": ""}], "input[0].name", id="call-name"),
        pytest.param([CALL | {"arguments": {}}], "input[0].arguments", id="call-arguments"),
        pytest.param([CALL | {"call_id": "x" * 200}], "input[0].call_id", id="call-id"),
        pytest.param([CALL, RESULT | {"output": 42}], "input[1].output", id="output"),
        pytest.param(
            [CALL, RESULT | {"output": [{"type": "input_image"}]}],
            "input[1].output[0]",
            id="output-image",
        ),
        pytest.param([RESULT], "input", id="output-without-call"),
        pytest.param([THOUGHT | {"summary": "Hm."}], "input[0].summary", id="summary"),
        pytest.param(
            [THOUGHT | {"content": [{"type": "text", "text": "a"}]}],
            "input[0].content[0]",
            id="thought",
        ),
        pytest.param([{"type": "item_reference", "id": "msg_1"}], "input[0].id", id="reference"),
        pytest.param([{"type": "item_reference", "id": 7}], "input[0].id", id="reference-number"),
    ],
)
def test_what_is_no_item_is_named(value: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as err:
        messages_of(value)
    assert err.value.body["param"] == param
