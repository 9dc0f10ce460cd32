"""A test of a program that calls a model: recorded once, replayed ever after.

    python -m pytest examples/cassette_in_a_test.py

The answers are in ``cassettes/`` beside this file, so the test asks nobody. To record them anew:

    local-llm-kit serve --model tiny
    python -m pytest examples/cassette_in_a_test.py --cassette=record
"""

import pytest

from LLM import LLM, LLMConfig


def greeting(name: str) -> str:
    """The program under test."""
    with LLM(LLMConfig(base_url="http://127.0.0.1:8000", model="tiny")) as llm:
        question = [{"role": "user", "content": f"My name is {name}."}]
        return llm.chat_completion(question, temperature=0.0).text.upper()


@pytest.mark.cassette("greeting.jsonl", strict=True)
def test_a_name_is_greeted() -> None:
    assert "ZOE" in greeting("Zoe")
