"""What a turn has said and done so far, for the case that it does not come to its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from llmring.mcp.client.events import Event, ToolEnded, TurnEnded
from llmring.schemas import Message, StreamChunk

_NOT_RUN = "error: the user stopped this call; it may have had effects"


@dataclass(slots=True)
class _Round:
    text: str = ""
    calls: list[dict[str, Any]] | None = None
    results: dict[int, str | list[dict[str, Any]]] = field(default_factory=dict)

    def messages(self) -> list[Message]:
        if not self.calls:
            return [Message(role="assistant", content=self.text)] if self.text else []
        asked = Message(role="assistant", content=self.text or None, tool_calls=self.calls)
        answers = [
            Message(
                role="tool",
                tool_call_id=call.get("id"),
                content=self.results.get(position, _NOT_RUN),
            )
            for position, call in enumerate(self.calls)
        ]
        return [asked, *answers]


class Transcript:
    """A turn as its events tell it.

    Tools that have run have run, whether the turn was stopped or failed behind them: so the
    conversation keeps them, and says of the others that they were stopped.
    """

    def __init__(self) -> None:
        self._rounds = [_Round()]
        self._whole: list[Message] | None = None

    def add(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, TurnEnded):
            self._whole = event.turn.messages
        elif isinstance(event, ToolEnded):
            self._rounds[event.call.round - 1].results[event.call.position] = event.result.content
        elif isinstance(event, StreamChunk):
            current = self._rounds[-1]
            current.text += event.delta
            if event.tool_calls:
                current.calls = event.tool_calls
            if event.finish_reason is not None:
                self._rounds.append(_Round())

    @property
    def messages(self) -> list[Message]:
        """What the turn adds to the conversation; empty where nothing was said and done."""
        if self._whole is not None:
            return self._whole
        return [message for one in self._rounds for message in one.messages()]
