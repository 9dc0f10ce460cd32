"""Tool calls and their results, matched by ids that every provider can tell apart. Pure.

Some servers give their calls no ids, others give each answer's first call the same one; Anthropic
refuses a conversation that has an id twice, and nobody can match a result without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Message = dict[str, Any]


def paired(messages: list[Message]) -> list[Message]:
    """The messages, each call with an id of its own, and each result with its call's.

    Ids that are there, and are the first of their name, stay. A result belongs to the first
    unanswered call of the turn before it that has the same id; one without an id, to the first
    that has none.
    """
    if not any(message.get("tool_calls") for message in messages):
        return messages
    used: set[str] = set()
    #: Ids of the last turn's calls, as they were given and as they are now.
    waiting: list[tuple[str, str]] = []
    out = []
    for message in messages:
        calls = message.get("tool_calls") if message["role"] == "assistant" else None
        if calls:
            given = [_id_of(call) for call in calls]
            waiting = [(call_id, _unused(call_id, used)) for call_id in given]
            if any(old != new for old, new in waiting):
                message = {**message, "tool_calls": list(map(_with_id, calls, waiting))}
        elif message["role"] == "tool" and waiting:
            message = _answering(message, waiting)
        out.append(message)
    return out


def _id_of(call: Any) -> str:
    found = call.get("id") if isinstance(call, Mapping) else None
    return found if isinstance(found, str) else ""


def _unused(call_id: str, used: set[str]) -> str:
    """The id, or one like it, that no call before has; it is used from now on."""
    found, number = call_id, len(used)
    while not found or found in used:
        found = f"{call_id or 'call'}_{number}"
        number += 1
    used.add(found)
    return found


def _with_id(call: Any, ids: tuple[str, str]) -> Any:
    return {**call, "id": ids[1]} if isinstance(call, Mapping) else call


def _answering(result: Message, waiting: list[tuple[str, str]]) -> Message:
    """A result under its call's id, which no longer waits for one."""
    given = result.get("tool_call_id") or ""
    for place, (old, new) in enumerate(waiting):
        if old == given:
            del waiting[place]
            return result if new == given else {**result, "tool_call_id": new}
    return result
