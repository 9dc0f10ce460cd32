"""The tools that show models and costs: short, current models first, near names for wrong ones."""

from __future__ import annotations

from typing import Any

import pytest

from llmring.exceptions import ToolError
from tests.llmring.mcp.lockfile.workbench import LOCKFILE, LUNA, TINY, Workbench

#: As much as a small local model can read: about two thousand tokens.
MAX_CHARS = 6000


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("list_models", {}),
        ("list_models", {"include_inactive": True}),
        ("filter_models_by_requirements", {"required_capabilities": ["vision"]}),
        ("get_configuration", {}),
        ("list_aliases", {"verbose": True}),
        ("get_model_details", {"models": [LUNA] * 5}),
        ("analyze_costs", {}),
    ],
)
def test_results_are_small(bench: Workbench, name: str, arguments: dict[str, Any]) -> None:
    assert 0 < len(bench.says(name, **arguments)) < MAX_CHARS


def test_models_of_the_usual_aliases_come_first(bench: Workbench) -> None:
    _, first, *_, last = bench.says("list_models", providers=["OpenAI"]).splitlines()
    assert first == f"{LUNA} | $0.10 in, $0.50 out | window 1,050,000 | not set up"
    assert last.endswith("more; name providers, or use filter_models_by_requirements")


def test_a_provider_that_is_set_up_is_not_marked(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "not set up" not in bench.says("list_models", providers=["openai"])
    told = bench.says("get_available_providers")
    assert "openai: set up\n" in told + "\n"
    assert "anthropic: not set up: ANTHROPIC_API_KEY is not set\n" in told
    assert "sk-secret" not in told


def test_requirements_are_met(bench: Workbench) -> None:
    found = bench.gives(
        "filter_models_by_requirements",
        min_context=200_000,
        max_input_cost=1,
        max_output_cost=2,
        required_capabilities=["vision"],
    )["models"]
    assert found
    for model in found:
        assert model["max_input_tokens"] >= 200_000
        assert model["dollars_per_million_input"] <= 1
        assert model["dollars_per_million_output"] <= 2
        assert "vision" in model["capabilities"]


def test_models_that_may_or_may_not_be_able_are_named(bench: Workbench) -> None:
    told = bench.says("filter_models_by_requirements", required_capabilities=["vision"])
    assert "the registry does not say whether they can: anthropic:claude-haiku-5-5" in told


def test_no_model_fits(bench: Workbench) -> None:
    assert bench.says("filter_models_by_requirements", min_context=10**12) == "no models fit"


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("list_models", {"providers": ["opena"]}, "did you mean 'openai'?"),
        (
            "filter_models_by_requirements",
            {"required_capabilities": ["visoin"]},
            "did you mean 'vision'?",
        ),
        ("get_model_details", {"models": ["openai:gpt-55"]}, "did you mean 'openai:gpt-5.5'"),
        ("assess_model", {"model_ref": "fsat"}, "did you mean 'fast'?"),
        ("assess_model", {"model_ref": "gpt-5.5"}, "did you mean 'openai:gpt-5.5'?"),
        ("assess_model", {"model_ref": "claude-opus5-5"}, "'anthropic:claude-opus-5-5'"),
        ("analyze_costs", {"profile": "dve"}, "did you mean 'dev'?"),
    ],
)
def test_a_wrong_name_is_told_with_a_near_one(
    bench: Workbench, name: str, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ToolError) as caught:
        bench.call(name, **arguments)
    assert problem in caught.value.message


def test_a_model_is_assessed_with_its_users(bench: Workbench) -> None:
    told = bench.says("assess_model", model_ref=LUNA)
    assert "price for a million tokens: $0.10 in, $0.50 out" in told
    assert told.endswith("used by: fast (profile default)")


def test_an_alias_is_assessed_model_by_model(bench: Workbench) -> None:
    _, first, second = bench.says("assess_model", model_ref="fast").splitlines()
    assert first.startswith(f"{LUNA} | $0.10 in")
    assert second == f"{TINY} | free"


def test_costs_are_those_of_many_small_requests(bench: Workbench) -> None:
    lines = bench.says("analyze_costs", input_tokens=10**7, output_tokens=10**6).splitlines()
    # Ten million tokens of one request would be billed at the prices of long ones.
    assert f"fast: $0.00 with {TINY}; $1.50 with {LUNA} once it is set up" in lines
    assert lines[-1] == "all together, as it is set up: $0.00"


def test_costs_of_what_is_set_up_add_up(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    given = bench.gives("analyze_costs", input_tokens=10**6, output_tokens=0)
    assert given["aliases"]["fast"] == {"model": LUNA, "dollars": pytest.approx(0.10)}
    assert given["total_dollars"] == pytest.approx(4.10)


def test_details_are_those_of_the_registry(bench: Workbench) -> None:
    (told,) = bench.gives("get_model_details", models=["anthropic:claude-opus-5-5"])["models"]
    assert (told["display_name"], told["listed"]) == ("Claude Opus 5.5", True)


def test_an_alias_without_models_costs_nothing_known(bench: Workbench) -> None:
    bench.path.write_text(LOCKFILE.replace('["anthropic:claude-opus-5-5"]', "[]"))
    assert "deep: no models" in bench.says("analyze_costs")
