"""llmring in one minute: an alias is asked, answers, streams, and tells what it cost.

    python examples/quick_start.py "What is the capital of France?"

It asks the alias `fast`: the provider whose key is set (OPENAI_API_KEY, ANTHROPIC_API_KEY or
GEMINI_API_KEY), else the bundled model `tiny`, without a network.
"""

import asyncio
import sys

from llmring import LLMRequest, LLMRing, Message


async def main(question: str) -> None:
    async with LLMRing() as ring:
        request = LLMRequest(model="fast", messages=[Message(role="user", content=question)])

        response = await ring.chat(request)
        print(f"{response.model}: {response.content}")
        print(f"{response.total_tokens} tokens, {response.usage['cost']} dollars")

        async for chunk in ring.chat_stream(request):
            print(chunk.delta, end="", flush=True)
        print()


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or "Hello!"))
