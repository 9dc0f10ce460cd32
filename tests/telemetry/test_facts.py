"""What spans are made of: the pure parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from LLM.telemetry import names
from LLM.telemetry.answers import answer_attributes, openai_told
from LLM.telemetry.asked import MAX_VALUE_CHARS, Asked, request_attributes
from LLM.telemetry.peers import Peer
from LLM.types import EmbeddingsResponse, Usage
from local_llm_kit import LLMClient
from local_llm_kit.told import asked_of

PEER = Peer("openai", "api.openai.com", 443)


@pytest.mark.parametrize(
    "embedding", [[0.5, 0.25, 0.125], "AAAAPwAAgD4AAAA+"], ids=["numbers", "base64"]
)
def test_embeddings_of_a_server_tell_their_length_and_no_output(embedding: Any) -> None:
    usage = Usage(prompt_tokens=4, total_tokens=4)
    told = openai_told(EmbeddingsResponse(data=[{"embedding": embedding}], usage=usage))
    assert answer_attributes(told, "openai", None) == {
        names.EMBEDDINGS_DIMENSION_COUNT: 3,
        names.USAGE_INPUT_TOKENS: 4,
    }


@pytest.mark.parametrize(
    ("fields", "kind"),
    [({"messages": []}, "chat_completions"), ({"input": "Hi"}, "responses")],
    ids=["chat", "responses"],
)
def test_api_of_openai_is_told(fields: dict[str, Any], kind: str) -> None:
    attributes = request_attributes(Asked(names.CHAT, PEER, "gpt-4", fields))
    assert attributes[names.OPENAI_API_TYPE] == kind


def test_settings_that_cannot_be_are_not_told() -> None:
    fields = {"messages": [], "temperature": "hot", "seed": True, "stop": 3, "n": None}
    attributes = request_attributes(Asked(names.CHAT, PEER, "gpt-4", fields))
    assert attributes == {names.OPENAI_API_TYPE: "chat_completions"}


def test_names_of_models_are_cut() -> None:
    asked = Asked(names.CHAT, PEER, "m" * 10_000, {})
    assert len(asked.span_name) <= MAX_VALUE_CHARS + len("chat ")


def test_model_behind_ollama_is_asked_at_its_address() -> None:
    with LLMClient("tiny", backend="llama.cpp") as client:
        info = replace(client.info, backend="ollama", device="http://127.0.0.1:11434")
    assert asked_of(names.CHAT, info, {}).peer == Peer("ollama", "127.0.0.1", 11434)
