"""Conversations that are too long for the window, and the policies that cut them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from local_llm_kit import AsyncLLMClient, InvalidRequestError, LLMClient, TokenLimitError
from local_llm_kit.templates import ChatTemplate

pytestmark = pytest.mark.slow

SYSTEM = {"role": "system", "content": "You are a sailor."}
LAST = {"role": "user", "content": "Say hello."}


@pytest.fixture(scope="module")
def client() -> Iterator[LLMClient]:
    with LLMClient("tiny", context_length=512, n_slots=2) as client:
        yield client


def turns(n: int) -> list[dict[str, Any]]:
    """A conversation of `n` turns before the last, some 40 tokens each."""
    said = [
        [{"role": "user", "content": f"Turn {i}: my boat is very old and red."},
         {"role": "assistant", "content": f"Turn {i}: I would like to see your boat."}]
        for i in range(n)
    ]  # fmt: skip
    return [SYSTEM, *(message for turn in said for message in turn), LAST]


def test_a_conversation_that_is_too_long_is_an_error_unless_told(client: LLMClient) -> None:
    with pytest.raises(TokenLimitError, match="512"):
        client.chat.completions.create(messages=turns(30))


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_middle", "summarise"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_policy_makes_it_fit_and_the_answer_says_what_went(
    client: LLMClient, policy: str, stream: bool
) -> None:
    messages = turns(20)
    answer = client.chat.completions.create(
        messages=messages, overflow=policy, max_tokens=100, stream=stream
    )
    response = answer.response if stream else answer
    report = response.overflow
    assert report.policy == policy
    assert 0 < report.n_messages < len(messages)
    assert report.tokens_before == client.count_tokens(messages)
    assert report.tokens_after <= report.budget == client.info.context_length - 100
    assert response.usage.prompt_tokens == report.tokens_after
    assert (report.summary is not None) == (policy == "summarise")


def test_what_fits_is_sent_whole_and_nothing_is_said(client: LLMClient) -> None:
    answer = client.chat.completions.create(messages=turns(2), overflow="drop_oldest", max_tokens=4)
    assert answer.overflow is None
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == client.count_tokens(turns(2))


def test_what_fits_is_rendered_once(client: LLMClient, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = []
    render = ChatTemplate.render

    def counted(self: ChatTemplate, *args: Any) -> str:
        rendered.append(args)
        return render(self, *args)

    monkeypatch.setattr(ChatTemplate, "render", counted)
    client.chat.completions.create(messages=turns(2), overflow="drop_oldest", max_tokens=1)
    assert len(rendered) == 1


def test_room_is_kept_for_an_answer_whose_length_nobody_bounds(client: LLMClient) -> None:
    answer = client.chat.completions.create(
        messages=turns(20), overflow="drop_oldest", stop=["e"], seed=1
    )
    assert answer.overflow.budget == client.info.context_length * 3 // 4


def test_what_may_not_be_dropped_and_does_not_fit_is_an_error(client: LLMClient) -> None:
    last = {"role": "user", "content": "boat " * 600}
    with pytest.raises(TokenLimitError, match="shorten the system messages or the last turn"):
        client.chat.completions.create(messages=[*turns(3), last], overflow="drop_oldest")


def test_a_policy_that_does_not_exist_is_named(client: LLMClient) -> None:
    with pytest.raises(InvalidRequestError, match="overflow is 'cut'") as caught:
        client.chat.completions.create(messages=turns(1), overflow="cut")
    assert caught.value.body["param"] == "overflow"


async def _summarised() -> Any:
    async with AsyncLLMClient("tiny", context_length=512) as client:
        answer = await client.chat.completions.create(
            messages=turns(20), overflow="summarise", max_tokens=20
        )
        return answer.overflow


def test_the_asynchronous_client_has_them_too() -> None:
    assert asyncio.run(_summarised()).summary
