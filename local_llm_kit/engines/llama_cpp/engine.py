"""The engine: a model, a context sized for it, and the scheduler that runs on them."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass

from LLM.exceptions import (
    InvalidRequestError,
    LLMConfigError,
    LLMContextLengthError,
    LLMServerError,
)
from local_llm_kit.engines.llama_cpp.binding import Context, Model, library
from local_llm_kit.engines.scheduler import Scheduler
from local_llm_kit.engines.sequence import Sequence
from local_llm_kit.engines.protocol import EngineStats, GenerationRequest, ModelInfo, Sink

#: Longest window taken without being asked for, in tokens.
DEFAULT_WINDOW = 8192
#: Cache that slots may take together without being asked for, in bytes.
DEFAULT_CACHE_BYTES = 1 << 30
MAX_SLOTS = 256  # llama.cpp's limit of sequences
#: Below this many weights the threads' meeting costs more than they save.
_ONE_THREAD_PARAMS = 50_000_000
_BATCH_ROWS = 512


@dataclass(frozen=True, slots=True)
class LlamaCppOptions:
    """How a model is run.

    :param context_length: window of a request in tokens, prompt and output together; None takes
        the model's own, at most 8,192.
    :param n_slots: sequences that run at once, 1 to 256.
    :param max_queue: requests that may wait beyond those, at least 0.
    :param n_threads: None takes one for small models, else one a core.
    :param n_gpu_layers: layers held on a GPU; None leaves it to llama.cpp.
    :param cache_bytes: None lets the cache take up to 1 GiB, or what one full window needs.
    """

    context_length: int | None = None
    n_slots: int = 8
    max_queue: int = 256
    n_threads: int | None = None
    n_gpu_layers: int | None = None
    cache_bytes: int | None = None

    def __post_init__(self) -> None:
        for name, low, high in (
            ("context_length", 16, 1 << 24),
            ("n_slots", 1, MAX_SLOTS),
            ("max_queue", 0, 1 << 20),
            ("n_threads", 1, 1024),
            ("n_gpu_layers", -1, 1 << 16),
            ("cache_bytes", 1, 1 << 50),
        ):
            value = getattr(self, name)
            if value is None and name not in ("n_slots", "max_queue"):
                continue
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise LLMConfigError(
                    f"{name} is {value!r}; give a whole number from {low:,} to {high:,}"
                )


class _Gate:
    """Lets callers use C objects until they are freed, and frees them when nobody is inside."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._n_inside = 0
        self._closed = False

    def __enter__(self) -> None:
        with self._changed:
            if self._closed:
                raise LLMServerError("the engine is closed", status_code=503, code="engine_closed")
            self._n_inside += 1

    def __exit__(self, *exc_info: object) -> None:
        with self._changed:
            self._n_inside -= 1
            self._changed.notify_all()

    def close(self) -> bool:
        """Let nobody in and wait until all are out; False when it was closed already."""
        with self._changed:
            if self._closed:
                return False
            self._closed = True
            self._changed.wait_for(lambda: self._n_inside == 0)
            return True


class _Handle:
    """A submitted request."""

    def __init__(self, scheduler: Scheduler, sequence: Sequence) -> None:
        self._scheduler = scheduler
        self._sequence = sequence

    def cancel(self) -> None:
        """Stop it and free its slot within a step."""
        self._scheduler.cancel(self._sequence)


class LlamaCppEngine:
    """A model of llama.cpp, ready to serve many callers.

    :param path: a GGUF file, already checked by `local_llm_kit.gguf`.
    :param name: name that answers carry.
    :param options: how to run it.
    :raises InvalidRequestError: llama.cpp cannot load the file.
    :raises LLMConfigError: the package is missing, or an option cannot work with this model.
    """

    def __init__(self, path: str, name: str, options: LlamaCppOptions | None = None) -> None:
        options = options or LlamaCppOptions()
        library()
        self._gate = _Gate()
        self._model = Model(path, options.n_gpu_layers)
        try:
            window = self._window(options)
            self._context = Context(
                self._model,
                n_cells=self._n_cells(window, options),
                n_sequences=options.n_slots,
                n_batch=_BATCH_ROWS,
                n_threads=options.n_threads or self._default_threads(),
            )
        except BaseException:
            self._model.free()
            raise
        self._info = self._describe(path, name, window)
        self._scheduler = Scheduler(
            self._model,
            self._context,
            n_slots=options.n_slots,
            max_queue=options.max_queue,
            share_prefixes=self._model.can_share,
        )

    def _window(self, options: LlamaCppOptions) -> int:
        trained = self._model.n_ctx_train
        if options.context_length is None:
            return min(trained, DEFAULT_WINDOW)
        if options.context_length > trained:
            raise LLMConfigError(
                f"context_length is {options.context_length}, but the model was trained for "
                f"{trained} tokens; choose at most that"
            )
        return options.context_length

    def _n_cells(self, window: int, options: LlamaCppOptions) -> int:
        """Tokens of cache: a full window for every slot, as far as the budget goes."""
        budget = options.cache_bytes or DEFAULT_CACHE_BYTES
        affordable = budget // max(self._model.kv_cell_bytes, 1)
        if options.cache_bytes is not None and affordable < window:
            raise LLMConfigError(
                f"cache_bytes is {budget:,}, but one window of {window} tokens takes "
                f"{window * self._model.kv_cell_bytes:,}; raise it or lower context_length"
            )
        return max(window, min(window * options.n_slots, affordable))

    def _default_threads(self) -> int:
        if self._model.n_params < _ONE_THREAD_PARAMS:
            return 1
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else (os.cpu_count() or 1)
        )

    def _describe(self, path: str, name: str, window: int) -> ModelInfo:
        model = self._model
        return ModelInfo(
            name=name,
            path=path,
            context_length=window,
            n_ctx_train=model.n_ctx_train,
            n_vocab=model.n_vocab,
            n_params=model.n_params,
            size_bytes=model.size_bytes,
            longest_token_bytes=model.longest_piece,
            chat_template=model.chat_template,
            bos_token=model.special_text("bos"),
            eos_token=model.special_text("eos"),
            control_tokens=model.control_texts(),
        )

    @property
    def info(self) -> ModelInfo:
        """Facts about the model."""
        return self._info

    @property
    def stats(self) -> EngineStats:
        """A snapshot of the engine's work."""
        return self._scheduler.stats

    def tokenize(
        self, text: str, *, add_special: bool = False, parse_special: bool = False
    ) -> list[int]:
        """Token ids of `text`."""
        with self._gate:
            return self._model.tokenize(text, add_special=add_special, parse_special=parse_special)

    def detokenize(self, tokens: SequenceOf[int]) -> str:
        """Text of `tokens`; special tokens have none."""
        self._check_tokens(tokens)
        return b"".join(self._model.pieces[token] for token in tokens).decode("utf-8", "replace")

    def submit(self, request: GenerationRequest, sink: Sink) -> _Handle:
        """Queue a request; its events go to `sink`, on the engine's thread."""
        n_prompt, window = len(request.prompt), self._info.context_length
        if not n_prompt:
            raise InvalidRequestError(
                "the prompt has no tokens; give it some text", status_code=400
            )
        room = window - n_prompt
        if room < (1 if request.max_tokens != 0 else 0):
            raise LLMContextLengthError(
                f"the prompt has {n_prompt} tokens, but the window of {self._info.name!r} is "
                f"{window} for prompt and output together; shorten the prompt"
                + self._larger_window(),
                status_code=400,
                code="context_length_exceeded",
            )
        self._check_tokens(request.prompt)
        self._check_tokens([token for token, _ in request.sampling.logit_bias])
        limit = room if request.max_tokens is None else min(request.max_tokens, room)
        sequence = Sequence(request, sink, limit)
        self._scheduler.submit(sequence)
        return _Handle(self._scheduler, sequence)

    def _larger_window(self) -> str:
        info = self._info
        if info.context_length == info.n_ctx_train:
            return ""
        return f" or raise context_length (up to {info.n_ctx_train})"

    def _check_tokens(self, tokens: SequenceOf[int]) -> None:
        n_vocab = self._info.n_vocab
        if tokens and not (min(tokens) >= 0 and max(tokens) < n_vocab):
            wrong = next(token for token in tokens if not 0 <= token < n_vocab)
            raise InvalidRequestError(
                f"there is no token {wrong!r}: the model's tokens are 0 to {n_vocab - 1}",
                status_code=400,
            )

    def close(self) -> None:
        """End what runs, stop the thread, give the memory back; repeatable.

        On the engine's own thread (a sink, or a finaliser that the collector ran there) the memory
        is given back once that thread has ended: it is still computing.
        """
        if not self._gate.close():
            return
        if self._scheduler.is_current_thread:
            threading.Thread(target=self._free, name="llama.cpp engine's end").start()
        else:
            self._free()

    def _free(self) -> None:
        self._scheduler.close()
        self._context.free()
        self._model.free()
