"""Models in this process: those of `local_llm_kit`."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from cloud.llm.calls import nested_choice
from cloud.llm.events import ResponseAssembler, StreamEvent
from cloud.llm.keywords import check_keywords
from cloud.llm.streams import AsyncEventStream
from cloud.llm.types import ChatResponse
from LLM.foreign import known_message
from LLM.tools import nested_tools
from llmring.exceptions import ValidationError
from llmring.messages import openai_messages, unmarked_tools
from llmring.providers.base import BaseLLMProvider, PromptSize, ProviderCall
from llmring.providers.local.answers import chat_response, chunk_events
from llmring.providers.local.format import local_format, local_tools
from llmring.providers.single_flight import SingleFlight

if TYPE_CHECKING:
    from LLM.async_streaming import AsyncChatStream
    from local_llm_kit.async_client import AsyncLLMClient

#: What a request says by other names than a local call's, and what an answer has no place for.
_ADVICE = {
    "messages": "give it as messages=…",
    "model": "name it before the messages",
    "timeout": "give it as timeout=…",
    "stream": "call chat_stream",
    "functions": "give tools=…",
    "function_call": "give tool_choice=…",
}


class LocalProvider(BaseLLMProvider):
    """Models in this process, by `local_llm_kit`'s names: ``tiny``, a path, a repository.

    One client has them all, under one `memory_budget` where one is given. Models are loaded when
    they are first asked, and stay until `close`, or until `keep_alive` has passed.

    How much a model may think cannot be bounded here: what one thinks is among its text, and so
    within `max_tokens`. Nor is there a cache to be told of: prompts that begin alike share theirs.

    :param settings: those of `local_llm_kit.AsyncLLMClient`; of its options, `model_path`,
        `context_length`, `adapters` and `draft_model` are for its own `model` alone.
    """

    def __init__(self, name: str = "local", **settings: Any) -> None:
        super().__init__(name)
        if "model_path" not in settings:
            # The variable LOCAL_LLM_KIT_MODEL_PATH would make any model the client's own, to be
            # loaded whichever is asked; the bundled one is not.
            settings.setdefault("model", "tiny")
        self._settings = settings
        self._lock = threading.Lock()
        self._client: AsyncLLMClient | None = None
        self._was_loaded: set[str] = set()
        self._loads = SingleFlight(self._load)

    @property
    def client(self) -> AsyncLLMClient:
        """The client that runs the models: completions, embeddings, decisions, token counts."""
        with self._lock:
            if self._client is None:
                from local_llm_kit.async_client import AsyncLLMClient

                self._client = AsyncLLMClient(**self._settings)
            return self._client

    async def chat(self, call: ProviderCall) -> ChatResponse:
        """Answer a conversation; see `BaseLLMProvider.chat`.

        :raises ModelNotFoundError: there is no such model; see `local_llm_kit.LLMClient`.
        """
        arguments = _arguments(call)
        started = time.monotonic()
        if await self._loaded(call):
            left_s = call.timeout_s - (time.monotonic() - started)
            arguments["timeout"] = max(left_s, 0.001)
        answer = await self.client.chat.completions.create(**arguments)
        return chat_response(answer)

    def stream(self, call: ProviderCall) -> AsyncEventStream:
        """The events of an answer; see `BaseLLMProvider.stream`."""
        events = _Events(self, call, _arguments(call, stream=True))
        return AsyncEventStream(events, events.close, ResponseAssembler(call.model), events.accept)

    async def begun(self, call: ProviderCall, arguments: dict[str, Any]) -> AsyncChatStream:
        """The stream of a call, which has begun; raises as `chat` does."""
        await self._loaded(call)
        usage = {"include_usage": True}
        return await self.client.chat.completions.create(
            **arguments, stream=True, stream_options=usage
        )

    async def list_models(self) -> list[str]:
        """The models that need no download.

        :raises LLMConfigError: a folder in which to look cannot be read.
        """
        return await asyncio.to_thread(_present)

    async def prompt_size(self, call: ProviderCall) -> PromptSize:
        """How long the prompt of a call is; the model is loaded to count.

        :raises LLMError: as `chat`.
        """
        arguments = _arguments(call)
        await self._loaded(call)
        facts = await self.client.load(call.model)
        tokens = await self.client.count_tokens(
            arguments["messages"], arguments.get("tools"), call.model
        )
        return PromptSize(tokens, facts.context_length)

    async def close(self) -> None:
        """End what runs, and unload the models."""
        with self._lock:
            client, self._client = self._client, None
        self._was_loaded.clear()
        if client is not None:
            await client.close()

    async def _loaded(self, call: ProviderCall) -> bool:
        """Wait for the model to be loaded; whether there was something to wait for.

        Many may wait. Were each to load by its call, they would take all threads of the loop, which
        also look up the hosts of other providers.
        """
        if call.model in self._was_loaded:
            return False
        await self._loads.result(
            call.model, call.timeout_s, f"the model {call.model!r} was not loaded"
        )
        return True

    async def _load(self, model: str) -> None:
        # Importing the client takes 0.1 s, in which the loop would stand still.
        client = await asyncio.to_thread(lambda: self.client)
        await client.load_ahead(model)
        self._was_loaded.add(model)


class _Events:
    """The events of one answer; no generator, whose end would need the loop."""

    def __init__(
        self, provider: LocalProvider, call: ProviderCall, arguments: dict[str, Any]
    ) -> None:
        self._provider = provider
        self._call = call
        self._arguments = arguments
        self._stream: AsyncChatStream | None = None
        self._ready: deque[StreamEvent] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        is_first = self._stream is None
        if self._stream is None:
            self._stream = await self._provider.begun(self._call, self._arguments)
        while not self._ready:
            self._ready.extend(chunk_events(await anext(self._stream), is_first=is_first))
        return self._ready.popleft()

    async def accept(self, response: ChatResponse) -> None:
        """Take over what was made of the complete answer."""
        if self._stream is not None:
            answer = await self._stream.response
            response.parsed = answer.choices[0].message.parsed

    def close(self) -> None:
        """Free the slot."""
        if self._stream is not None:
            self._stream.stop()


def _arguments(call: ProviderCall, *, stream: bool = False) -> dict[str, Any]:
    """The arguments of a local call.

    :param stream: whether its answer is streamed.
    :raises ValidationError: a further one is said elsewhere, or its effect would be lost.
    :raises InvalidRequestError: an argument is wrong.
    """
    extra = {name: value for name, value in call.extra.items() if value is not None}
    if wrong := next((name for name in _ADVICE if name in extra), None):
        raise ValidationError(f"extra_params has {wrong!r}; {_ADVICE[wrong]}")
    check_keywords(extra, call.max_tokens, stream=stream)
    named = {
        "temperature": call.temperature,
        "max_tokens": call.max_tokens,
        "tools": local_tools(unmarked_tools(nested_tools(call.tools))),
        "tool_choice": nested_choice(call.tool_choice),
        "response_format": local_format(call.response_format),
        "timeout": call.timeout_s,
    }
    given = {name: value for name, value in named.items() if value is not None}
    return {
        **given,
        **extra,
        "model": call.model,
        "messages": [
            known_message(message, at_openai=True) for message in openai_messages(call.messages)
        ],
    }


def _present() -> list[str]:
    from local_llm_kit.inventory import inventory
    from local_llm_kit.settings import default_model_path

    present = inventory(default_path=default_model_path())
    return list(dict.fromkeys(model.name for model in present if model.problem is None))
