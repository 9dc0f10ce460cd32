"""What the clients of all providers take and give: messages, tool calls, answers."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic_core import from_json, to_json

from LLM.exceptions import LLMResponseError
from LLM.foreign import openai_call
from LLM.json_size import MAX_WRITTEN_VALUES, has_too_many_values
from LLM.types import Usage

#: What the signature of a block of thought begins with when it is Google's. Other providers'
#: signatures are bare base64, which has no colon; each codec sends back its own and no other's,
#: since a signature that a provider has not made is refused.
GOOGLE_SIGNATURE = "google:"


@dataclass(slots=True)
class ChatMessage:
    """A message of a conversation. Dicts of the same fields do as well.

    :param role: ``system``, ``developer``, ``user``, ``assistant`` or ``tool``.
    :param content: text, a list of content parts as OpenAI has them (``text``, ``image_url``,
        ``file``), or None in an assistant's turn of tool calls alone.
    :param name: name of the speaker, where the provider takes one.
    :param tool_call_id: in a ``tool`` message, the call that it answers.
    :param tool_calls: the assistant's calls: `ToolCall` objects, or dicts as OpenAI has them.
    """

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: list[Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The message as a dict, unset fields left out."""
        fields = {
            "role": self.role,
            "content": self.content,
            "name": self.name,
            "tool_call_id": self.tool_call_id,
            "tool_calls": [openai_call(call) for call in self.tool_calls or ()] or None,
        }
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(slots=True, init=False)
class ToolCall:
    """A call of a tool that the model asks for.

    :param id: the provider's id, by which a ``tool`` message answers; made up where it has none.
    :param name: the tool's name.
    :param arguments: a dict, or the JSON text that the model wrote.
    :param extra: what the provider wants back with the call in the next turn (Gemini's thought
        signature, under the keys of Google's OpenAI form); None for nothing.
    """

    id: str
    name: str
    #: The arguments as JSON text, as the model wrote them.
    arguments_json: str
    extra: dict[str, Any] | None
    _parsed: dict[str, Any] | None = field(repr=False, compare=False)

    def __init__(
        self,
        id: str,
        name: str,
        arguments: Mapping[str, Any] | str,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.id = id
        self.name = name
        self.arguments_json = (
            arguments if isinstance(arguments, str) else to_json(arguments).decode()
        )
        self.extra = extra
        self._parsed = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, parsed. No text at all is no arguments.

        :raises LLMResponseError: the model wrote what is no JSON object (small models do, and so
            does every model that is cut at max_tokens); the text is in `arguments_json`.
        """
        if self._parsed is None:
            self._parsed = self._parse()
        return self._parsed

    def _parse(self) -> dict[str, Any]:
        if not self.arguments_json.strip():
            return {}
        value = None
        if not has_too_many_values(self.arguments_json, MAX_WRITTEN_VALUES):
            with contextlib.suppress(ValueError):
                value = from_json(self.arguments_json.encode())
        if not isinstance(value, dict):
            raise LLMResponseError(
                f"the model called {self.name!r} with arguments that are no JSON object; the text "
                "is in the call's arguments_json",
                code="invalid_arguments",
            )
        return value

    @classmethod
    def from_openai(cls, tc: Mapping[str, Any]) -> Self:
        """From an entry of OpenAI's `tool_calls`."""
        function = tc.get("function") or {}
        arguments = function.get("arguments")
        return cls(
            id=tc.get("id") or "",
            name=function.get("name") or "",
            arguments="" if arguments is None else arguments,
            extra=tc.get("extra_content"),
        )

    @classmethod
    def from_anthropic(cls, block: Mapping[str, Any]) -> Self:
        """From a ``tool_use`` block of Anthropic's content."""
        return cls(
            id=block.get("id") or "",
            name=block.get("name") or "",
            arguments=block.get("input") or {},
        )

    def to_openai(self) -> dict[str, Any]:
        """As an entry of OpenAI's `tool_calls`."""
        function = {"name": self.name, "arguments": self.arguments_json}
        call = {"id": self.id, "type": "function", "function": function}
        return {**call, "extra_content": self.extra} if self.extra else call


@dataclass(slots=True)
class ChatResponse:
    """An answer, the same for all providers.

    :param content: the text; empty when there is none.
    :param model: the model that answered, as the provider names it.
    :param input_tokens: tokens of the prompt, as the provider counts them (Anthropic leaves out
        those it reads from or writes to its cache; `usage.prompt_tokens` has them all).
    :param output_tokens: tokens of the answer, reasoning included.
    :param finish_reason: in OpenAI's words, whatever the provider's: ``stop``, ``length``,
        ``tool_calls``, ``content_filter``; a reason that OpenAI does not have stays as it is.
    :param tool_calls: the tools that the model asks for.
    :param raw: the provider's own answer, decoded; None for a stream, which has none.
    :param reasoning: what the model thought, where the provider shows it.
    :param thinking_blocks: the provider's blocks of thought with their signatures, which it wants
        back unchanged in the next turn; `to_message` carries them.
    :param refusal: the model's refusal, when it gave one in place of an answer.
    :param parsed: the content as the pydantic object, or the value of the `JSONSchema`, that was
        given as `response_format`.
    :param usage: all counts in OpenAI's shape: cached tokens, tokens written to the cache,
        reasoning tokens; None when the provider told none.
    :param id: the provider's id of the answer.
    """

    content: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    finish_reason: str = "stop"
    tool_calls: list[ToolCall] = field(default_factory=list)
    raw: dict[str, Any] | None = field(default=None, repr=False)
    reasoning: str | None = None
    thinking_blocks: list[dict[str, Any]] = field(default_factory=list, repr=False)
    refusal: str | None = None
    parsed: Any = None
    usage: Usage | None = field(default=None, repr=False)
    id: str | None = None

    @property
    def total_tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    @property
    def has_tool_calls(self) -> bool:
        """Whether the model asks for a tool."""
        return bool(self.tool_calls)

    def to_dict(self) -> dict[str, Any]:
        """What the answer says, ready for JSON; `raw` and objects are left out.

        Arguments that are no JSON object are given as the text that the model wrote.
        """
        return {
            "content": self.content,
            "model": self.model,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "finish_reason": self.finish_reason,
            "tool_calls": [_told(call) for call in self.tool_calls],
        }

    def to_message(self) -> dict[str, Any]:
        """The assistant's turn, to be put behind the messages that it answers.

        It carries all that any provider wants back: tool calls, signatures, blocks of thought.
        """
        # Null stands for no text only beside something else.
        nothing = None if self.tool_calls or self.refusal else ""
        message: dict[str, Any] = {"role": "assistant", "content": self.content or nothing}
        if self.tool_calls:
            message["tool_calls"] = [call.to_openai() for call in self.tool_calls]
        if self.thinking_blocks:
            message["thinking_blocks"] = self.thinking_blocks
        elif self.reasoning:
            message["thinking"] = self.reasoning  # Ollama's models think on from there
        if self.refusal:
            message["refusal"] = self.refusal
        return message


def _told(call: ToolCall) -> dict[str, Any]:
    try:
        arguments: Any = call.arguments
    except LLMResponseError:
        arguments = call.arguments_json
    return {"id": call.id, "name": call.name, "arguments": arguments}
