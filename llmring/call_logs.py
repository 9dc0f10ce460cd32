"""What a ring notes of its calls, while it goes on."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from llmring.caller import DEFAULT_ALIAS, Caller, Job
from llmring.schemas import LLMResponse

if TYPE_CHECKING:
    from llmring.conversations.conversation_log import ConversationLog
    from llmring.conversations.store_address import StoreAddress
    from llmring.conversations.usage_log import UsageLog


class CallLogs:
    """The logs of one ring.

    :param address: where they are.
    :param origin: who calls.
    :param calls: whether calls are noted in the usage log.
    :param conversations: whether what is said is kept.
    """

    def __init__(
        self, address: StoreAddress, origin: str, *, calls: bool, conversations: bool
    ) -> None:
        self._usage: UsageLog | None = None
        self._said: ConversationLog | None = None
        if calls:
            from llmring.conversations.usage_log import UsageLog

            self._usage = UsageLog(address.usage_sink, origin)
        if conversations:
            from llmring.conversations.conversation_log import ConversationLog

            self._said = ConversationLog(address.open, origin)

    def watch(self, caller: Caller) -> None:
        """Note what `caller` does from now on."""
        if self._usage is not None:
            caller.on_answer = self._note_call
        if self._said is not None:
            caller.on_response = self._note_what_is_said

    async def flush(self) -> None:
        """Have all written now that was noted."""
        for log in (self._usage, self._said):
            if log is not None:
                await log.flush()

    async def close(self) -> None:
        """Write what waits. Repeatable."""
        async with AsyncExitStack() as stack:  # one that fails keeps no other open
            for log in (self._usage, self._said):
                if log is not None:
                    stack.push_async_callback(log.close)

    def _note_call(self, job: Job, model: str, usage: dict[str, Any]) -> None:
        assert self._usage is not None, "it watches the caller"
        asked, facts = job.request.model or DEFAULT_ALIAS, job.request.metadata
        self._usage.call(model, usage, alias=asked, profile=job.profile, metadata=facts)

    def _note_what_is_said(self, job: Job, response: LLMResponse) -> None:
        assert self._said is not None, "it watches the caller"
        facts = job.request.metadata
        # What belongs to a conversation is kept there, by who has it.
        if facts and facts.get("conversation_id") is not None:
            return
        asked = job.request.model or DEFAULT_ALIAS
        self._said.call(
            job.request.messages, response, alias=asked, profile=job.profile, metadata=facts
        )
