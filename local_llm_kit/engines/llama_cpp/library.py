"""The `llama_cpp` package, loaded once and made quiet.

The process dies, without an exception, on several mistakes: more rows than n_batch, a partial copy
of a sequence without a unified cache, a NULL pointer used. Everything that reaches C from this
folder is checked or bounded first.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import threading
from functools import cache
from typing import Any

from LLM.exceptions import LLMConfigError
from LLM.extras import how_to_add
from local_llm_kit.engines.llama_cpp import buffers

_log = logging.getLogger("local_llm_kit.llama_cpp")

_WARN_LEVEL = 3  # ggml_log_level: none, debug, info, warn, error, cont


#: Two threads that load their first models wait for one import together, and end it together.
_first_use = threading.Lock()


@cache
def library() -> Any:
    """The `llama_cpp` module, imported on first use, its chatter sent to `logging`; any thread.

    :raises LLMConfigError: the package is not installed.
    """
    with _first_use:
        return _prepared()


@cache
def _prepared() -> Any:
    # A failed assertion would otherwise start gdb on the process to print a backtrace.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    try:
        llama: Any = importlib.import_module("llama_cpp")
    except ImportError as err:
        raise LLMConfigError(
            f"the llama.cpp back end needs the package llama-cpp-python, which cannot be imported "
            f"({err}); {how_to_add('llama')}",
            code="missing_package",
        ) from err

    def forward(level: int, text: bytes | None, _data: Any) -> None:
        if text:
            buffers.note(text)
        if level >= _WARN_LEVEL and text:
            _log.debug("%s", text.decode("utf-8", "replace").rstrip())

    # The package leaves two files open for good, which Python complains about at its exit.
    for name in ("outnull_file", "errnull_file"):
        file = getattr(importlib.import_module("llama_cpp._utils"), name, None)
        if file is not None:
            atexit.register(file.close)
    llama.kept_log_callback = llama.llama_log_callback(forward)  # C holds no reference
    return llama


def take_log() -> None:
    """Have llama.cpp's log come here, from where what it allocates is read.

    There is one log a process, and `llama_cpp.Llama` takes it whenever it is made.
    """
    llama = library()
    llama.llama_log_set(llama.kept_log_callback, None)
