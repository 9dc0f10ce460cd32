"""The engine as a contender, with nothing around it: requests in, events counted."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from local_engine.wire import prompt_of
from local_llm_kit.arguments import parse_chat
from local_llm_kit.engines.llama_cpp import LlamaCppEngine, LlamaCppOptions
from local_llm_kit.engines.protocol import Delta, Event, Failed, Finished
from local_llm_kit.local_model import LocalModel

_CONTEXT = 2048


class Engine:
    """Callers are requests; nobody reads their text."""

    def __init__(self, model: str) -> None:
        options = LlamaCppOptions(n_slots=8, context_length=_CONTEXT, n_threads=1)
        self.model = LocalModel(LlamaCppEngine(model, os.path.basename(model), options))

    def turn(self, *, tokens: int, callers: int) -> dict[str, Any]:
        """Let `callers` generate `tokens` each.

        :return: ``wall_s``, the time for all; ``first_s``, each caller's time to its first text.
        """
        counter = _Counter(callers)
        begin = time.perf_counter()
        for number in range(callers):
            messages = [{"role": "user", "content": prompt_of(number)}]
            fields = {"messages": messages, "max_tokens": tokens}
            call = parse_chat(fields | {"temperature": 0}, self.model.defaults)
            self.model.chat(call).start(_Caller(counter))
        counter.ended.wait()
        wall_s = time.perf_counter() - begin
        if counter.n_tokens != tokens * callers:
            raise RuntimeError(f"{counter.n_tokens} of {tokens * callers} tokens came")
        return {"wall_s": wall_s, "tokens": counter.n_tokens, "first_s": counter.first_s}


class _Counter:
    """What all callers got. The engine's one thread alone writes here."""

    def __init__(self, n_open: int) -> None:
        self.ended = threading.Event()
        self.n_tokens = 0
        self.n_open = n_open
        self.first_s: list[float] = []


class _Caller:
    """The sink of one caller."""

    def __init__(self, counter: _Counter) -> None:
        self._counter, self._asked, self._waits = counter, time.perf_counter(), True

    def __call__(self, events: list[Event]) -> None:
        counter = self._counter
        for event in events:
            if self._waits and isinstance(event, Delta):
                self._waits = False
                counter.first_s.append(time.perf_counter() - self._asked)
            if isinstance(event, Finished):
                counter.n_tokens += event.completion_tokens
            if isinstance(event, (Finished, Failed)):
                counter.n_open -= 1
        if not counter.n_open:
            counter.ended.set()
