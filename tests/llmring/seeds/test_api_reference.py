"""The API reference's samples run as they stand, and do what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llmring import LLMRingError
from llmring.lockfile.paths import BUNDLED
from tests.llmring.seeds.world import REFERENCE, Variables, World, run

HAIKU = "anthropic:claude-haiku-5-5"
BOUND = 'alias = "fast"\nmodels = ["openai:gpt-4o"]\n'


def _asks_twice(s: Variables, world: World) -> None:
    assert s.response.content == "Hello!"
    # First by the lockfile that is named, then by the one that is found.
    assert world.models() == ["openai:gpt-6-luna", HAIKU]


def _sends_the_fields(s: Variables, world: World) -> None:
    body = world.body()
    assert (body["temperature"], body["response_format"]) == (0.7, {"type": "json_object"})
    assert 1000 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert body["tools"][0]["function"]["name"] == "get_weather"
    assert body["tool_choice"] == "auto"


def _has_the_fields(s: Variables, world: World) -> None:
    response = s.response
    assert (response.content, response.model) == ("Hello!", HAIKU)
    assert (response.finish_reason, response.tool_calls, response.parsed) == ("stop", None, None)
    assert response.usage["total_tokens"] == 5
    assert response.usage["cost"] > 0


def _names_the_errors(s: Variables, world: World) -> None:
    errors = [value for name, value in s.items() if name.endswith("Error")]
    assert len(errors) == 6
    assert all(issubclass(error, LLMRingError) for error in errors)


def _resolves_once(s: Variables, world: World) -> None:
    assert [s.service.resolve_alias("fast") for _ in range(2)] == [HAIKU, HAIKU]
    assert len(s.service.aliases._cache) == 1


#: What must hold after each sample; `s` has its variables.
OUTCOMES: dict[str, Callable[[Variables, World], None]] = {
    "LLMRing": _asks_twice,
    "LLMRequest": _sends_the_fields,
    "LLMResponse": _has_the_fields,
    "Error Handling": _names_the_errors,
    "Alias Resolution Cache: Configuration": _resolves_once,
}


@pytest.fixture(autouse=True)
def custom_lockfile(world: World) -> None:
    text = BUNDLED.read_text("utf-8").replace(f'"{HAIKU}",', "")
    Path("custom.lock").write_text(text, "utf-8")


@pytest.mark.parametrize("heading", OUTCOMES)
def test_sample_runs_and_does_what_it_says(heading: str, world: World) -> None:
    is_request = heading == "LLMRequest"
    if is_request:  # a model that takes all of its fields
        Path("llmring.lock").write_text("[[profiles.default.bindings]]\n" + BOUND)
    OUTCOMES[heading](run(REFERENCE[heading], send_all=is_request), world)


RUN = set(OUTCOMES)
