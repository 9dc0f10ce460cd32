"""What goes into the ring and what comes out: requests, messages, answers, pieces of a stream.

The names and fields are those that users of llmring import; what is not here (`Usage`'s keys, tool
calls) is in OpenAI's words.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, model_validator

from cloud.llm.json_schema import JSONSchema

Role = Literal["system", "developer", "user", "assistant", "tool"]


class _Schema(BaseModel):
    """Fields that are not known are refused, so that a misspelt one does not vanish."""

    model_config = ConfigDict(extra="forbid", defer_build=True, protected_namespaces=())


class Message(_Schema):
    """A message of a conversation.

    :param role: ``system``, ``developer``, ``user``, ``assistant`` or ``tool``.
    :param content: text, a list of content parts, or None in an assistant's turn of tool calls
        alone.
    :param tool_calls: the assistant's calls, as OpenAI has them.
    :param tool_call_id: in a ``tool`` message, the call that it answers.
    :param thinking_blocks: the assistant's blocks of thought with their signatures, which
        providers want back unchanged; `LLMResponse.to_message` fills them in.
    :param reasoning: what the assistant thought, for models that go on from there.
    :param timestamp: when the message was made; not sent.
    :param metadata: further facts. ``cache_control`` in it marks the prompt up to this message for
        the provider's cache; the rest is not sent.
    """

    role: Role
    content: str | list[dict[str, Any]] | dict[str, Any] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    thinking_blocks: list[dict[str, Any]] | None = None
    reasoning: str | None = None
    timestamp: datetime | None = Field(default_factory=lambda: datetime.now(UTC))
    metadata: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _has_something_to_say(self) -> Message:
        if self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise ValueError(
                f"a {self.role} message without content; only an assistant's may have none, beside "
                "tool_calls"
            )
        return self


class LLMRequest(_Schema):
    """A request to a model.

    :param messages: the conversation.
    :param model: an alias of the lockfile, or ``provider:model``; None takes the ring's default.
    :param temperature: 0.0 to 2.0; None leaves it to the provider.
    :param max_tokens: most tokens to generate; None leaves it to the provider.
    :param reasoning_tokens: most tokens to think, beside those of the answer; None leaves it to the
        provider.
    :param response_format: as OpenAI has it: ``{"type": "json_schema", "json_schema": {…}}``, …;
        or a pydantic class; or a `cloud.llm.JSONSchema`, whose `strict` then also says whether an
        answer that does not fit is an error.
    :param tools: tools, nested as OpenAI has them or flat.
    :param tool_choice: ``auto``, ``none``, ``required``, a tool's name, or OpenAI's dict.
    :param cache: what to keep in the provider's cache, in its own words.
    :param metadata: facts for the usage log; not sent to the provider.
    :param json_response: ask for a JSON object; short for `response_format`.
    :param files: ids of registered files, which stand before what the user says last.
    :param timeout: seconds, in place of the ring's; None takes the ring's.
    :param extra_params: the provider's own fields, sent as they are.
    """

    messages: list[Message] = Field(min_length=1)
    model: str | None = None
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    max_tokens: int | None = Field(default=None, ge=0)
    reasoning_tokens: int | None = Field(default=None, ge=0)
    response_format: dict[str, Any] | type[BaseModel] | InstanceOf[JSONSchema] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    cache: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    json_response: bool | None = None
    files: list[str] | None = None
    timeout: float | None = Field(default=None, gt=0.0, le=86_400.0)
    extra_params: dict[str, Any] = Field(default_factory=dict)


class LLMResponse(_Schema):
    """An answer.

    :param content: the text, a refusal's too; empty when there is none.
    :param model: ``provider:model`` that answered.
    :param usage: token counts in OpenAI's words, `prompt_tokens` being all of the prompt, with
        ``cached_tokens`` and ``reasoning_tokens`` where there are any, and the provider's own
        counts; and ``cost_status`` with, where that is ``priced``, ``cost`` (dollars) and
        ``cost_breakdown``. Without counts where the provider told none (``no_usage``); a
        stream that was left before its end is not priced.
    :param finish_reason: in OpenAI's words: ``stop``, ``length``, ``tool_calls``, ….
    :param tool_calls: as OpenAI has them; their arguments are JSON text.
    :param parsed: the content as the value that `response_format` asked for.
    :param reasoning: what the model thought, where the provider shows it.
    :param thinking_blocks: the same in the provider's blocks, with their signatures; None where it
        signs none. `to_message` carries them.
    :param attempts: the models of the pool in the order in which they were tried, each a dict with
        ``model``, ``outcome`` (``unavailable``, ``skipped``, ``failed``, ``answered``) and, but for
        the last, ``reason``; of a failure also ``error``, ``status_code``, ``retry_after`` and
        ``elapsed_s``, in seconds.
    :param raw: the provider's own answer, decoded, with all that has no field here (``logprobs``,
        further choices, safety ratings); None for a stream. It is not printed, and `model_dump`
        leaves it out.
    """

    content: str
    model: str
    usage: dict[str, Any] = Field(default_factory=dict)
    finish_reason: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    parsed: Any = None
    reasoning: str | None = None
    thinking_blocks: list[dict[str, Any]] | None = None
    attempts: list[dict[str, Any]] = Field(default_factory=list)
    raw: dict[str, Any] | None = Field(default=None, repr=False, exclude=True)

    @property
    def total_tokens(self) -> int | None:
        """Tokens of prompt and answer together; None when the provider told none."""
        return self.usage.get("total_tokens")

    def to_message(self) -> Message:
        """The assistant's turn, to be put behind the messages that it answers.

        It carries all that any provider wants back beside the text: tool calls, their signatures,
        and signed thoughts, without which some refuse the results of tools.
        """
        return Message(
            role="assistant",
            # None stands for no text only beside something else.
            content=self.content or (None if self.tool_calls else ""),
            tool_calls=self.tool_calls,
            thinking_blocks=self.thinking_blocks,
            reasoning=self.reasoning,
        )


class StreamChunk(_Schema):
    """A piece of a streamed answer.

    :param delta: the next piece of the text; empty in chunks that tell something else.
    :param model: ``provider:model`` that answers.
    :param finish_reason: with the last chunk, why the answer ended.
    :param usage: with the last chunk, as `LLMResponse.usage`.
    :param tool_calls: with the last chunk, the calls, complete.
    :param reasoning: the next piece of what the model thinks.
    :param parsed: with the last chunk, as `LLMResponse.parsed`.
    """

    delta: str
    model: str | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    reasoning: str | None = None
    parsed: Any = None

    @property
    def content(self) -> str:
        """The same as `delta`."""
        return self.delta


class FileUploadResponse(_Schema):
    """A file that was given to a provider.

    :param file_id: the provider's own id of it.
    :param purpose: what it is for, in the provider's words; None where it keeps no purpose.
    :param created_at: when it was uploaded, with its time zone.
    :param metadata: ``media_type``, ``expires_at`` (ISO 8601) and ``uri``, where the provider tells
        them.
    """

    file_id: str
    provider: str
    filename: str | None = None
    size_bytes: int
    created_at: datetime
    purpose: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class FileMetadata(FileUploadResponse):
    """What a provider knows of a file; fields as in `FileUploadResponse`.

    :param status: ``ready``, or ``expired`` where the provider's time for it is over.
    """

    status: Literal["ready", "expired"]
