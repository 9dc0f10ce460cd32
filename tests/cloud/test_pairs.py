"""Ids of tool calls, and of the results that answer them."""

from __future__ import annotations

from typing import Any

import pytest

from cloud.llm.pairs import paired

USER = {"role": "user", "content": "Hello!"}


def asked(*ids: str | None) -> dict[str, Any]:
    calls = [{} if one is None else {"id": one} for one in ids]
    return {"role": "assistant", "tool_calls": calls}


def told(call_id: str | None) -> dict[str, Any]:
    return {"role": "tool", "content": "x", **({"tool_call_id": call_id} if call_id else {})}


def ids(*messages: dict[str, Any]) -> list[Any]:
    """The ids of calls and results, in their order."""
    found: list[Any] = []
    for message in paired([USER, *messages]):
        found += [call["id"] for call in message.get("tool_calls", ())]
        found += [message["tool_call_id"]] if "tool_call_id" in message else []
    return found


CASES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "own": ([asked("a", "b"), told("b"), told("a")], ["a", "b", "b", "a"]),
    "none": ([asked(None, ""), told(None), told("")], ["call_0", "call_1", "call_0", "call_1"]),
    "twice in a turn": ([asked("a", "a"), told("a"), told("a")], ["a", "a_1", "a", "a_1"]),
    "in every turn": (
        [asked("call_0"), told("call_0"), asked("call_0", "x"), told("x"), told("call_0")],
        ["call_0", "call_0", "call_0_1", "x", "x", "call_0_1"],
    ),
    "of another call": ([asked("a"), told("b")], ["a", "b"]),
    "answered twice": ([asked("a"), told("a"), told("a")], ["a", "a", "a"]),
    "without calls": ([told("a")], ["a"]),
}


@pytest.mark.parametrize(("messages", "found"), CASES.values(), ids=CASES)
def test_each_call_has_an_id_of_its_own_and_its_result_too(
    messages: list[dict[str, Any]], found: list[str]
) -> None:
    assert ids(*messages) == found


def test_messages_that_need_nothing_stay_the_same_objects() -> None:
    messages = [USER, asked("a"), told("a"), USER]
    assert all(map(lambda one, other: one is other, paired(messages), messages))


def test_the_callers_messages_are_not_changed() -> None:
    messages = [asked(None), told(None)]
    paired(messages)
    assert messages == [asked(None), told(None)]


def test_what_is_no_call_is_left_to_those_who_name_it() -> None:
    turn = {"role": "assistant", "tool_calls": [5]}
    assert paired([turn]) == [turn]
