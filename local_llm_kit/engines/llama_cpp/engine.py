"""The engine: a model, a context sized for it, and the scheduler that runs on them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from LLM.exceptions import LLMConfigError
from local_llm_kit.engines.base import BaseEngine
from local_llm_kit.engines.defaults import (
    affordable_cells,
    capabilities_of,
    choose_window,
    default_threads,
)
from local_llm_kit.engines.drafting import Drafter, DraftModel, PromptLookup
from local_llm_kit.engines.llama_cpp.buffers import recording
from local_llm_kit.engines.llama_cpp.context import KV_TYPES, Context
from local_llm_kit.engines.llama_cpp.embedder import Embedder
from local_llm_kit.engines.llama_cpp.library import library
from local_llm_kit.engines.llama_cpp.model import Model
from local_llm_kit.engines.llama_cpp.options import LlamaCppOptions
from local_llm_kit.engines.protocol import ModelInfo
from local_llm_kit.engines.state_file import fingerprint


class LlamaCppEngine(BaseEngine):
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
        self._model = model = _load_weights(path, options)
        self._context: Context | None = None
        self._drafter: Drafter | None = None
        self._draft_model: Model | None = None
        self._embedder: Embedder | None = None
        self._embedder_lock = threading.Lock()
        self._n_threads = options.n_threads or default_threads(model.n_params)
        on_gpu = library().llama_supports_gpu_offload()
        try:
            window = choose_window(options.context_length, model.n_ctx_train)
            adapters = {
                adapter: model.load_adapter(adapter, file)
                for adapter, file in options.adapters.items()
            }
            self._context = self._make_context(model, window, options, adapters)
            with recording("draft"):
                self._drafter = self._make_drafter(window, options)
            super().__init__(
                _describe(model, path, name, window),
                model,
                self._context,
                # Now, while the file is what was loaded: it may be replaced.
                state_owner=f"llama.cpp {options.kv_type} {_flash_attention(options)} "
                + fingerprint(path),
                n_slots=options.n_slots,
                max_queue=options.max_queue,
                share_prefixes=model.can_share,
                adapters=options.adapters,
                drafter=self._drafter,
                calibrate=not on_gpu,
                idle_tokens=None if on_gpu else _idle_tokens(model, options),
            )
        except BaseException:
            self._free()
            raise

    def _make_context(
        self, model: Model, window: int, options: LlamaCppOptions, adapters: dict[str, Any]
    ) -> Context:
        return Context(
            model,
            n_cells=_n_cells(model, window, options),
            n_sequences=options.n_slots,
            n_batch=options.n_batch,
            n_threads=self._n_threads,
            kv_type=options.kv_type,
            flash_attention=_flash_attention(options),
            adapters=adapters,
        )

    def _make_drafter(self, window: int, options: LlamaCppOptions) -> Drafter | None:
        if not (options.speculation or options.draft_path):
            return None
        if not self._model.can_share:
            raise LLMConfigError(
                "this model's memory cannot be cut, so wrong guesses could not be taken back; "
                "leave speculation and draft_model out"
            )
        if options.draft_path is None:
            return PromptLookup()
        self._draft_model = draft = _load_weights(options.draft_path, options)
        if draft.pieces != self._model.pieces or not draft.can_share:
            raise LLMConfigError(
                f"the draft model {options.draft_path!r} has another vocabulary than the model, "
                "or a memory that cannot be cut; take a smaller one of the same family"
            )
        window = min(window, draft.n_ctx_train)
        return DraftModel(self._make_context(draft, window, options, {}))

    def _embed(self, prompts: Sequence[Sequence[int]]) -> npt.NDArray[Any]:
        with self._embedder_lock:
            if self._embedder is None:
                self._embedder = Embedder(self._model, self._info.context_length, self._n_threads)
        return self._embedder.embed(prompts)

    def _free(self) -> None:
        for owned in (
            self._embedder,
            self._drafter,
            self._draft_model,
            self._context,
            self._model,
        ):
            if owned is not None:
                owned.free()


def _load_weights(path: str, options: LlamaCppOptions) -> Model:
    return Model(path, options.n_gpu_layers, mmap=options.mmap, on_load=options.on_load)


def _n_cells(model: Model, window: int, options: LlamaCppOptions) -> int:
    """Tokens of cache: a full window for every slot, as far as the budget goes."""
    if options.n_cells is not None:
        return max(window, options.n_cells)
    cell_bytes = max(1, round(model.kv_cell_numbers * KV_TYPES[options.kv_type][1]))
    affordable = affordable_cells(options.cache_bytes, cell_bytes, window)
    return max(window, min(window * options.n_slots, affordable))


def _flash_attention(options: LlamaCppOptions) -> bool | None:
    """What was chosen; else None, which is llama.cpp's own choice, or False."""
    if options.flash_attention is not None:
        return options.flash_attention
    wanted = library().llama_supports_gpu_offload() or options.prefers_flash_attention
    return None if wanted else False


def _idle_tokens(model: Model, options: LlamaCppOptions) -> int:
    """Tokens after which a text's cells have cost as much as reading it again would.

    On a CPU attention walks over the idle cells too. A token read takes two operations a weight, a
    cell passed by four a layer and dimension, and these run some eight times slower: measured
    60 µs to 0.15 µs with 0.9 million weights, 10 ms to 8 µs with 0.5 billion. Flash attention only
    looks whether to skip a cell, which costs a quarter.
    """
    slower = 4 if options.prefers_flash_attention else 16
    return max(256, model.n_params // (slower * model.n_layer * model.n_embd))


def _describe(model: Model, path: str, name: str, window: int) -> ModelInfo:
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
        control_tokens=tuple(text for text in model.control_names if text),
        backend="llama.cpp",
        n_embd=model.n_embd,
        capabilities=capabilities_of(model.chat_template),
        end_tokens=tuple(i for i, ends in enumerate(model.ends) if ends),
    )
