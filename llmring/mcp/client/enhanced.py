"""`EnhancedLLM`: a model of the ring with tools."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from llmring.arguments import as_request
from llmring.exceptions import ConfigurationError, ToolError, ValidationError
from llmring.mcp.client.calls import Approve, CallSettings
from llmring.mcp.client.events import Event, OnEvent, TurnEnded
from llmring.mcp.client.rounds import Rounds
from llmring.mcp.client.stream import TurnStream
from llmring.mcp.client.telling import MAX_RESULT_CHARS
from llmring.mcp.client.toolbox import Toolbox, ToolSource
from llmring.mcp.client.turn import Turn
from llmring.mcp.tools import Tool
from llmring.messages import is_instructed
from llmring.schemas import LLMRequest, Message
from llmring.service import LLMRing

if TYPE_CHECKING:
    from llmring.mcp.client.kept import KeptConversation

#: Most rounds of tools that may be asked for.
_MAX_ROUNDS = 1000


class EnhancedLLM:
    """A model of the ring that calls tools: functions of yours, and those of MCP servers.

    ::

        async with EnhancedLLM(ring, "fast", tools=[get_weather]) as llm:
            turn = await llm.chat([Message(role="user", content="Is it raining in Paris?")])
            print(turn.content)

    Tasks of one event loop may share it.

    :param ring: asks the models; an `LLMRingSession` also keeps conversations.
    :param model: an alias or ``provider:model``.
    :param tools: functions or `Tool` objects, as `register_tool` takes them.
    :param connections: connections to MCP servers, which this closes; their tools are read before
        each turn.
    :param system_prompt: what each turn begins with, unless its messages have one.
    :param max_tool_rounds: most rounds of tools in a turn, 0 to 1,000; after that the model is
        asked to answer without them.
    :param approve: is asked before each call, one after the other; None approves all. What it
        raises ends the turn.
    :param tool_timeout_s: seconds that one call may take; None for no bound.
    :param max_result_chars: most text of one result that the model is told, in characters.
    :param owns_ring: `close` closes the ring, too; otherwise it stays the caller's to close.
    :raises ConfigurationError: a value cannot work.
    :raises ToolError: a tool cannot be one.
    """

    def __init__(
        self,
        ring: LLMRing,
        model: str = "fast",
        *,
        tools: Iterable[Callable[..., Any] | Tool] = (),
        connections: Iterable[ToolSource] = (),
        system_prompt: str | None = None,
        max_tool_rounds: int = 5,
        approve: Approve | None = None,
        tool_timeout_s: float | None = 60.0,
        max_result_chars: int = MAX_RESULT_CHARS,
        owns_ring: bool = False,
    ) -> None:
        if not 0 <= max_tool_rounds <= _MAX_ROUNDS:
            raise ConfigurationError(
                f"max_tool_rounds is {max_tool_rounds!r}; give 0 to {_MAX_ROUNDS:,}"
            )
        if tool_timeout_s is not None and not tool_timeout_s > 0:
            raise ConfigurationError(
                f"tool_timeout_s is {tool_timeout_s!r}; give seconds above 0, or None"
            )
        if max_result_chars < 1:
            raise ConfigurationError(f"max_result_chars is {max_result_chars!r}; give 1 or more")
        self.ring = ring
        self.model = model
        self.system_prompt = system_prompt
        self._toolbox = Toolbox(connections)
        for tool in tools:
            self._toolbox.register(tool)
        settings = CallSettings(approve, tool_timeout_s, max_result_chars)
        self._rounds = Rounds(ring, settings, max_tool_rounds)
        self._owns_ring = owns_ring
        self._closed = False

    def __repr__(self) -> str:
        return f"EnhancedLLM(model={self.model!r}, tools={list(self._toolbox.known())!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, and the ring where it is owned. Repeatable."""
        self._closed = True
        async with AsyncExitStack() as stack:
            if self._owns_ring:
                stack.push_async_callback(self.ring.close)
            while self._toolbox.sources:
                stack.push_async_callback(self._toolbox.sources.pop().close)

    # Tools

    def register_tool(
        self,
        tool: Callable[..., Any] | Tool,
        name: str | None = None,
        description: str | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> Tool:
        """Let the model call a function, or a `Tool`, from the next turn on.

        Of a function, what the model is told comes from its name, its docstring and the annotations
        of its parameters; the arguments are converted to them. An async function is cancelled with
        its call; a plain one runs in a thread that nothing can stop.

        :param name: 1 to 64 letters, digits, ``_`` and ``-``; None takes the function's or tool's.
        :param description: what it does; None takes the function's or tool's.
        :param parameters: JSON schema of its arguments; None takes the function's or tool's.
        :return: the tool as it was registered.
        :raises ToolError: it cannot be one, or there is one of that name.
        """
        return self._toolbox.register(tool, name, description, parameters)

    def unregister_tool(self, name: str) -> bool:
        """Take away a tool that was registered. :return: whether it was there."""
        return self._toolbox.unregister(name)

    @property
    def tools(self) -> list[Tool]:
        """The tools; those of MCP servers as they were at the last turn or `list_tools`."""
        return list(self._toolbox.known().values())

    async def list_tools(self) -> list[Tool]:
        """The tools as they are now.

        :raises MCPError: a server cannot be asked.
        """
        return list((await self._toolbox.current()).values())

    @property
    def connections(self) -> list[ToolSource]:
        """The connections to MCP servers."""
        return list(self._toolbox.sources)

    def add_connection(self, connection: ToolSource) -> None:
        """Use the tools of another MCP server, from the next turn on; this closes it."""
        self._toolbox.sources.append(connection)

    # Answers

    async def chat(
        self,
        messages: Sequence[Any],
        *,
        model: str | None = None,
        profile: str | None = None,
        conversation_id: UUID | str | None = None,
        on_event: OnEvent | None = None,
        **fields: Any,
    ) -> Turn:
        """Answer a conversation, with calls of tools where the model wants them.

        :param messages: messages or dicts of their fields. To go on after a turn, give these
            messages again, then ``turn.messages``, then the new one.
        :param model: in place of the model of this object, or of the conversation.
        :param profile: the lockfile's profile; None for the one in use.
        :param conversation_id: a conversation that the ring keeps: what was said in it is sent
            before `messages`, and the turn is added to it.
        :param on_event: is told of tools as they run.
        :param fields: further fields of `LLMRequest`. `tools` may have those that the provider
            itself runs; `tool_choice` holds for the first round.
        :return: the final answer; its `messages` are what the turn adds.
        :raises ValidationError: the arguments make no request.
        :raises MCPError: the tools of a server cannot be read.
        :raises ProviderError: no model answered. What calls of tools have done is done:
            ``details["messages"]`` has them and their results, behind which a turn can go on.
        :raises ConversationError: the ring keeps no conversations, or has none of that id.
        :raises StoreError: the turn cannot be kept; it is in ``details["response"]``.
        """
        request = self._request(messages, fields)
        events = self._events(request, model, profile, conversation_id, streamed=False)
        async with TurnStream(events) as stream:
            async for event in stream:
                if on_event is not None:
                    on_event(event)
            return await stream.turn()

    def chat_stream(
        self,
        messages: Sequence[Any],
        *,
        model: str | None = None,
        profile: str | None = None,
        conversation_id: UUID | str | None = None,
        **fields: Any,
    ) -> TurnStream:
        """Answer a conversation, told as it happens; arguments and errors are those of `chat`.

        :return: to be iterated with ``async for``: the pieces of the text as `StreamChunk`, calls
            as `ToolStarted`, `ToolProgress` and `ToolEnded`, and `TurnEnded` as the last.
        """
        request = self._request(messages, fields)
        return TurnStream(self._events(request, model, profile, conversation_id, streamed=True))

    async def _events(
        self,
        request: LLMRequest,
        model: str | None,
        profile: str | None,
        conversation_id: UUID | str | None,
        *,
        streamed: bool,
    ) -> AsyncGenerator[Event, None]:
        kept = None
        if conversation_id is not None:
            kept = await self._conversation(conversation_id)
            request = await kept.completed(request.model_copy(update={"model": model}))
        request = self._completed(request, model)
        tools = await self._toolbox.current()
        events = self._rounds.events(request, profile, tools, streamed=streamed)
        async with aclosing(events):
            async for event in events:
                if kept is not None and isinstance(event, TurnEnded):
                    await kept.add(event.turn)
                yield event

    def _request(self, messages: Sequence[Any], fields: dict[str, Any]) -> LLMRequest:
        if self._closed:
            raise ConfigurationError("this EnhancedLLM is closed; make another one")
        if isinstance(messages, str):
            raise ValidationError("messages is text; give [Message(role='user', content=…)]")
        request = as_request(self.model, messages, fields)
        for tool in request.tools or ():
            if "function" in tool or tool.get("type", "function") == "function":
                raise ToolError("tools of a call are those that the provider runs; register others")
        return request

    def _completed(self, request: LLMRequest, model: str | None) -> LLMRequest:
        """The request with what this object settles."""
        changes: dict[str, Any] = {"model": model or request.model or self.model}
        if self.system_prompt and not is_instructed(request.messages):
            prompt = Message(role="system", content=self.system_prompt)
            changes["messages"] = [prompt, *request.messages]
        return request.model_copy(update=changes)

    # Conversations

    async def create_conversation(
        self,
        title: str | None = None,
        system_prompt: str | None = None,
        model_alias: str | None = None,
        **settings: Any,
    ) -> UUID:
        """Begin a conversation that the ring keeps.

        :param system_prompt: None takes this object's.
        :param model_alias: None takes this object's model.
        :param settings: those of `LLMRingSession.create_conversation`.
        :raises ConversationError: the ring keeps none.
        """
        from llmring.mcp.client.kept import session_of

        return await session_of(self.ring).create_conversation(
            title, system_prompt or self.system_prompt, model_alias or self.model, **settings
        )

    async def _conversation(self, conversation_id: UUID | str) -> KeptConversation:
        from llmring.mcp.client.kept import KeptConversation, session_of

        return KeptConversation(session_of(self.ring), conversation_id)

    # Files

    async def process_file_from_source(
        self, source: str | os.PathLike[str], mime_type: str | None = None
    ) -> dict[str, Any]:
        """A file as a content part of a message.

        :param source: a path, a data URL, base64, or, where ``LLMRING_ALLOW_REMOTE_URLS`` is set,
            an http address.
        :param mime_type: the type of base64, which must be given there.
        :raises FileProcessingError: the source is none of these, or may not be read.
        :raises FileSizeError: it is too large to go into a request.
        """
        from llmring.file_utils import create_file_content

        (part,) = await asyncio.to_thread(create_file_content, source, mime_type=mime_type)
        return part
