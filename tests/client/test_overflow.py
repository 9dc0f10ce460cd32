"""Overflow policies: what they keep, what they drop, and what they say of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from LLM import InvalidRequestError, LLMContextLengthError
from LLM.overflow import (
    NOTE_HEADING,
    POLICIES,
    ChatMessage,
    Overflow,
    OverflowPolicy,
    fit_messages,
    is_system,
    turns_of,
)

CUTTING = [policy for policy in POLICIES if policy != "error"]


def count(messages: Sequence[ChatMessage]) -> int:
    """A token for each word and three around each message, as chat templates have them."""
    return sum(3 + len(str(message.get("content") or "").split()) for message in messages)


def say(role: str, text: str = "", **more: Any) -> dict[str, Any]:
    return {"role": role, "content": text, **more}


def call(*ids: str) -> dict[str, Any]:
    function = {"name": "f", "arguments": "{}"}
    calls = [{"id": one, "type": "function", "function": function} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(call_id: str) -> dict[str, Any]:
    return say("tool", "21", tool_call_id=call_id)


TALK = [
    say("system", "be brief"),
    say("user", "one"),
    say("assistant", "first"),
    say("user", "two"),
    call("a", "b"),
    result("a"),
    result("b"),
    say("assistant", "second"),
    say("user", "three"),
    say("assistant", "third"),
    say("user", "four"),
]


def contents(messages: Sequence[ChatMessage]) -> list[str]:
    return [message["content"] for message in messages if message["role"] == "user"]


def words(messages: Sequence[ChatMessage]) -> str:
    return f"{len(messages)} messages"


def test_what_fits_is_sent_as_it_is() -> None:
    assert fit_messages(TALK, count(TALK), count, "drop_oldest") == (TALK, None)


def test_error_is_the_default_and_tells_both_sizes() -> None:
    with pytest.raises(LLMContextLengthError, match=r"take 44 tokens, but 43 are") as caught:
        fit_messages(TALK, 43, count)
    assert caught.value.code == "context_length_exceeded"
    assert "be brief" not in str(caught.value)


@pytest.mark.parametrize(
    ("policy", "budget", "kept"),
    [
        ("drop_oldest", 43, ["two", "three", "four"]),
        ("drop_oldest", 20, ["three", "four"]),
        ("drop_oldest", 10, ["four"]),
        ("drop_middle", 43, ["one", "three", "four"]),
        ("drop_middle", 20, ["one", "four"]),
        ("drop_middle", 10, ["four"]),
    ],
)
def test_the_least_that_helps_is_dropped(
    policy: OverflowPolicy, budget: int, kept: list[str]
) -> None:
    fitted, report = fit_messages(TALK, budget, count, policy)
    assert contents(fitted) == kept
    assert fitted[0] == TALK[0]
    assert report is not None
    assert (report.policy, report.budget, report.tokens_before) == (policy, budget, count(TALK))
    assert report.tokens_after == count(fitted) == count(TALK) - report.n_tokens
    assert report.n_messages == len(TALK) - len(fitted)


def test_a_summary_stands_for_what_was_dropped() -> None:
    seen: list[ChatMessage] = []

    def summarise(messages: Sequence[ChatMessage]) -> str:
        seen.extend(messages)
        return " they counted "

    fitted, report = fit_messages(TALK, 40, count, "summarise", summarise=summarise)
    assert fitted == [TALK[0], say("system", f"{NOTE_HEADING}they counted"), *TALK[8:]]
    assert seen == TALK[1:8]
    assert report is not None
    assert (report.summary, report.tokens_after) == ("they counted", count(fitted))
    assert report.to_dict()["n_messages"] == 7


def test_an_earlier_note_goes_into_the_next() -> None:
    note = say("system", f"{NOTE_HEADING}hello")
    seen: list[ChatMessage] = []
    talk = [TALK[0], note, *TALK[1:]]
    fitted, _ = fit_messages(
        talk, 40, count, "summarise", summarise=lambda gone: [seen.extend(gone), "new"][1]
    )
    assert seen[0] is note
    assert [m["content"] for m in fitted if m["role"] == "system"] == [
        "be brief", f"{NOTE_HEADING}new",
    ]  # fmt: skip


def test_a_summary_that_is_too_long_is_cut() -> None:
    fitted, report = fit_messages(TALK, 30, count, "summarise", summarise=lambda _: "so " * 500)
    assert count(fitted) == 30
    assert report is not None
    assert report.summary is not None
    assert fitted[1]["content"] == NOTE_HEADING + report.summary


def test_no_room_for_a_summary_is_told() -> None:
    fitted, report = fit_messages(TALK, 10, count, "summarise", summarise=lambda _: "much was said")
    assert contents(fitted) == ["four"]
    assert report is not None
    assert report.summary is None


def test_without_a_user_each_message_is_a_turn() -> None:
    talk = [say("assistant", "a"), call("x"), result("x"), say("assistant", "b")]
    fitted, _ = fit_messages(talk, 11, count, "drop_oldest")
    assert fitted == talk[1:]
    assert fit_messages(talk, 9, count, "drop_oldest")[0] == talk[3:]


def test_a_late_result_goes_with_its_call() -> None:
    talk = [say("user", "one"), call("x"), say("user", "two"), result("x"), say("user", "three")]
    fitted, _ = fit_messages(talk, 14, count, "drop_oldest")
    assert fitted == [talk[2], talk[4]]


def test_a_legacy_result_goes_with_its_call() -> None:
    asked = {"role": "assistant", "content": None, "function_call": {"name": "f"}}
    talk = [
        say("user", "one"),
        asked,
        say("user", "two"),
        say("function", "21", name="f"),
        TALK[-1],
    ]
    assert fit_messages(talk, 9, count, "drop_oldest")[0] == [talk[2], talk[4]]


@pytest.mark.parametrize("policy", CUTTING)
def test_what_may_not_be_dropped_must_fit(policy: OverflowPolicy) -> None:
    talk = [say("system", "word " * 50), *TALK[1:]]
    with pytest.raises(LLMContextLengthError, match=r"92 tokens, and 57 without .* 56 are free"):
        fit_messages(talk, 56, count, policy, summarise=words)


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="'drop_all'; give one of 'error', 'drop_oldest'"):
        fit_messages(TALK, 10, count, "drop_all")  # type: ignore[arg-type]


def test_summarise_needs_someone_who_does() -> None:
    with pytest.raises(InvalidRequestError, match="nothing that summarises"):
        fit_messages(TALK, 100, count, "summarise")


def test_a_failing_summary_is_the_callers_to_see() -> None:
    def fails(_: Sequence[ChatMessage]) -> str:
        raise LLMContextLengthError("too much")

    with pytest.raises(LLMContextLengthError, match="too much"):
        fit_messages(TALK, 40, count, "summarise", summarise=fails)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """System messages anywhere, users or none, tool calls whose results may come a turn later."""
    messages = [say("system", "s")] * draw(st.integers(0, 2))
    late: list[str] = []
    for n_turn in range(draw(st.integers(1, 12))):
        if draw(st.integers(0, 9)):
            messages.append(say("user", "w " * draw(st.integers(0, 20))))
        messages += map(result, late)
        ids = [f"{n_turn}.{i}" for i in range(draw(st.integers(0, 3)))]
        n_late = draw(st.integers(0, len(ids)))
        late = ids[:n_late]
        messages += [call(*ids)] * bool(ids) + [result(one) for one in ids[n_late:]]
        messages.append(say(draw(st.sampled_from(["assistant", "system"])), "said"))
    return messages


def call_ids(messages: Sequence[ChatMessage]) -> set[str]:
    return {one["id"] for message in messages for one in message.get("tool_calls", ())}


def result_ids(messages: Sequence[ChatMessage]) -> set[str]:
    return {message["tool_call_id"] for message in messages if message["role"] == "tool"}


@given(conversations(), st.integers(0, 400), st.sampled_from(CUTTING))
def test_whatever_is_cut_stays_a_conversation(
    messages: list[dict[str, Any]], budget: int, policy: OverflowPolicy
) -> None:
    n_counts = 0

    def counted(some: Sequence[ChatMessage]) -> int:
        nonlocal n_counts
        n_counts += 1
        return count(some)

    try:
        kept, report = fit_messages(messages, budget, counted, policy, summarise=lambda _: "")
    except LLMContextLengthError:
        assert count(messages) > budget
        return
    ids = list(map(id, messages))
    places = [ids.index(id(message)) for message in kept if id(message) in ids]
    assert places == sorted(places), "nothing is reordered"
    assert count(kept) <= budget
    assert sum(map(is_system, kept)) == sum(map(is_system, messages))
    assert result_ids(kept) == call_ids(kept) & result_ids(messages), "calls and results part"
    assert kept[-1] is messages[-1]
    assert (report is None) == (kept == messages)
    assert n_counts <= 2 * math.log2(len(messages) + 1) + 4


@given(conversations(), st.integers(0, 400))
def test_a_cut_is_the_first_that_fits_and_starts_with_a_user(
    messages: list[dict[str, Any]], budget: int
) -> None:
    turns = turns_of(messages)
    last = max((turn for turn in turns if turn is not None), default=0)
    cuts = [
        [m for m, turn in zip(messages, turns, strict=True) if turn is None or turn >= n_dropped]
        for n_dropped in range(last + 1)
    ]
    fitting = [cut for cut in cuts if count(cut) <= budget]
    if not fitting:
        with pytest.raises(LLMContextLengthError):
            fit_messages(messages, budget, count, "drop_oldest")
        return
    kept, _ = fit_messages(messages, budget, count, "drop_oldest")
    assert kept == fitting[0]
    if n_users(kept) < n_users(messages):
        assert next(m["role"] for m in kept if not is_system(m)) == "user"


def n_users(messages: Sequence[ChatMessage]) -> int:
    return sum(message["role"] == "user" for message in messages)


def test_a_report_is_plain_data() -> None:
    report = Overflow("drop_oldest", 10, 30, 8, 4, 22, estimated=True)
    assert report.to_dict() == {
        "policy": "drop_oldest", "budget": 10, "tokens_before": 30, "tokens_after": 8,
        "n_messages": 4, "n_tokens": 22, "summary": None, "estimated": True,
    }  # fmt: skip
