"""What tests of jobs stand on: inputs, a server that echoes, an engine that needs none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from LLM import BatchReport
from LLM.batch.engine import Finish
from LLM.batch.job import run_job
from LLM.batch.settings import JobSettings
from LLM.batch.source import LineFile
from LLM.batch.types import BatchOutcome, BatchRequest
from LLM.exceptions import InvalidRequestError, LLMAuthError
from LLM.types import Usage
from tests.remote import wire
from tests.remote.scripted_server import Request

CHAT_URL = "/v1/chat/completions"


def request(custom_id: str, text: str, **fields: Any) -> dict[str, Any]:
    """A whole request in OpenAI's batch format."""
    body = {"model": "tiny", "messages": [{"role": "user", "content": text}], **fields}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT_URL, "body": body}


def write_requests(path: Path, texts: list[str]) -> Path:
    """A file of requests, r0, r1 and so on."""
    lines = [json.dumps(request(f"r{n}", text)) + "\n" for n, text in enumerate(texts)]
    path.write_text("".join(lines))
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def ids_of(path: Path) -> list[str]:
    return [line["custom_id"] for line in lines_of(path)]


def echo(request: Request) -> bytes:
    """Answers with the text that was asked."""
    text = json.loads(request.body)["messages"][-1]["content"]
    return wire.answer(chat(text), headers=[("x-request-id", f"req_{request.number}")])


def chat(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {**wire.CHAT, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


class FakeEngine:
    """Answers with the text that was asked; refuses "bad"; ends the job before request `stop`."""

    def __init__(self, stop: int | None = None) -> None:
        self.asked: list[str] = []
        self._stop = stop

    def run(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        for one in requests:
            if len(self.asked) == self._stop:
                raise LLMAuthError("the key was refused", status_code=401)
            self.asked.append(one.custom_id)
            finish(self.outcome(one))

    def outcome(self, one: BatchRequest) -> BatchOutcome:
        text = one.body["messages"][-1]["content"]
        if text == "bad":
            return BatchOutcome(one, error=InvalidRequestError("no", status_code=400, code="bad"))
        usage = Usage(prompt_tokens=3, completion_tokens=2)
        return BatchOutcome(one, json.dumps(chat(text)).encode(), usage=usage, model="tiny")


def run(source: Path, output: Path, engine: Any = None, **options: Any) -> BatchReport:
    """Run a job over a file."""
    options = {"progress": False, **options}
    engine = engine or FakeEngine()
    return run_job(LineFile(source), output, engine, JobSettings.of(options), model="tiny")
