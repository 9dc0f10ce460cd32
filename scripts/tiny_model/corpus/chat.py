"""The shape of one corpus sample: a conversation with its tools, or a plain text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]
Turns = list[Message]


@dataclass(frozen=True)
class Chat:
    """One sample.

    :ivar messages: turns in OpenAI's shape. An assistant turn with ``"given": True`` is context
        that somebody else may have written; it is not a training target.
    :ivar tools: tool definitions in OpenAI's nested shape, empty for none.
    :ivar text: for a plain text without chat template, the text itself; messages is then empty.
    """

    messages: Turns
    tools: list[dict[str, Any]] = field(default_factory=list)
    text: str = ""


def user(text: str) -> Message:
    """Make a user's turn."""
    return {"role": "user", "content": text}


def bot(text: str) -> Message:
    """Make an assistant's turn that the model shall learn to say."""
    return {"role": "assistant", "content": text}


def given(text: str) -> Message:
    """Make an assistant's turn that the model meets but does not learn to say."""
    return {"role": "assistant", "content": text, "given": True}


def system(text: str) -> Message:
    """Make a system turn."""
    return {"role": "system", "content": text}
