"""Overflow policies on the local engine: in process and served, they do and say the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from LLM import LLM, InvalidRequestError, LLMConfig, LLMContextLengthError
from local_llm_kit import LLMClient
from local_llm_kit.server import LocalServer

pytestmark = pytest.mark.slow

TALK = [
    {"role": "system", "content": "You are a helpful assistant."},
    *(
        {"role": role, "content": f"{number} and " + "so on, " * 20}
        for number in range(13)
        for role in ("user", "assistant")
    ),
    {"role": "user", "content": "Hello!"},
]
ARGUMENTS = {"messages": TALK, "max_tokens": 40, "temperature": 0}


@pytest.fixture(scope="module")
def remote(server: LocalServer) -> Iterator[LLM]:
    with LLM(LLMConfig(base_url=server.url, model="tiny", timeout=120)) as llm:
        yield llm


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("policy", ["drop_oldest", "drop_middle"])
def test_in_process_and_served_are_the_same(
    client: LLMClient, remote: LLM, policy: Any, stream: bool
) -> None:
    local = client.chat.completions.create(**ARGUMENTS, overflow=policy, stream=stream)
    served = remote.chat_completion(**ARGUMENTS, overflow=policy, stream=stream)
    if stream:
        local, served = local.response, served.response
    assert local.overflow == served.overflow
    assert local.usage.prompt_tokens == served.usage.prompt_tokens


@pytest.mark.parametrize("policy", [None, "error"])
def test_by_default_nothing_is_dropped(client: LLMClient, remote: LLM, policy: Any) -> None:
    with pytest.raises(LLMContextLengthError):
        client.chat.completions.create(**ARGUMENTS, overflow=policy)
    with pytest.raises(LLMContextLengthError):
        remote.chat_completion(**ARGUMENTS, overflow=policy)


def test_an_unknown_policy_is_refused_by_both(client: LLMClient, remote: LLM) -> None:
    with pytest.raises(InvalidRequestError, match="overflow is 'cut'; give one of"):
        client.chat.completions.create(**ARGUMENTS, overflow="cut")
    with pytest.raises(InvalidRequestError, match="overflow is 'cut'; give one of"):
        remote.chat_completion(**ARGUMENTS, overflow="cut")  # type: ignore[arg-type]
