"""Models in this process: those of `local_llm_kit`."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Callable
from typing import Any

from cloud.llm.events import (
    Finish,
    ReasoningDelta,
    ResponseAssembler,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from cloud.llm.streams import AsyncEventStream
from cloud.llm.types import ChatResponse, ToolCall
from llmring.exceptions import ConfigurationError
from llmring.messages import openai_messages
from llmring.providers.base import BaseLLMProvider, ProviderCall

#: A package of each engine that can run a model here.
_ENGINES = ("llama_cpp", "transformers")


def has_engine() -> bool:
    """Whether a package that can run a model in this process is installed."""
    return any(importlib.util.find_spec(package) is not None for package in _ENGINES)


class LocalProvider(BaseLLMProvider):
    """Models in this process, by `local_llm_kit`'s names: ``tiny``, a path, a repository."""

    def __init__(self, name: str = "local", **settings: Any) -> None:
        super().__init__(name)
        # Imported here, for an engine is loaded by whoever uses it.
        from local_llm_kit.async_client import AsyncLLMClient

        self._make: Callable[[str], Any] = lambda model: AsyncLLMClient(model, **settings)
        self._clients: dict[str, Any] = {}

    @property
    def client(self) -> Any:
        """There is none.

        :raises ConfigurationError: always.
        """
        raise ConfigurationError("local models have no SDK; use local_llm_kit.AsyncLLMClient")

    async def chat(self, call: ProviderCall) -> ChatResponse:
        """Answer a conversation; see `BaseLLMProvider.chat`."""
        client = self._client(call.model)
        answer = await client.chat.completions.create(**self._arguments(call))
        choice = answer.choices[0]
        message = choice.message
        usage = answer.usage
        return ChatResponse(
            content=message.content or "",
            model=answer.model,
            input_tokens=usage.prompt_tokens if usage else 0,
            output_tokens=usage.completion_tokens if usage else 0,
            finish_reason=choice.finish_reason or "stop",
            tool_calls=[
                ToolCall(one.id or "", one.function.name or "", one.function.arguments or "")
                for one in message.tool_calls or ()
            ],
            usage=usage,
            id=answer.id,
        )

    def stream(self, call: ProviderCall) -> AsyncEventStream:
        """The events of an answer; see `BaseLLMProvider.stream`."""
        reading = _Reading(self._client(call.model), self._arguments(call))
        return AsyncEventStream(reading.events(), reading.close, ResponseAssembler(call.model))

    def _client(self, model: str) -> Any:
        if model not in self._clients:
            self._clients[model] = self._make(model)
        return self._clients[model]

    def _arguments(self, call: ProviderCall) -> dict[str, Any]:
        named = {
            "temperature": call.temperature,
            "max_tokens": call.max_tokens,
            "tools": call.tools,
            "tool_choice": call.tool_choice,
            "response_format": call.response_format,
            **call.extra,
        }
        given = {name: value for name, value in named.items() if value is not None}
        return {"messages": openai_messages(call.messages), "timeout": call.timeout_s, **given}

    async def close(self) -> None:
        """Unload the models."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.close()


class _Reading:
    def __init__(self, client: Any, arguments: dict[str, Any]) -> None:
        self._client = client
        self._arguments = arguments
        self._stream: Any = None

    async def events(self) -> AsyncIterator[StreamEvent]:
        self._stream = await self._client.chat.completions.create(
            stream=True, stream_options={"include_usage": True}, **self._arguments
        )
        async for chunk in self._stream:
            for choice in chunk.choices:
                for event in _events(choice):
                    yield event
            if chunk.usage:
                yield UsageUpdate(chunk.usage)

    def close(self) -> None:
        if self._stream is not None:
            self._stream._stop()  # `aclose` is for coroutines, and this is called from anywhere


def _events(choice: Any) -> list[StreamEvent]:
    delta = choice.delta
    found: list[StreamEvent] = []
    if reasoning := getattr(delta, "reasoning_content", None):
        found.append(ReasoningDelta(reasoning))
    if delta.content:
        found.append(TextDelta(delta.content))
    for call in delta.tool_calls or ():
        function = call.function
        found.append(
            ToolCallDelta(
                call.index or 0, call.id or "", function.name or "", function.arguments or ""
            )
        )
    if choice.finish_reason:
        found.append(Finish(choice.finish_reason))
    return found
