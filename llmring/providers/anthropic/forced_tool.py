"""Structured output where the API holds a tool's arguments to a schema, and answers to none.

The model is made to call a tool whose parameters are the schema; the arguments of the call are the
answer. Callers see nothing of it, in streams neither.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Container
from dataclasses import dataclass, replace
from itertools import chain, count

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
        return AsyncEventStream(self._events(events), events.stop, assembler)

    async def _events(self, events: AsyncEventStream) -> AsyncIterator[StreamEvent]:
        # What the model says before it calls the tool is no part of the answer, if it calls it.
        held: list[TextDelta] = []
        # Numbers of the tool's calls: of several, the first is the answer.
        ours: list[int] = []
        has_others = has_arguments = False
        async for event in events:
            if isinstance(event, ToolCallDelta):
                if event.name == self.name and event.index not in ours:
                    ours.append(event.index)
                if event.index in ours:
                    if event.index == ours[0] and event.arguments:
                        has_arguments = True
                        yield TextDelta(event.arguments)
                    continue
                has_others = True
            elif isinstance(event, TextDelta):
                held.append(event)
                continue
            elif isinstance(event, Finish):
                if not ours:
                    for one in held:
                        yield one
                    held = []
                else:
                    if not has_arguments:
                        yield TextDelta("{}")  # a stream has none of an empty object's
                    event = Finish(_reason(event.reason, has_others))
            yield event


def _name(tool: object) -> object:
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    return function.get("name") if isinstance(function, dict) else None


def _free_name(name: str, taken: Container[object]) -> str:
    names = chain([name], (f"{name[:56]}_{n}" for n in count(2)))
    return next(one for one in names if one not in taken)


def _reason(reason: str, has_calls: bool) -> str:
    """Why the answer ended, for a caller who knows nothing of the tool."""
    return "stop" if reason == "tool_calls" and not has_calls else reason
