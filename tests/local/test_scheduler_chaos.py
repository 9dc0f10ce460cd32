"""The scheduler over a back end that runs full, is interrupted, and checks every cell."""

from __future__ import annotations

import random
from typing import Any

import pytest

from LLM.exceptions import LLMError
from local_llm_kit.engines.drafting import Drafter, DraftModel, PromptLookup
from local_llm_kit.engines.protocol import (
    Delta,
    Event,
    Failed,
    Finished,
    GenerationRequest,
    PromptScores,
    SamplingParams,
)
from local_llm_kit.engines.scheduler import Scheduler
from local_llm_kit.engines.sequence import Sequence
from tests.local.fake_runner import N_VOCAB, FakeRunner, FakeVocabulary
from tests.local.support import Collector
from tests.local.test_engine_constraints import Script

pytestmark = pytest.mark.slow

VOCABULARY = FakeVocabulary()


def random_request(rng: random.Random) -> GenerationRequest:
    """A request that begins as others do, with some of everything that can be asked for."""
    beginning = [1 + i % 7 for i in range(rng.choice([1, 2, 9, 70, 90]))]
    prompt = beginning + [rng.randrange(1, N_VOCAB) for _ in range(rng.choice([0, 1, 30]))]
    places = [set(rng.sample(range(1, N_VOCAB), rng.choice([1, 1, 1, 3]))) for _ in range(12)]
    sampling = SamplingParams(
        temperature=rng.choice([0, 0, 0.8]),
        top_k=rng.choice([0, 0, 5]),
        top_p=rng.choice([1, 1, 0.8]),
        frequency_penalty=rng.choice([0, 0, 0.3]),
        seed=rng.randrange(5),
        n_logprobs=rng.choice([None, None, None, 2]),
    )
    return GenerationRequest(
        prompt,
        rng.choice([0, 1, 2, 20, 60]),
        sampling,
        stop=rng.choice([(), (), ("aa", "gh", "b")]),
        constraint=rng.choice([None, None, Script(N_VOCAB, places)]),
        adapter=rng.choice([None, None, "red"]),
        score_from=rng.choice([None, None, None, 0, 5, 500]),
    )


def submit(scheduler: Scheduler, request: GenerationRequest) -> tuple[Sequence, Collector]:
    collector = Collector()
    assert request.max_tokens is not None
    sequence = Sequence(request, collector, request.max_tokens)
    scheduler.submit(sequence)
    return sequence, collector


def said(events: list[Event]) -> tuple[Any, ...]:
    """What a request came to, however it was cut into events."""
    end = events[-1]
    assert isinstance(end, Finished), end
    assert not any(isinstance(event, (Finished, Failed)) for event in events[:-1])
    assert end.cached_tokens < end.prompt_tokens
    return (
        "".join(event.text for event in events if isinstance(event, Delta)),
        [score for event in events if isinstance(event, Delta) for score in event.scores],
        [event.scores for event in events if isinstance(event, PromptScores)],
        end[1:4],
    )


def alone(request: GenerationRequest) -> tuple[Any, ...]:
    scheduler = Scheduler(VOCABULARY, FakeRunner(), n_slots=1)
    try:
        return said(submit(scheduler, request)[1].wait().events)
    finally:
        scheduler.close()


def drafter_of(kind: str, rng: random.Random) -> Drafter | None:
    if kind == "lookup":
        return PromptLookup()
    return DraftModel(FakeRunner(16, rng.choice([60, 200, 2000]))) if kind == "model" else None


@pytest.mark.parametrize("kind", ["plain", "whole", "lookup", "model"])
@pytest.mark.parametrize("seed", range(6))
def test_each_gets_what_it_gets_alone_whatever_happens_beside_it(kind: str, seed: int) -> None:
    rng = random.Random(seed)
    requests = [random_request(rng) for _ in range(25)]
    expected = [alone(request) for request in requests]
    n_slots = rng.choice([1, 2, 5])
    runner = FakeRunner(
        rng.choice([16, 40]), rng.choice([190, 300, 2000]), whole=kind == "whole", rng=rng
    )
    scheduler = Scheduler(
        VOCABULARY,
        runner,
        n_slots=n_slots,
        chunk=rng.choice([16, 32]),
        share_prefixes=kind != "whole",
        drafter=drafter_of(kind, rng),
        calibrate=rng.random() < 0.5,
        idle_tokens=rng.choice([None, 50]),
    )
    try:
        calls = []
        for i, request in enumerate(requests):
            calls.append(submit(scheduler, request))
            if rng.random() < 0.2:
                scheduler.cancel(submit(scheduler, request)[0])
            if rng.random() < 0.2:
                state = scheduler.save(list(requests[rng.randrange(i + 1)].prompt))
                if state is not None:
                    try:
                        scheduler.restore(state)
                    except LLMError as err:
                        assert "slot is busy" in str(err) or "no room" in str(err)  # noqa: PT017
        assert [said(collector.wait().events) for _, collector in calls] == expected
        assert (scheduler.stats.n_running, scheduler.stats.n_waiting) == (0, 0)
    finally:
        scheduler.close()
