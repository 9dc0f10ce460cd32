"""Guessing ahead changes how long an answer takes and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from LLM.exceptions import LLMConfigError
from local_llm_kit.engines.llama_cpp import LlamaCppEngine
from local_llm_kit.engines.protocol import SamplingParams
from tests.local.support import TINY, chat_prompt, generate, running_engine

pytestmark = pytest.mark.slow

QUESTIONS = [
    chat_prompt("Say it back: one two three four five six seven, one two three four five six"),
    chat_prompt("Count from 1 to 20."),
    "1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2,",
]
SAMPLINGS = [
    pytest.param(SamplingParams(temperature=0), id="greedy"),
    pytest.param(SamplingParams(temperature=0.9, seed=7), id="seeded"),
    pytest.param(SamplingParams(temperature=0, frequency_penalty=0.3), id="penalised"),
    pytest.param(SamplingParams(temperature=0.7, top_p=0.9, seed=3, n_logprobs=1), id="scored"),
]


def answers(engine: LlamaCppEngine, sampling: SamplingParams) -> list[tuple[str, Any]]:
    calls = [generate(engine, text, sampling=sampling, max_tokens=80) for text in QUESTIONS]
    return [(call.wait().text, call.end.completion_tokens) for call in calls]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("kind", ["prompt_lookup", "draft_model"])
def test_answers_are_the_same_as_without(
    tiny_f32: Path, sampling: SamplingParams, kind: str
) -> None:
    with running_engine(tiny_f32) as plain:
        expected = answers(plain, sampling)
    options = {"speculation": kind} if kind == "prompt_lookup" else {"draft_path": str(TINY)}
    with running_engine(tiny_f32, **options) as engine:
        assert answers(engine, sampling) == expected
        assert answers(engine, sampling) == expected


@pytest.mark.parametrize("options", [{"speculation": "prompt_lookup"}, {"draft_path": str(TINY)}])
def test_right_guesses_save_steps(tiny_f32: Path, options: dict[str, Any]) -> None:
    count = chat_prompt("Count from 1 to 20.")
    greedy = SamplingParams(temperature=0)
    with running_engine(tiny_f32, **options) as engine:
        first = generate(engine, count, sampling=greedy).wait()
        before = engine.stats.n_steps
        again = generate(engine, f"{count}{first.text}<|im_end|>\n{count}", sampling=greedy).wait()
        assert again.text == first.text
        assert engine.stats.n_steps - before < again.end.completion_tokens / 2


def test_stop_strings_end_an_answer_amid_guesses(tiny_f32: Path) -> None:
    greedy = SamplingParams(temperature=0)
    with running_engine(tiny_f32, draft_path=str(TINY)) as engine:
        whole = generate(engine, QUESTIONS[1], sampling=greedy, max_tokens=40).wait().text
        stop = whole[9:12]
        cut = generate(engine, QUESTIONS[1], sampling=greedy, max_tokens=40, stop=(stop,)).wait()
    assert (cut.text, cut.end.reason) == (whole.partition(stop)[0], "stop")


def test_two_ways_of_guessing_exclude_each_other() -> None:
    with (
        pytest.raises(LLMConfigError, match="give one of them"),
        running_engine(speculation="prompt_lookup", draft_path=str(TINY)),
    ):
        raise AssertionError("it was loaded")
