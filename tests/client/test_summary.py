"""Summaries: what the model is asked, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from LLM import LLMContextLengthError
from LLM.overflow import NOTE_HEADING, ChatMessage, fit_messages
from LLM.summary import Summariser

TALK = [{"role": "user", "content": f"word{i} " * 10} for i in range(9)]


def count(messages: Sequence[ChatMessage]) -> int:
    return sum(len(message["content"].split()) for message in messages)


def asked_for(messages: Sequence[ChatMessage], window: int) -> tuple[str, list[str]]:
    """The summary, and the prompts that led to it."""
    prompts: list[str] = []

    def ask(messages: list[dict[str, Any]]) -> str:
        assert count(messages) <= window
        prompts.append(messages[0]["content"])
        return f"summary{len(prompts)}"

    return Summariser(ask, count, window)(messages), prompts


def test_a_conversation_is_summarised_at_once_if_it_fits() -> None:
    summary, prompts = asked_for(TALK, 1000)
    assert (summary, len(prompts)) == ("summary1", 1)
    assert all(f"word{i} " in prompts[0] for i in range(9))


def test_a_long_one_is_summarised_in_pieces_that_build_on_each_other() -> None:
    summary, prompts = asked_for(TALK, 100)
    assert summary == f"summary{len(prompts)}"
    assert len(prompts) > 1
    assert "in short: summary1" in prompts[1]
    assert all(sum(f"word{i} " in prompt for prompt in prompts) == 1 for i in range(9))


def test_a_message_that_is_too_long_alone_is_shortened_in_its_middle() -> None:
    text = "first " + "so " * 1000 + "last"
    _, prompts = asked_for([{"role": "user", "content": text}], 100)
    assert len(prompts) == 1
    assert "user: first" in prompts[0]
    assert prompts[0].endswith("last")


def test_an_earlier_summary_is_gone_on_with() -> None:
    note = {"role": "system", "content": f"{NOTE_HEADING}Zoe likes tea."}
    _, prompts = asked_for([note, TALK[0]], 1000)
    assert "in short: Zoe likes tea." in prompts[0]
    assert NOTE_HEADING not in prompts[0]


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ({"role": "tool", "content": "21"}, "tool: 21"),
        ({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]},
         "user: a [image_url]"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
         "assistant: calls f {}"),
        ({"role": "assistant", "content": None, "function_call": {"name": "f"}},
         "assistant: calls f "),
    ],
    ids=["result", "parts", "tool call", "function call"],
)  # fmt: skip
def test_the_model_reads_a_transcript(message: dict[str, Any], line: str) -> None:
    _, prompts = asked_for([message], 1000)
    assert prompts[0].splitlines()[-1] == line


def test_a_window_for_nothing_is_an_error() -> None:
    with pytest.raises(LLMContextLengthError, match="20 tokens are too few"):
        asked_for(TALK, 20)


@pytest.mark.parametrize(
    "odd",
    [{"content": 5}, {"tool_calls": 5}, {"tool_calls": ["f"]}, {"tool_calls": [{"function": "f"}]}],
    ids=repr,
)
def test_what_is_no_message_is_left_to_the_server_to_refuse(odd: dict[str, Any]) -> None:
    talk = [{"role": "assistant", "content": "word " * 10, **odd}, *TALK]
    fitted, overflow = fit_messages(
        talk, 60, lambda messages: 10 * len(messages), "summarise", summarise=summed_up
    )
    assert overflow is not None
    assert fitted[0]["content"].startswith(NOTE_HEADING)


def summed_up(messages: Sequence[ChatMessage]) -> str:
    return asked_for(messages, 10_000)[0]
