"""`LLMClient`: a model in this process, called as OpenAI's client is called."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from LLM.streaming import ChatStream, CompletionStream
from LLM.types import ChatCompletionChunk, CompletionChunk, Model, ModelsResponse
from LLM.types import CompletionResponse as TextCompletionResponse
from local_llm_kit.assembler import LocalAssembler
from local_llm_kit.calls import Calls
from local_llm_kit.catalog import open_catalog
from local_llm_kit.layered import answered, begun
from local_llm_kit.memory_switch import MemoryMethods
from local_llm_kit.types import CompletionResponse, DecisionResponse, EmbeddingsResponse

if TYPE_CHECKING:
    from LLM.batch.output import AnyOutput
    from LLM.batch.prompts import Requests
    from LLM.batch.report import BatchReport
    from LLM.batch.types import BatchOptions
    from local_llm_kit.engines.protocol import EngineStats, ModelInfo
    from local_llm_kit.memory_plan import MemoryPlan


class LLMClient(MemoryMethods):
    """A language model in this process.

    Safe to share between threads: calls run together, batched. Close it, or use it in a ``with``
    block, to give the memory back; one that is dropped is closed too, with its last stream.

    :param model: ``tiny``; the path of a ``.gguf`` file or of a folder of safetensors; a repository
        of the Hugging Face hub, ``owner/name``, perhaps with ``:Q4_K_M`` or a file pattern; a model
        of Ollama's store, ``name:tag``; or with a path any name. Default: the model at
        ``LOCAL_LLM_KIT_MODEL_PATH``, else ``tiny``. Calls that name another load it too.
    :param model_path: the weights: a ``.gguf`` file or a folder. Default:
        ``LOCAL_LLM_KIT_MODEL_PATH`` for names that are found nowhere else.
    :param context_length: window in tokens, prompt and output together. Default:
        ``LOCAL_LLM_KIT_CONTEXT_LENGTH``, else the model's own window, at most 8,192.
    :param temperature: used by calls that give none, 0 to 2.
    :param top_p: used by calls that give none, more than 0 up to 1.
    :param backend: ``llama.cpp``, ``transformers`` or ``ollama``. Default:
        ``LOCAL_LLM_KIT_BACKEND``, else what the model's files are for.
    :param timeout: seconds that calls which give none may take; None waits for ever.
    :param options: any further field of `LoadOptions` by its name: `n_slots`, `threads`,
        `memory_budget`, `keep_alive`, `offline`, `adapters`, `device` and so on.
    :raises ModelNotFoundError: there is no such model.
    :raises LLMConfigError: a setting cannot work, or a package is missing.
    :raises InvalidRequestError: the model's file is damaged.

    ::

        with LLMClient("tiny") as client:
            answer = client.chat.completions.create(messages=[{"role": "user", "content": "Hi"}])
            print(answer.text)
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
        self.chat = Chat(self._calls)
        self.completions = Completions(self._calls)
        self.embeddings = Embeddings(self._calls)
        self.decisions = Decisions(self._calls)
        self.models = Models(self._calls)
        self.load_ahead()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LLMClient({self._catalog.description})"

    @property
    def info(self) -> ModelInfo:
        """Facts about the client's model."""
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

    def load(self, model: str | None = None) -> ModelInfo:
        """Load a model now; calls do so by themselves.

        :param model: as for a call; None means the client's own, where it was closed to make room
            or after its keep-alive.
        :return: facts about the model.
        :raises ModelNotFoundError: there is no such model.
        """
        return self._calls.load(model)

    def load_ahead(self, model: str | None = None) -> None:
        """Load a model before its first call, unless that may be answered by a cassette.

        :param model: as for a call; None means the client's own.
        :raises ModelNotFoundError: there is no such model.
        """
        self._calls.load_ahead(model)

    def tokenize(self, text: str) -> list[int]:
        """Token ids of `text` by the model's own tokenizer, without special tokens."""
        return self._calls.tokenize(text)

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Text of `tokens`; special tokens have none."""
        return self._calls.detokenize(tokens)

    def count_tokens(
        self,
        text: str | Sequence[Any],
        tools: Sequence[Mapping[str, Any]] | None = None,
        model: str | None = None,
    ) -> int:
        """Tokens by the model's own tokenizer.

        :param text: a text, or messages: then the whole prompt counts that they make, with the
            template's tokens and the opening of the answer.
        :param tools: what the prompt would offer.
        :param model: as for a call; None means the client's own.
        """
        return self._calls.count_tokens(text, tools, model)

    def batch(
        self, requests: Requests, output: AnyOutput = None, **options: Unpack[BatchOptions]
    ) -> BatchReport:
        """Answer a job of many requests, as `LLM.batch` does, by models in this process.

        Requests that name no model ask the client's own. What the client remembers of a
        conversation is no part of a job, nor is the job of that.

        :param requests: the name of a file in OpenAI's batch format, an open binary file of such
            lines, or an iterable of prompts: texts, lists of messages, bodies of calls, or whole
            requests, for ``/v1/chat/completions``, ``/v1/completions`` and ``/v1/embeddings``.
        :param output: file of the answers, each written when it ends; the same call again goes on
            where it was. None keeps them for the report's `results`.
        :param options: see `BatchOptions`; a dry run counts tokens with the model's tokenizer.
        :return: counts, and the results, read when they are asked for.
        :raises BatchInputError: something is no request; nothing was asked.
        :raises BatchOutputError: the output is in use, cannot be written, or is another job's.
        :raises LLMConfigError: an option cannot work.
        :raises LLMServerError: the client was closed meanwhile.
        """
        from local_llm_kit.jobs import LocalJob  # needed by few

        return LocalJob(self._catalog, self._calls.timeout_s, requests, output, options).run()

    def save_state(
        self,
        messages: Sequence[Any],
        path: str | os.PathLike[str],
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> int:
        """Write what the cache holds of a conversation to a file.

        :param messages: the conversation, as for a chat completion.
        :param path: the file; replaced in one step.
        :return: tokens saved; 0 means that nothing of it is in the cache and no file was written.
        """
        return self._calls.save_state(messages, path, tools)

    def load_state(self, path: str | os.PathLike[str]) -> int:
        """Put a saved conversation back into the cache: prompts that begin with it start there.

        :return: tokens restored.
        :raises InvalidRequestError: the file is damaged, or another model's.
        """
        return self._calls.load_state(path)

    def close(self) -> None:
        """End what runs and give the memory back; repeatable."""
        try:
            self._calls.memory.disable()
        finally:
            self._catalog.close()


class ChatCompletions:
    """``client.chat.completions``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @overload
    def create(
        self, *, messages: Any, stream: Literal[False] = ..., **arguments: Any
    ) -> CompletionResponse: ...
    @overload
    def create(self, *, messages: Any, stream: Literal[True], **arguments: Any) -> ChatStream: ...
    @overload
    def create(
        self, *, messages: Any, stream: bool, **arguments: Any
    ) -> CompletionResponse | ChatStream: ...
    def create(
        self, *, messages: Any, stream: bool = False, **arguments: Any
    ) -> CompletionResponse | ChatStream:
        """Answer a conversation.

        :param messages: dicts, or objects with `role` and `content`, oldest first.
        :param stream: give the answer in chunks as it is made.
        :param arguments: OpenAI's: model, temperature, top_p, max_tokens (max_completion_tokens),
            stop, n, seed, tools, tool_choice, parallel_tool_calls, the older functions and
            function_call, response_format (also a pydantic class, whose object is then in
            `.parsed`), logprobs, top_logprobs, logit_bias, frequency_penalty, presence_penalty,
            stream_options. And ours: top_k, min_p, repetition_penalty; `adapter`, the name of a
            LoRA adapter; `overflow`, what to do with messages that do not fit (``error``,
            ``drop_oldest``, ``drop_middle``, ``summarise``; the answer's `.overflow` says what
            went); `continue_final_message`, to go on with a last message that is an assistant's;
            `timeout` in seconds: a whole answer has so long, a stream so long for its first
            chunk and between chunks.
        :return: the whole answer, or a stream: an iterator of chunks and a context manager, which
            assembles the answer (`.response`) and, closed early, stops the work.
        :raises InvalidRequestError: an argument is wrong, or cannot be honoured; names it.
        :raises LLMContextLengthError: the prompt does not fit the window.
        :raises LLMRateLimitError: too many calls are waiting.
        :raises LLMTimeoutError: the time was up; the work is stopped.
        :raises LLMResponseError: the answer does not fit the pydantic class asked for.
        """
        checked = self._calls.chat(messages, {**arguments, "stream": stream})
        if not stream:
            return answered(checked)
        run = begun(checked)
        chunks = map(ChatCompletionChunk.model_validate, run.chunks())
        return ChatStream(chunks, run.cancel, run.finish, LocalAssembler(run.answer))


class Chat:
    """``client.chat``."""

    def __init__(self, calls: Calls) -> None:
        self.completions = ChatCompletions(calls)


class Completions:
    """``client.completions``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @overload
    def create(
        self, *, prompt: Any, stream: Literal[False] = ..., **arguments: Any
    ) -> TextCompletionResponse: ...
    @overload
    def create(
        self, *, prompt: Any, stream: Literal[True], **arguments: Any
    ) -> CompletionStream: ...
    @overload
    def create(
        self, *, prompt: Any, stream: bool, **arguments: Any
    ) -> TextCompletionResponse | CompletionStream: ...
    def create(
        self, *, prompt: Any, stream: bool = False, **arguments: Any
    ) -> TextCompletionResponse | CompletionStream:
        """Go on with a text.

        :param prompt: a text, a list of texts, a list of token ids, or a list of those.
        :param stream: give the answer in chunks as it is made.
        :param arguments: as for chat, without messages and tools; `max_tokens` is 16 unless given;
            `echo` puts the prompt before the answer; `logprobs` is a number of likeliest tokens;
            `suffix` is what comes after the answer, for models that were trained to fill gaps.
        :raises InvalidRequestError: an argument is wrong, or cannot be honoured; names it.
        :raises LLMContextLengthError: a prompt does not fit the window.
        :raises LLMRateLimitError: too many calls are waiting.
        :raises LLMTimeoutError: the time was up; the work is stopped.
        """
        checked = self._calls.completion(prompt, {**arguments, "stream": stream})
        if not stream:
            return answered(checked)
        run = begun(checked)
        return CompletionStream(map(CompletionChunk.model_validate, run.chunks()), run.cancel)


class Embeddings:
    """``client.embeddings``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(self, *, input: Any, **arguments: Any) -> EmbeddingsResponse:
        """Embed texts.

        :param input: a text, a list of 1 to 2,048 texts, a list of token ids, or a list of those.
        :param arguments: model; encoding_format, ``float`` or ``base64``; dimensions, how many
            numbers of each embedding to keep (then of length 1 again); timeout, in seconds, looked
            at between inputs.
        :raises InvalidRequestError: an argument is wrong.
        :raises LLMContextLengthError: an input does not fit the window.
        :raises LLMTimeoutError: the time was up.
        """
        return self._calls.embeddings({**arguments, "input": input})


class Decisions:
    """``client.decisions``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(self, *, input: Any, questions: Any, **arguments: Any) -> DecisionResponse:
        """Answer typed questions about an input, each with probabilities instead of text.

        :param input: a text, or a list of messages, tool calls and their outputs.
        :param questions: 1 to 400 dicts with `type` (``predicate``, ``choice`` or ``score``),
            `instructions`, perhaps a `name`; and `choices` (2 to 255 of `value` and perhaps
            `description`) or `levels` (2 to 10 of `label` and perhaps `description`).
        :param arguments: model, timeout.
        :return: one answer a question, in their order.
        :raises InvalidRequestError: an argument is wrong; names it.
        :raises LLMContextLengthError: the input does not fit the window with a question.
        :raises LLMTimeoutError: the time was up; the work is stopped.
        """
        checked = self._calls.decision({**arguments, "input": input, "questions": questions})
        return answered(checked)


class Models:
    """``client.models``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(self) -> ModelsResponse:
        """The models that calls can name: loaded, bundled, and found on this machine."""
        return self._calls.models()

    def retrieve(self, model: str) -> Model:
        """One of those models.

        :raises InvalidRequestError: the name is no text, or empty.
        :raises ModelNotFoundError: there is no such model.
        """
        return self._calls.model(model)
