"""What happens while a model answers with tools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from llmring.mcp.client.turn import Turn
from llmring.mcp.tools import Progress, Tool, ToolResult
from llmring.schemas import StreamChunk


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call of a tool that the model asks for.

    :param id: the provider's id of the call; unique within a round where the provider gives ids.
    :param name: the tool's name, as the model wrote it.
    :param arguments: what the model gives; empty where it wrote no JSON object.
    :param tool: what is called; None where there is no tool of that name.
    :param round: the round of the turn, from 1.
    :param position: which call of the round, from 0; it tells calls apart whatever their ids.
    """

    id: str
    name: str
    arguments: dict[str, Any]
    tool: Tool | None = field(repr=False)
    round: int
    position: int


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A call begins to run; it was approved, and its arguments fit."""

    call: ToolUse


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """A call that runs tells how far it has come."""

    call: ToolUse
    progress: Progress


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """A call is over. One that could not run ends without having started.

    :param result: what the model is told.
    :param elapsed_s: seconds that it ran.
    """

    call: ToolUse
    result: ToolResult
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn is over; the last event.

    :param turn: the final answer, with all that led to it.
    """

    turn: Turn


#: Pieces of the model's text come as `StreamChunk`; each round's last has its tool calls.
Event = StreamChunk | ToolStarted | ToolProgress | ToolEnded | TurnEnded

#: Is told of events, in the caller's event loop.
OnEvent = Callable[[Event], None]
