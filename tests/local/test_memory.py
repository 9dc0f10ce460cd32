"""Conversation memory: what the next prompt begins with, and what is added to it when."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from LLM import InvalidRequestError, LLMConfigError, LLMContextLengthError, ResponseMessage
from LLM.overflow import NOTE_HEADING, ChatMessage
from local_llm_kit.memory import ConversationMemory
from local_llm_kit.memory_store import MemoryStore
from tests.local.memory_support import call, count, result, say, turn

pytestmark = pytest.mark.slow

SYSTEM = say("system", "Be brief.")


def remembering(max_tokens: int = 1000, **settings: Any) -> ConversationMemory:
    return ConversationMemory(max_tokens, count, **settings)


def answered(memory: ConversationMemory, messages: list[Any], text: str) -> list[Any]:
    """One call with its answer. :return: its prompt."""
    begun = memory.turn(messages)
    begun.commit(say("assistant", text))
    return begun.prompt


def test_what_is_remembered_comes_before_what_is_new() -> None:
    memory = remembering()
    memory.add([SYSTEM, *turn(1)])
    assert memory.turn([say("user", "q2")]).prompt == [SYSTEM, *turn(1), say("user", "q2")]


def test_a_turn_is_remembered_when_it_is_answered() -> None:
    memory = remembering()
    begun = memory.turn([say("user", "q1")])
    assert memory.messages == []
    begun.commit(ResponseMessage(content="a1"))
    assert memory.messages == [say("user", "q1"), say("assistant", "a1")]


def test_an_answer_is_remembered_once() -> None:
    memory = remembering()
    begun = memory.turn([say("user", "q1")])
    begun.commit(say("assistant", "a1"))
    begun.commit(say("assistant", "a1"))
    assert len(memory.messages) == 2


@pytest.mark.parametrize("n_passed", [1, 3, 5], ids=["new only", "last turn too", "everything"])
def test_what_is_known_is_not_added_again(n_passed: int) -> None:
    memory = remembering()
    talk = [*turn(1), *turn(2), say("user", "q3")]
    memory.add(talk[:4])
    assert answered(memory, talk[-n_passed:], "a3") == talk
    assert memory.messages == [*talk, say("assistant", "a3")]


def test_the_whole_conversation_may_be_passed_every_time() -> None:
    memory, talk = remembering(), [SYSTEM]
    for number in range(6):
        talk.append(say("user", f"q{number}"))
        prompt = answered(memory, talk, f" a{number}\n")
        assert [message["content"].strip() for message in prompt] == contents(talk)
        talk.append(ResponseMessage(content=f"a{number}").to_dict())
    assert len(memory.history) == len(talk)


def contents(messages: Sequence[ChatMessage]) -> list[str]:
    return [message["content"] for message in messages]


def test_the_same_question_may_be_asked_twice() -> None:
    memory = remembering()
    answered(memory, [say("user", "again")], "one")
    prompt = answered(memory, [say("user", "again")], "two")
    assert contents(prompt) == ["again", "one", "again"]


def test_a_question_that_was_added_is_answered_and_not_asked_twice() -> None:
    memory = remembering()
    memory.add([say("user", "q1")])
    assert answered(memory, [say("user", "q1")], "a1") == [say("user", "q1")]
    assert len(memory.messages) == 2


def test_all_passed_again_after_some_has_left_is_not_doubled() -> None:
    memory, talk = remembering(max_tokens=20), []
    for number in range(8):
        talk.append(say("user", f"q{number}"))
        prompt = answered(memory, talk, f"a{number}")
        talk.append(say("assistant", f"a{number}"))
    assert contents(prompt) == ["q6", "a6", "q7"]
    assert memory.history == talk


def test_the_oldest_turns_leave_and_stay_in_the_history() -> None:
    memory = remembering(max_tokens=18)
    memory.add([SYSTEM, *turn(1), *turn(2), *turn(3)])
    assert memory.messages == [SYSTEM, *turn(3)]
    assert memory.history == [SYSTEM, *turn(1), *turn(2), *turn(3)]


def test_a_tool_call_leaves_with_its_result() -> None:
    memory = remembering(max_tokens=16)
    asked = [say("user", "q1"), call("c1"), result("c1"), say("assistant", "a1")]
    memory.add(asked)
    assert memory.messages == asked
    memory.add(turn(2))
    assert memory.messages == turn(2)


def test_a_call_waits_for_its_result_however_large_it_is() -> None:
    memory = remembering(max_tokens=12)
    begun = memory.turn([say("user", "word " * 20)])
    begun.commit(call("c1"))
    prompt = memory.turn([result("c1")]).prompt
    assert [message["role"] for message in prompt] == ["user", "assistant", "tool"]
    memory.turn([result("c1")]).commit(say("assistant", "done"))
    assert memory.messages == []


def test_a_tool_call_is_kept_as_it_was_made() -> None:
    memory = remembering()
    memory.turn([say("user", "q1")]).commit(ResponseMessage(**call("c1")))
    assert memory.messages[-1] == call("c1")
    whole = [say("user", "q1"), ResponseMessage(**call("c1")), result("c1")]
    assert memory.turn(whole).prompt == [say("user", "q1"), call("c1"), result("c1")]


def test_a_calls_system_message_is_kept_and_not_doubled() -> None:
    memory = remembering()
    answered(memory, [SYSTEM, say("user", "q1")], "a1")
    assert answered(memory, [say("user", "q2")], "a2")[0] == SYSTEM
    assert answered(memory, [SYSTEM, say("user", "q3")], "a3").count(SYSTEM) == 1


def test_a_calls_other_system_message_takes_the_place_of_the_last_calls() -> None:
    memory = remembering()
    memory.add([say("system", "The user is Zoe."), *turn(1)])
    answered(memory, [SYSTEM, say("user", "q2")], "a2")
    prompt = answered(memory, [say("system", "Be kind."), say("user", "q3")], "a3")
    assert prompt[:2] == [say("system", "Be kind.\n\nThe user is Zoe."), turn(1)[0]]
    assert contents(memory.messages)[:2] == ["Be kind.", "The user is Zoe."]


def test_a_failed_call_changes_nothing() -> None:
    memory = remembering()
    memory.add(turn(1))
    memory.turn([say("system", "x"), say("user", "never answered")])
    assert memory.messages == memory.history == turn(1)


@pytest.mark.parametrize(
    "messages",
    ["hello", [], [say("robot", "x")], [say("user", "\ud800")], [*turn(2), {"content": "x"}]],
    ids=["text", "none", "role", "surrogate", "second"],
)
def test_what_is_no_message_is_refused_whole(messages: Any) -> None:
    memory = remembering()
    memory.add(turn(1))
    for take in (memory.add, memory.turn):
        with pytest.raises(InvalidRequestError):
            take(messages)
    assert memory.messages == turn(1)


def test_what_can_never_fit_is_not_added() -> None:
    memory = remembering(max_tokens=20)
    memory.add(turn(1))
    with pytest.raises(LLMContextLengthError, match=r"106 .* 20 are free .* makes memory larger"):
        memory.add(turn(2, n_words=50))
    assert memory.history == turn(1)


def test_system_messages_must_fit() -> None:
    memory = remembering(max_tokens=20)
    with pytest.raises(
        LLMContextLengthError, match=r"33 tokens.* 20 are free .* makes memory larger"
    ):
        memory.turn([say("system", "word " * 30), say("user", "q1")])


def test_a_turn_that_is_larger_than_memory_is_in_the_history_alone() -> None:
    memory = remembering(max_tokens=20)
    answered(memory, [say("user", "q1")], "word " * 50)
    assert memory.messages == []
    assert len(memory.history) == 2


def test_the_models_summary_stands_for_what_has_left() -> None:
    seen: list[list[str]] = []

    def summarise(messages: Sequence[ChatMessage]) -> str:
        seen.append(contents(messages))
        return f"{len(seen)} told"

    memory = remembering(max_tokens=70, summarise=summarise)
    for number in range(20):
        answered(memory, [SYSTEM, say("user", f"q{number}")], f"a{number}")
    kept = memory.messages
    assert contents(kept)[:2] == ["Be brief.", f"{NOTE_HEADING}{len(seen)} told"]
    assert contents(kept)[-1] == "a19"
    assert (seen[0][0], seen[1][0]) == ("q0", f"{NOTE_HEADING}1 told")
    assert count(kept) <= 70
    assert len(seen) < 8, "there is room to spare after a summary"
    assert len(memory.history) == 41


def test_a_note_that_is_passed_back_is_not_taken_for_an_instruction() -> None:
    memory = remembering(max_tokens=40, summarise=lambda _: "told")
    memory.add([message for number in range(6) for message in turn(number)])
    before = memory.messages
    assert answered(memory, [*before, say("user", "next")], "said") == [
        *before,
        say("user", "next"),
    ]
    assert sum(message["content"].startswith(NOTE_HEADING) for message in memory.messages) == 1


def test_a_summary_that_fails_loses_nothing() -> None:
    answers = [LLMContextLengthError("busy"), "told"]

    def summarise(_: Sequence[ChatMessage]) -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    memory = remembering(max_tokens=40, summarise=summarise)
    memory.add([message for number in range(6) for message in turn(number)])
    with pytest.raises(LLMContextLengthError, match="busy"):
        memory.turn([say("user", "q5")])
    assert contents(memory.turn([say("user", "q5")]).prompt)[0] == f"{NOTE_HEADING}told"


def test_clearing_forgets_the_history_and_the_calls_under_way() -> None:
    memory = remembering()
    memory.add(turn(1))
    begun = memory.turn([say("user", "q2")])
    memory.clear()
    begun.commit(say("assistant", "a2"))
    assert memory.messages == memory.history == []
    answered(memory, [say("user", "q3")], "a3")
    assert len(memory.messages) == 2


def test_what_is_handed_out_is_a_copy() -> None:
    memory = remembering()
    memory.add(turn(1))
    memory.messages[0]["content"] = "changed"
    assert memory.messages == turn(1)


@pytest.mark.parametrize("size", [60, 100_000], ids=["while some leave", "all kept"])
@pytest.mark.parametrize("path", [None, "talk.db"], ids=["memory", "file"])
def test_turns_of_many_threads_stay_whole(size: int, path: str | None, tmp_path: Path) -> None:
    store = MemoryStore(path and tmp_path / path)
    memory = remembering(size, store=store)

    def one(number: int) -> None:
        answered(memory, [say("user", f"q{number}")], f"a{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(100)))
    for said in (contents(memory.messages), contents(memory.history)):
        assert [text.replace("q", "a") for text in said[::2]] == said[1::2]
    assert len(set(said)) == 200
    assert count(memory.messages) <= size
    store.close()


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "1000"])
def test_a_size_that_holds_nothing_is_refused(size: Any) -> None:
    with pytest.raises(LLMConfigError, match="max_tokens is"):
        remembering(size)


def test_objects_are_messages_too() -> None:
    memory = remembering()
    memory.add([SimpleNamespace(role="user", content="q1")])
    assert memory.messages == [say("user", "q1")]


WORDS = st.integers(0, 12).map(lambda n: "w " * n)


@given(st.lists(st.tuples(WORDS, WORDS, st.booleans()), max_size=12), st.integers(15, 80))
def test_memory_is_within_its_size_and_starts_with_a_user(
    talk: list[tuple[str, str, bool]], size: int
) -> None:
    memory, told = remembering(size), []
    for number, (asked, told_back, with_tool) in enumerate(talk):
        new = [say("user", f"{number} {asked}")]
        if with_tool:
            memory.turn(new).commit(call(f"c{number}"))
            new += [call(f"c{number}"), result(f"c{number}")]
        answered(memory, new, told_back)
        told += [*new, say("assistant", told_back)]
        kept = memory.messages
        assert not kept or count(kept) <= size
        assert not kept or kept[0]["role"] == "user"
        assert kept == told[len(told) - len(kept) :]
        assert memory.history == told


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 9)), max_size=9)
)
def test_however_much_is_passed_again_each_turn_is_remembered_once(
    talk: list[tuple[str, str, int]],
) -> None:
    memory, said = remembering(10_000), []
    for question, answer, n_again in talk:
        again = said[max(0, len(said) - 2 * n_again) :]
        prompt = answered(memory, [*again, say("user", question)], answer)
        assert prompt == [*said, say("user", question)]
        said = [*prompt, say("assistant", answer)]
    assert memory.messages == memory.history == said
