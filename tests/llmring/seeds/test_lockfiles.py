"""The guide's lockfiles mean what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmring import LLMRing
from tests.llmring.seeds.world import GUIDE, World
from tests.remote import wire

PROFILES, FALLBACK = "Profiles: Profile Configuration in Lockfiles", "Fallback Models"
RUN = {PROFILES, FALLBACK}

POOL = ["anthropic:claude-sonnet-4-5-20250929", "openai:gpt-4o", "google:gemini-2.5-pro"]
HELLO = [{"role": "user", "content": "Hello"}]


def ring_of(heading: str) -> LLMRing:
    Path("llmring.lock").write_text(GUIDE[heading].code)
    return LLMRing()


@pytest.mark.parametrize(
    ("profile", "model"),
    [(None, POOL[0]), ("dev", "openai:gpt-4o-mini"), ("test", "ollama:llama3")],
    ids=["default", "dev", "test"],
)
def test_a_profile_has_models_of_its_own(profile: str | None, model: str, world: World) -> None:
    response = ring_of(PROFILES).chat("assistant", profile, messages=HELLO)
    assert (response.content, response.model) == ("Hello!", model)
    assert world.models() == [model]


def test_a_profile_that_is_named_beats_that_of_the_environment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = ring_of(PROFILES)
    monkeypatch.setenv("LLMRING_PROFILE", "dev")
    assert ring.resolve_alias("assistant") == "openai:gpt-4o-mini"
    assert ring.resolve_alias("assistant", profile="test") == "ollama:llama3"


@pytest.mark.parametrize("n_failing", [0, 1, 2])
def test_a_model_that_fails_makes_way_for_the_next(n_failing: int, world: World) -> None:
    limit = wire.answer({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429)
    world.server.scripts = (limit,) * n_failing + world.server.scripts
    response = ring_of(FALLBACK).chat("assistant", messages=HELLO)
    assert response.model == POOL[n_failing]
    assert world.models() == POOL[: n_failing + 1]
    outcomes = [attempt["outcome"] for attempt in response.attempts]
    assert outcomes == ["failed"] * n_failing + ["answered"]
