"""Any schema at any provider: it is sent in the form that is taken, and its value comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from llmring import LLMRequest, LLMRing
from tests.cloud.official_types import JUDGES
from tests.llmring.rings import KEY
from tests.llmring.rings import request as said
from tests.llmring.structured.answers import MODELS, saying, schema_sent
from tests.llmring.structured.rules import CHECKS, check_references, held_answer
from tests.llmring.structured.schemas import CASES
from tests.remote.scripted_server import Request, ScriptedServer

pytestmark = pytest.mark.slow

JUDGED = {"lab": "openai", "google": "gemini", "claude 3": "anthropic"}


class Mind:
    """A model that answers with a value, as what it is asked for holds it."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.value: Any = None
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, asked: Request) -> bytes:
        body = json.loads(asked.body)
        self.bodies.append(body)
        schema, is_held = schema_sent(self.provider, body)
        value = held_answer(self.value, schema) if schema and is_held else self.value
        return saying(self.provider, json.dumps(value))(asked)


def format_of(schema: Any, *, strict: bool) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": "a thing", "schema": schema},
        "strict": strict,
    }


@pytest.fixture(scope="module", params=MODELS)
def asked(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Ask one provider for a value of a schema: whole, then streamed."""
    mind = Mind(request.param)
    with ScriptedServer((mind,), record=False) as server, asyncio.Runner() as runner:
        ring = LLMRing()
        name = MODELS[mind.provider].partition(":")[0]
        ring.register_provider(name, api_key=KEY, base_url=server.url)

        async def ask(wanted: LLMRequest) -> list[Any]:
            whole = await ring.chat(wanted)
            chunks = [chunk async for chunk in ring.chat_stream(wanted)]
            stream = ring.chat_stream(wanted)
            return [whole, chunks, await stream.response]

        def run(value: Any, response_format: Any) -> tuple[Mind, list[Any]]:
            mind.value = value
            mind.bodies.clear()
            wanted = said(MODELS[mind.provider], response_format=response_format)
            return mind, runner.run(ask(wanted))

        yield run
        runner.run(ring.close())
        runner.run(close_all_cloud_clients())


@pytest.mark.parametrize("name", CASES)
def test_every_schema_gets_its_value_from_every_provider(asked: Any, name: str) -> None:
    schema, value = CASES[name]
    before = json.dumps(schema)
    mind, (whole, chunks, streamed) = asked(value, format_of(schema, strict=True))
    assert json.dumps(schema) == before
    assert whole.parsed == chunks[-1].parsed == streamed.parsed == value
    assert json.loads(whole.content) == json.loads(streamed.content) == value
    for body in mind.bodies:
        JUDGES[JUDGED.get(mind.provider, mind.provider)]()(body)
    sent, is_held = schema_sent(mind.provider, mind.bodies[0])
    if sent is not None and is_held:
        check_references(sent)
        CHECKS[mind.provider](sent)
