"""Answers that are odd in what does not matter, put right.

Only an answer that the types refuse comes here. What makes it an answer (choices, messages, text,
calls) is never invented or dropped; a detail of the wrong type (an id that is a number, a null
index, a count that is a word) must not cost an answer that was paid for.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

ModelT = TypeVar("ModelT", bound=BaseModel)

#: What may not be left out: without it, nobody was answered.
_ESSENTIAL = frozenset(
    {"choices", "data", "message", "delta", "content", "text"}
    | {"tool_calls", "function", "name", "arguments"}
    | {"candidates", "parts", "functionCall", "args"}  # Gemini's
)


# Of several odd choices, each round finds one.
_MAX_ROUNDS = 10


def validate_repaired(model: type[ModelT], payload: Any) -> ModelT:
    """`payload` as `model`, details of the wrong type converted or left out.

    :raises ValidationError: something essential is wrong.
    """
    for _ in range(_MAX_ROUNDS):
        try:
            return model.model_validate(payload)
        except ValidationError as err:
            problems = err.errors(include_url=False, include_context=False)
            if not all(_repaired(payload, problem["loc"]) for problem in problems):
                raise
    return model.model_validate(payload)


def _repaired(payload: Any, place: tuple[int | str, ...]) -> bool:
    """Mend what stands at `place`. :return: whether it could be."""
    if "logprobs" in place:
        place = place[: place.index("logprobs") + 1]
    *path, leaf = place or ("",)
    holder = payload
    for step in path:
        try:
            holder = holder[step]
        except (KeyError, IndexError, TypeError):
            return False
    if not isinstance(holder, dict):
        return False
    if leaf == "content":
        _tell_thoughts(holder)
    mended = _converted(leaf, holder[leaf], holder) if leaf in holder else _implied(leaf, holder)
    if leaf not in holder and mended is None:
        return leaf == "logprobs"  # gone with another of its problems
    if mended is not None:
        holder[leaf] = mended
    elif leaf in _ESSENTIAL:
        return False
    else:
        del holder[leaf]
    return True


def _implied(leaf: int | str, holder: dict[str, Any]) -> Any:
    """What is meant where `leaf` is missing from `holder`; None where that is not plain."""
    # Azure's asynchronous filter reports on a choice, and may end it, without adding to it.
    if leaf == "delta" and ("content_filter_results" in holder or holder.get("finish_reason")):
        return {}
    if leaf == "choices" and isinstance(holder.get("usage"), dict):
        return []  # the last chunk of some servers
    return None


def _converted(leaf: int | str, value: Any, holder: dict[str, Any]) -> Any:
    """`value` as what stands at `leaf`, where its meaning is plain; otherwise None."""
    if leaf == "delta" and value is None:
        return {}
    if leaf == "choices" and value is None:
        return _implied(leaf, holder)
    if leaf in ("id", "system_fingerprint") and isinstance(value, int):
        return str(value)
    if leaf == "arguments" and isinstance(value, dict):
        return to_json(value).decode()
    if leaf == "content" and isinstance(value, list):
        # Mistral's reasoning models answer in parts, of which the text ones are the answer.
        texts, has_thoughts = _texts(value), any(map(_thoughts, value))
        return "".join(texts) if texts or has_thoughts else None
    return None


def _tell_thoughts(message: dict[str, Any]) -> None:
    """Give the thoughts among Mistral's content parts where DeepSeek and vLLM have theirs."""
    parts = message.get("content")
    if isinstance(parts, list) and (
        thoughts := [text for part in parts for text in _thoughts(part)]
    ):
        message["reasoning_content"] = message.get("reasoning_content") or "".join(thoughts)


def _thoughts(part: Any) -> list[str]:
    if not isinstance(part, dict) or part.get("type") != "thinking":
        return []
    return _texts(part.get("thinking"))


def _texts(parts: Any) -> list[str]:
    """The texts of the text parts of a content."""
    if not isinstance(parts, list):
        return []
    found = [
        part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"
    ]
    return [text for text in found if isinstance(text, str)]
