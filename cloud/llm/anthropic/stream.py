"""Anthropic's event streams, decoded: bytes in, events out. Pure.

A message is a list of blocks, each begun, grown by deltas and stopped; what it used and why it
ended comes after the last of them, then ``message_stop``. Events of other kinds are skipped, as the
API's rules on versions ask for.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from cloud.llm.anthropic.errors import error_inside
from cloud.llm.anthropic.wire import Block, StopDetails, finish_reason, usage_of
from cloud.llm.events import (
    Finish,
    Ping,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from LLM.codec import Source, lenient_json
from LLM.exceptions import LLMAPIError, LLMResponseError
from LLM.sse import Event, SSEDecoder


class AnthropicDecoder:
    """Decodes one stream.

    :param status: of the answer, for errors.
    """

    def __init__(self, status: int, source: Source) -> None:
        #: Whether ``message_stop`` has arrived.
        self.done = False
        self._status = status
        self._source = source
        self._sse = SSEDecoder()
        self._begun = False
        self._finished = False
        self._counts: dict[str, Any] = {}
        # Numbers of calls and thoughts by the index of their block. Some servers give all blocks
        # the same index, so that there may be more than are here.
        self._calls: dict[int, int] = {}
        self._thoughts: dict[int, int] = {}
        self._n_calls = self._n_thoughts = 0
        # Arguments that came with a call's beginning, until it is known whether pieces follow.
        self._whole_inputs: dict[int, Any] = {}

    def feed(self, data: bytes) -> Iterator[StreamEvent]:
        """Take the next bytes. :return: the events that they complete.

        :raises LLMAPIError: an event holds an error, or cannot be read.
        """
        return self._decode(self._sse.feed(data))

    def finish(self) -> Iterator[StreamEvent]:
        """The bytes have ended without ``message_stop``, which only repeats that all is told.

        :raises LLMResponseError: the stream was cut short, or was none.
        """
        yield from self._decode(self._sse.close())
        if not self.done and not self._finished:
            if not self._begun:
                raise self._not_a_stream()
            raise self._source.cut_short(self._status, "it ended without a stop reason")

    def _decode(self, events: list[Event]) -> Iterator[StreamEvent]:
        for name, data in events:
            payload = lenient_json(data)
            if not isinstance(payload, dict):
                raise self._unreadable(f"no JSON object: {self._source.excerpt(data)}")
            kind = payload.get("type")
            if kind == "content_block_delta":
                delta = payload.get("delta")
                if not isinstance(delta, dict):
                    raise self._unreadable("a delta that is no object")
                # Nearly every event is a piece of text.
                if delta.get("type") == "text_delta":
                    if text := self._text(delta, "text"):
                        self._begun = True
                        yield TextDelta(text)
                else:
                    yield from self._delta(payload.get("index"), delta)
                continue
            if kind == "error" or name == b"error" or payload.get("error"):
                raise error_inside(payload, self._status, self._source)
            yield from self._rest(kind, payload)
            if self.done:
                return

    def _rest(self, kind: Any, payload: dict[str, Any]) -> Iterable[StreamEvent]:
        """The events of what is no delta of a block."""
        if kind == "content_block_start":
            return self._block_start(payload.get("index"), payload.get("content_block"))
        if kind == "content_block_stop":
            return self._block_stop(payload.get("index"))
        if kind == "message_start":
            return self._message_start(payload.get("message"))
        if kind == "message_delta":
            return self._message_delta(payload.get("delta"), payload.get("usage"))
        if kind == "message_stop":
            return self._message_stop()
        return (Ping(),) if kind == "ping" else ()

    def _message_start(self, message: Any) -> Iterator[StreamEvent]:
        if not isinstance(message, dict):
            raise self._unreadable("a message_start without its message")
        self._begun = True
        model, own_id = message.get("model"), message.get("id")
        yield Start(
            model if isinstance(model, str) else self._source.model or "",
            own_id if isinstance(own_id, str) else None,
        )
        yield from self._usage(message.get("usage"))

    def _message_delta(self, delta: Any, usage: Any) -> Iterator[StreamEvent]:
        """The end: usage first, for many leave at the reason to finish."""
        yield from self._usage(usage)
        if not isinstance(delta, dict):
            return
        if isinstance(details := delta.get("stop_details"), dict):
            try:
                refusal = StopDetails.model_validate(details).refusal
            except ValidationError:
                refusal = None  # a detail of the wrong type, which must not cost the answer
            if refusal:
                yield RefusalDelta(refusal)
        reason = delta.get("stop_reason")
        if isinstance(reason, str) and reason:
            self._begun = self._finished = True
            yield Finish(finish_reason(reason))

    def _message_stop(self) -> Iterator[StreamEvent]:
        if not self._begun:
            raise self._not_a_stream()
        self.done = True
        if not self._finished:
            self._finished = True
            yield Finish(finish_reason(None))

    def _usage(self, usage: Any) -> Iterator[StreamEvent]:
        """Counts are cumulative; those that are not told again still hold."""
        if isinstance(usage, dict) and usage:
            told = {name: count for name, count in usage.items() if count is not None}
            self._counts = {**self._counts, **told}
            yield UsageUpdate(*usage_of(self._counts))

    def _block_start(self, index: Any, content: Any) -> Iterator[StreamEvent]:
        self._begun = True
        try:
            block = Block.model_validate(content)
        except ValidationError:
            block = None
        if block is None or type(index) is not int:
            raise self._unreadable("a content_block_start without a block that can be read")
        if block.type == "text" and block.text:
            yield TextDelta(block.text)
        elif block.type in ("thinking", "redacted_thinking"):
            number = self._new_thought(index)
            told = (block.thinking or "", block.signature or "", block.data or "")
            if any(told):
                yield ReasoningDelta(*told, index=number)
        elif block.type == "tool_use":
            number = self._calls[index] = self._n_calls
            self._n_calls += 1
            yield ToolCallDelta(number, block.id or "", block.name or "")
            if block.input:
                self._whole_inputs[index] = block.input

    def _block_stop(self, index: Any) -> Iterator[StreamEvent]:
        if type(index) is int and index in self._whole_inputs:
            arguments = to_json(self._whole_inputs.pop(index)).decode()
            yield ToolCallDelta(self._calls[index], arguments=arguments)

    def _delta(self, index: Any, delta: dict[str, Any]) -> Iterator[StreamEvent]:
        """The events of a delta that is no text. Citations and unknown kinds are skipped."""
        kind = delta.get("type")
        if type(index) is not int:
            raise self._unreadable("a delta without the index of its block")
        if kind == "thinking_delta":
            if text := self._text(delta, "thinking"):
                yield ReasoningDelta(text, index=self._thought(index))
        elif kind == "signature_delta":
            if signature := self._text(delta, "signature"):
                yield ReasoningDelta("", signature, index=self._thought(index))
        elif kind == "input_json_delta":
            piece = self._text(delta, "partial_json")
            # Calls of the provider's own tools grow as well; they are answered there.
            if piece and index in self._calls:
                self._whole_inputs.pop(index, None)
                yield ToolCallDelta(self._calls[index], arguments=piece)

    def _thought(self, index: int) -> int:
        """The number of the thought that a delta goes on with, be it without a beginning."""
        return self._thoughts[index] if index in self._thoughts else self._new_thought(index)

    def _new_thought(self, index: int) -> int:
        number = self._thoughts[index] = self._n_thoughts
        self._n_thoughts += 1
        return number

    def _text(self, delta: dict[str, Any], name: str) -> str:
        """A piece of text; null is none."""
        text = delta.get(name)
        if type(text) is str:
            return text
        if text is None:
            return ""
        raise self._unreadable(f"a delta whose {name} is a {type(text).__name__}")

    def _unreadable(self, problem: str) -> LLMResponseError:
        return self._source.error(
            f"sent an event that cannot be read: {problem}", status_code=self._status
        )

    def _not_a_stream(self) -> LLMAPIError:
        """Nothing in it was of the API: say what it was."""
        stray = self._sse.stray
        payload = lenient_json(stray)
        if isinstance(payload, dict) and (payload.get("type") == "error" or payload.get("error")):
            return error_inside(payload, self._status, self._source)
        found = self._source.excerpt(stray)
        return self._source.error(
            f"answered {self._status} with no stream of a message: {found or 'nothing'}; check "
            "base_url",
            status_code=self._status,
        )
