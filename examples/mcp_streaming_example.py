"""A model's text and its calls of tools, as they happen.

    python examples/mcp_streaming_example.py "What is the weather in Oslo?"

The tool is a function of this program; tools of MCP servers come by the same events.
"""

import asyncio
import sys

from llmring import LLMRing, StreamChunk
from llmring.mcp.client import EnhancedLLM, ToolEnded, ToolStarted, TurnEnded


async def get_weather(city: str) -> str:
    """Get the weather in a city."""
    await asyncio.sleep(0)  # where a real one would ask a service
    return f"It is sunny in {city}, 21 degrees."


async def main(question: str) -> None:
    messages = [{"role": "user", "content": question}]
    async with (
        LLMRing() as ring,
        EnhancedLLM(ring, "fast", tools=[get_weather]) as llm,
        llm.chat_stream(messages, temperature=0.0) as stream,
    ):
        async for event in stream:
            if isinstance(event, StreamChunk):
                print(event.delta, end="", flush=True)
            elif isinstance(event, ToolStarted):
                print("calls", event.call.name, event.call.arguments)
            elif isinstance(event, ToolEnded):
                print("got:", event.result.content)
            elif isinstance(event, TurnEnded):
                print(f"\n{event.turn.total_tokens} tokens, ${event.turn.usage['cost']:.6f}")


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or "What is the weather in Paris?"))
