"""Models by what they are for: an alias in a lockfile, and who answers when its first model fails.

    python examples/lockfile_fallback.py

The first model of the pool stands at an address where nobody listens. A provider without a key is
passed over in the same way.
"""

import asyncio
import tempfile
from pathlib import Path

from llmring import LLMRing

LOCKFILE = """\
version = "1.0"

[providers.down]
base_url = "http://127.0.0.1:9/v1"

[[profiles.default.bindings]]
alias = "summarizer"
models = [
    "down:some-model", # the first choice
    "local:tiny",      # takes over, on this machine
]

[[profiles.test.bindings]]
alias = "summarizer"
models = ["local:tiny"] # LLMRING_PROFILE=test: no provider is asked
"""


async def main(lockfile: Path) -> None:
    messages = [{"role": "user", "content": "Hello!"}]
    async with LLMRing(lockfile_path=lockfile) as ring:
        for profile in ("default", "test"):
            response = await ring.chat("summarizer", profile, messages=messages)
            print(f"profile {profile}: {response.model} says {response.content!r}")
            for attempt in response.attempts:
                print("   ", attempt["model"], attempt["outcome"], attempt.get("error", ""))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "llmring.lock")
        path.write_text(LOCKFILE)
        asyncio.run(main(path))
