"""An Ollama server."""

from __future__ import annotations

import os
import shlex
import time
from dataclasses import replace
from typing import Any, ClassVar

from cloud.llm.events import ResponseAssembler
from cloud.llm.ollama.async_client import AsyncOllamaClient
from cloud.llm.streams import AsyncEventStream
from cloud.llm.types import ChatResponse
from LLM.exceptions import InvalidRequestError, LLMError
from LLM.exceptions import ModelNotFoundError as LLMModelNotFoundError
from llmring.exceptions import ModelNotFoundError
from llmring.providers.base import ProviderCall
from llmring.providers.ollama.calls import (
    OllamaCall,
    may_call_in_parallel,
    with_openai_choice,
    with_prompted_tools,
    with_thinking,
)
from llmring.providers.ollama.events import OllamaEvents
from llmring.providers.ollama.models import Capabilities, OllamaModels
from llmring.providers.ollama.prompted_tools import has_tool_turns
from llmring.providers.remote import RemoteProvider
from llmring.providers.sdks import sdk


class OllamaProvider(RemoteProvider):
    """An Ollama server.

    Models that have tools are given them; the others are told of them in their prompt, and their
    calls are read from their text. That is also how any model is made to call one, which Ollama
    itself cannot do: the answer is held to the form of a call. What a model can do is asked once.

    The server has no bound for thoughts: `reasoning_tokens` lets a model think, if it can, within
    that and `max_tokens` together, and 0 keeps it from thinking. It keeps its cache by itself.

    :param settings: those of `AsyncOllamaClient`; the environment fills in the address.
    """

    cache_fields: ClassVar = frozenset[str]()

    def __init__(self, name: str = "ollama", **settings: Any) -> None:
        client = AsyncOllamaClient.from_env(max_retries=0, **settings)
        super().__init__(name, client)
        self._models = OllamaModels(client)

    def _make_sdk_client(self) -> Any:
        headers = self.headers
        if self.api_key or os.environ.get("OLLAMA_API_KEY"):
            # Without one the SDK would take that of the environment, whatever the address.
            headers = {"Authorization": f"Bearer {self.api_key or 'none'}", **headers}
        return sdk("ollama").AsyncClient(host=self.chat_client.codec.api_root, headers=headers)

    async def chat(self, call: ProviderCall) -> ChatResponse:
        """Answer a conversation; see `BaseLLMProvider.chat`.

        :raises ModelNotFoundError: the model is not on the server.
        """
        asked = await self.asked(call)
        left_s = max(call.timeout_s - asked.waited_s, 0.001)
        try:
            response = await super().chat(replace(asked.call, timeout_s=left_s))
        except LLMError as err:
            if self.learns_from(err, asked):
                return await self.chat(replace(call, timeout_s=left_s))
            self.raise_if_missing(err, call.model)
            raise
        return asked.answer.whole(response) if asked.answer else response

    def stream(self, call: ProviderCall) -> AsyncEventStream:
        """The events of an answer; see `BaseLLMProvider.stream`."""
        events = OllamaEvents(self, call)
        return AsyncEventStream(events, events.close, ResponseAssembler(call.model), events.accept)

    def stream_of(self, asked: OllamaCall) -> AsyncEventStream:
        """The server's own events."""
        return super().stream(asked.call)

    async def asked(self, call: ProviderCall) -> OllamaCall:
        """How a call is put to the server, which is asked what the model can do if that matters.

        :raises ModelNotFoundError: the model is not on the server.
        :raises LLMError: the server cannot be asked, or an argument is wrong.
        """
        messages = self.messages(call)
        call = with_openai_choice(replace(call, messages=messages))
        offers = bool(call.tools) and call.tool_choice != "none"
        must_call = offers and call.tool_choice not in (None, "auto")
        by_prompt = must_call or (offers and not may_call_in_parallel(call))
        thinks, waited_s = bool(call.reasoning_tokens), 0.0
        in_question = not by_prompt and (offers or has_tool_turns(messages))
        if in_question or thinks:
            can, waited_s = await self._capabilities(call)
            by_prompt = by_prompt or (in_question and not can.tools)
            thinks = thinks and can.thinking
        call = with_thinking(call, thinks)
        if not by_prompt:
            return OllamaCall(call, waited_s=waited_s)
        return replace(with_prompted_tools(call, self.secrets), waited_s=waited_s)

    async def _capabilities(self, call: ProviderCall) -> tuple[Capabilities, float]:
        """What the model can do, and the seconds that it took to learn that."""
        if known := self._models.known(call.model):
            return known, 0.0
        started = time.monotonic()
        try:
            found = await self._models.capabilities(call.model, call.timeout_s)
        except LLMError as err:
            self.raise_if_missing(err, call.model)
            raise
        return found, time.monotonic() - started

    def learns_from(self, error: LLMError, asked: OllamaCall) -> bool:
        """Take note if `error` says that the model has no tools, so that it is asked by prompt.

        :return: whether it does.
        """
        return (
            asked.answer is None
            and isinstance(error, InvalidRequestError)
            and "does not support tools" in error.message
            and self._models.learn_no_tools(asked.call.model)
        )

    def raise_if_missing(self, error: LLMError, model: str) -> None:
        """Say how to get a model that is not there.

        :raises ModelNotFoundError: that is what `error` says.
        """
        if not isinstance(error, LLMModelNotFoundError):
            return
        self._models.forget(model)
        raise ModelNotFoundError(
            f"Ollama at {self.chat_client.codec.api_root} has no model {model!r}; get it with: "
            f"ollama pull {shlex.quote(model)}",
            status_code=error.status_code,
            provider=error.provider,
            model=model,
            body=error.body,
            request_id=error.request_id,
            code=error.code,
        ) from error
