"""The GPUs that llama.cpp can use, and what memory they have."""

from __future__ import annotations

import ctypes
import importlib
from functools import cache
from typing import Any

from local_llm_kit.devices import Device
from local_llm_kit.engines.llama_cpp.library import library

#: ggml's kinds of devices: a GPU with memory of its own, and one that shares the host's.
_GPU, _INTEGRATED = 1, 2


def gpu_devices() -> tuple[Device, ...]:
    """The GPUs, in llama.cpp's order; none when it was built without support for them.

    As llama.cpp does it, integrated ones count only where there is no other.
    """
    if not library().llama_supports_gpu_offload():
        return ()
    ggml = _ggml()
    handles = [ggml.ggml_backend_dev_get(i) for i in range(ggml.ggml_backend_dev_count())]
    for kind in (_GPU, _INTEGRATED):
        found = [handle for handle in handles if ggml.ggml_backend_dev_type(handle) == kind]
        if found:
            return tuple(_device(ggml, handle) for handle in found)
    return ()


def _device(ggml: Any, handle: Any) -> Device:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    ggml.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
    name: bytes = ggml.ggml_backend_dev_name(handle)
    return Device(name.decode("utf-8", "replace"), total.value, free.value)


@cache
def _ggml() -> Any:
    """The library of ggml, which the package loads and has no functions for."""
    ggml = importlib.import_module("llama_cpp._ggml").libggml
    handle, size = ctypes.c_void_p, ctypes.c_size_t
    for name, result, arguments in (
        ("ggml_backend_dev_count", size, []),
        ("ggml_backend_dev_get", handle, [size]),
        ("ggml_backend_dev_type", ctypes.c_int, [handle]),
        ("ggml_backend_dev_name", ctypes.c_char_p, [handle]),
        ("ggml_backend_dev_memory", None, [handle, ctypes.POINTER(size), ctypes.POINTER(size)]),
    ):
        function = getattr(ggml, name)
        function.restype, function.argtypes = result, arguments
    return ggml
