"""What calls cost: each answer is priced, and the usage log sums up.

    python examples/cost_report.py

Without OPENAI_API_KEY a local server stands in for OpenAI: the prices are OpenAI's, the calls are
free. ``llmring stats`` tells the same of all rings of this machine.
"""

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path

from llmring import LLMRing, LLMRingSession
from llmring.conversations import open_store
from local_llm_kit.server import LocalServer, ServerOptions

MODELS = ["openai:gpt-6-luna", "openai:gpt-5.5", "local:tiny"]


async def ask(ring: LLMRing) -> None:
    for model in MODELS:
        messages = [{"role": "user", "content": "Count from 1 to 5."}]
        response = await ring.chat(model, messages=messages)
        cost = await ring.calculate_cost(response)
        print(f"{model:<18}{response.total_tokens:>6} tokens  ${cost['total_cost']:.7f}")


async def report(log: Path) -> None:
    store = open_store(log)
    for row in [*await store.usage_by("model"), await store.usage_totals()]:
        tokens = row.input_tokens + row.output_tokens
        print(f"{row.key or 'all':<18}{tokens:>6} tokens  ${row.cost:.7f}  {row.calls} calls")
    await store.close()


async def main(log: Path) -> None:
    async with LLMRingSession(store=log) as ring:
        with contextlib.ExitStack() as stack:
            if not os.environ.get("OPENAI_API_KEY"):
                local = LocalServer("tiny", ServerOptions(port=0)).running()
                url = stack.enter_context(local).url
                ring.register_provider("openai", api_key="none", base_url=url)
            await ask(ring)
    await report(log)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder, "usage.sqlite")))
