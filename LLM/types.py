"""The OpenAI shape as pydantic models: what every package sends, receives and hands out.

Unknown fields are kept (`model_extra`), so a provider's additions such as `reasoning_content`
reach the caller as attributes. Fields that servers leave out are None or zero rather than errors;
what makes an answer an answer (`choices`, a `message`, text that is text) is required.

Lists of a server's stop at their first mistake, or have a bound, for each mistake that pydantic
finds takes 1.4 kB.

Source: https://platform.openai.com/docs/api-reference (chat, completions, models).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from LLM.json_size import MAX_PARTS
from LLM.overflow import Overflow


class OpenAIModel(BaseModel):
    """A shape of the API: unknown fields are kept; building is put off until first use."""

    model_config = ConfigDict(extra="allow", defer_build=True, protected_namespaces=())


def _text(value: Any) -> Any:
    # A call without arguments, or without an id, is null with some servers.
    return "" if value is None else value


_Text = Annotated[str, BeforeValidator(_text)]


class FunctionCall(OpenAIModel):
    """A function's name and its arguments as JSON text, exactly as the model wrote them."""

    name: str
    arguments: _Text = ""


class ToolCall(OpenAIModel):
    """One call of a tool, asked for by the model."""

    id: _Text = ""
    type: str = "function"
    function: FunctionCall


class Message(OpenAIModel):
    """A chat message, sent or received.

    :param role: ``system``, ``developer``, ``user``, ``assistant`` or ``tool``.
    :param content: text, a list of content parts, or None (an assistant turn of tool calls alone).
    :param name: name of the speaker, where the API takes one.
    :param tool_calls: the assistant's tool calls.
    :param tool_call_id: in a ``tool`` message, the call that it answers.
    :param function_call: legacy single function call.
    :param refusal: the model's refusal, when it gave one in place of an answer.
    :param parsed: the content as the pydantic object given as `response_format`; never sent.
    """

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    function_call: FunctionCall | None = None
    refusal: str | None = None
    parsed: Any = Field(default=None, exclude=True)

    def to_dict(self) -> dict[str, Any]:
        """The message as the API takes it: unset fields left out."""
        return self.model_dump(exclude_none=True)


class ResponseMessage(Message):
    """The assistant's message in an answer: its content is text or None."""

    role: str = "assistant"
    content: str | None = None
    tool_calls: list[ToolCall] | None = Field(default=None, max_length=MAX_PARTS)


class PromptTokensDetails(OpenAIModel):
    """What the prompt's tokens were."""

    cached_tokens: int | None = None
    audio_tokens: int | None = None


class CompletionTokensDetails(OpenAIModel):
    """What the completion's tokens were."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None


def _count(value: Any) -> Any:
    # An answer is not lost over a count of null, and none below zero lifts a limit.
    return 0 if value is None or (isinstance(value, (int, float)) and value < 0) else value


#: A count of tokens as servers send it.
TokenCount = Annotated[int, BeforeValidator(_count)]


class Usage(OpenAIModel):
    """Token counts of one call, as the server counted them; null and what is below 0 are 0."""

    prompt_tokens: TokenCount = 0
    completion_tokens: TokenCount = 0
    total_tokens: TokenCount = 0
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None


class TopLogprob(OpenAIModel):
    """A token that could have stood at a position; `logprob` is natural, at most 0."""

    token: str
    logprob: float
    bytes: list[int] | None = Field(default=None, fail_fast=True)


class TokenLogprob(TopLogprob):
    """The token that stands at a position, and the likeliest others."""

    top_logprobs: list[TopLogprob] = Field(default=[], fail_fast=True)


class ChoiceLogprobs(OpenAIModel):
    """Log probabilities of a chat choice, one entry a token."""

    content: list[TokenLogprob] | None = Field(default=None, fail_fast=True)
    refusal: list[TokenLogprob] | None = Field(default=None, fail_fast=True)


class Choice(OpenAIModel):
    """One answer of a chat completion."""

    index: int = 0
    message: ResponseMessage
    finish_reason: str | None = None
    logprobs: ChoiceLogprobs | None = None


class ChatCompletionResponse(OpenAIModel):
    """Answer of ``/v1/chat/completions``."""

    id: str | None = None
    object: str = "chat.completion"
    created: int | None = None
    model: str | None = None
    choices: list[Choice] = Field(min_length=1, fail_fast=True)
    usage: Usage | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    #: An `Overflow`: what was dropped from the messages; None when nothing was.
    overflow: Annotated[Any, BeforeValidator(Overflow.read)] = None

    @property
    def text(self) -> str:
        """Text of the first choice; empty when it has none."""
        return self.choices[0].message.content or ""

    @property
    def parsed(self) -> Any:
        """The first choice as the pydantic object given as `response_format`, or None."""
        return self.choices[0].message.parsed


class FunctionCallDelta(OpenAIModel):
    """A piece of a function call."""

    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(OpenAIModel):
    """A piece of the tool call number `index`."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionCallDelta | None = None


class ChoiceDelta(OpenAIModel):
    """What a stream chunk adds to a choice."""

    role: str | None = None
    content: str | None = None
    tool_calls: list[ToolCallDelta] | None = Field(default=None, max_length=MAX_PARTS)
    function_call: FunctionCallDelta | None = None
    refusal: str | None = None


class ChunkChoice(OpenAIModel):
    """One choice's part of a stream chunk."""

    index: int = 0
    delta: ChoiceDelta
    finish_reason: str | None = None
    logprobs: ChoiceLogprobs | None = None


class ChatCompletionChunk(OpenAIModel):
    """One event of a streamed chat completion; the usage chunk has no choices."""

    id: str | None = None
    object: str = "chat.completion.chunk"
    created: int | None = None
    model: str | None = None
    choices: list[ChunkChoice] = Field(fail_fast=True)
    usage: Usage | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None


class CompletionLogprobs(OpenAIModel):
    """Log probabilities of a text completion: four parallel lists, one entry a token."""

    tokens: list[str] | None = Field(default=None, fail_fast=True)
    token_logprobs: list[float | None] | None = Field(default=None, fail_fast=True)
    top_logprobs: list[dict[str, float] | None] | None = Field(default=None, fail_fast=True)
    text_offset: list[int] | None = Field(default=None, fail_fast=True)


class CompletionChoice(OpenAIModel):
    """One answer of a text completion, or in a stream what a chunk adds to it."""

    index: int = 0
    text: str
    finish_reason: str | None = None
    logprobs: CompletionLogprobs | None = None


class CompletionChunk(OpenAIModel):
    """One event of a streamed text completion; the usage chunk has no choices."""

    id: str | None = None
    object: str = "text_completion"
    created: int | None = None
    model: str | None = None
    choices: list[CompletionChoice] = Field(fail_fast=True)
    usage: Usage | None = None
    system_fingerprint: str | None = None


class CompletionResponse(OpenAIModel):
    """Answer of ``/v1/completions``."""

    id: str | None = None
    object: str = "text_completion"
    created: int | None = None
    model: str | None = None
    choices: list[CompletionChoice] = Field(min_length=1, fail_fast=True)
    usage: Usage | None = None
    system_fingerprint: str | None = None

    @property
    def text(self) -> str:
        """Text of the first choice."""
        return self.choices[0].text


class EmbeddingsResponse(OpenAIModel):
    """Answer of ``/v1/embeddings``: in `data` one embedding for each input."""

    id: str | None = None
    object: str = "list"
    data: list[dict[str, Any]] = Field(min_length=1, fail_fast=True)
    model: str | None = None
    usage: Usage | None = None


def _responses_usage(value: Any) -> Any:
    # This API alone counts input and output.
    if not isinstance(value, dict):
        return value
    prompt, completion = value.get("input_tokens"), value.get("output_tokens")
    return {**value, "prompt_tokens": prompt, "completion_tokens": completion}


class ResponsesResponse(OpenAIModel):
    """Answer of ``/v1/responses``; `usage` also has its counts under the names of the others."""

    id: str | None = None
    object: str = "response"
    status: str | None = None
    model: str | None = None
    output: list[dict[str, Any]] = Field(fail_fast=True)
    usage: Annotated[Usage | None, BeforeValidator(_responses_usage)] = None


#: What a call is answered with, when its answer comes whole.
AnyResponse = ChatCompletionResponse | CompletionResponse | EmbeddingsResponse | ResponsesResponse


class Model(OpenAIModel):
    """A model that a server offers."""

    id: str
    object: str = "model"
    created: int | None = None
    owned_by: str | None = None


class ModelsResponse(OpenAIModel):
    """Answer of ``/v1/models``."""

    object: str = "list"
    data: list[Model] = Field(fail_fast=True)
