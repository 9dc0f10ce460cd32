"""A chat in the terminal: what was said, who answers, and where both go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from llmring.cli.notes import demonstration_note
from llmring.cli.terminal_chat.approvals import Approvals, Request
from llmring.cli.terminal_chat.archive import Archive, Chat
from llmring.cli.terminal_chat.screen import Screen
from llmring.cli.terminal_chat.servers import Servers
from llmring.cli.terminal_chat.transcript import Transcript
from llmring.cli.terminal_chat.work import Work, result
from llmring.mcp.client.enhanced import EnhancedLLM
from llmring.mcp.client.events import Event, ToolProgress, ToolUse
from llmring.mcp.tools import Tool
from llmring.schemas import Message
from llmring.service import LLMRing
from local_llm_kit.cli.terminal import note

#: Seconds between two news of progress that are shown.
_PROGRESS_S = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """What a model is given for its part in the chat, beside what was said.

    :param system: what the system message says; None for none.
    :param tools: those that run in this process.
    :param temperature: 0 to 2; None leaves it to the provider.
    """

    system: str | None = None
    tools: Sequence[Tool] = ()
    temperature: float | None = None


class _OwnTools:
    """The tools of the part of whoever is asked, as a source for `EnhancedLLM`."""

    def __init__(self) -> None:
        self.part = Part()

    async def tools(self) -> Sequence[Tool]:
        return self.part.tools

    async def close(self) -> None:
        self.part = Part()


class Session:
    """A chat; use it in a ``with`` block, which ends its connections.

    :param ring: asks the models; it is closed with the session.
    :param model: an alias or a model.
    :param profile: the lockfile's profile; None for the one in use.
    :param approvals: says which tools may run.
    :param part: what whoever is asked is given.
    :param part_of: the same by the name of who is asked, where that differs.
    :param archive: where the chat is kept after each turn; None keeps it nowhere.
    """

    def __init__(
        self,
        ring: LLMRing,
        model: str,
        profile: str | None,
        approvals: Approvals,
        *,
        part: Part,
        part_of: Callable[[str], Part] | None = None,
        archive: Archive | None = None,
    ) -> None:
        self.ring = ring
        self.model = model
        self.profile = profile
        self.archive = archive
        self.chat = Chat()
        self.screen = Screen()
        #: What goes before the next question: resources that were read.
        self.attached: list[Message] = []
        self._approvals = approvals
        self._emit: Callable[[Event | Request], None] | None = None
        self._part, self._part_of = part, part_of
        self._own = _OwnTools()
        self._llm = EnhancedLLM(ring, model, connections=[self._own], approve=self._approve)
        self.servers = Servers(self._llm, approvals.ask)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        result(self._close)

    def take_model(self, model: str) -> None:
        """Ask a model from here on; tells where that is but the demonstration.

        :raises LLMRingError: there is none of that name, or it cannot be asked.
        """
        told = demonstration_note(self.ring, model, self.profile)
        self.model = model
        if told is not None:
            note(told)

    def ask(self, *asked: Message) -> None:
        """Have messages answered on standard output, and keep both.

        :raises LLMError: they were not answered; what tools have done is kept.
        :raises KeyboardInterrupt: Ctrl-C was pressed; what was said is kept.
        """
        self.servers.review()
        said = [*self.attached, *asked]
        transcript = Transcript()
        try:
            with Work[Event | Request](lambda emit: self._turn(said, emit)) as work:
                for event in work:
                    if isinstance(event, Request):
                        self._decide(event)
                    else:
                        transcript.add(event)
                        self.screen.show(event)
        finally:
            self.screen.end_line()
            if transcript.messages:
                self._keep([*said, *transcript.messages])

    def begin(self, chat: Chat) -> None:
        """Go on with another chat; the one before stays kept."""
        self.chat = chat
        self.attached = []

    def tools(self) -> list[Tool]:
        """All tools that can be called, as they are now.

        :raises LLMRingError: a server cannot be asked.
        """
        self._own.part = self._part
        tools: list[Tool] = result(self._llm.list_tools)
        return tools

    async def _turn(self, said: list[Message], emit: Callable[[Event | Request], None]) -> None:
        self._emit = emit
        part = self._part_of(self.model) if self._part_of else self._part
        self._own.part, self._llm.system_prompt = part, part.system
        stream = self._llm.chat_stream(
            [*self.chat.messages, *said],
            model=self.model,
            profile=self.profile,
            temperature=part.temperature,
        )
        clock, next_s = asyncio.get_running_loop().time, 0.0
        async with stream:
            async for event in stream:
                if isinstance(event, ToolProgress):
                    # A server may tell of it without end, and a terminal is slow.
                    if clock() < next_s:
                        continue
                    next_s = clock() + _PROGRESS_S
                emit(event)

    async def _approve(self, call: ToolUse) -> bool:
        assert self._emit is not None  # a turn runs
        request = Request(call)
        self._emit(request)
        return await asyncio.wrap_future(request.decision)

    def _decide(self, request: Request) -> None:
        self.screen.end_line()
        is_allowed = self._approvals.allows(request.call)
        if is_allowed is None:
            note(f"({request.call.name} does not run: nobody can be asked here; see --yes)")
        request.decide(bool(is_allowed))

    def _keep(self, messages: list[Message]) -> None:
        self.attached = []
        self.chat.messages += messages
        self.chat.model = self.model
        if self.archive is not None:
            self.archive.save(self.chat)

    async def _close(self) -> None:
        try:
            await self._llm.close()
        finally:
            await self.ring.close()
