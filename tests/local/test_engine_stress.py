"""Everything the scheduler can, at once, from many threads that leave when they like."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from LLM.exceptions import LLMRateLimitError
from local_llm_kit.engines.llama_cpp import LlamaCppEngine
from local_llm_kit.engines.protocol import GenerationRequest, SamplingParams
from tests.local.support import Collector, chat_prompt, running_engine
from tests.local.test_engine_constraints import Script, places_of
from tests.local.test_engine_options import write_adapter

pytestmark = pytest.mark.slow

#: Seconds of the test; the issue's own number is 120.
SECONDS = float(os.environ.get("LLM_KIT_STRESS_SECONDS", "6"))
QUESTIONS = ["Hello!", "Count from 1 to 20.", "Who are you?", "word " * 150, "Say hi. " * 40]


def kinds_of_requests(engine: LlamaCppEngine) -> list[GenerationRequest]:
    """Each kind of request that there is, with an answer that a lone caller's repeats."""
    kinds: list[dict[str, Any]] = [
        {"sampling": SamplingParams(temperature=0)},
        {"sampling": SamplingParams(temperature=0.9, seed=5)},
        {"sampling": SamplingParams(temperature=0.7, top_p=0.9, seed=1, n_logprobs=2)},
        {"sampling": SamplingParams(temperature=0, frequency_penalty=0.5), "stop": ("e", "7")},
        {"sampling": SamplingParams(temperature=0), "score_from": 3},
        {"sampling": SamplingParams(temperature=0), "adapter": "red"},
        {
            "sampling": SamplingParams(temperature=0),
            "constraint": Script(
                engine.info.n_vocab,
                [*places_of(engine, "the answer is "), {60, 61, 62}, *places_of(engine, " or so")],
            ),
        },
    ]
    return [
        GenerationRequest(engine.tokenize(chat_prompt(text), parse_special=True), 24, **kind)
        for text in QUESTIONS
        for kind in kinds
    ]


def whole_answer(engine: LlamaCppEngine, request: GenerationRequest) -> tuple[str, str, int]:
    collector = Collector()
    engine.submit(request, collector)
    end = collector.wait(timeout=60).end
    return collector.text, end.reason, end.completion_tokens


@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("speculation", [None, "prompt_lookup"])
def test_everything_at_once_gives_each_what_it_gets_alone(
    tiny_f32: Path, tmp_path: Path, speculation: str | None
) -> None:
    adapter = str(write_adapter(tmp_path / "red.gguf", 1, size=0.3))
    # float32 throughout: what is left of rounding seldom turns a choice.
    options = {"n_slots": 6, "max_queue": 20, "speculation": speculation, "kv_type": "f32"}
    with running_engine(tiny_f32, adapters={"red": adapter}, **options) as engine:
        requests = kinds_of_requests(engine)
        expected = [whole_answer(engine, request) for request in requests]
        wrong: list[str] = []
        finished: list[int] = []
        deadline = time.monotonic() + SECONDS

        def call(number: int) -> None:
            rng = random.Random(number)
            while time.monotonic() < deadline:
                which = rng.randrange(len(requests))
                collector = Collector()
                try:
                    handle = engine.submit(requests[which], collector)
                except LLMRateLimitError:
                    time.sleep(0.001)
                    continue
                if rng.random() < 0.4:
                    time.sleep(rng.random() * 0.02)
                    handle.cancel()
                end = collector.wait(timeout=60).end
                got = collector.text, end.reason, end.completion_tokens
                if end.reason == "cancelled":
                    if not expected[which][0].startswith(collector.text):
                        wrong.append(f"{which}: {got!r}, cut of {expected[which]!r}")
                elif got != expected[which]:
                    wrong.append(f"{which}: {got!r} instead of {expected[which]!r}")
                else:
                    finished.append(which)

        def keep_states() -> None:
            path = str(tmp_path / "some.state")
            while time.monotonic() < deadline:
                if engine.save_state(requests[0].prompt, path):
                    try:
                        engine.load_state(path)
                    except LLMRateLimitError:
                        time.sleep(0.001)

        threads = [threading.Thread(target=call, args=(i,)) for i in range(32)]
        threads.append(threading.Thread(target=keep_states))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(set(finished)) > len(requests) / 2
        assert (engine.stats.n_running, engine.stats.n_waiting) == (0, 0)
