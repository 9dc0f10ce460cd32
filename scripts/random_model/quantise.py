"""Smaller GGUF files from one of full precision, by llama.cpp's own quantiser."""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp

from random_model.shapes import Shape

# Type of the matrices to llama.cpp's file type and the numbers that are quantised together.
_TYPES = {
    "q4_0": (llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0, 32),
    "q8_0": (llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0, 32),
    "q4_k": (llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_S, 256),
}
QUANTISED = tuple(_TYPES)


def _drop(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    """Take llama.cpp's log lines and do nothing with them."""


_quiet = llama_cpp.llama_log_callback(_drop)


def check_rows(shape: Shape, kind: str) -> None:
    """Hold the rows against a type's block.

    llama.cpp takes another type for rows that do not fit, so the file would not be what it says.

    :raises ValueError: some matrix has rows that the type cannot divide.
    """
    block = _TYPES[kind][1]
    odd = {size[1] for size in shape.tensors().values() if len(size) == 2 and size[1] % block}
    if odd:
        raise ValueError(
            f"type {kind!r} needs rows of a multiple of {block} numbers, not {sorted(odd)}; "
            "take q4_0 or q8_0, or another kind of model"
        )


def quantise(source: Path, out: Path, kind: str, threads: int) -> None:
    """Write `source` again with smaller matrices.

    :param kind: one of `QUANTISED`.
    :param threads: threads of the computation.
    :raises RuntimeError: llama.cpp could not.
    """
    llama_cpp.llama_log_set(_quiet, None)
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread = _TYPES[kind][0], threads
    code = llama_cpp.llama_model_quantize(
        str(source).encode(), str(out).encode(), ctypes.byref(params)
    )
    if code:
        raise RuntimeError(f"llama.cpp could not write {str(out)!r} as {kind} (code {code})")
