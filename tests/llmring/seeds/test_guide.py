"""The guide's samples run as they stand, and do what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmring import LLMResponse
from tests.llmring.seeds import providers
from tests.llmring.seeds.world import ANTHROPIC, GUIDE, MODELS, OPENAI, Variables, World, run
from tests.remote import wire
from tests.worlds import record_sleeps

pytestmark = pytest.mark.slow

HAIKU = "anthropic:claude-haiku-5-5"  # the first of the bundled lockfile's `fast`
SONNET = "anthropic:claude-sonnet-4-5-20250929"


def _answers(s: Variables, world: World) -> None:
    assert (s.response.content, s.response.model) == ("Hello!", HAIKU)
    assert world.models() == [HAIKU]


def _prints_the_answer(s: Variables, world: World) -> None:
    _answers(s, world)
    assert s.printed == "Hello!\n"


def _closes(s: Variables, world: World) -> None:
    _answers(s, world)
    with pytest.raises(ValueError, match="closed"):
        s.service.chat(s.request)


def _caches_the_prompt_and_sends_extras(s: Variables, world: World) -> None:
    (cached, cached_body), (plain, plain_body) = world.asked()
    assert (cached, plain) == ("anthropic:claude-sonnet-5-5", HAIKU)
    assert cached_body["system"][-1]["cache_control"] == {"type": "ephemeral"}
    assert plain_body["seed"] == 12345
    assert (plain_body["logprobs"], plain_body["top_logprobs"]) == (True, 5)
    assert plain_body["presence_penalty"] == 0.1


def _sends_each_providers_own_fields(s: Variables, world: World) -> None:
    asked = world.asked()
    # The sample sends the last of its three requests; then all are sent.
    assert [model for model, _ in asked] == [
        SONNET,
        "openai:gpt-4o",
        "google:gemini-2.5-flash",
        SONNET,
    ]
    (_, thinking), (_, openai), (_, google), _ = asked
    assert thinking["thinking"] == {"type": "enabled", "budget_tokens": 5000}
    assert (thinking["top_k"], openai["seed"], openai["frequency_penalty"]) == (40, 12345, 0.5)
    assert (openai["logprobs"], openai["top_logprobs"]) == (True, 5)
    config = google["generationConfig"]
    assert (config["topK"], config["candidateCount"]) == (40, 3)
    assert google["safetySettings"][0]["threshold"] == "BLOCK_MEDIUM_AND_ABOVE"


def _asks_the_models_named(s: Variables, world: World) -> None:
    assert world.models() == [SONNET, "openai:gpt-4o"]


def _asks_by_the_sdks(s: Variables, world: World) -> None:
    names = {type(client).__module__.partition(".")[0] for client in _clients(s)}
    assert names == {"anthropic", "openai", "google", "ollama"}
    assert world.models() == [SONNET, "openai:gpt-4o"]
    (_, anthropic), (_, openai) = world.asked()
    assert anthropic["thinking"]["budget_tokens"] == 10000
    assert (openai["seed"], openai["parallel_tool_calls"]) == (42, False)
    assert s.response.choices[0].message.content == "Hello!"
    assert _keys(world) == ["sk-anthropic", "sk-openai"]


def _clients(s: Variables) -> list[Any]:
    return [s[f"{name}_client"] for name in ("anthropic", "openai", "google", "ollama")]


def _keys(world: World) -> list[str]:
    headers = [request.headers for request in world.server.requests]
    return [h.get("x-api-key") or h["authorization"].removeprefix("Bearer ") for h in headers]


#: What must hold after each sample; `s` has its variables and the `printed` text.
OUTCOMES: dict[str, Callable[[Variables, World], None]] = {
    "4. Use it": _prints_the_answer,
    "Context Manager (Recommended)": _closes,
    "Manual Cleanup": _closes,
    "Provider-Specific Parameters": _caches_the_prompt_and_sends_extras,
    "1. Provider-Specific Parameters": _sends_each_providers_own_fields,
    "2. Direct SDK Access": _asks_by_the_sdks,
    "Advanced: Direct Model References": _asks_the_models_named,
}
#: Samples that make requests and leave some of them unsent.
SENT_AFTERWARDS = {
    "Provider-Specific Parameters",
    "1. Provider-Specific Parameters",
    "Advanced: Direct Model References",
}


@pytest.mark.filterwarnings("ignore:The model 'claude:DeprecationWarning")
@pytest.mark.parametrize("heading", OUTCOMES)
def test_sample_runs_and_does_what_it_says(heading: str, world: World, capsys: Any) -> None:
    variables = run(GUIDE[heading], send_all=heading in SENT_AFTERWARDS)
    dict.__setitem__(variables, "printed", capsys.readouterr().out)
    OUTCOMES[heading](variables, world)


def bind(alias: str, model: str) -> None:
    """Write a lockfile that has one alias."""
    bindings = f'[[profiles.default.bindings]]\nalias = "{alias}"\nmodels = ["{model}"]\n'
    Path("llmring.lock").write_text(f'[profiles.default]\nname = "default"\n{bindings}')


#: What must be printed wherever the alias leads.
PRINTED = {
    "Streaming": "Hello!\nTokens used: 5\n",
    "Tool Calling": "Function called: get_weather\n",
    "Unified Structured Output": (
        f"JSON: {json.dumps(providers.PERSON)}\nData: {providers.PERSON}\n"
    ),
}


@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("heading", PRINTED)
def test_sample_prints_the_same_with_every_provider(
    heading: str, provider: str, world: World, capsys: Any
) -> None:
    bind("balanced", MODELS[provider])
    run(GUIDE[heading])
    assert capsys.readouterr().out == PRINTED[heading]
    assert world.models() == [MODELS[provider]]


PROFILES = "Profiles: Environment-Specific Configurations"


def test_the_sample_of_profiles_asks_the_profiles_model(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = GUIDE[PROFILES]
    # It has one line of a shell.
    (line,) = [line for line in sample.code.splitlines() if line.startswith("export ")]
    name, value = line.split()[1].split("=")
    monkeypatch.setenv(name, value)
    Path("llmring.lock").write_text(GUIDE["Profiles: Profile Configuration in Lockfiles"].code)
    run(sample._replace(code=sample.code.replace(line, f"# {line}")), model="assistant")
    assert world.models() == ["openai:gpt-4o-mini"]


RAW = "Raw SDK Access"


def test_the_sample_of_sdks_runs_up_to_what_an_sdk_does_not_take(world: World) -> None:
    # anthropic 2.12 takes no top_p any more, and google-genai never took generation_config.
    with pytest.raises(TypeError, match="top_p"):
        run(GUIDE[RAW])
    # An SDK knows no aliases: it sends the name as it is.
    assert world.models() == ["openai:fast"]
    assert (world.body()["top_logprobs"], world.body()["parallel_tool_calls"]) == (10, False)


def refusal(status: int, code: str, *headers: tuple[str, str]) -> bytes:
    error = {"message": "the reason", "type": "x", "code": code, "param": None}
    return wire.answer({"error": error}, status, headers)


FAILURES = {
    "auth": (refusal(401, "invalid_api_key"), "Invalid API key\n"),
    "model": (refusal(404, "model_not_found"), "Model not supported\n"),
    "rate-limit": (
        refusal(429, "rate_limit_exceeded", ("Retry-After", "7")),
        "Rate limited, retry after 7.0s\n",
    ),
    "none": (providers.answer, ""),
}
ERRORS = "Error Handling"


@pytest.mark.parametrize(("answer", "printed"), FAILURES.values(), ids=FAILURES)
def test_the_sample_of_errors_tells_them_apart(
    answer: Any, printed: str, world: World, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_sleeps(monkeypatch)
    world.server.scripts = (answer,)
    variables = run(GUIDE[ERRORS], model="openai:gpt-4o")
    assert capsys.readouterr().out == printed
    assert isinstance(variables.get("response"), LLMResponse) == (printed == "")


def test_what_the_pages_call_is_what_the_server_knows() -> None:
    for path in (OPENAI, ANTHROPIC):
        request = providers.Request("POST", f"/v9{path}", {}, b"{}", 0, 0)
        assert providers.answer(request).startswith(b"HTTP/1.1 404")


RUN = {*OUTCOMES, *PRINTED, PROFILES, RAW, ERRORS}
