"""Grammars in the scheduler: what is allowed, what is forced, where it ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from local_llm_kit.engines.llama_cpp import LlamaCppEngine
from local_llm_kit.engines.protocol import GenerationRequest, SamplingParams
from tests.local.support import Collector, running_engine

GREEDY = SamplingParams(temperature=0)


class Script:
    """A grammar of one text: at each place some tokens, of which one is forced or chosen."""

    def __init__(self, n_vocab: int, places: list[set[int]]) -> None:
        self.n_vocab = n_vocab
        self.places = places

    def matcher(self) -> Script.Matcher:
        return Script.Matcher(self)

    class Matcher:
        def __init__(self, script: Script) -> None:
            self.script = script
            self.accepted: list[int] = []

        def allowed(self) -> npt.NDArray[np.bool_]:
            mask = np.zeros(self.script.n_vocab, bool)
            mask[list(self.script.places[len(self.accepted)])] = True
            return mask

        def accept(self, token: int) -> None:
            assert token in self.script.places[len(self.accepted)]
            self.accepted.append(token)

        def forced(self) -> list[int]:
            tokens = []
            for place in self.script.places[len(self.accepted) :]:
                if len(place) > 1:
                    break
                tokens += place
            return tokens

        @property
        def done(self) -> bool:
            return len(self.accepted) == len(self.script.places)


def constrained(
    engine: LlamaCppEngine, places: list[set[int]], limit: int = 64, **sampling: object
) -> Collector:
    collector = Collector()
    params = SamplingParams(**{"temperature": 0, **sampling})  # type: ignore[arg-type]  # test's own
    engine.submit(
        GenerationRequest(
            engine.tokenize("Once upon a time"),
            limit,
            params,
            constraint=Script(engine.info.n_vocab, places),
        ),
        collector,
    )
    return collector


def places_of(engine: LlamaCppEngine, text: str) -> list[set[int]]:
    return [{token} for token in engine.tokenize(text)]


def test_forced_tokens_make_the_text_in_few_steps() -> None:
    with running_engine() as engine:
        text = " there was a number: 17, and a word: seventeen."
        done = constrained(engine, places_of(engine, text)).wait()
        assert (done.text, done.end.reason) == (text, "stop")
        assert engine.stats.n_steps == 1


def test_a_choice_follows_the_model_among_what_is_allowed(engine: LlamaCppEngine) -> None:
    comma, dot = engine.tokenize(",")[0], engine.tokenize(".")[0]
    start, end = places_of(engine, " there was"), places_of(engine, " one")
    done = constrained(engine, [*start, {comma, dot}, *end]).wait()
    assert done.text in (" there was, one", " there was. one")
    scored = constrained(engine, [*start, {comma, dot}, *end], n_logprobs=1).wait()
    assert scored.text == done.text
    assert scored.end.completion_tokens == len(start) + 1 + len(end)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_limit_cuts_forced_tokens_too(engine: LlamaCppEngine, limit: int) -> None:
    done = constrained(engine, places_of(engine, " one two three four five six"), limit).wait()
    assert (done.end.reason, done.end.completion_tokens) == ("length", limit)


def test_a_text_complete_at_its_limit_has_stopped(engine: LlamaCppEngine) -> None:
    places = places_of(engine, " one two")
    done = constrained(engine, places, len(places)).wait()
    assert done.end.reason == "stop"


def test_constrained_and_free_sequences_share_a_batch(engine: LlamaCppEngine) -> None:
    alone = Collector()
    free = GenerationRequest(engine.tokenize("Hello"), 20, GREEDY)
    engine.submit(free, alone)
    alone.wait()
    places = [{token, other} for token, other in zip(range(40, 60), range(70, 90), strict=True)]
    together = [Collector() for _ in range(3)]
    bound = [constrained(engine, places) for _ in range(3)]
    for collector in together:
        engine.submit(free, collector)
    assert {collector.wait().text for collector in together} == {alone.text}
    assert len({collector.wait().text for collector in bound}) == 1
