"""Conversations in a store: what goes in comes out, to its owner alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError as PydanticValidationError

from llmring.conversations import ConversationFields, NewMessage
from llmring.exceptions import ConversationNotFoundError, ValidationError
from tests.llmring.conversations.stores import BlockingStore, assistant, said, system, user

pytestmark = pytest.mark.slow

HOSTILE = {
    "sql": "' OR 1=1 --",
    "NUL": "a\x00b",
    "a lone surrogate": "a\ud800b",
    "halves the wrong way round": "\ude00\ud83d",
    "what escapes begin with": "\ufdd0d800 \ufdd0",
    "an emoji": "😀",
    "a backslash": "\\u0000 %_\\",
    "nothing": "",
}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
MESSAGES = {
    "text": user("Hello!"),
    "parts": user([{"type": "text", "text": "a\x00\ud800"}, {"type": "image_url"}]),
    "one part": user({"type": "text", "text": "Hi"}),
    "tool calls": assistant(None, tool_calls=[CALL]),
    "a tool's result": NewMessage(role="tool", content="3", tool_call_id="c1"),
    "thoughts": assistant("Yes", reasoning="Hm", thinking_blocks=[{"type": "thinking"}]),
    "facts": assistant("Yes", metadata={"a": [1, None, 2.5]}, model="openai:gpt", cost=0.25,
                       input_tokens=3, output_tokens=2**40, finish_reason="stop"),
}  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_comes_back_as_it_was(store: BlockingStore, message: NewMessage) -> None:
    (kept,) = store.messages(store.begin(message).id)
    assert (kept.position, kept.logging_level) == (1, "full")
    assert kept.model_dump(exclude={"position", "logging_level"}) == message.model_dump()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_any_text_comes_back_as_it_was(store: BlockingStore, text: str) -> None:
    fields = ConversationFields(
        title=text, system_prompt=text, model_alias=text, metadata={text: text}
    )
    made = store.create_conversation(fields)
    store.append(made.id, [user(text, metadata={"a": text})])
    (kept,) = store.messages(made.id)
    (listed,) = store.list_conversations()
    assert (kept.content, kept.metadata) == (text, {"a": text})
    assert listed.model_dump(include=set(ConversationFields.model_fields)) == fields.model_dump()


def test_time_zones_are_kept(store: BlockingStore) -> None:
    moment = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5.5)))
    (kept,) = store.messages(store.begin(user("Hi", timestamp=moment)).id)
    assert (kept.timestamp, kept.timestamp.tzinfo) == (moment, UTC)


def test_a_time_without_a_zone_is_local_time() -> None:
    moment = datetime(2026, 3, 1, 12)
    assert user("Hi", timestamp=moment).timestamp == moment.astimezone(UTC)


def test_another_owner_sees_nothing(
    store: BlockingStore, store_of: Callable[[str], BlockingStore]
) -> None:
    mine = store.begin(user("the zebra"), title="zebra")
    eve = store_of("eve")
    attempts: list[Callable[[], Any]] = [
        lambda: eve.get_conversation(mine.id),
        lambda: eve.messages(mine.id),
        lambda: eve.append(mine.id, [user("I was here")]),
        lambda: eve.change_conversation(mine.id, {"title": "Eve's"}),
    ]
    for attempt in attempts:
        with pytest.raises(ConversationNotFoundError):
            attempt()
    assert (eve.list_conversations(), eve.search("zebra")) == ([], [])
    assert eve.delete_conversation(mine.id) is False
    assert (store.get_conversation(mine.id), len(store.messages(mine.id))) == (mine, 1)


@pytest.mark.parametrize("owner", HOSTILE.values(), ids=HOSTILE)
def test_any_owner_has_a_store_of_his_own(
    store: BlockingStore, store_of: Callable[[str], BlockingStore], owner: str
) -> None:
    store.begin(user("mine"))
    other = store_of(owner)
    other.begin(user("his"))
    assert [len(one.list_conversations()) for one in (store, other)] == [1, 1]


@pytest.mark.parametrize("key", [UUID(int=7), "no id", "", "' OR 1=1 --", "\x00\ud800"], ids=repr)
def test_an_unknown_conversation_is_not_found(store: BlockingStore, key: Any) -> None:
    with pytest.raises(ConversationNotFoundError, match="list_conversations has all ids"):
        store.messages(key)


def test_an_id_may_be_text(store: BlockingStore) -> None:
    made = store.begin(user("Hi"))
    assert store.get_conversation(str(made.id)) == made


def test_lists_begin_with_what_changed_last(store: BlockingStore) -> None:
    first, second, third = (store.begin(user("Hi"), title=name) for name in "abc")
    store.append(first.id, [user("again")])
    assert [one.title for one in store.list_conversations()] == ["a", "c", "b"]
    assert [one.title for one in store.list_conversations(limit=1, offset=1)] == ["c"]
    store.change_conversation(second.id, {"title": "B"})
    assert [one.title for one in store.list_conversations()] == ["B", "a", "c"]
    assert third.message_count == 1


def test_the_last_messages_come_in_order(store: BlockingStore) -> None:
    made = store.begin(*(user(str(n)) for n in range(1, 8)))
    assert said(store.messages(made.id, limit=3)) == ["5", "6", "7"]
    assert said(store.messages(made.id, limit=2, before=5)) == ["3", "4"]
    assert said(store.messages(made.id, before=1)) == []


def test_tokens_and_cost_are_added_up(store: BlockingStore) -> None:
    made = store.begin(user("Hi"), assistant("Yes", input_tokens=5, output_tokens=2, cost=0.5))
    store.append(made.id, [assistant("No", input_tokens=7, output_tokens=1, cost=0.25)])
    found = store.get_conversation(made.id)
    assert (found.message_count, found.input_tokens, found.output_tokens) == (3, 12, 3)
    assert found.cost == 0.75


def test_deleting_takes_the_messages_along(store: BlockingStore) -> None:
    made = store.begin(user("the zebra"))
    assert (store.delete_conversation(made.id), store.delete_conversation(made.id)) == (True, False)
    assert store.search("zebra") == []


def test_only_what_is_changed_changes(store: BlockingStore) -> None:
    made = store.begin(title="a", system_prompt="b", temperature=0.5)
    changed = store.change_conversation(made.id, {"title": None, "max_tokens": 9})
    assert (changed.title, changed.system_prompt, changed.max_tokens) == (None, "b", 9)
    assert changed.updated_at > made.updated_at
    assert changed == store.get_conversation(made.id)


@pytest.mark.parametrize(
    "changes",
    [{"id": "x"}, {"owner": "eve"}, {"temperature": 3.0}, {"max_tokens": -1}, {"title": "x" * 1001},
     {"message_count": 7}],
    ids=str,
)  # fmt: skip
def test_an_impossible_change_is_refused(store: BlockingStore, changes: dict[str, Any]) -> None:
    made = store.begin(title="a")
    with pytest.raises(ValidationError, match=next(iter(changes))):
        store.change_conversation(made.id, changes)
    assert store.get_conversation(made.id) == made


def test_metadata_tells_of_messages_what_they_do_not_say(store: BlockingStore) -> None:
    made = store.create_conversation(ConversationFields())
    secret = {"content": "the zebra", "tool_calls": [CALL], "reasoning": "zebra", "cost": 0.5}
    store.append(made.id, [NewMessage(role="assistant", **secret, metadata={"z": 1})], "metadata")
    (kept,) = store.messages(made.id)
    assert (kept.cost, kept.role, kept.logging_level) == (0.5, "assistant", "metadata")
    assert {kept.content, kept.reasoning, kept.metadata and 1, kept.tool_calls and 1} == {None}
    assert (store.search("zebra"), store.get_conversation(made.id).cost) == ([], 0.5)


def test_nothing_of_messages_can_be_kept(store: BlockingStore) -> None:
    made = store.begin()
    assert store.append(made.id, [user("Hi")], "none") == []
    assert store.get_conversation(made.id) == made


def test_an_unknown_level_is_refused(store: BlockingStore) -> None:
    made = store.begin()
    with pytest.raises(ValidationError, match="level"):
        store.append(made.id, [user("Hi")], "Full")
    assert store.messages(made.id) == []


def test_all_messages_are_added_or_none(store: BlockingStore) -> None:
    made = store.begin(user("Hi"))
    with pytest.raises(ValidationError, match="cannot be written as JSON"):
        store.append(made.id, [user("one"), user("two", metadata={"a": object()})])
    assert said(store.messages(made.id)) == ["Hi"]


@pytest.mark.parametrize("value", [object(), {(1, 2): 3}, b"x"], ids=["object", "key", "bytes"])
def test_what_json_cannot_say_is_refused(store: BlockingStore, value: Any) -> None:
    with pytest.raises(ValidationError, match="cannot be written as JSON"):
        store.create_conversation(ConversationFields(metadata={"a": value}))
    made = store.begin()
    with pytest.raises(ValidationError, match="cannot be written as JSON"):
        store.append(made.id, [user([{"type": "text", "value": value}])])


@pytest.mark.parametrize("page", [(0, 0), (1001, 0), (1, -1), (1, 2**63)], ids=str)
def test_an_impossible_page_is_refused(store: BlockingStore, page: tuple[int, int]) -> None:
    with pytest.raises(ValidationError, match="give"):
        store.list_conversations(*page)
    with pytest.raises(ValidationError, match="give"):
        store.search("a", *page)


KNOWN: dict[str, tuple[list[NewMessage], list[NewMessage], list[str]]] = {
    "a new message alone": ([user("a"), assistant("b")], [user("c")], ["c"]),
    "the talk so far": (
        [user("a"), assistant("b")], [user("a"), assistant("b"), user("c")], ["c"]
    ),
    "its end": (
        [user("a"), assistant("b"), user("c"), assistant("d")],
        [assistant("b"), user("c"), assistant("d"), user("e")],
        ["e"],
    ),
    "the same words again": ([user("a"), assistant("b")], [user("a")], ["a"]),
    "words that repeat": (
        [user("a"), assistant("a"), user("a"), assistant("a")],
        [user("a"), assistant("a"), user("a"), assistant("a"), user("a")],
        ["a"],
    ),
    "the system prompt": (
        [user("a"), assistant("b")], [system("be brief"), user("a"), assistant("b"), user("c")],
        ["c"],
    ),
    "other instructions": (
        [user("a"), assistant("b")], [system("be long"), user("a"), assistant("b"), user("c")],
        ["be long", "c"],
    ),
    "instructions that it holds": (
        [system("be long"), user("a"), assistant("b")],
        [system("be long"), user("a"), assistant("b"), user("c")],
        ["c"],
    ),
    "the first message": ([], [system("be brief"), user("a")], ["a"]),
    "nothing new": ([user("a"), assistant("b")], [user("a"), assistant("b")], []),
}  # fmt: skip


@pytest.mark.parametrize(("held", "given", "new"), KNOWN.values(), ids=KNOWN)
def test_what_a_request_repeats_is_not_kept_twice(
    store: BlockingStore, held: list[NewMessage], given: list[NewMessage], new: list[str]
) -> None:
    made = store.begin(*held, system_prompt="be brief")
    assert said(store.append(made.id, [], context=given)) == new
    assert said(store.messages(made.id)) == said(held) + new


def test_repeats_are_known_without_their_words(store: BlockingStore) -> None:
    made = store.begin()
    store.append(made.id, [user("a"), assistant("b")], "metadata")
    talk = [user("a"), assistant("b"), user("c")]
    store.append(made.id, [assistant("d")], "metadata", context=talk)
    assert store.get_conversation(made.id).message_count == 4


def test_the_same_question_with_the_same_answer_is_kept_again(store: BlockingStore) -> None:
    made = store.begin(user("a"), assistant("b"))
    store.append(made.id, [assistant("b")], context=[user("a")])
    assert said(store.messages(made.id)) == ["a", "b", "a", "b"]


def test_what_no_sum_could_hold_is_refused() -> None:
    for field, value in (("input_tokens", 2**63 - 1), ("cost", 1e308)):
        with pytest.raises(PydanticValidationError, match=field):
            NewMessage(role="assistant", content="", **{field: value})


def test_a_time_that_utc_does_not_have_is_refused() -> None:
    with pytest.raises(PydanticValidationError, match="out of range"):
        NewMessage(role="user", content="", timestamp="0001-01-01T00:00:00+14:00")
