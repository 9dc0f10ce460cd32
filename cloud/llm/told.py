"""What telemetry tells of a provider's call and of its answer."""

from __future__ import annotations

from typing import Any

from cloud.llm.codec import ChatCall
from cloud.llm.events import Ping
from cloud.llm.types import ChatResponse
from LLM.secrets import Secrets
from LLM.telemetry import names
from LLM.telemetry.answers import Output, Told
from LLM.telemetry.asked import Asked
from LLM.telemetry.peers import Peer


def chat_asked(call: ChatCall, peer: Peer, secret: Secrets) -> Asked:
    """What a call asks for, in OpenAI's words."""
    fields: dict[str, Any] = {
        **call.extra,
        "messages": call.messages,
        "stream": call.stream,
        "tools": call.tools,
        "response_format": call.response_format,
    }
    if call.temperature is not None:
        fields["temperature"] = call.temperature
    if call.max_tokens is not None:
        fields["max_tokens"] = call.max_tokens
    return Asked(names.CHAT, peer, call.model, fields, secret, call.has_system)


def chat_told(response: ChatResponse | None) -> Told:
    """What an answer tells; None where nothing of it arrived."""
    if response is None:
        return Told()
    raw = response.raw or {}

    def output() -> Output:
        message = response.to_message()
        if response.reasoning:
            message["reasoning"] = response.reasoning
        return [(message, response.finish_reason)]

    return Told(
        id=response.id,
        model=response.model,
        finish_reasons=[response.finish_reason] if response.finish_reason else [],
        usage=response.usage,
        output=output,
        service_tier=raw.get("service_tier"),
        fingerprint=raw.get("system_fingerprint"),
    )


def is_chunk(event: Any) -> bool:
    """Whether an event of a stream brings something of the answer."""
    return not isinstance(event, Ping)
