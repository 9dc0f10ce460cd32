"""The scheduler over a back end without a model: what cannot be brought about with a real one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from LLM.exceptions import LLMServerError
from local_llm_kit.engines.drafting import DraftModel
from local_llm_kit.engines.protocol import Event, Failed, GenerationRequest, SamplingParams
from local_llm_kit.engines.scheduler import Scheduler
from local_llm_kit.engines.sequence import Sequence
from tests.local.fake_runner import N_VOCAB, FakeRunner, FakeVocabulary
from tests.local.support import Collector

GREEDY = SamplingParams(temperature=0)
#: Never ends by itself: the token that ends an answer is forbidden.
ENDLESS = SamplingParams(temperature=0, logit_bias=((0, -100.0),))


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    scheduler = Scheduler(FakeVocabulary(), FakeRunner(), n_slots=4)
    yield scheduler
    scheduler.close()


def submit(scheduler: Scheduler, *prompt: int, limit: int = 20, **fields: Any) -> Collector:
    collector = Collector()
    request = GenerationRequest(prompt, limit, **{"sampling": ENDLESS, **fields})
    scheduler.submit(Sequence(request, collector, limit))
    return collector


def test_an_interruption_amid_an_answer_does_not_show_in_it() -> None:
    runner = FakeRunner()
    scheduler = Scheduler(FakeVocabulary(), runner, n_slots=2)
    expected = submit(scheduler, 1, 2, 3).wait().text
    before = scheduler.stats.n_steps

    def interrupting(events: Any) -> None:
        if 5 < scheduler.stats.n_steps - before < 10:
            runner.interrupt()
        collector(events)

    collector = Collector()
    scheduler.submit(Sequence(GenerationRequest([1, 2, 3], 20, sampling=ENDLESS), interrupting, 20))
    assert collector.wait().text == expected
    scheduler.close()


class Broken:
    """A grammar with a fault of its own."""

    def __init__(self, method: str) -> None:
        self.method = method

    def matcher(self) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        if name == "done":
            return False
        if name == self.method:
            raise ZeroDivisionError(name)
        return {"allowed": lambda: np.ones(N_VOCAB, bool), "accept": lambda _: None}[name]


@pytest.mark.parametrize("method", ["allowed", "accept", "forced"])
def test_a_grammar_that_fails_loses_only_its_own_request(scheduler: Scheduler, method: str) -> None:
    other = submit(scheduler, 1, 2, 3, limit=200)
    error = submit(scheduler, 4, 5, constraint=Broken(method)).wait().end.error
    assert isinstance(error, LLMServerError)
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert other.wait().end.completion_tokens == 200


@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError, SystemExit])
def test_whatever_a_sink_raises_the_others_are_served(
    scheduler: Scheduler, error: type[BaseException]
) -> None:
    def broken(_: list[Event]) -> None:
        raise error

    scheduler.submit(Sequence(GenerationRequest([1, 2], 200, ENDLESS), broken, 200))
    others = [submit(scheduler, 3, i, limit=i) for i in range(1, 9)]
    assert [other.wait().end.completion_tokens for other in others] == list(range(1, 9))
    assert submit(scheduler, 1).wait().end.completion_tokens == 20


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_back_end_that_fails_for_good_leaves_nobody_waiting() -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("the device is lost")

    runner = FakeRunner()
    runner.decode = runner.forget = runner.clear = fail  # type: ignore[method-assign]  # for good
    scheduler = Scheduler(FakeVocabulary(), runner, n_slots=2)
    with contextlib.suppress(LLMServerError):  # the engine may be at its end already
        for i in range(4):
            assert isinstance(submit(scheduler, i, 1).wait().end, Failed)
    with pytest.raises(LLMServerError):
        scheduler.save([1])
    scheduler.close()


def test_a_sink_that_would_wait_for_its_own_engine_is_told(scheduler: Scheduler) -> None:
    errors: list[LLMServerError] = []

    def sink(events: list[Event]) -> None:
        with pytest.raises(LLMServerError, match="own thread") as caught:
            scheduler.save([1])
        errors.append(caught.value)
        collector(events)

    collector = Collector()
    scheduler.submit(Sequence(GenerationRequest([1], 2, ENDLESS), sink, 2))
    collector.wait()
    assert errors


def test_a_prompt_is_read_beside_more_streams_than_a_step_has_rows() -> None:
    scheduler = Scheduler(FakeVocabulary(), FakeRunner(64), n_slots=40, chunk=32)
    streams = [submit(scheduler, 1 + i % 20, limit=3000) for i in range(36)]
    streams[-1].batches.get(timeout=10)
    late = submit(scheduler, *[5] * 100, limit=1)
    assert late.wait().end.completion_tokens == 1
    assert scheduler.stats.n_running == 36
    scheduler.close()


def test_a_memory_that_cannot_be_cut_is_not_saved() -> None:
    scheduler = Scheduler(FakeVocabulary(), FakeRunner(whole=True), n_slots=2, share_prefixes=False)
    stream = submit(scheduler, 1, 2, 3, limit=5000)
    stream.batches.get(timeout=10)
    assert scheduler.save([1, 2]) is None
    scheduler.close()


@pytest.mark.parametrize("prompts", [[100], [40, 30]], ids=["one text", "together"])
def test_a_text_too_long_for_the_small_model_is_not_read_again_and_again(
    prompts: list[int],
) -> None:
    small = FakeRunner(16, 60)
    scheduler = Scheduler(FakeVocabulary(), FakeRunner(), n_slots=2, drafter=DraftModel(small))
    calls = [submit(scheduler, *[i + 1] * n, limit=150) for i, n in enumerate(prompts)]
    assert all(call.wait().end.completion_tokens == 150 for call in calls)
    assert small.n_made < 600
    assert submit(scheduler, 7, 8, 9, limit=30).wait().end.reason == "length"
    scheduler.close()


def test_a_prompt_has_no_scores_where_the_logits_are_no_numbers() -> None:
    runner = FakeRunner()
    runner.logits = lambda n: np.full((n, N_VOCAB), np.nan, np.float32)  # type: ignore[method-assign]  # damaged
    scheduler = Scheduler(FakeVocabulary(), runner, n_slots=1)
    end = submit(scheduler, 1, 2, 3, limit=0, score_from=1).wait().end
    assert isinstance(end, Failed)
    assert "no probability" in str(end.error)
    scheduler.close()


@pytest.mark.parametrize("n_before", [1, 2])
def test_texts_that_nobody_uses_go_however_steps_are_parted(n_before: int) -> None:
    runner = FakeRunner()
    scheduler = Scheduler(FakeVocabulary(), runner, n_slots=4, idle_tokens=50)
    submit(scheduler, *[9] * 40, limit=n_before).wait()
    old = runner.cells[0][:1]
    mixed = [submit(scheduler, i, limit=200, adapter=name) for i, name in ((1, None), (2, "red"))]
    assert all(call.wait().end.completion_tokens == 200 for call in mixed)
    assert not any(cells[:1] == old for cells in runner.cells.values())
    scheduler.close()
