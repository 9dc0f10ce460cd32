"""instructor: nothing but structured output, in many ways."""

from __future__ import annotations

import instructor
from openai import OpenAI

from tests.compat.common import CITY, KEY, MODEL, City

_MESSAGES = [{"role": "user", "content": CITY}]


def _client(url: str, mode: instructor.Mode) -> instructor.Instructor:
    return instructor.from_openai(OpenAI(base_url=f"{url}/v1", api_key=KEY), mode=mode)


def structured(url: str) -> None:
    modes = instructor.Mode
    for mode in (modes.TOOLS, modes.TOOLS_STRICT, modes.JSON_SCHEMA):
        chat = _client(url, mode).chat.completions
        assert isinstance(chat.create(model=MODEL, messages=_MESSAGES, response_model=City), City)


def stream(url: str) -> None:
    chat = _client(url, instructor.Mode.TOOLS).chat.completions
    growing = list(chat.create_partial(model=MODEL, messages=_MESSAGES, response_model=City))
    assert len(growing) > 1
    assert growing[-1].country


def several(url: str) -> None:
    chat = _client(url, instructor.Mode.TOOLS).chat.completions
    found = chat.create_iterable(
        model=MODEL, messages=_MESSAGES, response_model=City, max_tokens=400, temperature=0
    )
    assert isinstance(next(iter(found)), City)


def provider(url: str) -> None:
    client = instructor.from_provider(f"openai/{MODEL}", base_url=f"{url}/v1", api_key=KEY)
    answer = client.chat.completions.create(messages=_MESSAGES, response_model=City)
    assert isinstance(answer, City)


def responses(url: str) -> None:
    chat = _client(url, instructor.Mode.RESPONSES_TOOLS).chat.completions
    assert isinstance(chat.create(model=MODEL, messages=_MESSAGES, response_model=City), City)


CHECKS = (structured, stream, several, provider, responses)
