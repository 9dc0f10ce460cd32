"""Many calls at a time, by coroutines, within a limit on how many and how fast.

    python examples/async_fan_out.py 20

The answers come in the order in which they are ready.
"""

import asyncio
import sys
import time

from LLM import AsyncLLM, LLMConfig, RateLimiter
from serving import any_server


async def main(config: LLMConfig, n: int) -> None:
    places = asyncio.Semaphore(8)  # calls in flight

    async def ask(llm: AsyncLLM, number: int) -> tuple[int, str]:
        async with places:
            question = [{"role": "user", "content": f"What is {number} plus 1?"}]
            return number, (await llm.chat_completion(question, temperature=0.0)).text

    start = time.monotonic()
    async with AsyncLLM(config, rate_limiter=RateLimiter(requests_per_minute=6000)) as llm:
        for done in asyncio.as_completed([ask(llm, number) for number in range(n)]):
            number, text = await done
            print(f"{number} plus 1: {text}")
        print(
            f"{llm.get_request_count()} calls, {llm.usage.total.total_tokens} tokens"
            f" in {time.monotonic() - start:.1f} s"
        )


if __name__ == "__main__":
    with any_server() as config:
        asyncio.run(main(config, int(sys.argv[1]) if sys.argv[1:] else 10))
