"""Jobs of many requests at any provider: bodies in OpenAI's words in, OpenAI's answers out.

See `LLM.batch` for what a job is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from cloud.llm.openai_compat.provider import OpenAICompat
from cloud.llm.types import ChatResponse
from LLM.batch.types import BatchRequest, BatchURL
from LLM.exceptions import InvalidRequestError

if TYPE_CHECKING:
    from cloud.llm.base import BaseClient, Prepared

#: What a job can ask of a provider whose language is its own.
CHAT_URLS: tuple[BatchURL, ...] = ("/v1/chat/completions",)

#: Fields of a body that are arguments of a call; the rest goes to the provider's codec.
_ARGUMENTS = ("temperature", "max_tokens", "tools", "tool_choice")


def prepared_of(client: BaseClient, request: BatchRequest) -> Prepared:
    """The call that a request of a job asks for.

    :param client: makes the provider's request of it.
    :raises InvalidRequestError: it is no chat, or the provider has no form for it.
    """
    if request.url not in CHAT_URLS:
        raise InvalidRequestError(
            f"url is {request.url!r}, and this provider answers {CHAT_URLS[0]} alone"
        )
    body = dict(request.body)
    if body.get("n", 1) != 1 and not isinstance(client, OpenAICompat):
        raise InvalidRequestError("n is not 1, and answers of this provider are told one a request")
    model, messages = body.pop("model"), body.pop("messages")
    arguments = {name: body.pop(name, None) for name in _ARGUMENTS}
    body.pop("stream", None)  # checked when it was read: a job's answers come whole
    return client._prepare(
        messages,
        model,
        body.pop("response_format", None),
        None,
        stream=False,
        system=None,
        **arguments,
        extra=body,
    )


def completion_of(response: ChatResponse, created: int) -> bytes:
    """An answer as OpenAI's chat completion, in one line of JSON.

    What the model thought stands in `reasoning_content`, where DeepSeek and vLLM have it, and its
    signed blocks in `thinking_blocks`, which the next turn takes.

    :param created: when it was made, in seconds since the epoch.
    """
    if response.raw and "choices" in response.raw:
        return to_json(response.raw)  # it is one already, with all that it tells
    message: dict[str, Any] = response.to_message()
    if response.reasoning:
        message.pop("thinking", None)
        message["reasoning_content"] = response.reasoning
    usage = response.usage
    return to_json(
        {
            "id": response.id,
            "object": "chat.completion",
            "created": created,
            "model": response.model,
            "choices": [{"index": 0, "message": message, "finish_reason": response.finish_reason}],
            "usage": None if usage is None else usage.model_dump(exclude_none=True),
        }
    )
