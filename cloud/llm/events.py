"""What happens in a stream, as typed events, and the answer that they add up to.

Every codec tells its provider's stream in these events, in the order in which they arrived::

    for event in client.events(messages):
        match event:
            case TextDelta(text):
                print(text, end="")
            case ToolCallDelta(name=name) if name:
                print(f"calls {name}")
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from cloud.llm.types import ChatResponse, ToolCall
from LLM.types import Usage


@dataclass(frozen=True, slots=True)
class Start:
    """The answer has begun.

    :param model: the model that answers, as the provider names it.
    :param id: the provider's id of the answer.
    """

    type: ClassVar[Literal["start"]] = "start"
    model: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the text; never empty."""

    type: ClassVar[Literal["text"]] = "text"
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of what the model thinks.

    :param text: the piece; empty when only the rest is told.
    :param signature: a piece of the signature of the block of thought.
    :param redacted: a whole encrypted block, which the provider wants back unchanged.
    :param index: number of the block of thought, from 0.
    """

    type: ClassVar[Literal["reasoning"]] = "reasoning"
    text: str
    signature: str = ""
    redacted: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """A piece of the text in which the model refuses to answer."""

    type: ClassVar[Literal["refusal"]] = "refusal"
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call.

    :param index: number of the call, from 0.
    :param id: the call's id, with its first piece.
    :param name: the tool's name, with its first piece.
    :param arguments: a piece of the arguments' JSON text.
    :param extra: as `ToolCall.extra`.
    """

    type: ClassVar[Literal["tool_call"]] = "tool_call"
    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    extra: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class UsageUpdate:
    """Token counts so far; a later one replaces an earlier one.

    :param usage: all counts in OpenAI's shape.
    :param input_tokens: prompt tokens as the provider counts them; None for `usage.prompt_tokens`.
    """

    type: ClassVar[Literal["usage"]] = "usage"
    usage: Usage
    input_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The model has ended its answer; usage may follow.

    :param reason: as `ChatResponse.finish_reason`.
    """

    type: ClassVar[Literal["finish"]] = "finish"
    reason: str


@dataclass(frozen=True, slots=True)
class Ping:
    """The provider is still at work; nothing else has happened."""

    type: ClassVar[Literal["ping"]] = "ping"


StreamEvent = (
    Start | TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | UsageUpdate | Finish | Ping
)


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    extra: dict[str, Any] | None = None


@dataclass(slots=True)
class _Thought:
    text: list[str] = field(default_factory=list)
    signature: list[str] = field(default_factory=list)
    redacted: str = ""

    def block(self) -> dict[str, Any]:
        if self.redacted:
            return {"type": "redacted_thinking", "data": self.redacted}
        return {
            "type": "thinking",
            "thinking": "".join(self.text),
            "signature": "".join(self.signature),
        }


class ResponseAssembler:
    """Adds events up to the answer that the same call would have given at once.

    :param model: the model that was asked, for answers that do not name theirs.
    """

    def __init__(self, model: str) -> None:
        self.usage: Usage | None = None
        self._model = model
        self._id: str | None = None
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._thoughts: dict[int, _Thought] = {}
        self._calls: dict[int, _Call] = {}
        self._input_tokens: int | None = None
        self._reason: str | None = None
        self._begun = False

    @property
    def finished(self) -> bool:
        """Whether the model has ended its answer."""
        return self._reason is not None

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._text)

    def add(self, event: StreamEvent) -> None:
        """Take the next event."""
        self._begun = True
        if isinstance(event, TextDelta):
            self._text.append(event.text)
        elif isinstance(event, ReasoningDelta):
            self._add_thought(event)
        elif isinstance(event, ToolCallDelta):
            self._add_call(event)
        elif isinstance(event, UsageUpdate):
            self.usage, self._input_tokens = event.usage, event.input_tokens
        elif isinstance(event, Finish):
            self._reason = event.reason
        elif isinstance(event, RefusalDelta):
            self._refusal.append(event.text)
        elif isinstance(event, Start):
            self._model, self._id = event.model or self._model, event.id

    def _add_thought(self, event: ReasoningDelta) -> None:
        thought = self._thoughts.setdefault(event.index, _Thought())
        if event.text:
            thought.text.append(event.text)
        if event.signature:
            thought.signature.append(event.signature)
        thought.redacted = event.redacted or thought.redacted

    def _add_call(self, event: ToolCallDelta) -> None:
        call = self._calls.setdefault(event.index, _Call())
        # Some servers repeat the name with every piece, none splits it.
        call.id, call.name = event.id or call.id, event.name or call.name
        if event.arguments:
            call.arguments.append(event.arguments)
        call.extra = event.extra or call.extra

    def response(self) -> ChatResponse | None:
        """The answer as far as it has arrived; None when nothing has."""
        if not self._begun:
            return None
        usage = self.usage
        prompt = usage.prompt_tokens if usage else 0
        thoughts = [thought for _, thought in sorted(self._thoughts.items())]
        signed = any(thought.signature or thought.redacted for thought in thoughts)
        return ChatResponse(
            content=self.text,
            model=self._model,
            input_tokens=prompt if self._input_tokens is None else self._input_tokens,
            output_tokens=usage.completion_tokens if usage else 0,
            finish_reason=self._reason or "",
            tool_calls=[
                ToolCall(call.id, call.name, "".join(call.arguments), call.extra)
                for _, call in sorted(self._calls.items())
            ],
            reasoning="".join(piece for t in thoughts for piece in t.text) or None,
            thinking_blocks=[thought.block() for thought in thoughts] if signed else [],
            refusal="".join(self._refusal) or None,
            usage=usage,
            id=self._id,
        )
