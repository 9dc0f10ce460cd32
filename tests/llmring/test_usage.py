"""Token counts as the ring tells them, and what they cost, worked out by hand."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from LLM.types import Usage
from llmring import LLMResponse, LLMRing
from llmring.answers import usage_dict
from tests.cloud.anthropic import wire as claude
from tests.cloud.gemini import wire as gemini
from tests.llmring.registry.support import entry, registry_file
from tests.llmring.rings import answer_to, chunks_of, request
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

PRICES = {
    "openai": entry("gpt", input=2.5, output=10.0, cached_input=1.25),
    "anthropic": entry(
        "claude", input=3.0, output=15.0, cache_read=0.3, cache_write_5m=3.75, cache_write_1h=6.0
    )
    | {"model_aliases": ["claude-latest"]},
    "google": entry(
        "gemini", input=1.25, output=10.0, cached_input=0.125, output_thinking=12.0,
        input_long_context=2.5, output_long_context=15.0,
    ) | {"supports_long_context_pricing": True, "long_context_threshold_tokens": 200_000},
}  # fmt: skip

OPENAI_USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 600, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 40, "audio_tokens": 0},
}
CLAUDE_USAGE = {
    **claude.USAGE,
    "input_tokens": 100,
    "cache_read_input_tokens": 1000,
    "cache_creation_input_tokens": 300,
    "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
    "output_tokens": 50,
    "output_tokens_details": {"thinking_tokens": 20},
}
GEMINI_USAGE = {"promptTokenCount": 1000, "candidatesTokenCount": 100, "thoughtsTokenCount": 50,
                "cachedContentTokenCount": 400, "totalTokenCount": 1150}  # fmt: skip
LONG_USAGE = {"promptTokenCount": 300_000, "candidatesTokenCount": 100, "totalTokenCount": 300_100}


def _openai(usage: dict[str, Any]) -> tuple[bytes, bytes]:
    choice = wire.chunk("Hello!", "stop")
    events = [choice, {**choice, "choices": [], "usage": usage}]
    stream = b"".join(map(wire.event, events)) + wire.DONE
    return wire.answer({**wire.CHAT, "usage": usage}), wire.stream_answer(stream)


def _claude(usage: dict[str, Any]) -> tuple[bytes, bytes]:
    whole = claude.message(claude.text("Hello!"), usage=usage)
    return wire.answer(whole), wire.stream_answer(claude.stream(whole))


def _gemini(usage: dict[str, Any]) -> tuple[bytes, bytes]:
    whole = gemini.answer(gemini.text("Hello!"), usageMetadata=usage)
    return wire.answer(whole), wire.stream_answer(gemini.stream(whole))


# Each with its dollars, in millionths: count × price for a million.
PRICED: dict[str, tuple[str, tuple[bytes, bytes], float]] = {
    "openai's cache": ("openai:gpt", _openai(OPENAI_USAGE), 400 * 2.5 + 600 * 1.25 + 100 * 10),
    "anthropic's cache": (
        "anthropic:claude",
        _claude(CLAUDE_USAGE),
        100 * 3 + 1000 * 0.3 + 200 * 3.75 + 100 * 6 + 50 * 15,
    ),
    "an alias of the registry": (
        "anthropic:claude-latest", _claude({**claude.USAGE, "input_tokens": 10}), 10 * 3 + 15 * 15
    ),
    "google's thoughts": (
        "google:gemini", _gemini(GEMINI_USAGE), 600 * 1.25 + 400 * 0.125 + 100 * 10 + 50 * 12
    ),
    "google's long context": (
        "google:gemini", _gemini(LONG_USAGE), 200_000 * 1.25 + 100_000 * 2.5 + 100 * 15
    ),
}  # fmt: skip


@pytest.fixture
def registry(tmp_path: Path) -> str:
    """The address of a registry with `PRICES`."""
    for provider, one in PRICES.items():
        (tmp_path / provider).mkdir()
        listed = registry_file(one, provider=provider)
        (tmp_path / provider / "models.json").write_bytes(listed)
    return tmp_path.as_uri()


@pytest.mark.parametrize(("model", "scripts", "millionths"), PRICED.values(), ids=PRICED)
def test_an_answer_costs_what_its_tokens_cost(
    registry: str, model: str, scripts: tuple[bytes, bytes], millionths: float
) -> None:
    with ScriptedServer((scripts[0],)) as server:
        usage = answer_to(server, request(model), registry_url=registry).usage
    assert usage is not None
    assert (usage["cost_status"], usage["cost"]) == ("priced", pytest.approx(millionths / 1e6))


@pytest.mark.parametrize(("model", "scripts"), [case[:2] for case in PRICED.values()], ids=PRICED)
def test_a_stream_ends_with_the_same_usage(
    registry: str, model: str, scripts: tuple[bytes, bytes]
) -> None:
    with ScriptedServer(scripts) as server:
        whole = answer_to(server, request(model), registry_url=registry)
        chunks = chunks_of(server, request(model), registry_url=registry)
    assert "".join(chunk.delta for chunk in chunks) == whole.content
    assert chunks[-1].usage == whole.usage
    assert not any(chunk.usage for chunk in chunks[:-1])


def test_a_cost_is_told_by_its_parts(registry: str) -> None:
    with ScriptedServer((_claude(CLAUDE_USAGE)[0],)) as server:
        response = answer_to(server, request("anthropic:claude"), registry_url=registry)
    assert response.usage is not None
    assert response.usage["cost_breakdown"] == pytest.approx(
        {
            "input": 3e-4,
            "output": 7.5e-4,
            "cache_read": 3e-4,
            "cache_write_5m": 7.5e-4,
            "cache_write_1h": 6e-4,
        }
    )


def test_a_model_that_no_registry_knows_has_no_price(registry: str) -> None:
    with ScriptedServer((wire.answer(wire.CHAT),)) as server:
        usage = answer_to(server, request("openai:secret"), registry_url=registry).usage
    assert usage is not None
    assert usage["cost_status"] == "model_not_in_registry"
    assert "cost" not in usage


def test_a_local_model_costs_nothing() -> None:
    async def ask() -> LLMResponse:
        async with LLMRing() as ring:
            return await ring.chat(request("local:tiny", max_tokens=4))

    usage = asyncio.run(ask()).usage
    assert usage is not None
    assert (usage["cost_status"], usage["cost"]) == ("priced", 0.0)
    assert usage["prompt_tokens"] > 0


def test_anthropics_counts_are_told_in_both_languages() -> None:
    with ScriptedServer((_claude(CLAUDE_USAGE)[0],)) as server:
        usage = answer_to(server, request("anthropic:claude")).usage
    assert usage is not None
    del usage["cost_status"]
    assert usage == {
        "prompt_tokens": 1400,
        "completion_tokens": 50,
        "total_tokens": 1450,
        "prompt_tokens_details": {"cached_tokens": 1000},
        "completion_tokens_details": {"reasoning_tokens": 20},
        "cached_tokens": 1000,
        "reasoning_tokens": 20,
        "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
        "service_tier": "standard",
    }


NOTHING = {"cached_tokens": 0, "audio_tokens": 0}
TOLD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "details of nothing are left out": ({"prompt_tokens_details": NOTHING}, {}),
    "what was cached is told flat, too": (
        {"prompt_tokens_details": {"cached_tokens": 3}},
        {"prompt_tokens_details": {"cached_tokens": 3}, "cached_tokens": 3},
    ),
    "what was thought is told flat, too": (
        {"completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0}},
        {"completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
         "reasoning_tokens": 2},
    ),
    "a provider's own counts stay": (
        {"num_search_queries": 0, "queue_time": 0.02}, {"num_search_queries": 0, "queue_time": 0.02}
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "expected"), TOLD.values(), ids=TOLD)
def test_of_usage(told: dict[str, Any], expected: dict[str, Any]) -> None:
    counts = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    assert usage_dict(Usage.model_validate({**counts, **told})) == {**counts, **expected}


def test_usage_that_is_not_told_has_no_counts_and_no_cost() -> None:
    without = {name: value for name, value in wire.CHAT.items() if name != "usage"}
    with ScriptedServer((wire.answer(without),)) as server:
        response = answer_to(server, request("openai:gpt-4o"))
    assert response.usage == {"cost_status": "no_usage"}
    assert response.total_tokens is None
    costs = LLMRing().calculate_cost(response)
    assert (costs, costs.status) == ({}, "no_usage")


def test_usage_can_be_written_as_json() -> None:
    with ScriptedServer((_gemini(GEMINI_USAGE)[0],)) as server:
        response = answer_to(server, request("google:gemini-2.5-pro"))
    assert json.loads(response.model_dump_json())["usage"] == response.usage
