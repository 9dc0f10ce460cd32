"""Answers of models that call tools in text, put into the words of those that have tools. Pure."""

from __future__ import annotations

from cloud.llm.events import Finish, StreamEvent, TextDelta, ToolCallDelta
from cloud.llm.types import ChatResponse, ToolCall
from LLM.exceptions import LLMResponseError
from LLM.secrets import Secrets, scrub_text
from llmring.providers.ollama.prompted_tools import PromptedTools
from llmring.providers.ollama.tool_call_text import Piece


class PromptedAnswer:
    """Reads one answer, whole or in events.

    :param tools: what the model was told.
    :param first_id: number of the first call, for the ids that are made up in order.
    :param secrets: keys to keep out of errors.
    """

    def __init__(self, tools: PromptedTools, first_id: int = 0, secrets: Secrets = None) -> None:
        self._secrets = secrets
        self._must_call = tools.must_call
        self._text = tools.reader()
        self._n_told = 0
        self._next_id = first_id
        self._held: list[str] = []  # the text of a model that was to call a tool

    def whole(self, response: ChatResponse) -> ChatResponse:
        """A whole answer, with its calls taken out of its text.

        :raises LLMResponseError: it has none, and must.
        """
        events = [
            *self.events(TextDelta(response.content)),
            *self.events(Finish(response.finish_reason)),
        ]
        response.content = "".join(one.text for one in events if isinstance(one, TextDelta))
        response.tool_calls = [
            ToolCall(one.id, one.name, one.arguments)
            for one in events
            if isinstance(one, ToolCallDelta)
        ]
        response.finish_reason = events[-1].reason if isinstance(events[-1], Finish) else ""
        return response

    def events(self, event: StreamEvent) -> list[StreamEvent]:
        """What an event of the model's tells.

        :raises LLMResponseError: the answer is over, has no call, and must.
        """
        if isinstance(event, TextDelta):
            return self._told(self._text.feed(event.text))
        if not isinstance(event, Finish):
            return [event]
        told = self._told(self._text.flush())
        reason = event.reason
        if self._text.n_calls:
            reason = "tool_calls" if reason == "stop" else reason
        elif self._must_call and reason == "stop":
            raise LLMResponseError(
                "the model was to call a tool, and wrote something else; the text is in the "
                "error's body",
                body=scrub_text("".join(self._held), self._secrets),
                code="no_tool_call",
            )
        elif self._held:
            told.append(TextDelta("".join(self._held)))
        return [*told, Finish(reason)]

    def _told(self, pieces: list[Piece]) -> list[StreamEvent]:
        told: list[StreamEvent] = []
        for piece in pieces:
            if not isinstance(piece, str):
                told.append(self._call(piece.name, piece.arguments))
            elif self._must_call:
                self._held.append(piece)
            else:
                told.append(TextDelta(piece))
        return told

    def _call(self, name: str, arguments: str) -> ToolCallDelta:
        index, number = self._n_told, self._next_id
        self._n_told, self._next_id = index + 1, number + 1
        return ToolCallDelta(index, f"call_{number}", name, arguments)
