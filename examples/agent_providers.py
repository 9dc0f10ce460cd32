"""An agent that is given the name of a provider, and runs with any of them.

    python examples/agent_providers.py
    python examples/agent_providers.py anthropic groq

Without a name a local server answers, in three languages. Providers that are named take their keys
from the environment (ANTHROPIC_API_KEY, GROQ_API_KEY, …).
"""

import asyncio
import json
import sys
from typing import Any

from ai.ai_agents.providers import get_provider
from serving import any_server

WEATHER = {
    "name": "get_weather",
    "description": "Tells the weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 40}},
        "required": ["city"],
    },
}


async def run_agent(name: str, **settings: Any) -> str:
    """Ask, run the tool, and go on until the model calls no more."""
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    async with get_provider(name, **settings) as provider:
        for _ in range(5):
            response = await provider.run(messages, tools=[WEATHER], temperature=0.0)
            messages.append(response.to_message())
            if not response.has_tool_calls:
                break
            for call in response.tool_calls:
                result = json.dumps({"city": call.arguments["city"], "sky": "sunny", "temp": 21})
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        return response.content


async def main(names: list[str]) -> None:
    for name in names:
        print(f"{name}: {await run_agent(name)}")
    if not names:
        with any_server() as config:
            for name in ("openai", "anthropic", "ollama"):
                print(f"{name}: {await run_agent(name, base_url=config.base_url, model='tiny')}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
