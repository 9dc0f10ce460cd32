"""Memory of a client: off until it is enabled, then one conversation at a time.

The clients' methods for it stand here too, blocking and asynchronous.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from LLM.exceptions import InvalidRequestError, LLMConfigError
from LLM.overflow import NOTE_TOKENS, ChatMessage
from LLM.summary import Summariser
from LLM.window import estimate_prompt_tokens

if TYPE_CHECKING:
    from local_llm_kit.calls import Calls
    from local_llm_kit.catalog import Catalog
    from local_llm_kit.memory import ConversationMemory, Turn
    from local_llm_kit.memory_store import Message


class MemorySwitch:
    """Turns a client's memory on and off. Safe for many threads.

    :param catalog: whose own model counts and summarises.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._memory: ConversationMemory | None = None

    @property
    def memory(self) -> ConversationMemory:
        """The memory that is on.

        :raises LLMConfigError: none is.
        """
        memory = self._memory
        if memory is None:
            raise LLMConfigError("memory is not enabled; call enable_memory() first")
        return memory

    def enable(
        self,
        max_tokens: int,
        path: str | os.PathLike[str] | None,
        conversation: str,
        summarise: bool,
    ) -> None:
        """Turn memory on, or go on with other settings; see `MemoryMethods.enable_memory`."""
        self._catalog.check_open()  # nobody would close the file
        # Imported here, since SQLite costs time that a client without memory need not spend.
        from local_llm_kit.memory import ConversationMemory
        from local_llm_kit.memory_store import MemoryStore

        hands = _ModelHands(self._catalog, max_tokens)
        with self._lock:
            before = self._memory.store if self._memory else None
            store = before if before is not None and before.is_at(path) else MemoryStore(path)
            try:
                self._memory = ConversationMemory(
                    max_tokens,
                    hands.count,
                    summarise=hands.summarise if summarise else None,
                    store=store,
                    conversation=conversation,
                )
            except BaseException:
                if store is not before:
                    store.close()
                raise
            if before is not None and store is not before:
                before.close()

    def disable(self) -> None:
        """Turn memory off and close its file; repeatable."""
        with self._lock:
            if self._memory is not None:
                self._memory.store.close()
                self._memory = None

    def switch(self, conversation: str) -> None:
        """Go on with another conversation of the same store.

        :raises LLMConfigError: memory is off, or that is no name.
        """
        with self._lock:
            self._memory = self.memory.other(conversation)

    def begin(self, messages: Any) -> Turn | None:
        """Begin a turn with a call's messages; None when memory is off."""
        memory = self._memory
        return None if memory is None else memory.turn(messages)


class _ModelHands:
    """What memory has the client's model do. It holds no client, which would then never be dropped.

    :param max_tokens: size of the memory.
    """

    def __init__(self, catalog: Catalog, max_tokens: int) -> None:
        self._catalog = catalog
        self._max_tokens = max_tokens

    def count(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens by the model's own tokenizer; rather too many where it has none to ask."""
        # Imported here, since calls have a memory.
        from local_llm_kit.calls import Calls

        try:
            return Calls(self._catalog).count_tokens(messages, None)
        except InvalidRequestError as err:
            if err.code != "unsupported_parameter":
                raise
            return estimate_prompt_tokens(messages)

    def summarise(self, messages: Sequence[ChatMessage]) -> str:
        """Text that stands for `messages`, by the model itself."""
        # Imported here, since calls have a memory.
        from local_llm_kit.calls import Calls
        from local_llm_kit.layered import answered

        n_answer = max(1, min(NOTE_TOKENS, self._max_tokens // 4))
        arguments = {"max_tokens": n_answer, "temperature": 0.0}
        calls = Calls(self._catalog)

        def ask(prompt: list[dict[str, Any]]) -> str:
            return answered(calls.chat(prompt, arguments)).text

        return Summariser(ask, self.count, calls.context_length() - n_answer)(messages)


class MemoryMethods:
    """Conversation memory of `LLMClient`: what was said begins the next prompt."""

    _calls: Calls

    def enable_memory(
        self,
        max_tokens: int = 1000,
        *,
        path: str | os.PathLike[str] | None = None,
        conversation: str = "default",
        summarise: bool = False,
    ) -> None:
        """Remember the conversation: from now on chat completions go on with it.

        A call then needs only its new messages; what is passed again is not added again. The turn
        is remembered when its answer is complete. Enabling again, with the same path and
        conversation, keeps what is remembered; what left a smaller memory does not come back.

        :param max_tokens: tokens that the remembered messages may take, by the model's own
            tokenizer, at least 1. The oldest turns leave first, system messages never.
        :param path: SQLite file in which conversations are kept, made when missing. None keeps them
            until the client is closed.
        :param conversation: name of the conversation in the file.
        :param summarise: have the model write a note in place of what leaves memory.
        :raises LLMConfigError: a value cannot work.
        :raises StoreError: the file cannot be used.
        :raises LLMServerError: the client is closed.
        """
        self._calls.memory.enable(max_tokens, path, conversation, summarise)

    def disable_memory(self) -> None:
        """Answer each call by itself again, and close the file; repeatable."""
        self._calls.memory.disable()

    def add_to_memory(self, messages: Sequence[Any]) -> None:
        """Remember messages as they are.

        :param messages: dicts, or objects with `role` and `content`.
        :raises LLMConfigError: memory is not enabled.
        :raises InvalidRequestError: one is no message; none was added.
        :raises LLMContextLengthError: they are larger than memory; none was added.
        :raises StoreError: the file cannot be written; none was added.
        """
        self._calls.memory.memory.add(messages)

    def get_memory(self) -> list[Message]:
        """What the next prompt will begin with, oldest first; a copy.

        :raises LLMConfigError: memory is not enabled.
        """
        return self._calls.memory.memory.messages

    def get_history(self) -> list[Message]:
        """Everything that was said in the conversation, what has left memory included.

        :raises LLMConfigError: memory is not enabled.
        """
        return self._calls.memory.memory.history

    def clear_memory(self) -> None:
        """Forget the conversation, in the file too. Calls under way are not remembered.

        :raises LLMConfigError: memory is not enabled.
        """
        self._calls.memory.memory.clear()

    def conversations(self) -> list[str]:
        """Names of the conversations in which something was said, the latest first.

        :raises LLMConfigError: memory is not enabled.
        """
        return self._calls.memory.memory.store.names()

    def switch_conversation(self, conversation: str) -> None:
        """Go on with another conversation of the same file, or begin it.

        :raises LLMConfigError: memory is not enabled, or that is no name.
        """
        self._calls.memory.switch(conversation)


class AsyncMemoryMethods:
    """Conversation memory of `AsyncLLMClient`; see `MemoryMethods`."""

    _calls: Calls

    async def enable_memory(
        self,
        max_tokens: int = 1000,
        *,
        path: str | os.PathLike[str] | None = None,
        conversation: str = "default",
        summarise: bool = False,
    ) -> None:
        """Remember the conversation: from now on chat completions go on with it."""
        enable = self._calls.memory.enable
        await asyncio.to_thread(enable, max_tokens, path, conversation, summarise)

    async def disable_memory(self) -> None:
        """Answer each call by itself again, and close the file; repeatable."""
        await asyncio.to_thread(self._calls.memory.disable)

    async def add_to_memory(self, messages: Sequence[Any]) -> None:
        """Remember messages as they are."""
        await asyncio.to_thread(self._calls.memory.memory.add, messages)

    async def get_memory(self) -> list[Message]:
        """What the next prompt will begin with, oldest first; a copy."""
        return await asyncio.to_thread(lambda: self._calls.memory.memory.messages)

    async def get_history(self) -> list[Message]:
        """Everything that was said in the conversation, what has left memory included."""
        return await asyncio.to_thread(lambda: self._calls.memory.memory.history)

    async def clear_memory(self) -> None:
        """Forget the conversation, in the file too. Calls under way are not remembered."""
        await asyncio.to_thread(self._calls.memory.memory.clear)

    async def conversations(self) -> list[str]:
        """Names of the conversations in which something was said, the latest first."""
        return await asyncio.to_thread(self._calls.memory.memory.store.names)

    async def switch_conversation(self, conversation: str) -> None:
        """Go on with another conversation of the same file, or begin it."""
        await asyncio.to_thread(self._calls.memory.switch, conversation)
