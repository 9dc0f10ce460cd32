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
)


def validate_repaired(model: type[ModelT], payload: Any) -> ModelT:
    """`payload` as `model`, details of the wrong type converted or left out.

    :raises ValidationError: something essential is wrong.
    """
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
    if leaf not in holder:
        return leaf == "logprobs"  # gone with another of its problems
    mended = _converted(leaf, holder[leaf])
    if mended is not None:
        holder[leaf] = mended
    elif leaf in _ESSENTIAL:
        return False
    else:
        del holder[leaf]
    return True


def _converted(leaf: int | str, value: Any) -> Any:
    """`value` as what stands at `leaf`, where its meaning is plain; otherwise None."""
    if leaf == "delta" and value is None:
        return {}
    if leaf in ("id", "system_fingerprint") and isinstance(value, int):
        return str(value)
    if leaf == "arguments" and isinstance(value, dict):
        return to_json(value).decode()
    if leaf == "content" and isinstance(value, list):
        # Mistral's reasoning models answer in parts, of which the text ones are the answer.
        parts = [part for part in value if isinstance(part, dict) and part.get("type") == "text"]
        texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
        return "".join(texts) if texts else None
    return None
