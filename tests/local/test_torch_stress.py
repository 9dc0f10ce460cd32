"""Many threads on the torch engine, some of which change their mind."""

from __future__ import annotations

import random
import threading

import pytest

pytest.importorskip("torch")

from local_llm_kit.engines.protocol import GenerationRequest, SamplingParams
from tests.local.support import Collector, chat_prompt
from tests.local.torch_models import torch_engine

pytestmark = pytest.mark.slow

QUESTIONS = ["Hello!", "Who are you?", "What is the capital of France?", "Count to 20", "3 + 4?"]
GREEDY = SamplingParams(temperature=0)


def test_threads_with_random_cancels_get_what_they_would_get_alone() -> None:
    with torch_engine(n_slots=6) as engine:
        prompts = [engine.tokenize(chat_prompt(q), parse_special=True) for q in QUESTIONS]

        def ask(prompt: list[int], n: int | None = 40) -> Collector:
            collector = Collector()
            handle = engine.submit(GenerationRequest(prompt, n, GREEDY), collector)
            if n is None:
                collector.events.extend(collector.batches.get(timeout=30))
                handle.cancel()
            return collector.wait()

        alone = [ask(prompt).text for prompt in prompts]
        wrong: list[tuple[str, str]] = []

        def call(seed: int) -> None:
            choose = random.Random(seed)
            for _ in range(6):
                i = choose.randrange(len(prompts))
                if choose.random() < 0.3:
                    ask(prompts[i], None)
                elif (text := ask(prompts[i]).text) != alone[i]:
                    wrong.append((text, alone[i]))

        threads = [threading.Thread(target=call, args=(seed,)) for seed in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert (engine.stats.n_running, engine.stats.n_waiting) == (0, 0)
