"""Jobs of many requests at any provider: bodies in OpenAI's words in, OpenAI's answers out. Pure.

See `LLM.batch` for what a job is.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from cloud.llm.calls import chat_call
from cloud.llm.codec import ChatCall
from cloud.llm.types import ChatResponse
from LLM.batch.types import BatchRequest, BatchURL
from LLM.exceptions import InvalidRequestError

#: What a job can ask of a provider whose language is its own.
CHAT_URLS: tuple[BatchURL, ...] = ("/v1/chat/completions",)

#: Fields of a body that are arguments of `chat_call`; the rest goes to the provider's codec.
_ARGUMENTS = ("temperature", "max_tokens", "tools", "tool_choice", "response_format")


def call_of(request: BatchRequest) -> ChatCall:
    """The call that a request of a job asks for.

    :raises InvalidRequestError: it is no chat, or a field of it cannot work.
    """
    if request.url not in CHAT_URLS:
        raise InvalidRequestError(
            f"url is {request.url!r}, and this provider answers {CHAT_URLS[0]} alone"
        )
    body = dict(request.body)
    model, messages = body.pop("model"), body.pop("messages")
    arguments = {name: body.pop(name, None) for name in _ARGUMENTS}
    body.pop("stream", None)  # checked when it was read: a job's answers come whole
    return chat_call(model, messages, stream=False, system=None, **arguments, extra=body)


def completion_of(response: ChatResponse, created: int) -> bytes:
    """An answer as OpenAI's chat completion, in one line of JSON.

    What the model thought stands in `reasoning_content`, where DeepSeek and vLLM have it, and its
    signed blocks in `thinking_blocks`, which the next turn takes.

    :param created: when it was made, in seconds since the epoch.
    """
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
