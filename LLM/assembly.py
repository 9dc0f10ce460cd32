"""From a stream's chunks to the answer that the same call would have given at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from LLM.overflow import Overflow
from LLM.types import (
    ChatCompletionChunk,
    ChatCompletionResponse,
    Choice,
    ChoiceDelta,
    ChoiceLogprobs,
    ChunkChoice,
    CompletionChoice,
    CompletionChunk,
    CompletionLogprobs,
    CompletionResponse,
    FunctionCall,
    FunctionCallDelta,
    ResponseMessage,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    Usage,
)


class _CallParts:
    """A tool or function call as far as it has arrived."""

    def __init__(self) -> None:
        self.id = ""
        self.type = "function"
        self.name = ""
        self.arguments: list[str] = []

    def add_function(self, piece: FunctionCallDelta) -> None:
        # Some servers repeat the whole name with every piece, none splits it.
        self.name = piece.name or self.name
        if piece.arguments:
            self.arguments.append(piece.arguments)

    def function(self) -> FunctionCall:
        return FunctionCall(name=self.name, arguments="".join(self.arguments))


class _ChatParts:
    """One chat choice as far as it has arrived."""

    def __init__(self) -> None:
        self.role = "assistant"
        self.content: list[str] | None = None
        self.refusal: list[str] | None = None
        self.finish_reason: str | None = None
        self.ending: dict[str, Any] = {}
        self.tool_calls: dict[int, _CallParts] = {}
        self.last_call = -1
        self.function_call: _CallParts | None = None
        self.content_logprobs: list[TokenLogprob] | None = None
        self.refusal_logprobs: list[TokenLogprob] | None = None
        self.extra: dict[str, Any] = {}

    def add(self, choice: ChunkChoice) -> None:
        delta = choice.delta
        if delta.content is not None:
            if self.content is None:
                self.content = []
            self.content.append(delta.content)
        if choice.finish_reason:
            self.finish_reason = choice.finish_reason
            self.ending = _said(choice)
        if choice.logprobs:
            self._add_logprobs(choice.logprobs)
        # Nearly every chunk holds text and nothing else; the rest costs as much as all before.
        if delta.content is None or len(delta.model_fields_set) > 1:
            self._add_more(delta)

    def _add_more(self, delta: ChoiceDelta) -> None:
        if delta.tool_calls:
            for piece in delta.tool_calls:
                self._add_tool_call(piece)
        if delta.refusal is not None:
            if self.refusal is None:
                self.refusal = []
            self.refusal.append(delta.refusal)
        if delta.role:
            self.role = delta.role
        if delta.function_call:
            self.function_call = self.function_call or _CallParts()
            self.function_call.add_function(delta.function_call)
        if delta.__pydantic_extra__:
            self._add_extra(delta.__pydantic_extra__)

    def _add_tool_call(self, piece: ToolCallDelta) -> None:
        index = piece.index
        if index is None:
            # No index: a new id starts a call, anything else goes on with the last one.
            last = self.last_call
            started = last < 0 or (piece.id and piece.id != self.tool_calls[last].id)
            index = last + 1 if started else last
        self.last_call = max(self.last_call, index)
        call = self.tool_calls.setdefault(index, _CallParts())
        call.id = piece.id or call.id
        call.type = piece.type or call.type
        if piece.function:
            call.add_function(piece.function)

    def _add_logprobs(self, logprobs: ChoiceLogprobs) -> None:
        if logprobs.content is not None:
            if self.content_logprobs is None:
                self.content_logprobs = []
            self.content_logprobs += logprobs.content
        if logprobs.refusal is not None:
            if self.refusal_logprobs is None:
                self.refusal_logprobs = []
            self.refusal_logprobs += logprobs.refusal

    def _add_extra(self, extra: dict[str, Any]) -> None:
        """Text of unknown fields (`reasoning_content`) adds up; other values replace."""
        for name, value in extra.items():
            if isinstance(value, str):
                pieces = self.extra.setdefault(name, [])
                if isinstance(pieces, _TextPieces):
                    pieces.append(value)
                else:
                    self.extra[name] = _TextPieces([value])
            elif value is not None:
                self.extra[name] = value

    def choice(self, index: int) -> Choice:
        calls = [
            ToolCall(id=call.id, type=call.type, function=call.function())
            for _, call in sorted(self.tool_calls.items())
        ]
        extra = {
            name: "".join(value) if isinstance(value, _TextPieces) else value
            for name, value in self.extra.items()
            # Fields of a message that no delta has were never checked.
            if name not in ResponseMessage.model_fields
        }
        logprobs = None
        if self.content_logprobs is not None or self.refusal_logprobs is not None:
            logprobs = ChoiceLogprobs(content=self.content_logprobs, refusal=self.refusal_logprobs)
        message = ResponseMessage(
            role=self.role,
            content=None if self.content is None else "".join(self.content),
            refusal=None if self.refusal is None else "".join(self.refusal),
            tool_calls=calls or None,
            function_call=self.function_call.function() if self.function_call else None,
            **extra,
        )
        return Choice(
            index=index,
            message=message,
            finish_reason=self.finish_reason,
            logprobs=logprobs,
            **self.ending,
        )


def _said(choice: ChunkChoice | CompletionChoice) -> dict[str, Any]:
    """What the last piece of a choice says beside OpenAI's fields, such as its stop string.

    Fields of a whole choice that no piece has were never checked.
    """
    extra = choice.__pydantic_extra__ or {}
    return {
        name: value
        for name, value in extra.items()
        if value is not None and name not in Choice.model_fields
    }


class _TextPieces(list[str]):
    """Pieces of one text, told apart from a list that a server sent."""


class _CompletionParts:
    """One text choice as far as it has arrived."""

    def __init__(self) -> None:
        self.content: list[str] = []
        self.finish_reason: str | None = None
        self.ending: dict[str, Any] = {}
        self.logprobs: list[CompletionLogprobs] = []

    def add(self, choice: CompletionChoice) -> None:
        self.content.append(choice.text)
        if choice.finish_reason:
            self.finish_reason = choice.finish_reason
            self.ending = _said(choice)
        if choice.logprobs:
            self.logprobs.append(choice.logprobs)

    def choice(self, index: int) -> CompletionChoice:
        return CompletionChoice(
            index=index,
            text="".join(self.content),
            finish_reason=self.finish_reason,
            logprobs=_joined(self.logprobs) if self.logprobs else None,
            **self.ending,
        )


def _joined(pieces: list[CompletionLogprobs]) -> CompletionLogprobs:
    lists: dict[str, Any] = {}
    for name in CompletionLogprobs.model_fields:
        values = [getattr(piece, name) for piece in pieces]
        if any(value is not None for value in values):
            lists[name] = [item for value in values for item in value or ()]
    return CompletionLogprobs(**lists)


ChunkT = TypeVar("ChunkT", ChatCompletionChunk, CompletionChunk)
PartsT = TypeVar("PartsT", _ChatParts, _CompletionParts)


class _Assembler(Generic[ChunkT, PartsT]):
    """Adds up chunks. `text` and `finished` can be read at any time."""

    _new_parts: Callable[[], PartsT]

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self._head: ChunkT | None = None
        self._extra: dict[str, Any] = {}
        self._parts: dict[int, PartsT] = {}

    def add(self, chunk: ChunkT) -> None:
        """Take the next chunk."""
        # Azure's first chunk has neither id nor model.
        if self._head is None or not self._head.id:
            self._head = chunk
        if chunk.usage is not None:
            self.usage = chunk.usage
        if chunk.model_extra:
            self._extra.update(chunk.model_extra)
        choices: Any = chunk.choices
        for choice in choices:
            parts = self._parts.get(choice.index)
            if parts is None:
                parts = self._parts[choice.index] = self._new_parts()
            parts.add(choice)

    @property
    def finished(self) -> bool:
        """Whether every choice that has begun has its finish reason."""
        return bool(self._parts) and all(p.finish_reason for p in self._parts.values())

    @property
    def text(self) -> str:
        """Text of the first choice so far."""
        parts = self._parts.get(min(self._parts, default=0))
        return "".join(parts.content or ()) if parts else ""

    def _facts(self) -> dict[str, Any] | None:
        """What the answer says besides its choices; None when nothing of one has arrived."""
        head = self._head
        if head is None or not self._parts:
            return None
        names = ("id", "created", "model", "system_fingerprint")
        facts = {name: getattr(head, name) for name in names}
        return {**self._extra, **facts, "usage": self.usage}

    def _choices(self) -> list[Any]:
        return [parts.choice(index) for index, parts in sorted(self._parts.items())]


class ChatAssembler(_Assembler[ChatCompletionChunk, _ChatParts]):
    """Adds up chat chunks. `text` and `finished` can be read at any time.

    :param overflow: what the client dropped from the messages.
    """

    _new_parts = _ChatParts

    def __init__(self, overflow: Overflow | None = None) -> None:
        super().__init__()
        self._overflow = overflow

    @property
    def overflow(self) -> Any:
        """An `Overflow`: what was dropped from the messages; None when nothing was, so far."""
        return self._overflow or Overflow.read(self._extra.get("overflow"))

    def response(self) -> ChatCompletionResponse | None:
        """The answer as far as it has arrived; None when nothing has."""
        facts = self._facts()
        if facts is None:
            return None
        tier = self._head.service_tier if self._head else None
        facts |= {"service_tier": tier, "overflow": self.overflow}
        return ChatCompletionResponse(choices=self._choices(), **facts)


class CompletionAssembler(_Assembler[CompletionChunk, _CompletionParts]):
    """Adds up text completion chunks. `text` and `finished` can be read at any time."""

    _new_parts = _CompletionParts

    def response(self) -> CompletionResponse | None:
        """The answer as far as it has arrived; None when nothing has."""
        facts = self._facts()
        return None if facts is None else CompletionResponse(choices=self._choices(), **facts)
