"""pydantic-ai."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic_ai import Agent, NativeOutput, PromptedOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.compat.common import CITY, HELLO, KEY, MODEL, WEATHER, City, get_weather


def _agent(url: str, kind: type[Any] = OpenAIChatModel, **options: Any) -> Agent[None, Any]:
    provider = OpenAIProvider(base_url=f"{url}/v1", api_key=KEY)
    return Agent(kind(MODEL, provider=provider), **options)


def chat(url: str) -> None:
    assert _agent(url, system_prompt="You help.").run_sync(HELLO).output


async def _streamed(agent: Agent[None, Any]) -> str:
    async with agent.run_stream(HELLO) as answer:
        return "".join([piece async for piece in answer.stream_text(delta=True)])


def stream(url: str) -> None:
    assert asyncio.run(_streamed(_agent(url)))


def tools(url: str) -> None:
    answer = _agent(url, tools=[get_weather]).run_sync(WEATHER)
    assert "sunny" in answer.output
    assert answer.usage.tool_calls == 1


def structured(url: str) -> None:
    for wanted in (City, NativeOutput(City), PromptedOutput(City)):
        assert isinstance(_agent(url, output_type=wanted).run_sync(CITY).output, City)


def responses(url: str) -> None:
    agent = _agent(url, OpenAIResponsesModel, tools=[get_weather])
    assert "sunny" in agent.run_sync(WEATHER).output
    assert asyncio.run(_streamed(agent))
    structured = _agent(url, OpenAIResponsesModel, output_type=NativeOutput(City))
    assert isinstance(structured.run_sync(CITY).output, City)


CHECKS = (chat, stream, tools, structured, responses)
