"""`AsyncLLMClient`: the twin of `LLMClient` for coroutines, name by name."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from LLM.async_streaming import AsyncChatStream, AsyncCompletionStream
from LLM.types import ChatCompletionChunk, CompletionChunk, Model, ModelsResponse
from LLM.types import CompletionResponse as TextCompletionResponse
from local_llm_kit.assembler import LocalAssembler
from local_llm_kit.async_runs import AsyncRuns
from local_llm_kit.calls import Calls
from local_llm_kit.catalog import open_catalog
from local_llm_kit.memory_switch import AsyncMemoryMethods
from local_llm_kit.types import CompletionResponse, DecisionResponse, EmbeddingsResponse

if TYPE_CHECKING:
    from LLM.batch.output import AnyOutput
    from LLM.batch.prompts import Requests
    from LLM.batch.report import BatchReport
    from LLM.batch.types import BatchOptions
    from local_llm_kit.engines.protocol import EngineStats, ModelInfo
    from local_llm_kit.memory_plan import MemoryPlan


class AsyncLLMClient(AsyncMemoryMethods):
    """A language model in this process, for coroutines.

    The methods are `LLMClient`'s, awaited. Calls may come from several event loops at once, and run
    together, batched. The model is loaded by the first call, or on entering an ``async with``
    block; loading and the reading of prompts happen beside the loop. Cancelling a task that waits
    for an answer stops the work within a step.

    :param model: this and the others are `LLMClient`'s.
    :raises LLMConfigError: a setting cannot work. That there is no such model, or a package is
        missing, is found when the model is loaded.

    ::

        async with AsyncLLMClient("tiny") as client:
            messages = [{"role": "user", "content": "Hi"}]
            async with await client.chat.completions.create(
                messages=messages, stream=True
            ) as stream:
                async for text in stream.iter_text():
                    print(text, end="")
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        model_path: str | os.PathLike[str] | None = None,
        context_length: int | None = None,
        temperature: float = 0.7,
        top_p: float = 0.9,
        backend: str | None = None,
        timeout: float | None = None,
        **options: Any,
    ) -> None:
        options |= {
            "model_path": model_path,
            "context_length": context_length,
            "backend": backend,
        }
        self._catalog = open_catalog(model, temperature, top_p, options)
        self._calls = Calls(self._catalog, timeout)
        runs = AsyncRuns()
        self.chat = AsyncChat(self._calls, runs)
        self.completions = AsyncCompletions(self._calls, runs)
        self.embeddings = AsyncEmbeddings(self._calls)
        self.decisions = AsyncDecisions(self._calls, runs)
        self.models = AsyncModels(self._calls)

    async def __aenter__(self) -> Self:
        await self.load_ahead()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncLLMClient({self._catalog.description})"

    @property
    def info(self) -> ModelInfo:
        """Facts about the client's model.

        :raises LLMConfigError: it has not been loaded yet.
        """
        return self._catalog.info

    @property
    def memory_plan(self) -> MemoryPlan | None:
        """What the client's model was planned to take, beside what was measured; prints as a table.

        None of a model of Ollama's, whose memory is another program's.

        :raises LLMConfigError: it has not been loaded yet.
        """
        return self._catalog.memory_plan

    @property
    def stats(self) -> EngineStats:
        """What the client's model is doing.

        :raises LLMConfigError: it is not loaded.
        """
        return self._catalog.stats

    async def load(self, model: str | None = None) -> ModelInfo:
        """Load a model now; calls do so by themselves.

        :param model: as for a call; None means the client's own.
        :return: facts about the model.
        :raises ModelNotFoundError: there is no such model.
        """
        return await asyncio.to_thread(self._calls.load, model)

    async def load_ahead(self, model: str | None = None) -> None:
        """Load a model before its first call, unless that may be answered by a cassette.

        :param model: as for a call; None means the client's own.
        :raises ModelNotFoundError: there is no such model.
        """
        await asyncio.to_thread(self._calls.load_ahead, model)

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of `text` by the model's own tokenizer, without special tokens."""
        return await asyncio.to_thread(self._calls.tokenize, text)

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Text of `tokens`; special tokens have none."""
        return await asyncio.to_thread(self._calls.detokenize, tokens)

    async def count_tokens(
        self,
        text: str | Sequence[Any],
        tools: Sequence[Mapping[str, Any]] | None = None,
        model: str | None = None,
    ) -> int:
        """Tokens of a text, or of the prompt that messages make; see `LLMClient.count_tokens`."""
        return await asyncio.to_thread(self._calls.count_tokens, text, tools, model)

    async def batch(
        self, requests: Requests, output: AnyOutput = None, **options: Unpack[BatchOptions]
    ) -> BatchReport:
        """Answer a job of many requests; see `LLMClient.batch`. Cancelled, it ends what runs."""
        from LLM.batch.in_thread import in_thread  # needed by few
        from local_llm_kit.jobs import LocalJob

        job = LocalJob(self._catalog, self._calls.timeout_s, requests, output, options)
        return await in_thread(job.run, job.stop)

    async def save_state(
        self,
        messages: Sequence[Any],
        path: str | os.PathLike[str],
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> int:
        """Write what the cache holds of a conversation to a file; see `LLMClient.save_state`."""
        return await asyncio.to_thread(self._calls.save_state, messages, path, tools)

    async def load_state(self, path: str | os.PathLike[str]) -> int:
        """Put a saved conversation back into the cache; see `LLMClient.load_state`."""
        return await asyncio.to_thread(self._calls.load_state, path)

    async def close(self) -> None:
        """End what runs and give the memory back; repeatable."""
        try:
            await asyncio.to_thread(self._calls.memory.disable)
        finally:
            await asyncio.to_thread(self._catalog.close)


class AsyncChatCompletions:
    """``client.chat.completions``."""

    def __init__(self, calls: Calls, runs: AsyncRuns) -> None:
        self._calls = calls
        self._runs = runs

    @overload
    async def create(
        self, *, messages: Any, stream: Literal[False] = ..., **arguments: Any
    ) -> CompletionResponse: ...
    @overload
    async def create(
        self, *, messages: Any, stream: Literal[True], **arguments: Any
    ) -> AsyncChatStream: ...
    @overload
    async def create(
        self, *, messages: Any, stream: bool, **arguments: Any
    ) -> CompletionResponse | AsyncChatStream: ...
    async def create(
        self, *, messages: Any, stream: bool = False, **arguments: Any
    ) -> CompletionResponse | AsyncChatStream:
        """Answer a conversation; arguments and errors are `LLMClient`'s.

        :return: the whole answer, or a stream to be iterated with ``async for``.
        """
        ask = partial(self._calls.chat, messages, {**arguments, "stream": stream})
        if not stream:
            return await self._runs.answered(ask)
        run = await self._runs.begun(ask)
        chunks = run.chunks(ChatCompletionChunk.model_validate)
        return AsyncChatStream(chunks, run.cancel, run.finish, LocalAssembler(run.answer))


class AsyncChat:
    """``client.chat``."""

    def __init__(self, calls: Calls, runs: AsyncRuns) -> None:
        self.completions = AsyncChatCompletions(calls, runs)


class AsyncCompletions:
    """``client.completions``."""

    def __init__(self, calls: Calls, runs: AsyncRuns) -> None:
        self._calls = calls
        self._runs = runs

    @overload
    async def create(
        self, *, prompt: Any, stream: Literal[False] = ..., **arguments: Any
    ) -> TextCompletionResponse: ...
    @overload
    async def create(
        self, *, prompt: Any, stream: Literal[True], **arguments: Any
    ) -> AsyncCompletionStream: ...
    @overload
    async def create(
        self, *, prompt: Any, stream: bool, **arguments: Any
    ) -> TextCompletionResponse | AsyncCompletionStream: ...
    async def create(
        self, *, prompt: Any, stream: bool = False, **arguments: Any
    ) -> TextCompletionResponse | AsyncCompletionStream:
        """Go on with a text; arguments and errors are `LLMClient`'s."""
        ask = partial(self._calls.completion, prompt, {**arguments, "stream": stream})
        if not stream:
            return await self._runs.answered(ask)
        run = await self._runs.begun(ask)
        return AsyncCompletionStream(run.chunks(CompletionChunk.model_validate), run.cancel)


class AsyncEmbeddings:
    """``client.embeddings``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def create(self, *, input: Any, **arguments: Any) -> EmbeddingsResponse:
        """Embed texts; arguments and errors are `LLMClient`'s."""
        return await asyncio.to_thread(self._calls.embeddings, {**arguments, "input": input})


class AsyncDecisions:
    """``client.decisions``."""

    def __init__(self, calls: Calls, runs: AsyncRuns) -> None:
        self._calls = calls
        self._runs = runs

    async def create(self, *, input: Any, questions: Any, **arguments: Any) -> DecisionResponse:
        """Answer typed questions with probabilities; arguments and errors are `LLMClient`'s."""
        arguments |= {"input": input, "questions": questions}
        return await self._runs.answered(partial(self._calls.decision, arguments))


class AsyncModels:
    """``client.models``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def list(self) -> ModelsResponse:
        """The models that calls can name: loaded, bundled, and found on this machine."""
        return await asyncio.to_thread(self._calls.models)

    async def retrieve(self, model: str) -> Model:
        """One of those models; raises as the blocking client's."""
        return await asyncio.to_thread(self._calls.model, model)
