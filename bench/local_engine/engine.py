"""The engine as a contender, with nothing around it: requests in, events counted."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from local_llm_kit.arguments import parse_chat
from local_llm_kit.engines.llama_cpp import LlamaCppEngine, LlamaCppOptions
from local_llm_kit.engines.protocol import Event, Failed, Finished
from local_llm_kit.local_model import LocalModel

_CONTEXT = 2048


class Engine:
    """Callers are requests; nobody reads their text."""

    def __init__(self, model: str) -> None:
        options = LlamaCppOptions(n_slots=8, context_length=_CONTEXT, n_threads=1)
        self.model = LocalModel(LlamaCppEngine(model, os.path.basename(model), options))

    def turn(self, *, tokens: int, callers: int) -> dict[str, Any]:
        """Let `callers` generate `tokens` each; ``wall_s`` is the time for all."""
        counter = _Counter(callers)
        begin = time.perf_counter()
        for number in range(callers):
            text = f"Caller {number}: count from 1 to 200, one after another."
            fields = {"messages": [{"role": "user", "content": text}], "max_tokens": tokens}
            call = parse_chat(fields | {"temperature": 0}, self.model.defaults)
            self.model.chat(call).start(counter)
        counter.ended.wait()
        wall_s = time.perf_counter() - begin
        if counter.n_tokens != tokens * callers:
            raise RuntimeError(f"{counter.n_tokens} of {tokens * callers} tokens came")
        return {"wall_s": wall_s, "tokens": counter.n_tokens}


class _Counter:
    """A sink that counts."""

    def __init__(self, n_open: int) -> None:
        self.ended = threading.Event()
        self.n_tokens = 0
        self._n_open = n_open

    def __call__(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Finished):
                self.n_tokens += event.completion_tokens
            if isinstance(event, (Finished, Failed)):
                self._n_open -= 1
        if not self._n_open:
            self.ended.set()
