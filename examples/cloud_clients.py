"""One interface for OpenAI and its like, Anthropic, Gemini and Ollama, by coroutines.

    python examples/cloud_clients.py

Clients whose key is set ask their provider (OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY).
Where there is none, all ask a local server, which speaks three of the four languages.
"""

import asyncio
import os

from cloud.llm import (
    AsyncAnthropicClient,
    AsyncGeminiClient,
    AsyncOllamaClient,
    AsyncOpenAICompatClient,
)
from local_llm_kit.server import LocalServer, ServerOptions

AnyClient = AsyncAnthropicClient | AsyncGeminiClient | AsyncOllamaClient | AsyncOpenAICompatClient


async def ask(client: AnyClient) -> None:
    response = await client.chat(
        [{"role": "user", "content": "Hello!"}], system="You are helpful.", max_tokens=50
    )
    print(f"{client!r}: {response.content} ({response.total_tokens} tokens)")


async def main() -> None:
    clients: list[AnyClient] = []
    if os.environ.get("OPENAI_API_KEY"):
        clients.append(AsyncOpenAICompatClient.from_env())
    if os.environ.get("ANTHROPIC_API_KEY"):
        clients.append(AsyncAnthropicClient.from_env())
    if os.environ.get("GEMINI_API_KEY"):
        clients.append(AsyncGeminiClient.from_env())
    if clients:
        await asyncio.gather(*(ask(client) for client in clients))
        return
    with LocalServer("tiny", ServerOptions(port=0)).running() as server:
        await asyncio.gather(
            ask(AsyncOpenAICompatClient(base_url=server.url, model="tiny")),
            ask(AsyncAnthropicClient(base_url=server.url, model="tiny")),
            ask(AsyncOllamaClient(base_url=server.url, model="tiny")),
        )


if __name__ == "__main__":
    asyncio.run(main())
