"""Embeddings from a GGUF model: a context of its own beside the one that generates."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from LLM.exceptions import InvalidRequestError, LLMServerError
from local_llm_kit.engines.compute import Row
from local_llm_kit.engines.llama_cpp.context import LlamaBatch
from local_llm_kit.engines.llama_cpp.library import library
from local_llm_kit.engines.llama_cpp.model import Model

_CHUNK = 512
#: llama.cpp's pooling types by what they take of a text: its tokens' mean, first, or last one.
_MEAN, _FIRST, _LAST = 1, 2, 3


class Embedder:
    """Turns texts into vectors of length 1; safe to share between threads, which take turns.

    The vectors of the tokens are pooled here, as the model's file says and else by their mean: so
    a text is read in pieces, where llama.cpp's own pooling needs it in one.

    :param model: the weights.
    :param n_window: longest text in tokens.
    :param n_threads: threads of the computation.
    :raises InvalidRequestError: the model ranks texts and gives no vectors.
    """

    def __init__(self, model: Model, n_window: int, n_threads: int) -> None:
        self._lib = llama = library()
        self._lock = threading.Lock()
        self._pooling = model.pooling
        if self._pooling not in (_MEAN, _FIRST, _LAST):
            raise InvalidRequestError("this model ranks texts; it gives no embeddings of them")
        # A text that looks both ways must be read in one piece.
        self._n_rows = min(_CHUNK, n_window) if model.is_causal else n_window
        self._n_embd = model.n_embd
        params = llama.llama_context_default_params()
        params.n_ctx = n_window
        params.n_seq_max = 1
        params.n_batch = params.n_ubatch = self._n_rows
        params.n_threads = params.n_threads_batch = n_threads
        params.embeddings = True
        params.pooling_type = 0
        params.flash_attn_type = -1 if llama.llama_supports_gpu_offload() else 0
        params.no_perf = True
        self._pointer = llama.llama_init_from_model(model.pointer, params)
        if not self._pointer:
            raise LLMServerError("llama.cpp has no memory for a context of embeddings")
        self._memory = llama.llama_get_memory(self._pointer)
        self._batch = LlamaBatch(self._n_rows, 1)

    def embed(self, prompts: Sequence[Sequence[int]]) -> Row:
        """(len(prompts), n_embd) float32, each of length 1."""
        with self._lock:
            vectors = np.stack([self._embed(list(prompt)) for prompt in prompts])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Row = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
        return unit

    def _embed(self, tokens: list[int]) -> Any:
        if self._memory:
            self._lib.llama_memory_clear(self._memory, False)
        total = np.zeros(self._n_embd, np.float64)
        for start in range(0, len(tokens), self._n_rows):
            rows = self._compute(tokens[start : start + self._n_rows], start)
            if self._pooling == _MEAN:
                total += rows.sum(axis=0, dtype=np.float64)
            elif self._pooling == _LAST or start == 0:
                total[:] = rows[-1 if self._pooling == _LAST else 0]
        return total

    def _compute(self, tokens: list[int], start: int) -> Any:
        """(len(tokens), n_embd) float32: the last hidden state of each token."""
        n_rows = self._batch.write(0, tokens, start, 0)
        self._batch.wanted[:n_rows] = 1
        code = self._lib.llama_decode(self._pointer, self._batch.struct(0, n_rows))
        pointer = self._lib.llama_get_embeddings(self._pointer) if code == 0 else None
        if not pointer:
            raise LLMServerError(f"llama.cpp failed to embed {n_rows} tokens: code {code}")
        address = ctypes.addressof(pointer.contents)
        array = (ctypes.c_float * (n_rows * self._n_embd)).from_address(address)
        return np.ctypeslib.as_array(array).reshape(n_rows, self._n_embd)

    def free(self) -> None:
        """Give the context back."""
        self._lib.llama_free(self._pointer)
