"""Answers in the shape of Anthropic's messages: the events of a stream, or what they add up to."""

from __future__ import annotations

from collections.abc import Sequence

from LLM.exceptions import LLMError
from local_llm_kit.backends import JSONObject
from local_llm_kit.server.anthropic.events import MessageEvents
from local_llm_kit.server.calls import call_arguments
from local_llm_kit.server.errors import anthropic_error, describe
from local_llm_kit.server.shapes import EVENT_STREAM, event

#: Where the pieces of each type of delta belong.
_PLACES = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


class StreamedMessage:
    """A message sent as it grows.

    :param events: makes its events.
    """

    media_type = EVENT_STREAM

    def __init__(self, events: MessageEvents) -> None:
        self._events = events

    def begin(self) -> bytes:
        """Nothing: the model that answers is not known yet."""
        return b""

    def chunks(self, chunks: Sequence[JSONObject]) -> bytes:
        """The events of some chunks."""
        return _encoded(self._events.add(chunks))

    def end(self) -> bytes:
        """The last events."""
        return _encoded(self._events.end())

    def failure(self, error: LLMError) -> bytes:
        """An event of the error; nothing follows."""
        return event(anthropic_error(*describe(error)), "error")

    def whole(self, answer: JSONObject) -> JSONObject:
        """The answer itself; a stream is never whole."""
        return answer


class WholeMessage(StreamedMessage):
    """A message sent when it is complete: its events added up, so that both ways say the same."""

    def __init__(self, events: MessageEvents) -> None:
        super().__init__(events)
        self._message: JSONObject = {}
        self._pieces: list[str] = []

    def chunks(self, chunks: Sequence[JSONObject]) -> bytes:
        """Nothing is sent yet."""
        self._add(self._events.add(chunks))
        return b""

    def whole(self, answer: JSONObject) -> JSONObject:
        """The message."""
        self._add(self._events.end())
        return self._message

    def _add(self, events: Sequence[JSONObject]) -> None:
        for one in events:
            kind = one["type"]
            if kind == "message_start":
                self._message = one["message"]
            elif kind == "content_block_start":
                self._message["content"].append(one["content_block"])
            elif kind == "content_block_delta":
                self._pieces.append(one["delta"][_PLACES[one["delta"]["type"]]])
            elif kind == "content_block_stop":
                _fill(self._message["content"][-1], "".join(self._pieces))
                self._pieces.clear()
            elif kind == "message_delta":
                self._message |= one["delta"] | {"usage": one["usage"]}


def _fill(block: JSONObject, text: str) -> None:
    """Put what a block's deltas add up to into it."""
    if block["type"] == "tool_use":
        block["input"] = call_arguments(block["name"], text, allow_partial=True)
    else:
        block[block["type"]] = text


def _encoded(events: Sequence[JSONObject]) -> bytes:
    return b"".join(event(one, one["type"]) for one in events)
