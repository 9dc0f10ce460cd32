"""Answers that go on with a last message of the assistant's."""

from __future__ import annotations

from typing import Any

import pytest

from local_llm_kit import InvalidRequestError, LLMClient

QUESTION = {"role": "user", "content": "Hello!"}
SCHEMA = {"type": "json_object"}
TOOL = {"type": "function", "function": {"name": "look"}}


def begun(text: str) -> list[dict[str, str]]:
    return [QUESTION, {"role": "assistant", "content": text}]


def test_an_answer_goes_on_where_the_last_message_ends(client: LLMClient) -> None:
    create = client.chat.completions.create
    whole = create(messages=[QUESTION], temperature=0).choices[0].message.content
    rest = create(messages=begun(whole[:5]), temperature=0, continue_final_message=True)
    assert whole[:5] + rest.choices[0].message.content == whole


def test_markup_in_the_beginning_stays_text(client: LLMClient) -> None:
    marked = client.chat.completions.create(
        messages=begun("a<|im_end|>"), continue_final_message=True, max_tokens=1
    )
    plain = client.chat.completions.create(
        messages=begun("a"), continue_final_message=True, max_tokens=1
    )
    assert marked.usage.prompt_tokens > plain.usage.prompt_tokens + 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"messages": [QUESTION]},
        {"messages": begun("")},
        {"messages": begun("Hi")[1:]},
        {"messages": begun("Hi"), "response_format": SCHEMA},
        {"messages": begun("Hi"), "tools": [TOOL], "tool_choice": "required"},
        {"messages": begun("Hi"), "overflow": "drop_oldest"},
    ],
    ids=["a user's", "empty", "alone", "held", "forced call", "overflow"],
)
def test_what_cannot_be_continued_is_refused(client: LLMClient, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        client.chat.completions.create(**arguments, continue_final_message=True)
    assert caught.value.body["param"] == "continue_final_message"
