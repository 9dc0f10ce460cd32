"""The C library behind a few safe calls: model, context, batch.

The process dies, without an exception, on several mistakes: more rows than n_batch, a partial copy
of a sequence without a unified cache, a NULL pointer used. Everything that reaches C from here is
checked or bounded first.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import logging
import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from LLM.exceptions import InvalidRequestError, LLMConfigError, LLMServerError
from local_llm_kit.engines.compute import Row

_log = logging.getLogger("local_llm_kit.llama_cpp")

_WARN_LEVEL = 3  # ggml_log_level: none, debug, info, warn, error, cont
_KV_BYTES = 2  # a cell's keys and values are float16


@cache
def library() -> Any:
    """The `llama_cpp` module, imported on first use, its chatter sent to `logging`.

    :raises LLMConfigError: the package is not installed.
    """
    # A failed assertion would otherwise start gdb on the process to print a backtrace.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    try:
        llama: Any = importlib.import_module("llama_cpp")
    except ImportError as err:
        raise LLMConfigError(
            f"the llama.cpp back end needs the package llama-cpp-python, which cannot be imported "
            f"({err}); in llm-kit's folder run: pip install '.[llama]'",
            code="missing_package",
        ) from err

    def forward(level: int, text: bytes | None, _data: Any) -> None:
        if level >= _WARN_LEVEL and text:
            _log.debug("%s", text.decode("utf-8", "replace").rstrip())

    # The package leaves two files open for good, which Python complains about at its exit.
    for name in ("outnull_file", "errnull_file"):
        file = getattr(importlib.import_module("llama_cpp._utils"), name, None)
        if file is not None:
            atexit.register(file.close)
    llama.kept_log_callback = llama.llama_log_callback(forward)  # C holds no reference
    llama.llama_log_set(llama.kept_log_callback, None)
    return llama


class Model:
    """Weights and vocabulary.

    :param path: a GGUF file, already checked by `local_llm_kit.gguf`.
    :param n_gpu_layers: layers to hold on the GPU; None leaves it to the library.
    :raises InvalidRequestError: llama.cpp cannot load it.
    """

    def __init__(self, path: str, n_gpu_layers: int | None = None) -> None:
        self._lib = llama = library()
        params = llama.llama_model_default_params()
        if n_gpu_layers is not None:
            params.n_gpu_layers = n_gpu_layers
        self.pointer = llama.llama_model_load_from_file(os.fsencode(path), params)
        if not self.pointer:
            raise InvalidRequestError(
                f"llama.cpp cannot load {path!r}: an architecture that it does not know, or a "
                "damaged file; log level DEBUG of 'local_llm_kit.llama_cpp' shows its reason",
                code="model_not_loadable",
            )
        self.vocab = llama.llama_model_get_vocab(self.pointer)
        self.n_vocab = int(llama.llama_vocab_n_tokens(self.vocab))
        self.n_ctx_train = int(llama.llama_model_n_ctx_train(self.pointer))
        self.n_params = int(llama.llama_model_n_params(self.pointer))
        self.size_bytes = int(llama.llama_model_size(self.pointer))
        self.pieces = [self._piece(token) for token in range(self.n_vocab)]
        self.longest_piece = max(map(len, self.pieces), default=1) or 1
        self.ends = [
            bool(llama.llama_vocab_is_eog(self.vocab, token)) for token in range(self.n_vocab)
        ]

    def _piece(self, token: int) -> bytes:
        """Bytes of a token's text; control tokens have none."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = self._lib.llama_token_to_piece(self.vocab, token, buffer, size, 0, False)
            if n >= 0:
                return buffer.raw[:n]
            size = -n

    @property
    def chat_template(self) -> str | None:
        """Jinja source of the model's chat template."""
        source = self._lib.llama_model_chat_template(self.pointer, None)
        return source.decode("utf-8", "replace") if source else None

    @property
    def can_share(self) -> bool:
        """Whether part of a sequence's memory can be kept or copied: not with recurrent layers."""
        lib, pointer = self._lib, self.pointer
        return not (lib.llama_model_is_recurrent(pointer) or lib.llama_model_is_hybrid(pointer))

    @property
    def kv_cell_bytes(self) -> int:
        """Bytes of cache that one token of one sequence takes."""
        lib = self._lib
        width = lib.llama_model_n_embd(self.pointer) // max(lib.llama_model_n_head(self.pointer), 1)
        heads = lib.llama_model_n_head_kv(self.pointer)
        return int(2 * _KV_BYTES * lib.llama_model_n_layer(self.pointer) * heads * width)

    def special_text(self, name: str) -> str:
        """Text of the token ``bos`` or ``eos``; empty when the model's file names none.

        llama.cpp itself falls back to token 11 of a byte-level vocabulary, an apostrophe.
        """
        key = f"tokenizer.ggml.{name}_token_id".encode()
        buffer = ctypes.create_string_buffer(16)
        if self._lib.llama_model_meta_val_str(self.pointer, key, buffer, len(buffer)) < 0:
            return ""
        token = getattr(self._lib, f"llama_vocab_{name}")(self.vocab)
        if token < 0:
            return ""
        text: bytes = self._lib.llama_vocab_get_text(self.vocab, token)
        return text.decode("utf-8", "replace")

    def control_texts(self) -> tuple[str, ...]:
        """Texts of the tokens that steer the model and are not meant to be said."""
        lib, vocab = self._lib, self.vocab
        texts = (
            lib.llama_vocab_get_text(vocab, token)
            for token in range(self.n_vocab)
            if lib.llama_vocab_is_control(vocab, token)
        )
        return tuple(text.decode("utf-8", "replace") for text in texts if text)

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of `text`; safe beside a running decode, the vocabulary is read only."""
        data = text.encode()
        size = len(data) + 8
        while True:
            buffer = (ctypes.c_int32 * size)()
            n = self._lib.llama_tokenize(
                self.vocab, data, len(data), buffer, size, add_special, parse_special
            )
            if n >= 0:
                return list(buffer[:n])
            if -n <= size:
                raise LLMServerError(f"llama.cpp cannot tokenise {len(data)} bytes: code {n}")
            size = -n

    def free(self) -> None:
        """Give the weights back."""
        self._lib.llama_model_free(self.pointer)


class Batch:
    """A `llama_batch` over numpy arrays: rows are written with slices.

    Eight rows take 1 µs this way and 2.9 µs element by element.

    :param n_rows: most rows; must not pass the context's n_batch.
    :param n_sequences: sequence ids that rows can name, from 0.
    """

    def __init__(self, n_rows: int, n_sequences: int) -> None:
        llama = library()
        self.token = np.zeros(n_rows, np.int32)
        self.position = np.zeros(n_rows, np.int32)
        self.wanted = np.zeros(n_rows, np.int8)
        self._ones = np.ones(n_rows, np.int32)
        self._ids = np.arange(n_sequences, dtype=np.int32)
        # Each row points to a list of one sequence id: into `_ids`, four bytes an id.
        self.sequence = np.full(n_rows, self._ids.ctypes.data, np.uintp)
        self.n_rows = n_rows

        def pointer(array: Any, kind: Any) -> Any:
            return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))

        self.struct = llama.llama_batch(
            n_tokens=0,
            token=pointer(self.token, ctypes.c_int32),
            embd=None,
            pos=pointer(self.position, ctypes.c_int32),
            n_seq_id=pointer(self._ones, ctypes.c_int32),
            seq_id=pointer(self.sequence, ctypes.POINTER(ctypes.c_int32)),
            logits=pointer(self.wanted, ctypes.c_int8),
        )

    def write(self, start: int, tokens: Sequence[int], position: int, sequence: int) -> int:
        """Put consecutive tokens of a sequence into rows from `start`; the row after them."""
        end = start + len(tokens)
        self.token[start:end] = tokens
        self.position[start:end] = np.arange(position, position + len(tokens))
        self.sequence[start:end] = self._ids.ctypes.data + 4 * sequence
        self.wanted[start:end] = 0
        return end


class Context:
    """A KV cache, shared by `n_sequences` sequences, and the computation over it.

    :param model: the weights.
    :param n_cells: tokens that the cache holds, all sequences together.
    :param n_sequences: sequences, at most 256.
    :param n_batch: most rows in one decode.
    :param n_threads: threads of the computation.
    :raises LLMConfigError: there is no memory for it.
    """

    def __init__(
        self, model: Model, *, n_cells: int, n_sequences: int, n_batch: int, n_threads: int
    ) -> None:
        self._lib = llama = library()
        params = llama.llama_context_default_params()
        params.n_ctx = n_cells
        params.n_seq_max = n_sequences
        params.n_batch = params.n_ubatch = n_batch
        params.n_threads = params.n_threads_batch = n_threads
        params.kv_unified = True  # prefixes are shared by copying part of a sequence
        params.no_perf = True
        # On a CPU flash attention is slower (590 against 358 µs a token at 1,500 tokens).
        params.flash_attn_type = -1 if llama.llama_supports_gpu_offload() else 0
        self._pointer = llama.llama_init_from_model(model.pointer, params)
        if not self._pointer:
            raise LLMConfigError(
                f"no room for a cache of {n_cells} tokens; choose a smaller context_length "
                "or fewer slots"
            )
        self._memory = llama.llama_get_memory(self._pointer)
        self._n_vocab = model.n_vocab
        self.n_cells = int(llama.llama_n_ctx(self._pointer))
        self.batch = Batch(n_batch, n_sequences)

    def decode(self, n_rows: int) -> int:
        """Compute the batch's first rows; 0 done, 1 no room in the cache, else an error."""
        if not 0 < n_rows <= self.batch.n_rows:
            raise ValueError(f"{n_rows} rows in a batch of {self.batch.n_rows}")
        self.batch.struct.n_tokens = n_rows
        return int(self._lib.llama_decode(self._pointer, self.batch.struct))

    def logits(self, n_rows: int) -> Row:
        """(n_rows, n_vocab) float32 of the wanted rows, in their order; valid until `decode`."""
        pointer = self._lib.llama_get_logits(self._pointer)
        if not pointer:
            raise LLMServerError("llama.cpp kept no logits", status_code=500)
        address = ctypes.addressof(pointer.contents)
        size = n_rows * self._n_vocab
        array = (ctypes.c_float * size).from_address(address)
        rows: Row = np.ctypeslib.as_array(array).reshape(n_rows, self._n_vocab)
        return rows

    def forget(self, sequence: int, start: int = 0) -> None:
        """Drop a sequence's cells from position `start` on."""
        self._lib.llama_memory_seq_rm(self._memory, sequence, start, -1)

    def copy(self, source: int, target: int, n_tokens: int) -> None:
        """Let `target` share the first cells of `source`."""
        self._lib.llama_memory_seq_cp(self._memory, source, target, 0, n_tokens)

    def clear(self) -> None:
        """Forget everything."""
        self._lib.llama_memory_clear(self._memory, False)

    def free(self) -> None:
        """Give the cache back."""
        self._lib.llama_free(self._pointer)
