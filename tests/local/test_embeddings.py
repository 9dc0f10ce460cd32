"""`client.embeddings`: texts as vectors, in OpenAI's shape."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import openai
import pytest

from LLM import LLMTimeoutError
from local_llm_kit import InvalidRequestError, LLMClient, TokenLimitError


def vector(client: LLMClient, text: Any) -> list[float]:
    (found,) = client.embeddings.create(input=text).data
    assert isinstance(found.embedding, list)
    return found.embedding


def test_each_input_has_a_vector_of_length_one_in_order(client: LLMClient) -> None:
    answer = client.embeddings.create(input=["Hello", "How are you?"], model="tiny")
    assert (answer.object, answer.model) == ("list", "tiny")
    assert [(one.object, one.index) for one in answer.data] == [("embedding", 0), ("embedding", 1)]
    for one in answer.data:
        assert isinstance(one.embedding, list)
        assert len(one.embedding) == client.info.n_embd
        assert math.sqrt(sum(x * x for x in one.embedding)) == pytest.approx(1, abs=1e-5)


def test_openais_own_types_take_the_answer(client: LLMClient) -> None:
    answer = client.embeddings.create(input=["Hello", "you"]).model_dump()
    theirs = openai.types.CreateEmbeddingResponse.model_validate(answer, strict=True)
    assert [one.index for one in theirs.data] == [0, 1]


def test_usage_counts_the_inputs_tokens(client: LLMClient) -> None:
    usage = client.embeddings.create(input=["Hello", "How are you?"]).usage
    expected = client.count_tokens("Hello") + client.count_tokens("How are you?")
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (
        expected,
        0,
        expected,
    )


def test_a_text_has_the_same_vector_alone_and_among_others(client: LLMClient) -> None:
    alone = vector(client, "The boat is red.")
    among = client.embeddings.create(input=["A cat.", "The boat is red.", "Seven."]).data[1]
    assert among.embedding == pytest.approx(alone, abs=1e-3)


def test_near_texts_have_near_vectors(client: LLMClient) -> None:
    boat, ship, sums = (vector(client, text) for text in ("My boat", "My boats", "2 + 2 = 4"))

    def cosine(one: list[float], other: list[float]) -> float:
        return sum(x * y for x, y in zip(one, other, strict=True))

    assert cosine(boat, ship) > cosine(boat, sums)


def test_token_ids_are_an_input(client: LLMClient) -> None:
    tokens = client.tokenize("The boat is red.")
    assert vector(client, tokens) == pytest.approx(vector(client, "The boat is red."), abs=1e-5)
    assert len(client.embeddings.create(input=[tokens, tokens[:2]]).data) == 2


def test_base64_holds_the_same_numbers(client: LLMClient) -> None:
    (found,) = client.embeddings.create(input="Hello", encoding_format="base64").data
    assert isinstance(found.embedding, str)
    data = base64.b64decode(found.embedding)
    numbers = struct.unpack(f"<{len(data) // 4}f", data)
    assert list(numbers) == pytest.approx(vector(client, "Hello"), abs=1e-6)


def test_dimensions_keeps_the_first_numbers_at_length_one(client: LLMClient) -> None:
    whole, n_embd = vector(client, "Hello"), client.info.n_embd
    (found,) = client.embeddings.create(input="Hello", dimensions=8).data
    scale = math.sqrt(sum(x * x for x in whole[:8]))
    assert found.embedding == pytest.approx([x / scale for x in whole[:8]], abs=1e-5)
    (same,) = client.embeddings.create(input="Hello", dimensions=n_embd).data
    assert same.embedding == pytest.approx(whole, abs=1e-6)


def test_more_dimensions_than_there_are_is_refused(client: LLMClient) -> None:
    n_embd = client.info.n_embd
    with pytest.raises(InvalidRequestError, match=rf"embeddings of 'tiny' have {n_embd} numbers"):
        client.embeddings.create(input="Hello", dimensions=n_embd + 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input": ""}, r"input\[0\] is empty"),
        ({"input": []}, "a list of 1 to 2,048"),
        ({"input": ["x"] * 2049}, "a list of 1 to 2,048"),
        ({"input": ["x", ""]}, r"input\[1\]"),
        ({"input": [["x"]]}, r"input\[0\]"),
        ({"input": [[]]}, r"input\[0\]"),
        ({"input": 7}, "input must be a text"),
        ({"input": "\ud800"}, "surrogate"),
        ({"input": "x", "encoding_format": "int8"}, "'float' or 'base64'"),
        ({"input": "x", "dimensions": 0}, "it must be from 1"),
        ({"input": "x", "dimensions": True}, "must be a whole number"),
        ({"input": "x", "model": 3}, "model must be text"),
        ({"input": "x", "colour": "red"}, "unknown argument 'colour'"),
        ({"input": [[5_000_000]]}, "no token 5000000"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_named(
    client: LLMClient, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        client.embeddings.create(**arguments)


def test_an_input_longer_than_the_window_tells_both_sizes(client: LLMClient) -> None:
    with pytest.raises(TokenLimitError, match=r"\d+ tokens.* 2048"):
        client.embeddings.create(input="boat " * 2100)


def test_a_deadline_is_looked_at_between_inputs(client: LLMClient) -> None:
    texts = [f"boat {i}" for i in range(40)]
    timed = client.embeddings.create(input=texts, timeout=60)
    assert [one.index for one in timed.data] == list(range(40))
    assert timed.usage == client.embeddings.create(input=texts).usage
    with pytest.raises(LLMTimeoutError) as caught:
        client.embeddings.create(input=texts, timeout=1e-9)
    assert caught.value.deadline == "total"
