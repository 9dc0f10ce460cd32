"""What was said in a call of any SDK: what was asked, by its arguments, and the answer. Pure.

Answers are known by their fields, as in `llmring.logging.reading`. Of tool calls nothing is told.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from llmring.schemas import Message, Role

#: Parameters that hold what is said, the likeliest first.
_QUESTIONS = ("messages", "message", "contents", "prompt", "input", "question", "text")
_ROLES = frozenset(get_args(Role))
#: Google's word for the one who answers.
_OTHER_ROLES = {"model": "assistant"}


def question(function: Callable[..., Any], args: Any, kwargs: Any) -> list[Message]:
    """What a function was asked, by its parameters' names; empty where that cannot be told."""
    try:
        given = inspect.signature(function).bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return []
    # A function that hands on what it is given has the names among its keywords.
    given = {**given, **kwargs}
    for name in _QUESTIONS:
        if given.get(name):
            return _messages(given[name])
    return []


def _messages(said: Any) -> list[Message]:
    if isinstance(said, str):
        return [Message(role="user", content=said)]
    items = [said] if isinstance(said, Mapping) or not isinstance(said, Sequence) else said
    return [message for item in items if (message := _message(item)) is not None]


def _message(item: Any) -> Message | None:
    if isinstance(item, Message):
        return item
    if isinstance(item, str):
        return Message(role="user", content=item)
    role = _field(item, "role") or "user"
    role = _OTHER_ROLES.get(role, role)
    content = _field(item, "content")
    if content is None and (parts := _field(item, "parts")) is not None:
        content = _texts(parts)
    if role not in _ROLES or content is None:
        return None
    if not isinstance(content, str):
        is_plain = isinstance(content, list) and all(isinstance(part, dict) for part in content)
        content = list(content) if is_plain else _texts(content)
    return Message(role=role, content=content)


def answer_text(answer: Any) -> str:
    """The text of a whole answer, or of a chunk of one; empty where there is none."""
    for read in (_openai, _responses, _google, _anthropic, _own, _ollama):
        text = read(answer)
        if text:
            return text
    return ""


def _openai(answer: Any) -> str:
    choice = _first(_field(answer, "choices"))
    said = _field(choice, "message") or _field(choice, "delta")
    return _as_text(_field(said, "content"))


def _responses(answer: Any) -> str:
    if _field(answer, "type") == "response.output_text.delta":
        return _as_text(_field(answer, "delta"))
    output = _field(answer, "output")
    return "".join(_texts(_field(item, "content")) for item in output) if _is_list(output) else ""


def _google(answer: Any) -> str:
    content = _field(_first(_field(answer, "candidates")), "content")
    return _texts(_field(content, "parts"))


def _anthropic(answer: Any) -> str:
    return _texts(_field(answer, "content")) or _as_text(_field(_field(answer, "delta"), "text"))


def _own(answer: Any) -> str:
    return _as_text(_field(answer, "content")) or _as_text(_field(answer, "delta"))


def _ollama(answer: Any) -> str:
    return _as_text(_field(_field(answer, "message"), "content"))


def _texts(parts: Any) -> str:
    """The texts of parts, without what a model thinks."""
    if isinstance(parts, str):
        return parts
    if not _is_list(parts):
        return ""
    return "".join(
        _as_text(_field(part, "text")) for part in parts if _field(part, "thought") is not True
    )


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _first(values: Any) -> Any:
    return values[0] if _is_list(values) and values else None


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else ""
