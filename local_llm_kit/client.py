"""`LLMClient`: a model in this process, called as OpenAI's client is called."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Mapping
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, overload

from LLM.assembly import ChatAssembler
from LLM.exceptions import LLMServerError, ModelNotFoundError
from LLM.streaming import ChatStream, CompletionStream
from LLM.types import (
    ChatCompletionChunk,
    CompletionChunk,
    Model,
    ModelsResponse,
    Usage,
)
from LLM.types import CompletionResponse as TextCompletionResponse
from local_llm_kit.answers import JSONObject
from local_llm_kit.arguments import Defaults, parse_chat, parse_completion
from local_llm_kit.engines.protocol import Event, Handle, ModelInfo
from local_llm_kit.loading import LoadOptions, load_model
from local_llm_kit.types import CompletionResponse

if TYPE_CHECKING:
    from local_llm_kit.backends import Backend, Job


class LLMClient:
    """A language model in this process.

    Safe to share between threads: calls run together, batched. Close it, or use it in a ``with``
    block, to give the memory back; one that is dropped is closed too, with its last stream.

    :param model: ``tiny``, the path of a ``.gguf`` file, or with a path any name.
    :param model_path: the weights: a ``.gguf`` file or a folder. Default:
        ``LOCAL_LLM_KIT_MODEL_PATH`` for names that are found nowhere else.
    :param context_length: window in tokens, prompt and output together. Default:
        ``LOCAL_LLM_KIT_CONTEXT_LENGTH``, else the model's own window, at most 8,192 (2,048 for
        ``tiny``).
    :param temperature: used by calls that give none, 0 to 2.
    :param top_p: used by calls that give none, more than 0 up to 1.
    :param backend: ``llama.cpp``. Default: ``LOCAL_LLM_KIT_BACKEND``, else ``llama.cpp``.
    :param n_slots: calls that run at once, 1 to 256; more wait.
    :param max_queue: calls that may wait; one more is refused.
    :param threads: threads of the computation. Default: one for small models, else one a core.
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
        model: str = "tiny",
        *,
        model_path: str | os.PathLike[str] | None = None,
        context_length: int | None = None,
        temperature: float = 0.7,
        top_p: float = 0.9,
        backend: str | None = None,
        n_slots: int = 8,
        max_queue: int = 256,
        threads: int | None = None,
    ) -> None:
        defaults = Defaults(temperature, top_p)
        parse_chat(  # the defaults are held to the bounds of a call's own values
            {"messages": [{"role": "user", "content": ""}]}
            | {"temperature": temperature, "top_p": top_p},
            defaults,
        )
        options = LoadOptions(
            model_path=model_path,
            backend=backend,
            context_length=context_length,
            n_slots=n_slots,
            max_queue=max_queue,
            threads=threads,
        )
        self._model = load_model(model, options, defaults)
        # Not this object decides when it ends: `LLMClient().chat` and a stream outlive it.
        self._resident = _Resident(self._model)
        self.chat = Chat(self._resident)
        self.completions = Completions(self._resident)
        self.models = Models(self._resident)

    def __enter__(self) -> LLMClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        info = self.info
        state = ", closed" if self._resident.closed else ""
        return f"LLMClient({info.name!r}, context_length={info.context_length}{state})"

    @property
    def info(self) -> ModelInfo:
        """Facts about the model."""
        return self._model.info

    def tokenize(self, text: str) -> list[int]:
        """Token ids of `text` by the model's own tokenizer, without special tokens."""
        return self._model.tokenize(text)

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` by the model's own tokenizer."""
        return len(self.tokenize(text))

    def close(self) -> None:
        """End what runs and give the memory back; repeatable."""
        self._resident.close()


class _Resident:
    """A loaded model, closed when nothing holds this any more."""

    def __init__(self, model: Backend) -> None:
        self.model = model
        self._finalizer = weakref.finalize(self, model.close)

    @property
    def closed(self) -> bool:
        return not self._finalizer.alive

    def close(self) -> None:
        self._finalizer()


class _Run:
    """A job under way: submitted at once, its chunks read as they come."""

    def __init__(self, resident: _Resident, job: Job) -> None:
        self.answer = job.answer
        self._resident: _Resident | None = resident  # held: what nothing holds is closed
        self._queue: SimpleQueue[list[Event]] = SimpleQueue()
        self._handles: list[Handle] = job.start(self._queue.put)

    def chunks(self) -> Iterator[JSONObject]:
        """Chunks until every choice has ended.

        :raises LLMError: the engine failed; the other choices are cancelled.
        """
        try:
            yield from self.answer.start()
            while not self.answer.done:
                yield from self.answer.feed(self._queue.get())
        finally:
            self.cancel()

    def response(self) -> JSONObject:
        """The whole answer."""
        for _ in self.chunks():
            raise LLMServerError("an answer that is not streamed made a chunk", status_code=500)
        return self.answer.response()

    def cancel(self) -> None:
        """Free the slots; nothing happens to those that have ended."""
        for handle in self._handles:
            handle.cancel()
        self._resident = None


def _check_name(model: Backend, name: str | None) -> None:
    if name is not None and name != model.info.name:
        raise ModelNotFoundError(
            f"this client has the model {model.info.name!r}, not {name!r}; leave model out or "
            "make a client for the other",
            status_code=404,
            model=name,
            code="model_not_found",
        )


class _LocalAssembler(ChatAssembler):
    """Gives this package's response, with the token counts even where no chunk has them."""

    def __init__(self, run: _Run) -> None:
        super().__init__()
        self._run = run

    def response(self) -> CompletionResponse | None:
        response = super().response()
        if response is None:
            return None
        if response.usage is None and self._run.answer.done:
            response.usage = Usage.model_validate(self._run.answer.usage())
        return CompletionResponse.model_construct(response.model_fields_set, **dict(response))


class ChatCompletions:
    """``client.chat.completions``."""

    def __init__(self, resident: _Resident) -> None:
        self._resident = resident
        self._model = resident.model

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
        :param arguments: OpenAI's: model, temperature, top_p, max_tokens, stop, n, seed, tools,
            tool_choice ("auto", "none"), logprobs, top_logprobs, logit_bias, frequency_penalty,
            presence_penalty, stream_options; and top_k, min_p, repetition_penalty.
        :return: the whole answer, or a stream: an iterator of chunks and a context manager, which
            assembles the answer (`.response`) and, closed early, stops the work.
        :raises InvalidRequestError: an argument is wrong, or cannot be honoured; names it.
        :raises LLMContextLengthError: the prompt does not fit the window.
        :raises LLMRateLimitError: too many calls are waiting.
        """
        body: Mapping[str, Any] = arguments | {"messages": messages, "stream": stream}
        parsed = parse_chat(body, self._model.defaults)
        _check_name(self._model, parsed.model)
        run = _Run(self._resident, self._model.chat(parsed))
        if not parsed.stream:
            return CompletionResponse.model_validate(run.response())
        chunks = map(ChatCompletionChunk.model_validate, run.chunks())
        return ChatStream(chunks, run.cancel, assembler=_LocalAssembler(run))


class Chat:
    """``client.chat``."""

    def __init__(self, resident: _Resident) -> None:
        self.completions = ChatCompletions(resident)


class Completions:
    """``client.completions``."""

    def __init__(self, resident: _Resident) -> None:
        self._resident = resident
        self._model = resident.model

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
            `echo` puts the prompt before the answer; `logprobs` is a number of likeliest tokens.
        :raises InvalidRequestError: an argument is wrong, or cannot be honoured; names it.
        :raises LLMContextLengthError: a prompt does not fit the window.
        :raises LLMRateLimitError: too many calls are waiting.
        """
        body: Mapping[str, Any] = arguments | {"prompt": prompt, "stream": stream}
        parsed = parse_completion(body, self._model.defaults)
        _check_name(self._model, parsed.model)
        run = _Run(self._resident, self._model.completion(parsed))
        if not parsed.stream:
            # Echoed prompts are there before the first token.
            return TextCompletionResponse.model_validate(run.response())
        return CompletionStream(map(CompletionChunk.model_validate, run.chunks()), run.cancel)


class Models:
    """``client.models``."""

    def __init__(self, resident: _Resident) -> None:
        self._resident = resident
        self._model = resident.model

    def list(self) -> ModelsResponse:
        """The models that this client can use: its own."""
        return ModelsResponse(data=[Model(id=self._model.info.name, owned_by="local")])
