"""Gaps in texts are filled by models that know how."""

from __future__ import annotations

import pytest

from local_llm_kit import InvalidRequestError, LLMClient, TokenLimitError, infill
from local_llm_kit.infill import SPELLINGS, Infill, infill_of

#: Control tokens that the bundled model has, for those that it lacks.
MARKS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


@pytest.fixture
def filling(client: LLMClient, monkeypatch: pytest.MonkeyPatch) -> LLMClient:
    monkeypatch.setattr(infill, "SPELLINGS", (MARKS,))
    return client


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_marks_are_found_by_their_spelling(spelling: tuple[str, ...]) -> None:
    tokens = {mark: [i] for i, mark in enumerate(spelling)}
    assert infill_of(lambda mark: tokens.get(mark, [7, 8, 9])) == Infill(0, 1, 2)


def test_a_model_with_some_of_the_marks_fills_no_gaps() -> None:
    tokens = {"<fim_prefix>": [1], "<fim_suffix>": [2]}
    assert infill_of(lambda mark: tokens.get(mark, [7, 8, 9])) is None


def test_the_prompt_has_the_end_of_the_text_before_the_gap() -> None:
    assert Infill(1, 2, 3).prompt([10, 11], [12]) == [1, 10, 11, 2, 12, 3]


def test_a_model_that_fills_no_gaps_refuses_a_suffix(client: LLMClient) -> None:
    with pytest.raises(InvalidRequestError, match="'tiny' was not trained to fill gaps") as caught:
        client.completions.create(prompt="def f(", suffix="):")
    assert (caught.value.code, caught.value.body["param"]) == ("unsupported_parameter", "suffix")


def test_a_gap_is_filled(filling: LLMClient) -> None:
    texts = [filling.tokenize("One, "), filling.tokenize(", three.")]
    n_tokens = sum(map(len, texts)) + len(MARKS)
    answer = filling.completions.create(prompt="One, ", suffix=", three.", echo=True, max_tokens=3)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == n_tokens
    assert answer.choices[0].text.startswith("One, ")
    given = filling.completions.create(prompt=texts[0], suffix=", three.", max_tokens=3)
    assert given.usage is not None
    assert given.usage.prompt_tokens == n_tokens


def test_marks_in_the_text_are_text(filling: LLMClient) -> None:
    answer = filling.completions.create(prompt=MARKS[0], suffix=MARKS[1], max_tokens=1)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 5


def test_an_end_that_does_not_fit_is_too_long(filling: LLMClient) -> None:
    for suffix in ("boat " * 2100, "boat " * 100_000):
        with pytest.raises(TokenLimitError):
            filling.completions.create(prompt="A", suffix=suffix)
