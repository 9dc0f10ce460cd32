"""Scores of a prompt's own tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_llm_kit.engines.llama_cpp import LlamaCppEngine
from local_llm_kit.engines.protocol import (
    Finished,
    GenerationRequest,
    PromptScores,
    SamplingParams,
    TokenScore,
)
from tests.local.support import Collector, chat_prompt, running_engine

pytestmark = pytest.mark.slow

LONG = chat_prompt("Count from 1 to 9. " * 40)


def scores_of(engine: LlamaCppEngine, prompt: str, start: int, n_top: int = 0) -> list[TokenScore]:
    collector = Collector()
    tokens = engine.tokenize(prompt, parse_special=True)
    sampling = SamplingParams(temperature=0, n_logprobs=n_top)
    engine.submit(GenerationRequest(tokens, 0, sampling, score_from=start), collector)
    first, last = collector.wait().events
    assert isinstance(first, PromptScores)
    assert isinstance(last, Finished)
    assert (last.reason, last.completion_tokens) == ("length", 0)
    return list(first.scores)


def test_every_token_but_the_first_has_a_score(engine: LlamaCppEngine) -> None:
    tokens = engine.tokenize(LONG, parse_special=True)
    scores = scores_of(engine, LONG, 0)
    assert [score.token for score in scores] == [engine.vocabulary.pieces[t] for t in tokens[1:]]
    assert all(score.logprob <= 0 for score in scores)


@pytest.fixture(scope="module")
def exact(tiny_f32: Path) -> Iterator[LlamaCppEngine]:
    with running_engine(tiny_f32) as engine:
        yield engine


@pytest.mark.parametrize("start", [1, 2, 17, 300])
def test_scores_from_a_place_are_the_same_as_from_the_start(
    exact: LlamaCppEngine, start: int
) -> None:
    whole = scores_of(exact, LONG, 1)
    part = scores_of(exact, LONG, start)
    assert [score.token for score in part] == [score.token for score in whole[start - 1 :]]
    for one, other in zip(part, whole[start - 1 :], strict=True):
        assert math.isclose(one.logprob, other.logprob, abs_tol=0.01)


def test_a_generated_token_scores_as_it_does_in_a_prompt(engine: LlamaCppEngine) -> None:
    prompt = chat_prompt("Hello!")
    tokens = engine.tokenize(prompt, parse_special=True)
    collector = Collector()
    sampling = SamplingParams(temperature=0, n_logprobs=2)
    engine.submit(GenerationRequest(tokens, 4, sampling), collector)
    generated = [score for event in collector.wait().events[:-1] for score in event.scores]
    again = scores_of(engine, prompt + collector.text, len(tokens), 2)
    assert [score.token for score in again] == [score.token for score in generated]
    assert all(
        math.isclose(one.logprob, other.logprob, abs_tol=0.05)
        for one, other in zip(again, generated, strict=True)
    )


def test_prompt_scores_come_before_the_text(engine: LlamaCppEngine) -> None:
    collector = Collector()
    tokens = engine.tokenize("One, two,")
    sampling = SamplingParams(temperature=0, n_logprobs=1)
    engine.submit(GenerationRequest(tokens, 3, sampling, score_from=0), collector)
    kinds = [type(event).__name__ for event in collector.wait().events]
    assert kinds[0] == "PromptScores"
    assert kinds.count("PromptScores") == 1
    assert kinds[-1] == "Finished"


def test_scores_share_what_stands_before_them() -> None:
    with running_engine() as engine:
        n_tokens = len(engine.tokenize(LONG, parse_special=True))
        scores_of(engine, LONG, 1)
        before = engine.stats.n_steps
        scores_of(engine, LONG, n_tokens - 3)
        assert engine.stats.n_steps - before == 1
