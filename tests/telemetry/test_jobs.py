"""The span of a job, and those of its calls below it, whoever makes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cloud.llm import OpenAICompatClient
from LLM import LLM, AsyncLLM, LLMAuthError, LLMConfig, LLMConfigError
from LLM.batch import endpoint
from local_llm_kit import LLMClient
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer
from tests.telemetry.conftest import Seen

pytestmark = pytest.mark.slow

PROMPTS = ["one", "two", "three"]


def by_coroutines(url: str) -> None:
    with LLM(LLMConfig(base_url=url)) as llm:
        llm.batch(PROMPTS, progress=False)


def by_threads(url: str) -> None:
    def missing(needed_by: str) -> Any:
        raise LLMConfigError("aiohttp is not installed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(endpoint, "async_transport", missing)
        by_coroutines(url)


def by_a_task(url: str) -> None:
    async def run() -> None:
        async with AsyncLLM(LLMConfig(base_url=url)) as llm:
            await llm.batch(PROMPTS, progress=False)

    asyncio.run(run())


def by_a_provider_client(url: str) -> None:
    with OpenAICompatClient("key", base_url=url, model="m") as client:
        client.batch(PROMPTS, progress=False)


def by_a_model_here(url: str) -> None:
    with LLMClient("tiny") as client:
        client.batch([{"prompt": one, "max_tokens": 1} for one in PROMPTS], progress=False)


WAYS = (by_coroutines, by_threads, by_a_task, by_a_provider_client, by_a_model_here)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_span_of_a_job_is_the_parent_of_its_calls(
    way: Callable[[str], None], seen: Seen
) -> None:
    with ScriptedServer((wire.answer(wire.CHAT),)) as server:
        way(server.url)
    *calls, job = seen.spans
    assert (job.name, len(calls)) == ("batch", 3)
    assert {call.parent.span_id for call in calls} == {job.context.span_id}
    told = {"requests": 3, "resumed": 0, "answered": 3, "failed": 0}
    assert job.attributes == {f"llm_kit.batch.{name}": n for name, n in told.items()}


def test_a_job_that_is_ended_has_the_span_of_a_failure(seen: Seen) -> None:
    with ScriptedServer((wire.answer({}, 401),)) as server, pytest.raises(LLMAuthError):
        by_coroutines(server.url)
    job = seen.spans[-1]
    assert (job.name, job.status.is_ok) == ("batch", False)
    assert job.attributes["error.type"] == "LLMAuthError"
