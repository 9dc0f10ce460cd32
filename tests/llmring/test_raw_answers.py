"""What a provider said beyond what all of them say."""

from __future__ import annotations

from typing import Any

import pytest

from llmring import LLMRing
from tests.llmring.rings import answer_to, request, sent, with_ring
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

LOGPROBS = {"content": [{"token": "Hello!", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}
CHAT: dict[str, Any] = {**wire.CHAT, "choices": [{**wire.CHAT["choices"][0], "logprobs": LOGPROBS}]}


def candidate(text: str, **index: int) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": text}]}
    return {"content": content, "finishReason": "STOP", **index}


def test_log_probabilities_come_back_as_openai_tells_them() -> None:
    extra = {"logprobs": True, "top_logprobs": 5, "seed": 12345, "presence_penalty": 0.1}
    with ScriptedServer((wire.answer(CHAT),)) as server:
        answer = answer_to(server, request("openai:gpt-4o", extra_params=extra))
    assert sent(server).items() >= extra.items()
    assert answer.raw is not None
    assert answer.raw["choices"][0]["logprobs"] == LOGPROBS


def test_all_candidates_of_googles_come_back() -> None:
    body = {"candidates": [candidate("One."), candidate("Two.", index=1), candidate("3.", index=2)]}
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_MEDIUM_AND_ABOVE"}]
    extra = {"safety_settings": safety, "top_k": 40, "candidate_count": 3}
    with ScriptedServer((wire.answer(body),)) as server:
        answer = answer_to(server, request("google:gemini-2.5-flash", extra_params=extra))
    assert sent(server)["generationConfig"]["candidateCount"] == 3
    assert (answer.content, answer.raw) == ("One.", body)


def test_it_is_neither_printed_nor_dumped() -> None:
    with ScriptedServer((wire.answer(CHAT),)) as server:
        answer = answer_to(server, request("openai:gpt-4o"))
    assert "logprob" not in repr(answer)
    assert "raw" not in answer.model_dump()


@pytest.mark.parametrize("provider", ["openai", "groq"])
def test_a_stream_has_none(provider: str) -> None:
    async def use(ring: LLMRing) -> Any:
        return await ring.chat_stream(request(f"{provider}:m")).response

    with ScriptedServer((wire.stream_answer(wire.CHAT_EVENTS),)) as server:
        answer = with_ring(server, provider, use)
    assert (answer.content, answer.raw) == ("Hello!", None)
