"""The one door to llama.cpp's library."""

from __future__ import annotations

import contextlib
import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from local_llm_kit.engines.llama_cpp import library as module


def test_threads_that_load_at_once_set_up_one_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second callback would replace the first, which C may still call."""
    together, callbacks = threading.Barrier(2), []
    llama = SimpleNamespace(llama_log_callback=lambda function: callbacks.append(function))

    def slow_import(name: str) -> Any:
        if name != "llama_cpp":
            return SimpleNamespace()
        with contextlib.suppress(threading.BrokenBarrierError):  # they came one after the other
            together.wait(0.2)
        return llama

    monkeypatch.setattr(module.importlib, "import_module", slow_import)
    monkeypatch.setattr(module, "_prepared", functools.cache(module._prepared.__wrapped__))
    library = functools.cache(module.library.__wrapped__)
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(library) for _ in range(2)]
        assert all(one.result(30) is llama for one in found)
    assert len(callbacks) == 1
