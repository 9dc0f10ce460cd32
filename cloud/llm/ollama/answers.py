"""Answers of ``/api/chat``, whole and in lines. Pure.

A stream is a line of JSON for each piece of the answer; the one with ``done`` is the last and has
the counts. Tool calls come whole.

Source: https://docs.ollama.com/api/chat, https://docs.ollama.com/api/streaming.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field, ValidationError
from pydantic_core import to_json

from cloud.llm.events import (
    Finish,
    ReasoningDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from cloud.llm.ollama.errors import error_inside
from cloud.llm.ollama.lines import LineDecoder
from cloud.llm.types import ChatResponse, ToolCall
from LLM.codec import Source, decode_answer, lenient_json
from LLM.exceptions import LLMResponseError
from LLM.json_size import MAX_PARTS
from LLM.types import OpenAIModel, Usage


class _Function(OpenAIModel):
    name: str
    arguments: dict[str, Any] | str | None = None


class _Call(OpenAIModel):
    id: str | None = None
    function: _Function


class _Message(OpenAIModel):
    role: str | None = None
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = Field(default=None, max_length=MAX_PARTS)


class OllamaChunk(OpenAIModel):
    """A line of a stream; without a message, it says something that this API does not have."""

    model: str | None = None
    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None


class OllamaAnswer(OllamaChunk):
    """A whole answer."""

    message: _Message


def read_response(body: bytes, status: int, source: Source) -> ChatResponse:
    """The answer in a 2xx body.

    :raises LLMAPIError: it holds an error.
    :raises LLMResponseError: it cannot be read, or answers nothing.
    """
    raw = lenient_json(body)
    if error := error_inside(raw, status, source):
        raise error
    answer = decode_answer(OllamaAnswer, body, status, source)
    if not answer.done and "done" in answer.model_fields_set:
        raise source.cut_short(status, "what came of it is its first line")
    message, usage = answer.message, _usage(answer)
    calls = message.tool_calls or ()
    return ChatResponse(
        content=message.content or "",
        model=answer.model or source.model or "",
        input_tokens=usage.prompt_tokens if usage else 0,
        output_tokens=usage.completion_tokens if usage else 0,
        finish_reason=_reason(answer.done_reason, bool(calls)),
        tool_calls=[
            ToolCall(_call_id(call, i), call.function.name, _arguments(call.function))
            for i, call in enumerate(calls)
        ],
        raw=raw,
        reasoning=message.thinking or None,
        usage=usage,
    )


class AnswerDecoder:
    """Decodes one stream of lines; an `EventDecoder`."""

    def __init__(self, status: int, source: Source) -> None:
        self._lines = LineDecoder()
        self._status = status
        self._source = source
        self._done = False
        self._started = False
        self._n_calls = 0
        # Straight to the compiled validator: model_validate_json costs 0.3 µs more a line.
        OllamaChunk.model_rebuild()
        self._validate = OllamaChunk.__pydantic_validator__.validate_json

    @property
    def done(self) -> bool:
        """Whether the line with ``done`` has arrived."""
        return self._done

    def feed(self, data: bytes) -> Iterator[StreamEvent]:
        """Take the next bytes. :return: the events that they complete.

        :raises LLMAPIError: a line tells an error, or cannot be read.
        """
        for line in self._lines.feed(data):
            if self._done or (told := self._read(line)) is None:
                continue
            message, is_edge = told.message, told.done or not self._started
            if message is None or is_edge or message.thinking or message.tool_calls:
                yield from self._events(told)
            elif message.content:
                # Nearly every line: text and nothing else.
                yield TextDelta(message.content)

    def finish(self) -> Iterator[StreamEvent]:
        """The bytes have ended without a line with ``done``.

        :raises LLMResponseError: the stream was cut short, or was none.
        """
        if rest := self._lines.close():
            # An object that was cut in two is no JSON: the stream is what is wrong, not the line.
            if rest.lstrip()[:1] == b"{" and lenient_json(rest) is None:
                raise self._cut_short()
            if told := self._read(rest):
                yield from self._events(told)
        if not self._done:
            raise self._cut_short() if self._started else self._empty()

    def _events(self, told: OllamaChunk) -> Iterator[StreamEvent]:
        if not self._started:
            if told.message is None:
                raise self._empty()
            self._started = True
            yield Start(told.model or "")
        if message := told.message:
            if message.thinking:
                yield ReasoningDelta(message.thinking)
            if message.content:
                yield TextDelta(message.content)
            for call in message.tool_calls or ():
                yield self._call(call)
        if told.done:
            self._done = True
            yield Finish(_reason(told.done_reason, bool(self._n_calls)))
            if usage := _usage(told):
                yield UsageUpdate(usage)

    def _read(self, line: bytes) -> OllamaChunk | None:
        """What a line tells; None where that is nothing."""
        try:
            told = self._validate(line)
        except ValidationError:
            told = None
        if told is None:
            if not line.strip():
                return None
            self._check_error(lenient_json(line))
            told = decode_answer(OllamaChunk, line, self._status, self._source)
        elif told.__pydantic_extra__ and "error" in told.__pydantic_extra__:
            self._check_error(told.__pydantic_extra__)
        return told if told.message or told.done else None

    def _check_error(self, payload: Any) -> None:
        if error := error_inside(payload, self._status, self._source):
            raise error

    def _call(self, call: _Call) -> ToolCallDelta:
        index, self._n_calls = self._n_calls, self._n_calls + 1
        arguments = _arguments(call.function)
        text = arguments if isinstance(arguments, str) else to_json(arguments).decode()
        return ToolCallDelta(index, _call_id(call, index), call.function.name, text)

    def _cut_short(self) -> LLMResponseError:
        return self._source.cut_short(
            self._status, "it ended without its last line, the one with done"
        )

    def _empty(self) -> LLMResponseError:
        return self._source.error(
            f"answered {self._status} with a stream that holds no answer; check base_url",
            status_code=self._status,
        )


def _reason(reason: str | None, has_calls: bool) -> str:
    """Why the answer ended, in OpenAI's words; Ollama has none for calls."""
    if reason in (None, "", "stop"):
        return "tool_calls" if has_calls else "stop"
    return reason or "stop"


def _usage(line: OllamaChunk) -> Usage | None:
    """The counts; None where there are none. Thinking is among what was generated."""
    prompt, completion = line.prompt_eval_count, line.eval_count
    if prompt is None and completion is None:
        return None
    usage = Usage(prompt_tokens=prompt or 0, completion_tokens=completion or 0)
    usage.total_tokens = usage.prompt_tokens + usage.completion_tokens
    return usage


def _call_id(call: _Call, index: int) -> str:
    """The call's id; servers before 0.12 or so give none."""
    return call.id or f"call_{index}"


def _arguments(function: _Function) -> dict[str, Any] | str:
    return {} if function.arguments is None else function.arguments
