"""llama-cpp-python as a contender: its `Llama`, and a bare loop over its C functions."""

from __future__ import annotations

import ctypes
import time
from typing import Any

import llama_cpp
import numpy as np

TEXT = "List what is in the store, one thing after another."
_CONTEXT = 4096


class HighLevel:
    """`Llama` with its defaults but for the window and one thread."""

    def __init__(self, model: str) -> None:
        self.llama = llama_cpp.Llama(
            model, n_ctx=_CONTEXT, n_threads=1, n_threads_batch=1, verbose=False
        )

    def turn(self, *, tokens: int) -> dict[str, Any]:
        """Stream one chat answer."""
        begin = time.perf_counter()
        stream = self.llama.create_chat_completion(
            messages=[{"role": "user", "content": TEXT}],
            max_tokens=tokens,
            temperature=0,
            stop=["\0never"],
            stream=True,
        )
        reason = [chunk["choices"][0]["finish_reason"] for chunk in stream][-1]
        if reason != "length":
            raise RuntimeError(f"the answer ended before {tokens} tokens: {reason!r}")
        return {"wall_s": time.perf_counter() - begin, "tokens": tokens}


class DecodeLoop:
    """`llama_decode` and the argmax of its logits, and nothing else: no text, no end, no caller.

    The context is as the engine makes it: one cache for all sequences, flash attention by itself.
    """

    def __init__(self, model: str) -> None:
        params = llama_cpp.llama_model_default_params()
        self.model = llama_cpp.llama_model_load_from_file(model.encode(), params)
        if not self.model:
            raise FileNotFoundError(f"llama.cpp cannot load {model!r}")
        options = llama_cpp.llama_context_default_params()
        options.n_ctx, options.n_seq_max, options.kv_unified = _CONTEXT, 8, True
        options.n_threads = options.n_threads_batch = 1
        options.no_perf = True
        self.context = llama_cpp.llama_init_from_model(self.model, options)
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.n_vocab = llama_cpp.llama_vocab_n_tokens(self.vocab)

    def turn(self, *, tokens: int) -> dict[str, Any]:
        """Read the prompt, then decode `tokens`; microseconds a token after the first."""
        memory = llama_cpp.llama_get_memory(self.context)
        llama_cpp.llama_memory_clear(memory, True)
        data = TEXT.encode()
        buffer = (ctypes.c_int32 * (len(data) + 8))()
        n = llama_cpp.llama_tokenize(self.vocab, data, len(data), buffer, len(buffer), False, False)
        token = self._step(buffer, n)
        row = (ctypes.c_int32 * 1)()
        begin = time.perf_counter()
        for _ in range(tokens - 1):
            row[0] = token
            token = self._step(row, 1)
        return {"us": (time.perf_counter() - begin) / (tokens - 1) * 1e6, "tokens": tokens}

    def _step(self, tokens: ctypes.Array[ctypes.c_int32], n: int) -> int:
        code = llama_cpp.llama_decode(self.context, llama_cpp.llama_batch_get_one(tokens, n))
        if code:
            raise RuntimeError(f"llama_decode gave {code}")
        logits = llama_cpp.llama_get_logits_ith(self.context, -1)
        return int(np.ctypeslib.as_array(logits, shape=(self.n_vocab,)).argmax())
