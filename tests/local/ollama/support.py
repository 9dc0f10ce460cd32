"""What the tests of the Ollama back end share."""

from __future__ import annotations

from queue import SimpleQueue
from typing import Any

from local_llm_kit.arguments import parse_chat, parse_completion
from local_llm_kit.backends import Job, JSONObject
from local_llm_kit.engines.ollama import OllamaModel, OllamaOptions
from local_llm_kit.engines.protocol import Event
from tests.local.ollama.fake import (
    FakeOllama,
)

HELLO = [{"role": "user", "content": "Hello!"}]
SCHEMA = {
    "type": "object",
    "properties": {"at": {"anyOf": [{"$ref": "#/$defs/place"}, {"type": "null"}]}},
    "$defs": {"place": {"type": "object", "properties": {"city": {"type": "string"}}}},
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": "look", "description": "", "parameters": SCHEMA}}
]


def load(fake: FakeOllama, name: str = "tiny", **options: Any) -> OllamaModel:
    return OllamaModel(name, OllamaOptions(host=fake.host, **options))


def finish(job: Job) -> tuple[list[JSONObject], JSONObject]:
    """Chunks and whole answer of a job."""
    batches: SimpleQueue[list[Event]] = SimpleQueue()
    job.start(batches.put)
    chunks = job.answer.start()
    while not job.answer.done:
        chunks += job.answer.feed(batches.get(timeout=20))
    return chunks, {} if chunks else job.answer.response()


def chat(model: OllamaModel, **arguments: Any) -> JSONObject:
    body = {"messages": HELLO} | arguments
    return finish(model.chat(parse_chat(body, model.defaults)))[1]


def streamed(model: OllamaModel, **arguments: Any) -> list[JSONObject]:
    body = {"messages": HELLO, "stream": True} | arguments
    return finish(model.chat(parse_chat(body, model.defaults)))[0]


def complete(model: OllamaModel, **arguments: Any) -> JSONObject:
    return finish(model.completion(parse_completion(arguments, model.defaults)))[1]
