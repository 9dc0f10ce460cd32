"""What the tests of conversation memory share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from LLM.overflow import ChatMessage


def count(messages: Sequence[ChatMessage]) -> int:
    """A token for each word and three around each message, as chat templates have them."""
    assert messages, "nothing is not counted"
    return sum(3 + len(str(message.get("content") or "").split()) for message in messages)


def say(role: str, text: str | None = "", **more: Any) -> dict[str, Any]:
    return {"role": role, "content": text, **more}


def turn(number: int, n_words: int = 1) -> list[dict[str, Any]]:
    """A question and its answer, of `n_words` and 3 tokens each."""
    return [say("user", f"q{number} " * n_words), say("assistant", f"a{number} " * n_words)]


def call(call_id: str, name: str = "f") -> dict[str, Any]:
    function = {"name": name, "arguments": '{"x": 1}'}
    calls = [{"id": call_id, "type": "function", "function": function}]
    return say("assistant", None, tool_calls=calls)


def result(call_id: str) -> dict[str, Any]:
    return say("tool", "21", tool_call_id=call_id)
