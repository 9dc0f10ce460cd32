"""Engines for the tests' workers: they say which process has answered."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic_core import to_json

from LLM import LLMAuthError
from LLM.batch.engine import Finish
from LLM.batch.types import BatchOutcome, BatchRequest
from llm_kit.ray import Answerer, EngineHost, WorkerPlace


class Echo:
    """Answers at once with the prompt and the process's number."""

    def run(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        for request in requests:
            match request.body["prompt"]:
                case "die":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "refuse":
                    raise LLMAuthError("the key is refused", status_code=401, provider="a test")
            answer = {"said": request.body["prompt"], "pid": os.getpid()}
            finish(BatchOutcome(request, answer=to_json(answer), status_code=200))


def echo(_: WorkerPlace) -> Answerer:
    """A worker's engine."""
    return EngineHost(Echo())


def together(place: WorkerPlace) -> Answerer:
    """A worker that answers when all of the job's have started."""
    started = Path(os.environ["RAY_TMPDIR"], "started")
    started.mkdir(exist_ok=True)
    (started / str(place.number)).touch()
    while len(os.listdir(started)) < place.n_workers:
        time.sleep(0.01)
    return EngineHost(Echo())
