"""The scheduler over a back end without a model: what cannot be brought about with a real one."""

from __future__ import annotations

from typing import Any

from local_llm_kit.engines.protocol import GenerationRequest, SamplingParams
from local_llm_kit.engines.scheduler import Scheduler
from local_llm_kit.engines.sequence import Sequence
from tests.local.fake_runner import FakeRunner, FakeVocabulary
from tests.local.support import Collector

GREEDY = SamplingParams(temperature=0)
#: Never ends by itself: the token that ends an answer is forbidden.
ENDLESS = SamplingParams(temperature=0, logit_bias=((0, -100.0),))


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
