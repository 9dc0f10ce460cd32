"""The KV cache and the computation over it, as the scheduler's runner."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from LLM.exceptions import InvalidRequestError, LLMConfigError, LLMServerError
from local_llm_kit.engines.compute import Batch, Interrupted, OutOfCache, Row
from local_llm_kit.engines.llama_cpp.library import library
from local_llm_kit.engines.llama_cpp.model import Model

#: Types that keys and values of the cache can have, as ggml numbers them, and bytes of a number.
KV_TYPES = {
    "f32": (0, 4.0),
    "f16": (1, 2.0),
    "bf16": (30, 2.0),
    "q8_0": (8, 34 / 32),
    "q5_1": (7, 24 / 32),
    "q5_0": (6, 22 / 32),
    "q4_1": (3, 20 / 32),
    "q4_0": (2, 18 / 32),
    "iq4_nl": (20, 18 / 32),
}
PLAIN_TYPES = frozenset(("f32", "f16", "bf16"))
_NO_ROOM, _ABORTED = 1, 2  # llama_decode's codes
_MAX_VIEWS = 256


class LlamaBatch(Batch):
    """A `llama_batch` over numpy arrays.

    :param n_rows: most rows; must not pass the context's n_batch.
    :param n_sequences: sequence ids that rows can name, from 0.
    """

    def __init__(self, n_rows: int, n_sequences: int) -> None:
        super().__init__(n_rows)
        self._ones = np.ones(n_rows, np.int32)
        self._ids = np.arange(n_sequences, dtype=np.int32)
        # Each row points to a list of one sequence id: into `_ids`, four bytes an id.
        self._id_lists = np.full(n_rows, self._ids.ctypes.data, np.uintp)
        self._structs: dict[int, Any] = {}

    def write(self, start: int, tokens: Sequence[int], position: int, sequence: int) -> int:
        """Put consecutive tokens of a sequence into rows from `start`; the row after them."""
        end = super().write(start, tokens, position, sequence)
        self._id_lists[start:end] = self._ids.ctypes.data + 4 * sequence
        return end

    def struct(self, start: int, n_rows: int) -> Any:
        """The rows from `start` as C sees them."""
        found = self._structs.get(start)
        if found is None:
            found = self._structs[start] = self._point_to(start)
        found.n_tokens = n_rows
        return found

    def _point_to(self, start: int) -> Any:
        def pointer(array: Any, kind: Any) -> Any:
            return ctypes.cast(array[start:].ctypes.data, ctypes.POINTER(kind))

        return library().llama_batch(
            n_tokens=0,
            token=pointer(self.token, ctypes.c_int32),
            embd=None,
            pos=pointer(self.position, ctypes.c_int32),
            n_seq_id=pointer(self._ones, ctypes.c_int32),
            seq_id=pointer(self._id_lists, ctypes.POINTER(ctypes.c_int32)),
            logits=pointer(self.wanted, ctypes.c_int8),
        )


class Context:
    """A KV cache, shared by `n_sequences` sequences, and the computation over it.

    :param model: the weights.
    :param n_cells: tokens that the cache holds, all sequences together.
    :param n_sequences: sequences, at most 255; one more is kept for `save` and for spare rows.
    :param n_batch: most rows in one decode: at least one a sequence, at most `n_cells`.
    :param n_threads: threads of the computation.
    :param kv_type: type of the cache's numbers, one of `KV_TYPES`.
    :param flash_attention: None lets llama.cpp take it where the device can.
    :param adapters: pointers of LoRA adapters by their names.
    :raises LLMConfigError: there is no memory for it, or the settings exclude each other.
    """

    def __init__(
        self,
        model: Model,
        *,
        n_cells: int,
        n_sequences: int,
        n_batch: int,
        n_threads: int,
        kv_type: str = "f16",
        flash_attention: bool | None = None,
        adapters: Mapping[str, Any] | None = None,
    ) -> None:
        self._lib = llama = library()
        params = llama.llama_context_default_params()
        params.n_ctx = n_cells
        params.n_seq_max = n_sequences + 1
        # With fewer rows than sequences, or more than it has itself, llama.cpp ends the process.
        params.n_batch = params.n_ubatch = max(n_batch, n_sequences + 1)
        params.n_threads = params.n_threads_batch = n_threads
        params.kv_unified = True  # prefixes are shared by copying part of a sequence
        params.swa_full = True  # a window that slides cannot be cut
        params.no_perf = True
        params.flash_attn_type = _flash_attention(kv_type, flash_attention)
        params.type_k = params.type_v = KV_TYPES[kv_type][0]
        self._abort_flag = ctypes.create_string_buffer(2)
        params.abort_callback, params.abort_callback_data = _abort_callback(self._abort_flag)
        self._pointer = llama.llama_init_from_model(model.pointer, params)
        if not self._pointer:
            raise LLMConfigError(
                f"no room for a cache of {n_cells} tokens, or its type {kv_type!r} does not suit "
                "this model; choose a smaller context_length, fewer slots, or kv_type 'f16'"
            )
        self._memory = llama.llama_get_memory(self._pointer)
        self._n_vocab = model.n_vocab
        self._spare = n_sequences
        self._adapters = dict(adapters or {})
        self._adapter: str | None = None
        self._views: dict[tuple[int, int], Row] = {}
        n_rows = int(llama.llama_n_batch(self._pointer))
        self._row_numbers = np.arange(n_rows)
        self.n_cells = int(llama.llama_n_ctx(self._pointer))
        self.batch = LlamaBatch(n_rows, n_sequences + 1)

    def decode(self, start: int, n_rows: int) -> None:
        """Compute rows of the batch."""
        if not (n_rows > 0 and 0 <= start <= self.batch.n_rows - n_rows):
            raise ValueError(f"rows {start} to {start + n_rows} of {self.batch.n_rows}")
        code = self._lib.llama_decode(self._pointer, self.batch.struct(start, n_rows))
        if code == 0:
            return
        if code == _NO_ROOM:
            raise OutOfCache
        if code == _ABORTED:
            self._abort_flag[0] = b"\0"
            raise Interrupted
        raise LLMServerError(
            f"llama.cpp failed to compute a batch of {n_rows} rows: code {code}", status_code=500
        )

    def interrupt(self) -> None:
        """Let the running `decode`, or else the next one, give up at its next operation."""
        self._abort_flag[0] = b"x"

    def logits(self, n_rows: int) -> Row:
        """(n_rows, n_vocab) float32 of the wanted rows, in their order; valid until `decode`."""
        pointer = self._lib.llama_get_logits(self._pointer)
        if not pointer:
            raise LLMServerError("llama.cpp kept no logits", status_code=500)
        key = ctypes.addressof(pointer.contents), n_rows
        rows = self._views.get(key)
        if rows is None:  # 5 µs, and the place seldom changes
            if len(self._views) > _MAX_VIEWS:
                self._views.clear()
            array = (ctypes.c_float * (n_rows * self._n_vocab)).from_address(key[0])
            rows = self._views[key] = np.ctypeslib.as_array(array).reshape(n_rows, self._n_vocab)
        return rows

    def likeliest(self, n_rows: int) -> tuple[list[int], list[float]]:
        """The token with the highest logit of each row, and that logit."""
        rows = self.logits(n_rows)
        if n_rows == 1:  # a lone caller waits for each microsecond
            token = int(rows.argmax())
            return [token], [float(rows[0, token])]
        tokens = rows.argmax(axis=1)
        return tokens.tolist(), rows[self._row_numbers[:n_rows], tokens].tolist()

    def forget(self, sequence: int, start: int = 0) -> None:
        """Drop a sequence's cells from position `start` on."""
        self._lib.llama_memory_seq_rm(self._memory, sequence, start, -1)

    def copy(self, source: int, target: int, n_tokens: int) -> None:
        """Let `target` share the first cells of `source`: no cell is duplicated, it takes 3 µs."""
        self._lib.llama_memory_seq_cp(self._memory, source, target, 0, n_tokens)

    def clear(self) -> None:
        """Forget everything."""
        self._lib.llama_memory_clear(self._memory, False)

    def use_adapter(self, name: str | None) -> None:
        """Compute what follows with this adapter; a change costs the next decode 1 ms."""
        if name == self._adapter:
            return
        llama = self._lib
        n = int(name is not None)
        pointers = (llama.llama_adapter_lora_p_ctypes * 1)(self._adapters[name] if name else None)
        scales = (ctypes.c_float * 1)(1.0)
        code = llama.llama_set_adapters_lora(self._pointer, pointers, n, scales)
        if code:
            raise LLMServerError(f"llama.cpp cannot use the adapter {name!r}: code {code}")
        self._adapter = name

    def save(self, sequence: int, n_tokens: int) -> bytes:
        """The first cells of a sequence."""
        llama, spare = self._lib, self._spare
        self.copy(sequence, spare, n_tokens)
        try:
            size = llama.llama_state_seq_get_size(self._pointer, spare)
            buffer = (ctypes.c_uint8 * size)()
            n = llama.llama_state_seq_get_data(self._pointer, buffer, size, spare)
        finally:
            self.forget(spare)
        if n != size:
            raise LLMServerError(f"llama.cpp wrote {n} of {size} bytes of a state")
        return bytes(buffer)

    def restore(self, sequence: int, data: bytes, n_tokens: int) -> None:
        """Fill an empty sequence with what `save` gave."""
        llama = self._lib
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        n = llama.llama_state_seq_set_data(self._pointer, buffer, len(data), sequence)
        if n == 0:
            raise OutOfCache
        last = llama.llama_memory_seq_pos_max(self._memory, sequence)
        if n != len(data) or last != n_tokens - 1:
            self.forget(sequence)
            raise InvalidRequestError("the state does not have as many tokens as it says")

    def free(self) -> None:
        """Give the cache back."""
        self._lib.llama_free(self._pointer)


def _flash_attention(kv_type: str, wanted: bool | None) -> int:
    """llama.cpp's -1 (itself decides), 0 or 1."""
    if kv_type not in PLAIN_TYPES:
        if wanted is False:
            raise LLMConfigError(
                f"kv_type is {kv_type!r}, which needs flash attention; leave flash_attention out "
                "or take kv_type 'f16'"
            )
        return 1
    return -1 if wanted is None else int(wanted)


def _abort_callback(flag: Any) -> tuple[Any, Any]:
    """A C function that tells whether a byte is set, and the byte.

    C's own `strlen`: of an empty text it is 0, false, of one character 1, true. A function of
    Python's would take the interpreter's lock at every operation of every thread.
    """
    llama = library()
    c_library = ctypes.CDLL("msvcrt" if os.name == "nt" else None)
    function = ctypes.cast(c_library.strlen, llama.ggml_abort_callback)
    return function, ctypes.cast(flag, ctypes.c_void_p)
