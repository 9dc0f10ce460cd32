"""Many callers at once, who leave when they like."""

from __future__ import annotations

import random
import threading
import time

import pytest

from LLM import LLMRateLimitError
from local_llm_kit import LLMClient

pytestmark = pytest.mark.slow

SECONDS = 8
WORDS = ["Hello!", "Who are you?", "What is the capital of France?", "word " * 200]


def test_thirty_two_threads_with_random_cancels_leave_nothing_behind() -> None:
    with LLMClient("tiny", n_slots=6, max_queue=20, temperature=0) as client:
        expected = {
            text: client.chat.completions.create(
                messages=[{"role": "user", "content": text}], max_tokens=24
            ).text
            for text in WORDS
        }
        wrong: list[str] = []
        deadline = time.monotonic() + SECONDS

        def call(number: int) -> None:
            rng = random.Random(number)
            while time.monotonic() < deadline:
                text = rng.choice(WORDS)
                n_read = rng.choice([0, 1, 3, 1000, 1000])
                messages = [{"role": "user", "content": text}]
                try:
                    with client.chat.completions.create(
                        messages=messages, stream=True, max_tokens=24
                    ) as stream:
                        for _, _ in zip(range(n_read), stream, strict=False):
                            continue
                        got = stream.text
                except LLMRateLimitError:
                    continue
                if not expected[text].startswith(got) or (n_read == 1000 and got != expected[text]):
                    wrong.append(f"{text[:20]!r}: {got!r}")

        threads = [threading.Thread(target=call, args=(i,)) for i in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        client.chat.completions.create(messages=[{"role": "user", "content": "Hi"}], max_tokens=1)
        stats = client.stats
        assert (stats.n_running, stats.n_waiting) == (0, 0)
