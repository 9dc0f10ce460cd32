"""A tool that a model can call, wherever it runs: in this process or at an MCP server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


class Progress(NamedTuple):
    """How far a call of a tool has come.

    :param done: in the tool's own units.
    :param total: of how many; None where it is not known.
    :param message: what it does now; empty where it does not say.
    """

    done: float
    total: float | None = None
    message: str = ""


#: Is told of a call's progress, in the caller's event loop.
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call of a tool gave.

    :param content: text, or content parts as `llmring.Message` takes them, for the model.
    :param is_error: the tool says that it failed; `content` says how, and the model is told.
    :param structured: the result as JSON, where the tool gives one.
    """

    content: str | list[dict[str, Any]]
    is_error: bool = False
    structured: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a model can call.

    :param name: 1 to 64 letters, digits, ``_`` and ``-``.
    :param description: what it does, for the model.
    :param parameters: JSON schema of its arguments, an object.
    :param run: calls it: arguments that fit the schema, and who is told of progress (or None). It
        raises `ToolError` where the call fails, which the model is told; cancelling it ends the
        call.
    :param source: where it runs, for people: a server's address; empty for this process.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    run: Callable[[dict[str, Any], OnProgress | None], Awaitable[ToolResult]]
    source: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The tool as `LLMRequest.tools` takes it."""
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
        }
        return {"type": "function", "function": function}
