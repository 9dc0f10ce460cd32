"""The llama.cpp engine: batches, cache, cancellation, failure."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from LLM import InvalidRequestError, LLMContextLengthError, LLMRateLimitError, LLMServerError
from local_llm_kit.engines.defaults import capabilities_of
from local_llm_kit.engines.llama_cpp import LlamaCppEngine
from local_llm_kit.engines.protocol import (
    Delta,
    Event,
    Failed,
    Finished,
    GenerationRequest,
    SamplingParams,
)
from local_llm_kit.engines.sequence import Sequence
from tests.local.support import Collector, chat_prompt, generate, running_engine

pytestmark = pytest.mark.slow

GREEDY = SamplingParams(temperature=0)
HELLO = chat_prompt("Hello!")
#: Never ends by itself: every token that ends an answer is forbidden.
ENDLESS = SamplingParams(temperature=0, logit_bias=tuple((i, -100.0) for i in range(3)))


def test_an_answer_ends_with_its_own_end(engine: LlamaCppEngine) -> None:
    done = generate(engine, HELLO, sampling=GREEDY).wait()
    assert done.end.reason == "stop"
    assert done.end.completion_tokens == len(engine.tokenize(done.text))
    assert "<|" not in done.text


def test_max_tokens_cuts_an_answer(engine: LlamaCppEngine) -> None:
    done = generate(engine, HELLO, sampling=GREEDY, max_tokens=3).wait()
    assert (done.end.reason, done.end.completion_tokens) == ("length", 3)


def test_the_window_cuts_an_answer(engine: LlamaCppEngine) -> None:
    prompt = "one two three " * 500
    done = generate(engine, prompt[: 14 * 140], sampling=ENDLESS).wait()
    assert done.end.reason == "length"
    assert done.end.prompt_tokens + done.end.completion_tokens == engine.info.context_length


def test_max_tokens_zero_generates_nothing(engine: LlamaCppEngine) -> None:
    done = generate(engine, HELLO, max_tokens=0).wait()
    (end,) = done.events
    assert end == Finished(None, "length", end.prompt_tokens, 0, 0, timings=end.timings)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (None, ("completion", "embedding")),
        ("{{ messages }}", ("completion", "embedding")),
        ("{% for tool in tools %}{% endfor %}", ("completion", "embedding", "tools")),
    ],
    ids=str,
)
def test_tools_are_for_models_that_hear_of_them(
    template: str | None, expected: tuple[str, ...]
) -> None:
    assert capabilities_of(template) == expected


def test_the_end_tells_where_the_time_went(engine: LlamaCppEngine) -> None:
    begin = time.perf_counter()
    end = generate(engine, chat_prompt("Hello!"), max_tokens=8).wait().end
    took_s = time.perf_counter() - begin
    assert all(part_s >= 0 for part_s in end.timings)
    assert 0 < end.timings.prompt_s + end.timings.output_s <= took_s


def test_answers_are_the_same_alone_and_together(engine: LlamaCppEngine) -> None:
    questions = ["Hello!", "Who are you?", "What is the capital of France?", "Hi there!"] * 4
    alone = [generate(engine, chat_prompt(q), sampling=GREEDY).wait().text for q in questions]
    together = [generate(engine, chat_prompt(q), sampling=GREEDY) for q in questions]
    assert [collector.wait().text for collector in together] == alone


def test_a_seed_gives_the_same_text_whatever_runs_beside_it(engine: LlamaCppEngine) -> None:
    seeded = SamplingParams(temperature=1.0, seed=11)
    alone = generate(engine, HELLO, sampling=seeded, max_tokens=20).wait().text
    noise = [
        generate(engine, HELLO, sampling=SamplingParams(seed=i), max_tokens=30) for i in range(5)
    ]
    assert generate(engine, HELLO, sampling=seeded, max_tokens=20).wait().text == alone
    for collector in noise:
        collector.wait()


def test_a_prompt_that_continues_finds_its_prefix_cached(engine: LlamaCppEngine) -> None:
    first = generate(engine, chat_prompt("Tell me of Paris."), sampling=GREEDY).wait()
    longer = chat_prompt("Tell me of Paris.") + first.text + "<|im_end|>\n" + HELLO
    second = generate(engine, longer, sampling=GREEDY).wait()
    assert second.end.cached_tokens >= first.end.prompt_tokens


def test_the_choices_of_one_call_share_one_reading_of_the_prompt() -> None:
    with running_engine() as engine:
        prompt = chat_prompt("word " * 300)
        both = [generate(engine, prompt, sampling=GREEDY, max_tokens=2) for _ in range(2)]
        cached = sorted(collector.wait().end.cached_tokens for collector in both)
        assert cached[0] == 0
        assert cached[1] == both[1].end.prompt_tokens - 1


def test_a_step_hands_over_once_for_each_sink(engine: LlamaCppEngine) -> None:
    collector = Collector()
    tokens = engine.tokenize(HELLO, parse_special=True)
    before = engine.stats.n_steps
    for tag in range(4):
        engine.submit(GenerationRequest(tokens, 50, ENDLESS, tag=tag), collector)
    n_batches = 0
    while sum(isinstance(event, Finished) for event in collector.events) < 4:
        collector.events.extend(collector.batches.get(timeout=10))
        n_batches += 1
    assert len(collector.events) > 2 * n_batches
    assert n_batches <= engine.stats.n_steps - before


def test_a_long_prompt_does_not_stall_a_stream() -> None:
    with running_engine() as engine:
        stream = generate(engine, HELLO, sampling=ENDLESS, max_tokens=400)
        stream.events.extend(stream.batches.get(timeout=10))
        before = engine.stats.n_steps
        long = generate(engine, "one two three four five " * 150, sampling=GREEDY, max_tokens=1)
        long.wait()
        n_prompt, n_steps = long.end.prompt_tokens, engine.stats.n_steps - before
        assert n_steps >= n_prompt // 128
        stream.wait()


def test_cancelling_frees_the_slot_and_ends_the_request() -> None:
    with running_engine(n_slots=1) as engine:
        collector = Collector()
        request = GenerationRequest(engine.tokenize("Hello"), None, ENDLESS)
        handle = engine.submit(request, collector)
        collector.events.extend(collector.batches.get(timeout=10))
        handle.cancel()
        handle.cancel()
        assert collector.wait().end.reason == "cancelled"
        assert generate(engine, HELLO, sampling=GREEDY).wait().end.reason == "stop"
        assert engine.stats.n_running == engine.stats.n_waiting == 0


def test_a_waiting_request_can_be_cancelled() -> None:
    with running_engine(n_slots=1) as engine:
        first = Collector()
        running = engine.submit(GenerationRequest(engine.tokenize("a"), None, ENDLESS), first)
        waiting = Collector()
        engine.submit(GenerationRequest(engine.tokenize("b"), 5, ENDLESS), waiting).cancel()
        assert waiting.wait().end.completion_tokens == 0
        running.cancel()
        first.wait()


def test_more_requests_than_slots_all_finish_in_order() -> None:
    with running_engine(n_slots=2) as engine:
        calls = [generate(engine, chat_prompt(f"Say {i}"), sampling=GREEDY) for i in range(12)]
        assert {call.wait().end.reason for call in calls} <= {"stop", "length"}
        assert engine.stats.n_running == 0


def test_a_full_queue_is_a_typed_error() -> None:
    with running_engine(n_slots=1, max_queue=1) as engine:
        tokens = engine.tokenize("a")
        sink = Collector()
        for _ in range(2):
            engine.submit(GenerationRequest(tokens, None, ENDLESS), sink)
        with pytest.raises(LLMRateLimitError, match="1 requests run and 1 wait") as caught:
            engine.submit(GenerationRequest(tokens, None, ENDLESS), sink)
        assert (caught.value.status_code, caught.value.retry_after) == (429, 1.0)


def test_four_sequences_in_a_cache_for_one_all_reach_their_length() -> None:
    with running_engine(n_slots=1, context_length=256) as small:
        expected = generate(small, "A story: once", sampling=ENDLESS, max_tokens=200).wait().text
        cell_bytes = 2 * small._model.kv_cell_numbers
    options = {"n_slots": 4, "context_length": 256, "cache_bytes": 256 * cell_bytes}
    with running_engine(**options) as engine:
        calls = [
            generate(engine, "A story: once", sampling=ENDLESS, max_tokens=200) for _ in range(4)
        ]
        ends = [call.wait(timeout=60) for call in calls]
        assert [end.end.completion_tokens for end in ends] == [200] * 4
        assert expected[:40] in {end.text[:40] for end in ends}


def test_a_failure_in_a_step_ends_every_request_and_not_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_engine() as engine:
        calls = [Collector() for _ in range(3)]
        with monkeypatch.context() as patch:
            patch.setattr(engine._context, "decode", lambda *_: 1 / 0)
            for call in calls:
                engine.submit(GenerationRequest(engine.tokenize("Hi"), 5), call)
            errors = [call.wait().end.error for call in calls]
        assert all(isinstance(error, LLMServerError) for error in errors)
        assert generate(engine, HELLO, sampling=GREEDY).wait().end.reason == "stop"


def test_a_failure_while_tokens_are_chosen_loses_no_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_engine() as engine:
        calls = [Collector() for _ in range(3)]
        with monkeypatch.context() as patch:
            patch.setattr(Sequence, "accept", lambda *_: 1 / 0)
            for call in calls:
                engine.submit(GenerationRequest(engine.tokenize("Hi"), 5), call)
            assert all(isinstance(call.wait().end, Failed) for call in calls)
        assert engine.stats.n_running == engine.stats.n_waiting == 0


def test_a_sink_that_fails_loses_only_its_own_requests(engine: LlamaCppEngine) -> None:
    def broken(events: Any) -> None:
        raise RuntimeError("the event loop is closed")

    engine.submit(GenerationRequest(engine.tokenize("Hi"), None, ENDLESS), broken)
    assert generate(engine, HELLO, sampling=GREEDY).wait().end.reason == "stop"


def test_closing_ends_what_runs_and_what_waits() -> None:
    with running_engine(n_slots=1) as engine:
        calls = [Collector() for _ in range(3)]
        for call in calls:
            engine.submit(GenerationRequest(engine.tokenize("Hi"), None, ENDLESS), call)
        engine.close()
        assert all(isinstance(call.wait().end, Failed) for call in calls)
        with pytest.raises(LLMServerError, match="closed"):
            engine.submit(GenerationRequest([1], 1), calls[0])


def test_an_engine_closed_by_its_own_thread_is_freed_after_that_thread() -> None:
    ended = threading.Event()

    def sink(events: list[Event]) -> None:
        if any(isinstance(event, Failed) for event in events):
            ended.set()
        else:
            engine.close()

    with running_engine() as engine:
        engine.submit(GenerationRequest(engine.tokenize("Count"), sampling=ENDLESS), sink)
        assert ended.wait(10)
    engine._scheduler._thread.join(10)
    assert not engine._scheduler._thread.is_alive()


@pytest.mark.parametrize("prompt", [[], [-1], [1 << 20]], ids=str)
def test_tokens_that_do_not_exist_never_reach_c(engine: LlamaCppEngine, prompt: Any) -> None:
    with pytest.raises(InvalidRequestError):
        engine.submit(GenerationRequest(prompt, 1), Collector())


def test_a_prompt_longer_than_the_window_tells_both_sizes(engine: LlamaCppEngine) -> None:
    with pytest.raises(LLMContextLengthError, match=r"has 2048 tokens.* is 2048"):
        engine.submit(GenerationRequest([5] * 2048, 1), Collector())


def test_scores_come_with_the_text_they_belong_to(engine: LlamaCppEngine) -> None:
    sampling = SamplingParams(temperature=0, n_logprobs=2)
    done = generate(engine, HELLO, sampling=sampling, stop=(" help",)).wait()
    deltas = [event for event in done.events if isinstance(event, Delta)]
    assert b"".join(s.token for delta in deltas for s in delta.scores).decode() == done.text
    assert all(score.logprob <= 0 for delta in deltas for score in delta.scores)


def test_threads_that_come_and_go_get_what_they_would_get_alone(engine: LlamaCppEngine) -> None:
    expected = generate(engine, HELLO, sampling=GREEDY).wait().text
    texts: list[str] = []

    def call() -> None:
        texts.extend(generate(engine, HELLO, sampling=GREEDY).wait().text for _ in range(3))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [expected] * 24


def test_a_request_that_ended_on_its_way_in_takes_no_slot(engine: LlamaCppEngine) -> None:
    scheduler = engine._scheduler
    late = Sequence(GenerationRequest(engine.tokenize("Hi"), None, ENDLESS), Collector(), 50)
    scheduler._inbox.call(lambda: scheduler._end(late, "cancelled"))
    scheduler.submit(late)
    assert generate(engine, HELLO, sampling=GREEDY).wait().end.reason == "stop"
    assert engine.stats.n_running == 0
    scheduler._inbox.ended(late)


def test_control_tokens_without_number_are_read_in_time(engine: LlamaCppEngine) -> None:
    began = time.monotonic()
    tokens = engine.tokenize("<|im_start|>a" * 40_000, parse_special=True)
    assert time.monotonic() - began < 10  # all at once they take a minute
    assert tokens == engine.tokenize("<|im_start|>a", parse_special=True) * 40_000
