"""A pydantic class as `response_format`."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from LLM import LLMResponseError
from local_llm_kit import LLMClient

HELLO = [{"role": "user", "content": "Hello!"}]


class City(BaseModel):
    """What the model is asked for."""

    name: str


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_pydantic_class_is_what_comes_back(client: LLMClient, stream: bool) -> None:
    answer = client.chat.completions.create(
        messages=HELLO, response_format=City, temperature=0, stream=stream
    )
    parsed = (answer.response if stream else answer).parsed
    assert isinstance(parsed, City)


def test_an_answer_that_was_cut_is_none_of_the_class(client: LLMClient) -> None:
    with pytest.raises(LLMResponseError, match="cut at max_tokens") as caught:
        client.chat.completions.create(messages=HELLO, response_format=City, max_tokens=2)
    assert caught.value.code == "length"
