"""Conversation memory: what was said, as the beginning of the next prompt, within a token budget.

A call's messages go after what is remembered. Those that memory has already are not added again,
so a caller may pass only what is new or the whole conversation. A turn is remembered once its
answer is complete, whole or not at all: a call that fails, or a stream that is left early, leaves
memory as it was.

When memory is full, turns leave the window until a quarter of it is free, oldest first, a tool call
with its results; they stay in the history. System messages never leave it. Those that a call brings
take the place of the ones that the last such call brought; those that were added stay.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic_core import to_json

from LLM.codec import message_list
from LLM.exceptions import InvalidRequestError, LLMConfigError, LLMContextLengthError
from LLM.overflow import (
    ChatMessage,
    Count,
    OverflowPolicy,
    Summarise,
    fit_messages,
    is_note,
    is_system,
    note_message,
    turns_of,
)
from local_llm_kit.images import refuse_images
from local_llm_kit.memory_store import Entry, MemoryStore, Message, Window
from local_llm_kit.messages import normalise_messages

#: What a model reads of a message; the rest of an answer is not sent back to it.
_FIELDS = ("role", "content", "name", "tool_calls", "tool_call_id", "function_call")
#: Stands for a turn to come, so that every turn that has ended may leave the window.
_NEXT_TURN: Message = {"role": "user", "content": ""}


class ConversationMemory:
    """One conversation of a store. Safe for many threads, and for several processes on one file.

    :param max_tokens: tokens that the remembered messages may take, at least 1.
    :param count: tokens of a list of messages, by the model's tokenizer; never given an empty one.
    :param summarise: text that stands for a list of messages; None drops them without.
    :param store: where messages are kept; None keeps them in this process's memory.
    :param conversation: name of the conversation in the store.
    :raises LLMConfigError: `max_tokens` or the name cannot work.
    """

    def __init__(
        self,
        max_tokens: int,
        count: Count,
        *,
        summarise: Summarise | None = None,
        store: MemoryStore | None = None,
        conversation: str = "default",
    ) -> None:
        self.max_tokens = _checked_size(max_tokens)
        self.conversation = conversation
        self.store = store or MemoryStore()
        self._count = count
        self._summarise = summarise
        # What goes changes the beginning of every later prompt, and the cache is of no more use to
        # them (a summary costs an answer besides): so it goes seldom, and more of it at once.
        self._target = self.max_tokens * 3 // 4
        self._lock = threading.RLock()
        self.store.conversation(conversation)

    @property
    def messages(self) -> list[Message]:
        """What the next prompt will begin with: a copy, oldest first, system messages in front."""
        return _messages(self._window(self._id()))

    @property
    def history(self) -> list[Message]:
        """Everything that was said, what has left the window included."""
        return self.store.history(self._id())

    def add(self, messages: Any) -> None:
        """Remember messages as they are, in one step.

        :param messages: dicts, or objects with `role` and `content`.
        :raises InvalidRequestError: one is no message; nothing was added.
        :raises LLMContextLengthError: the last turn, with the system messages, is larger than
            memory; nothing was added.
        :raises StoreError: the file cannot be written; nothing was added.
        """
        entries = _entries(messages)
        with self._lock:
            conversation = self._id()
            present = _messages(self._window(conversation))
            self._require_room([*present, *(entry.message for entry in entries)])
            self.store.append(conversation, entries)

    def turn(self, messages: Any) -> Turn:
        """Begin a turn of the conversation.

        :param messages: what is new, or the whole conversation again.
        :return: the prompt, and what remembers the answer.
        :raises InvalidRequestError: one is no message.
        :raises LLMContextLengthError: the system messages are larger than memory.
        :raises StoreError: the file cannot be read.
        """
        entries = _entries(messages)
        n_head = next((i for i, one in enumerate(entries) if not _is_system(one)), len(entries))
        rest = entries[n_head:]
        with self._lock:
            conversation = self._id()
            window = self._window(conversation)
            known = self.store.last_keys(conversation, len(rest))
        new = rest[_overlap(known, rest) :]
        window, instructions = _instructed(window, entries[:n_head])
        remembered = _messages(window)
        self._require_room([message for message in remembered if is_system(message)])
        prompt = [*_one_system(remembered), *(entry.message for entry in new)]
        return Turn(self.store, conversation, prompt, [*instructions, *new])

    def other(self, conversation: str) -> ConversationMemory:
        """The same memory of another conversation.

        :raises LLMConfigError: that is no name.
        """
        return ConversationMemory(
            self.max_tokens,
            self._count,
            summarise=self._summarise,
            store=self.store,
            conversation=conversation,
        )

    def clear(self) -> None:
        """Forget the conversation, its history too. Calls under way are not remembered."""
        with self._lock:
            self.store.clear(self._id())

    def _id(self) -> int:
        # Asked for each time: another process may have cleared the conversation.
        return self.store.conversation(self.conversation)

    def _window(self, conversation: int) -> Window:
        """What is in memory, once it fits."""
        with self._lock:
            while True:
                window = self.store.window(conversation)
                fitted = self._fitted(window)
                if fitted is None:
                    return window
                # Done in vain when another process was faster; then its window is looked at.
                self.store.shrink(conversation, *fitted)

    def _fitted(self, window: Window) -> tuple[list[int], str | None] | None:
        """Ids of the messages that must leave, and the note that takes their place."""
        placed = _placed(window)
        messages = [message for _, message in placed]
        if self._n_tokens(messages) <= self.max_tokens:
            return None
        said, budget = self._roomy(messages)
        policy: OverflowPolicy = "summarise" if self._summarise else "drop_oldest"
        kept, report = fit_messages(said, budget, self._n_tokens, policy, summarise=self._summarise)
        if report is None:
            return None
        kept_ids = set(map(id, kept))
        dropped = [id_ for id_, message in placed if id_ and id(message) not in kept_ids]
        return dropped, report.summary if self._summarise else window.note

    def _roomy(self, messages: list[Message]) -> tuple[list[Message], int]:
        """Messages and a budget that make the newest turn stay if memory can hold it at all.

        A turn that waits for its answer stays in any case.
        """
        least = self._n_tokens(_staying(messages, with_last=True))
        if least <= self.max_tokens or _waits(messages):
            return messages, max(self._target, least)
        n_system = self._n_tokens(_staying(messages, with_last=False))
        return [*messages, _NEXT_TURN], max(self.max_tokens, n_system)

    def _require_room(self, messages: list[Message]) -> None:
        """:raises LLMContextLengthError: memory is too small for what may not leave `messages`."""
        try:
            fit_messages(messages, self.max_tokens, self._n_tokens, "drop_oldest")
        except LLMContextLengthError as err:
            err.message += "; enable_memory(max_tokens=…) makes memory larger"
            err.args = (err.message,)
            raise

    def _n_tokens(self, messages: Sequence[ChatMessage]) -> int:
        said = [message for message in messages if message is not _NEXT_TURN]
        return self._count(said) if said else 0


class Turn:
    """A turn under way: a prompt that waits for its answer.

    :param prompt: messages to answer: what is remembered, and what is new.
    :param new: what to remember when the answer is there.
    """

    def __init__(
        self, store: MemoryStore, conversation: int, prompt: list[Message], new: list[Entry]
    ) -> None:
        self.prompt = prompt
        self._store = store
        self._conversation = conversation
        self._new = new
        self._lock = threading.Lock()
        self._committed = False

    def commit(self, answer: Any) -> None:
        """Remember the turn, once; in the file, when there is one, before this returns.

        Nothing happens when the conversation was cleared, or memory disabled, meanwhile.

        :param answer: the assistant's message, a dict or an object.
        :raises StoreError: the file cannot be written; nothing of the turn was.
        """
        with self._lock:
            if not self._committed:
                entries = [*self._new, *_entries([_said(answer)])]
                self._store.append(self._conversation, entries)
                self._committed = True


def _checked_size(max_tokens: Any) -> int:
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
        raise LLMConfigError(f"max_tokens is {max_tokens!r}; give a whole number from 1")
    return max_tokens


def _entries(messages: Any) -> list[Entry]:
    """Messages to store, checked.

    :raises InvalidRequestError: one is no message; names the field.
    """
    checked = normalise_messages(messages)
    refuse_images(checked, "memory keeps texts; ask without memory, or leave the image out")
    return [
        Entry(_json(_spoken(message)), _key(plain))
        for message, plain in zip(message_list(messages), checked, strict=True)
    ]


def _said(answer: Any) -> Message:
    """An answer as a message: one that says nothing at all has an empty text."""
    message: Message = _spoken(message_list([answer])[0])
    silent = message["content"] is None and len(message) == len(("role", "content"))
    return {**message, "content": ""} if silent else message


def _spoken(message: Message) -> Message:
    said = {name: message[name] for name in _FIELDS if message.get(name) is not None}
    return {"role": message["role"], "content": None, **said}


def _key(plain: Message) -> bytes:
    """A digest of what a message says; white space around it, which callers strip, is no part."""
    content = plain.get("content")
    said = {**plain, "content": content.strip() if isinstance(content, str) else content}
    return hashlib.sha256(_json(dict(sorted(said.items()))).encode()).digest()[:16]


def _json(value: Any) -> str:
    try:
        return to_json(value).decode()
    except ValueError as err:
        raise InvalidRequestError(
            f"a message cannot be written as JSON: {type(err).__name__}", status_code=400
        ) from None


def _is_system(entry: Entry) -> bool:
    return is_system(entry.message)


def _placed(window: Window) -> list[tuple[int, Message]]:
    """The messages of a window with their ids; the note, behind the instructions, has 0."""
    note = [(0, note_message(window.note))] if window.note else []
    placed = [(entry.id, entry.message) for entry in window.entries]
    n_instructions = sum(entry.instructs for entry in window.entries)
    return [*placed[:n_instructions], *note, *placed[n_instructions:]]


def _messages(window: Window) -> list[Message]:
    return [message for _, message in _placed(window)]


def _one_system(messages: list[Message]) -> list[Message]:
    """Messages with those at their head that instruct made one: many templates take only one."""
    n_head = next((i for i, one in enumerate(messages) if not is_system(one)), len(messages))
    texts = [message["content"] for message in messages[:n_head]]
    if n_head < 2 or not all(isinstance(text, str) for text in texts):
        return messages
    return [{"role": "system", "content": "\n\n".join(texts)}, *messages[n_head:]]


def _waits(messages: Sequence[Message]) -> bool:
    """Whether the last turn has no answer yet: it ends with a question, or with a tool's call."""
    last = next((message for message in reversed(messages) if not is_system(message)), None)
    if last is None:
        return False
    return last["role"] != "assistant" or bool(last.get("tool_calls") or last.get("function_call"))


def _staying(messages: Sequence[Message], with_last: bool) -> list[Message]:
    """The system messages, and the last turn if asked for."""
    turns = turns_of(messages)
    last = max((turn for turn in turns if turn is not None), default=None) if with_last else None
    return [m for m, turn in zip(messages, turns, strict=True) if turn is None or turn == last]


def _overlap(known: list[bytes], entries: list[Entry]) -> int:
    """How many messages at the beginning of `entries` are those that memory ends with."""
    keys = [entry.key for entry in entries]
    lengths = range(min(len(known), len(keys)), 0, -1)
    return next((n for n in lengths if known[-n:] == keys[:n]), 0)


def _instructed(window: Window, head: list[Entry]) -> tuple[Window, list[Entry]]:
    """The window under a call's own system messages, and those of them that are new."""
    added = [entry for entry in window.entries if not entry.instructs]
    known = {entry.key for entry in added}
    brought = [
        replace(entry, instructs=True)
        for entry in head
        if entry.key not in known and not is_note(entry.message)
    ]
    in_force = [entry.key for entry in window.entries if entry.instructs]
    if not brought or [entry.key for entry in brought] == in_force:
        return window, []
    return Window([*brought, *added], window.note), brought
