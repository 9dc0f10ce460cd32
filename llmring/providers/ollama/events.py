"""The events of one answer of an Ollama server."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

from cloud.llm.events import StreamEvent
from cloud.llm.types import ChatResponse
from LLM.exceptions import LLMError
from llmring.providers.base import ProviderCall

if TYPE_CHECKING:
    from cloud.llm.streams import AsyncEventStream
    from llmring.providers.ollama.calls import OllamaCall
    from llmring.providers.ollama.provider import OllamaProvider


class OllamaEvents:
    """Asks when it is first iterated; no generator, whose end would need the loop.

    :param provider: the server.
    :param call: what is asked of it.
    """

    def __init__(self, provider: OllamaProvider, call: ProviderCall) -> None:
        self._provider = provider
        self._call = call
        self._asked: OllamaCall | None = None
        self._stream: AsyncEventStream | None = None
        self._ready: deque[StreamEvent] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        while not self._ready:
            event = await (self._first() if self._stream is None else anext(self._stream))
            answer = self._asked.answer if self._asked else None
            if answer is None:
                return event
            self._ready.extend(answer.events(event))
        return self._ready.popleft()

    async def _first(self) -> StreamEvent:
        """Ask, and ask by prompt where the server says that the model has no tools."""
        provider = self._provider
        self._asked = asked = await provider.asked(self._call)
        self._stream = provider.stream_of(asked)
        try:
            return await anext(self._stream)
        except LLMError as err:
            if not provider.learns_from(err, asked):
                provider.raise_if_missing(err, self._call.model)
                raise
        return await self._first()

    async def accept(self, response: ChatResponse) -> None:
        """Take over what was made of the complete answer."""
        if self._stream is not None and self._asked and self._asked.answer is None:
            response.parsed = (await self._stream.response).parsed

    def close(self) -> None:
        """End the connection unless the answer was read to its end."""
        if self._stream is not None:
            self._stream.stop()
