"""OpenAI's event streams, decoded: bytes in, events out. Pure.

Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from cloud.llm.events import (
    Finish,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from cloud.llm.openai_compat.answers import (
    check_choice,
    extra_content,
    reasoning_in,
    unsaid_reason,
)
from LLM.codec import ChunkDecoder, Source
from LLM.repair import validate_repaired
from LLM.types import ChatCompletionChunk, ChoiceDelta, Usage
from LLM.types import ToolCallDelta as CallPiece


class OpenAIDecoder:
    """Decodes one stream of chunks. Of several choices, the first is told."""

    def __init__(self, status: int, source: Source) -> None:
        self._chunks = ChunkDecoder(ChatCompletionChunk, status, source)
        self._status = status
        self._source = source
        self._id: str | None = None
        self._started = False
        self._answered = False
        self._finished = False
        # Ids of the calls so far, and which of them each of the server's indices means.
        self._call_ids: list[str] = []
        self._call_numbers: dict[int, int] = {}

    @property
    def done(self) -> bool:
        """Whether ``[DONE]`` has arrived."""
        return self._chunks.done

    def feed(self, data: bytes) -> Iterator[StreamEvent]:
        """Take the next bytes. :return: the events that they complete.

        :raises LLMAPIError: an event holds an error, or cannot be read.
        """
        for chunk in self._chunks.feed(data):
            yield from self._events(chunk)
        if self._chunks.done and not self._finished:
            yield self._unsaid_finish()

    def finish(self) -> Iterator[StreamEvent]:
        """The bytes have ended without ``[DONE]``.

        :raises LLMResponseError: the stream was cut short, or was none.
        """
        for chunk in self._chunks.finish(lambda: self._finished):
            yield from self._events(chunk)
        if not self._finished:
            yield self._unsaid_finish()  # [DONE] lacked only its line end

    def _unsaid_finish(self) -> Finish:
        if not self._answered:
            raise self._source.error(
                f"answered {self._status} with a stream whose choices all have an index other "
                "than 0",
                status_code=self._status,
            )
        self._finished = True
        return Finish(unsaid_reason(self._call_ids))

    def _events(self, chunk: ChatCompletionChunk) -> Iterator[StreamEvent]:
        # Azure's first chunk has neither id nor model.
        if not self._started or (chunk.id and not self._id):
            self._started, self._id = True, chunk.id
            yield Start(chunk.model or "", chunk.id)
        for choice in chunk.choices:
            if choice.index != 0:
                continue
            self._answered = True
            if choice.__pydantic_extra__:
                check_choice(choice, self._status, self._source)
            delta = choice.delta
            if delta.content:
                yield TextDelta(delta.content)
            # Nearly every chunk holds text and nothing else.
            if len(delta.model_fields_set) > 1 or not delta.content:
                yield from self._rest(delta)
            if choice.finish_reason:
                self._finished = True
                yield Finish(choice.finish_reason)
        usage = chunk.usage or _groq_usage(chunk.__pydantic_extra__)
        if usage is not None:
            yield UsageUpdate(usage)

    def _rest(self, delta: ChoiceDelta) -> Iterator[StreamEvent]:
        if thought := reasoning_in(delta.__pydantic_extra__):
            yield ReasoningDelta(thought)
        if delta.refusal:
            yield RefusalDelta(delta.refusal)
        for piece in delta.tool_calls or ():
            yield self._call_piece(piece)
        if function := delta.function_call:
            yield ToolCallDelta(0, "", function.name or "", function.arguments or "")

    def _call_piece(self, piece: CallPiece) -> ToolCallDelta:
        function = piece.function
        return ToolCallDelta(
            self._call_number(piece),
            piece.id or "",
            (function.name if function else None) or "",
            (function.arguments if function else None) or "",
            extra_content(piece.__pydantic_extra__),
        )

    def _call_number(self, piece: CallPiece) -> int:
        """Which call the piece belongs to; a new one is counted.

        Google's servers send calls without an index, others all calls with the same one: a new id
        starts a call. Beside an index, so that ids that change within a call do no harm, it must
        come with a name.
        """
        ids, index = self._call_ids, piece.index
        number = len(ids) - 1 if index is None else self._call_numbers.get(index, -1)
        is_named = index is None or (piece.function is not None and piece.function.name)
        if number < 0 or (piece.id and ids[number] and piece.id != ids[number] and is_named):
            number = len(ids)
            ids.append("")
        if index is not None:
            self._call_numbers[index] = number
        ids[number] = piece.id or ids[number]
        return number


def _groq_usage(extra: Mapping[str, Any] | None) -> Usage | None:
    """The counts that Groq sends in a field of its own."""
    groq = (extra or {}).get("x_groq")
    usage = groq.get("usage") if isinstance(groq, dict) else None
    try:
        return validate_repaired(Usage, usage) if isinstance(usage, dict) else None
    except ValidationError:
        return None  # an answer is not lost over its counts
