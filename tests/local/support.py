"""What the tests of the local engine share: a sink that waits, engines and servers that end."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from LLM.exceptions import LLMServerError
from local_llm_kit.engines.llama_cpp import LlamaCppEngine, LlamaCppOptions
from local_llm_kit.engines.protocol import Delta, Event, Failed, Finished, GenerationRequest
from local_llm_kit.loading import LoadOptions
from local_llm_kit.model_files import BUNDLED
from local_llm_kit.server import LocalServer, ServerOptions

TINY = BUNDLED["tiny"]


class Collector:
    """A sink that waits for the end of a request."""

    def __init__(self) -> None:
        self.batches: SimpleQueue[list[Event]] = SimpleQueue()
        self.events: list[Event] = []

    def __call__(self, events: list[Event]) -> None:
        self.batches.put(events)

    def wait(self, n_ends: int = 1, timeout: float = 30) -> Collector:
        while sum(isinstance(event, (Finished, Failed)) for event in self.events) < n_ends:
            self.events.extend(self.batches.get(timeout=timeout))
        return self

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))

    @property
    def end(self) -> Any:
        return self.events[-1]


def generate(engine: LlamaCppEngine, prompt: str, **fields: Any) -> Collector:
    """Submit a prompt with special tokens read as such; does not wait."""
    collector = Collector()
    tokens = engine.tokenize(prompt, parse_special=True)
    engine.submit(GenerationRequest(tokens, **fields), collector)
    return collector


def chat_prompt(text: str) -> str:
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


@contextmanager
def running_engine(path: Path = TINY, **options: Any) -> Iterator[LlamaCppEngine]:
    engine = LlamaCppEngine(str(path), "tiny", LlamaCppOptions(**options))
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def running_server(load: LoadOptions | None = None, **options: Any) -> Iterator[LocalServer]:
    """A real uvicorn in a thread, on a free port."""
    with running_server_of("tiny", ServerOptions(port=0, **options), load) as server:
        yield server


@contextmanager
def running_server_of(
    model: str, options: ServerOptions, load: LoadOptions | None = None
) -> Iterator[LocalServer]:
    """The same with another model."""
    with LocalServer(model, options, load).running() as server:
        yield server


def model_of(server: LocalServer) -> Any:
    """The one model that a server has loaded."""
    (model,) = server.catalog.loaded_models()
    return model


def slow_down(model: Any, monkeypatch: pytest.MonkeyPatch, step_s: float = 0.01) -> None:
    """Give a model's engine the pace of a larger one, so that it is busy for some seconds."""
    context = model.engine._context
    decode = context.decode

    def decode_slowly(*args: Any) -> Any:
        time.sleep(step_s)
        return decode(*args)

    monkeypatch.setattr(context, "decode", decode_slowly)


def told_in_a_forked_child(call: Callable[[], object]) -> bytes:
    """What a call says in a forked child, where no thread answers; empty if it waits for one."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            call()
        except LLMServerError as err:
            os.write(writing, str(err).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        readable, _, _ = select.select([pipe], [], [], 10)
        message = pipe.read() if readable else b""
    if not readable:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return message
