"""Typed decisions: questions answered with probabilities."""

from __future__ import annotations

import math
from typing import Any

import openai
import pytest

from local_llm_kit import InvalidRequestError, LLMClient, TokenLimitError
from local_llm_kit.decisions import parse_decision
from local_llm_kit.decisions.answers import choice_confidence, normalised, score_confidence
from local_llm_kit.decisions.input import input_messages
from local_llm_kit.decisions.prompts import messages_with, question_text
from local_llm_kit.model_files import BUNDLED
from local_llm_kit.types import ChoiceAnswer, PredicateAnswer, ScoreAnswer

TINY = BUNDLED["tiny"]
INPUT = "My name is Zoe, and I love red cars."
COLOUR: dict[str, Any] = {
    "type": "choice",
    "name": "colour",
    "instructions": "Which colour is meant?",
    "choices": [{"value": "red"}, {"value": "blue"}, {"value": "dark green"}],
}
NAMED: dict[str, Any] = {"type": "predicate", "instructions": "The user told a name."}
MOOD: dict[str, Any] = {
    "type": "score",
    "instructions": "How happy is the user?",
    "levels": [{"label": "sad"}, {"label": "fine", "description": "neither"}, {"label": "happy"}],
}


def question(**fields: Any) -> dict[str, Any]:
    return {"input": "x", "questions": [COLOUR | fields]}


def test_each_question_gets_its_typed_answer_in_order(client: LLMClient) -> None:
    answer = client.decisions.create(input=INPUT, questions=[COLOUR, NAMED, MOOD], model="tiny")
    colour, named, mood = answer.answers
    assert (colour.name, named.name, answer.model) == ("colour", None, "tiny")
    assert isinstance(colour, ChoiceAnswer)
    assert isinstance(mood, ScoreAnswer)
    assert isinstance(named, PredicateAnswer)
    assert colour.choice == max(colour.probabilities, key=lambda one: one.probability).value
    assert [one.label for one in mood.probabilities] == ["sad", "fine", "happy"]
    assert 0 <= named.probability <= 1
    assert 0 <= mood.score <= 2


def test_the_probabilities_add_up_to_one(client: LLMClient) -> None:
    for answer in client.decisions.create(input=INPUT, questions=[COLOUR, MOOD]).answers:
        assert answer.type != "predicate"
        assert math.isclose(sum(one.probability for one in answer.probabilities), 1)
        assert 0 < answer.coverage <= 1


def test_openais_own_types_take_the_answer(client: LLMClient) -> None:
    answer = client.decisions.create(input=INPUT, questions=[COLOUR, NAMED, MOOD])
    theirs = openai.types.Decision.model_validate(answer.model_dump(), strict=True)
    assert [one.type for one in theirs.answers] == ["choice", "predicate", "score"]
    assert theirs.usage.output_tokens_details.reasoning_tokens == 0


def test_an_answer_repeats_and_does_not_depend_on_the_other_questions(client: LLMClient) -> None:
    alone = client.decisions.create(input=INPUT, questions=[COLOUR]).answers[0]
    again = client.decisions.create(input=INPUT, questions=[MOOD, COLOUR]).answers[1]
    assert alone.type == again.type == "choice"
    for one, other in zip(alone.probabilities, again.probabilities, strict=True):
        # Another batch's shape moves the last bits of quantised sums.
        assert one.probability == pytest.approx(other.probability, abs=0.02)


def test_the_next_question_finds_the_input_in_the_cache(client: LLMClient) -> None:
    text = "A long letter about boats and water. " * 10
    usage = client.decisions.create(input=text, questions=[NAMED, COLOUR, MOOD]).usage
    assert usage.output_tokens == 0
    assert usage.input_tokens == usage.total_tokens
    assert usage.input_tokens_details is not None
    assert usage.input_tokens_details.cached_tokens > usage.input_tokens / 2


def test_more_options_than_slots_and_queue_are_scored() -> None:
    choices = [{"value": f"colour {i}"} for i in range(40)]
    with LLMClient("tiny", n_slots=2, max_queue=0) as client:
        answer = client.decisions.create(
            input=INPUT, questions=[COLOUR | {"choices": choices}]
        ).answers[0]
    assert answer.type == "choice"
    assert len(answer.probabilities) == 40


@pytest.fixture(scope="module")
def expected() -> tuple[list[float], float]:
    """The probabilities and their coverage from whole texts, by the library of the same weights."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.set_num_threads(1)
    model = transformers.AutoModelForCausalLM.from_pretrained(TINY.parent)
    tokenizer = transformers.AutoTokenizer.from_pretrained(TINY.parent)
    parsed = parse_decision({"input": INPUT, "questions": [COLOUR]})
    messages = messages_with(parsed.questions[0], parsed.messages)
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    prompt = tokenizer(text, add_special_tokens=False).input_ids

    def score(value: str) -> float:
        option = [*tokenizer(value, add_special_tokens=False).input_ids, tokenizer.eos_token_id]
        with torch.no_grad():
            rows = model(torch.tensor([prompt + option])).logits[0].log_softmax(-1)
        return sum(float(rows[len(prompt) - 1 + i, token]) for i, token in enumerate(option))

    return normalised([score(one["value"]) for one in COLOUR["choices"]])


@pytest.mark.parametrize(("backend", "error"), [("llama.cpp", 0.02), ("transformers", 1e-4)])
def test_the_probabilities_are_those_of_the_models_own_arithmetic(
    expected: tuple[list[float], float], backend: str, error: float
) -> None:
    """llama.cpp's weights are rounded to 8 bits."""
    with LLMClient("tiny", backend=backend, n_slots=2) as client:
        (answer,) = client.decisions.create(input=INPUT, questions=[COLOUR]).answers
    assert isinstance(answer, ChoiceAnswer)
    probabilities, coverage = expected
    assert [one.probability for one in answer.probabilities] == pytest.approx(
        probabilities, abs=error
    )
    assert answer.coverage == pytest.approx(coverage, rel=10 * error)


def test_an_option_is_the_whole_answer_and_not_its_beginning(client: LLMClient) -> None:
    """Without its ending, a text is never less likely than what it begins."""
    values = ["Hello", "Hello! How can I help you today?"]
    greeting = COLOUR | {"instructions": "Hello!", "choices": [{"value": one} for one in values]}
    (answer,) = client.decisions.create(input="Hello!", questions=[greeting]).answers
    assert isinstance(answer, ChoiceAnswer)
    assert answer.choice == values[1]
    assert answer.probabilities[0].probability < 0.01


def test_a_text_and_a_truth_value_that_read_alike_are_two_answers(client: LLMClient) -> None:
    options = [{"value": "true"}, {"value": True}]
    answer = client.decisions.create(
        input=INPUT, questions=[COLOUR | {"choices": options}]
    ).answers[0]
    assert answer.type == "choice"
    assert [one.value for one in answer.probabilities] == ["true", True]
    assert isinstance(answer.probabilities[1].value, bool)


def test_an_input_that_is_too_long_tells_both_sizes(client: LLMClient) -> None:
    with pytest.raises(TokenLimitError, match=r"\d+ tokens.* window of 'tiny' is 2048"):
        client.decisions.create(input="boat " * 2040, questions=[NAMED])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"questions": [NAMED]}, "input must be a text or a list"),
        ({"input": "x", "questions": []}, "a list of 1 to 400 questions"),
        ({"input": "x", "questions": [NAMED] * 401}, "a list of 1 to 400 questions"),
        ({"input": "x", "questions": ["Is it?"]}, r"questions\[0\] must be an object"),
        (question(type="guess"), "'guess'; types: predicate, choice, score"),
        (question(instructions=" "), r"questions\[0\].instructions must be a text"),
        (question(choices=[{"value": "a"}]), "must be a list of 2 to 255"),
        (question(choices=[{"value": "a"}, {"value": "a"}]), r"choices\[1\] repeats"),
        (question(choices=[{"value": "a"}, {"value": 3}]), r"choices\[1\].value must be a text"),
        (question(choices=[{"value": "a"}, {"label": "b"}]), "an object with value"),
        (question(levels=[]), "unknown field 'levels'"),
        ({"input": "x", "questions": [MOOD | {"levels": [{"label": "a"}] * 11}]}, "2 to 10"),
        ({"input": "x", "questions": [NAMED | {"choices": []}]}, "unknown field 'choices'"),
        ({"input": "x", "questions": [NAMED], "colour": 1}, "unknown argument 'colour'"),
        ({"input": "x", "questions": [NAMED], "model": 1}, "model must be text"),
        ({"input": "\ud800", "questions": [NAMED]}, "surrogate"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_wrong_argument_is_named(body: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        parse_decision(body)


def test_items_of_the_responses_api_become_messages() -> None:
    messages = input_messages([
        {"role": "developer", "content": "Be kind.", "type": "message"},
        {"role": "user", "content": [{"type": "input_text", "text": "Look:"},
                                     {"type": "input_json", "data": {"a": [1, None]}}]},
        {"type": "function_call", "call_id": "c1", "name": "see", "arguments": '{"x": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "a boat"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "A boat."}]},
    ])  # fmt: skip
    assert [one["role"] for one in messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert messages[1]["content"] == 'Look:\n{"a":[1,null]}'
    assert messages[2]["tool_calls"][0]["function"] == {"name": "see", "arguments": {"x": 1}}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"type": "function_call_output", "call_id": "c9", "output": "x"}, "names no call"),
        ({"type": "function_call", "call_id": "c1", "name": "see"}, "call_id, name and arguments"),
        ({"type": "reasoning"}, "must be a message"),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "http://x"}]},
         "'input_image'; the model reads input_text"),
        ({"role": "user", "content": [{"type": "input_json", "data": 3}]}, "neither an object"),
        ({"role": "user", "content": [{"type": "input_json", "data": {"a": float("nan")}}]},
         "cannot be written as JSON"),
        ({"role": "user", "content": [{"type": "input_json", "data": {"a": "x" * 300_000}}]},
         "at most 262,144"),
        ({"role": "user", "content": []}, "a list of parts"),
    ],
    ids=["orphan", "half a call", "kind", "image", "scalar", "nan", "size", "empty"],
)  # fmt: skip
def test_an_item_that_cannot_be_read_is_named(item: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        input_messages([item])


def test_the_question_stands_behind_the_input_in_the_users_last_turn() -> None:
    parsed = parse_decision({"input": "Hello", "questions": [MOOD]})
    (message,) = messages_with(parsed.questions[0], parsed.messages)
    assert message["content"].startswith("Hello\n\nHow happy is the user?\n\n")
    assert message["content"].endswith("\n- sad\n- fine: neither\n- happy")
    after = messages_with(parsed.questions[0], [{"role": "assistant", "content": "Hi"}])
    assert [one["role"] for one in after] == ["assistant", "user"]


def test_a_predicate_is_answered_yes_or_no() -> None:
    parsed = parse_decision({"input": "Hello", "questions": [NAMED]})
    assert question_text(parsed.questions[0]).endswith("exactly one of:\n- Yes\n- No")


@pytest.mark.parametrize(
    ("probabilities", "choice", "score"),
    [
        ([0.25, 0.25, 0.25, 0.25], 0, 0),
        ([0, 0, 1, 0], 1, 1),
        ([0.5, 0.5, 0, 0], 1 / 3, 0.5),
        ([0.5, 0, 0, 0.5], 1 / 3, 0),
    ],
    ids=["chance", "certainty", "between neighbours", "between the ends"],
)
def test_confidence_is_0_for_chance_and_1_for_certainty(
    probabilities: list[float], choice: float, score: float
) -> None:
    assert choice_confidence(probabilities) == pytest.approx(choice)
    assert score_confidence(probabilities) == pytest.approx(score)


def test_scores_far_below_the_smallest_number_are_normalised() -> None:
    probabilities, coverage = normalised([-2000.0, -2000.0 + math.log(3)])
    assert probabilities == pytest.approx([0.25, 0.75])
    assert coverage == 0.0


@pytest.mark.parametrize("item", [
    {"type": [], "role": "user", "content": "a"},
    {"type": {}, "role": "user", "content": "a"},
    {"type": "message", "role": "user", "content": [{"type": []}]},
    {"role": "user", "content": [{"type": {"a": 1}, "text": "a"}]},
], ids=str)  # fmt: skip
def test_a_type_that_is_no_text_is_refused(item: dict[str, Any], client: LLMClient) -> None:
    question = {"type": "predicate", "instructions": "Is it?"}
    with pytest.raises(InvalidRequestError, match=r"input\[0\]"):
        client.decisions.create(input=[item], questions=[question])
