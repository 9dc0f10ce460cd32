"""Structured output where the API holds a tool's arguments to a schema, and answers to none.

The model is made to call a tool whose parameters are the schema; the arguments of the call are the
answer. Callers see nothing of it, in streams neither.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Self

from cloud.llm.calls import nested_choice
from cloud.llm.events import Finish, ResponseAssembler, StreamEvent, TextDelta, ToolCallDelta
from cloud.llm.json_schema import JSONSchema
from cloud.llm.streams import AsyncEventStream
from cloud.llm.types import ChatResponse
from LLM.tools import nested_tools
from llmring.providers.base import ProviderCall

_DESCRIPTION = "Takes your answer. Call it once, with all of the answer, and write no other text."


@dataclass(frozen=True, slots=True)
class ForcedTool:
    """The tool that takes the answer.

    :param name: unlike those of the caller's tools.
    :param call: the call to make in place of the caller's.
    """

    name: str
    call: ProviderCall

    @classmethod
    def of(cls, call: ProviderCall, *, may_force: bool = True) -> ForcedTool | None:
        """The tool for a call's `response_format`; None where that has no schema.

        :param may_force: whether the model can be made to call it; without, it is asked to.
        :raises InvalidRequestError: the caller's tools or their choice are none.
        """
        schema = call.response_format
        if not isinstance(schema, JSONSchema):
            return None
        # Of tools that may not be called, the model need not know.
        choice = nested_choice(call.tool_choice)
        tools = [] if choice == "none" else list(nested_tools(call.tools) or ())
        name = _free_name(schema.name, {_name(tool) for tool in tools})
        if not tools or choice in (None, "auto"):
            choice = "auto" if not may_force else "required" if tools else name
        described = f"{_DESCRIPTION}\n\n{schema.description}".strip()
        function = {"name": name, "description": described, "parameters": schema.as_object}
        return cls(
            name,
            replace(
                call,
                tools=[*tools, {"type": "function", "function": function}],
                tool_choice=choice,
                response_format=None,
            ),
        )

    def answer(self, response: ChatResponse) -> ChatResponse:
        """The answer, with the arguments of the tool as its content, if it was called."""
        for called in response.tool_calls:
            if called.name == self.name:
                others = [one for one in response.tool_calls if one.name != self.name]
                return replace(
                    response,
                    content=called.arguments_json,
                    tool_calls=others,
                    finish_reason=_reason(response.finish_reason, bool(others)),
                )
        return response

    def stream(self, events: AsyncEventStream) -> AsyncEventStream:
        """The stream, with the arguments of the tool as its text, if it is called."""
        assembler = ResponseAssembler(self.call.model)
        return AsyncEventStream(_ForcedEvents(self.name, events), events.stop, assembler)


class _ForcedEvents:
    """The events of an answer as the caller is told them; no generator, whose end needs the loop.

    :param name: the tool's.
    :param source: the provider's own events.
    """

    def __init__(self, name: str, source: AsyncEventStream) -> None:
        self._name = name
        self._source = source
        self._ready: deque[StreamEvent] = deque()
        # What the model says before it calls the tool is no part of the answer, if it calls it.
        self._held: list[StreamEvent] = []
        # Numbers of the tool's calls: of several, the first is the answer.
        self._ours: list[int] = []
        self._has_others = self._has_arguments = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        while not self._ready:
            self._ready.extend(self._told(await anext(self._source)))
        return self._ready.popleft()

    def _told(self, event: StreamEvent) -> Sequence[StreamEvent]:
        if isinstance(event, ToolCallDelta):
            return self._of_call(event)
        if isinstance(event, TextDelta):
            self._held.append(event)
            return ()
        if not isinstance(event, Finish):
            return (event,)
        # An end may be told twice, what is told with it once.
        if not self._ours:
            held, self._held = self._held, []
            return (*held, event)
        finish = Finish(_reason(event.reason, self._has_others))
        if self._has_arguments:
            return (finish,)
        self._has_arguments = True
        return (TextDelta("{}"), finish)  # a stream has no arguments of an empty object

    def _of_call(self, event: ToolCallDelta) -> Sequence[StreamEvent]:
        if event.name == self._name and event.index not in self._ours:
            self._ours.append(event.index)
        if event.index not in self._ours:
            self._has_others = True
            return (event,)
        if event.index != self._ours[0] or not event.arguments:
            return ()
        self._has_arguments = True
        return (TextDelta(event.arguments),)


def _name(tool: object) -> object:
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    return function.get("name") if isinstance(function, dict) else None


def _free_name(name: str, taken: Container[object]) -> str:
    names = chain([name], (f"{name[:56]}_{n}" for n in count(2)))
    return next(one for one in names if one not in taken)


def _reason(reason: str, has_calls: bool) -> str:
    """Why the answer ended, for a caller who knows nothing of the tool."""
    return "stop" if reason == "tool_calls" and not has_calls else reason
