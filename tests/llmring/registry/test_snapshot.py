"""The bundled registry: what the script makes of the price list, and that it prices as the list."""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from registry_snapshot.__main__ import OUT, PROVIDERS, as_text, main, models_of

from llmring.registry import Registry, cost
from llmring.registry.snapshot import BUNDLED, bundled
from tests.test_import import loaded_by

NAMES = {
    "openai": """gpt-3.5-turbo gpt-4 gpt-4-turbo gpt-4.1 gpt-4.1-mini gpt-4o gpt-4o-2024-05-13
        gpt-4o-mini gpt-5 gpt-5-mini gpt-5-nano-2025-08-07 gpt-5.4 gpt-5.5 gpt-6-sol o1 o3
        o4-mini""",
    "anthropic": """claude-3-haiku-20240307 claude-3-5-sonnet-20241022 claude-3-7-sonnet-latest
        claude-haiku-4-5-20251001 claude-haiku-5-5 claude-opus-4-20250514 claude-opus-4-1-20250805
        claude-opus-4-8 claude-opus-5 claude-sonnet-4-0 claude-sonnet-4-5-20250929""",
    "google": """gemini-2.0-flash gemini-2.5-flash gemini-2.5-flash-lite gemini-2.5-pro
        gemini-2.5-pro-preview-06-05 gemini-3-pro-preview gemini-3.1-pro-preview gemini-3.8-flash
        gemma-3-27b-it""",
}
REFS = [(provider, name) for provider, names in NAMES.items() for name in names.split()]
CALLS = {
    "plain": {"input_tokens": 1200, "output_tokens": 340},
    "cached": {"input_tokens": 9000, "cache_read_tokens": 7000, "output_tokens": 10},
    "long": {"input_tokens": 400_001, "cache_read_tokens": 20_000, "output_tokens": 999},
    "written": {
        "input_tokens": 5000, "cache_write_tokens": 3000, "cache_write_1h_tokens": 1000,
        "output_tokens": 7,
    },
}  # fmt: skip


def in_openais_words(call: dict[str, int]) -> dict[str, Any]:
    written, written_1h = call.get("cache_write_tokens", 0), call.get("cache_write_1h_tokens", 0)
    return {
        "prompt_tokens": call["input_tokens"],
        "completion_tokens": call["output_tokens"],
        "prompt_tokens_details": {"cached_tokens": call.get("cache_read_tokens", 0)},
        "cache_creation_input_tokens": written,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written - written_1h,
            "ephemeral_1h_input_tokens": written_1h,
        },
    }


def day_of(provider: str) -> datetime.date:
    catalog = bundled(provider)
    assert catalog is not None
    return datetime.date.fromisoformat(str(catalog.updated_at))


def noon_of(provider: str) -> datetime.datetime:
    return datetime.datetime.combine(day_of(provider), datetime.time(12), datetime.UTC)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("provider", "name"), REFS, ids=[name for _, name in REFS])
def test_costs_are_those_of_the_price_list(provider: str, name: str, call: str) -> None:
    if call == "written" and provider != "anthropic":
        call = "plain"  # others' caches have no lifetimes
    theirs = calc_price(
        Usage(**CALLS[call]),
        name,
        provider_id=provider,
        genai_request_timestamp=noon_of(provider),
    )
    catalog = bundled(provider)
    model = catalog.find(name) if catalog else None
    assert model is not None
    ours = cost(in_openais_words(CALLS[call]), model)
    assert ours.total == float(theirs.total_price)


def test_over_thirty_models_are_held_against_the_price_list() -> None:
    assert len(REFS) > 30


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_bundled_file_is_what_the_script_makes(provider: str) -> None:
    file = json.loads((OUT / f"{provider}.json").read_text("utf-8"))
    assert file["models"] == models_of(provider, day_of(provider))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_entry_of_a_bundled_file_is_read(provider: str) -> None:
    file = json.loads((OUT / f"{provider}.json").read_text("utf-8"))
    assert [model.ref for model in bundled(provider) or ()] == list(file["models"])


def test_the_bundled_files_are_small_and_have_their_licence() -> None:
    assert sum(path.stat().st_size for path in OUT.iterdir()) < 300_000
    assert "Pydantic Services Inc." in (OUT / "LICENSE-genai-prices").read_text("utf-8")


def test_the_bundled_files_name_their_source_and_its_version() -> None:
    file = json.loads((OUT / "openai.json").read_text("utf-8"))
    assert file["source"]["name"] == "genai-prices"
    assert re.fullmatch(r"\d+\.\d+\.\d+", file["source"]["version"])


def test_each_alias_leads_to_its_model() -> None:
    registry = Registry()
    models = [model for provider in BUNDLED for model in registry.models(provider)]
    wrong = [
        (alias, model.ref)
        for model in models
        for alias in model.model_aliases
        if registry.require(f"{model.provider}:{alias}").ref != model.ref
    ]
    assert (len(models) > 150, wrong) == (True, [])


def test_prices_that_are_known_to_change_are_announced() -> None:
    one = models_of("google", datetime.date(2026, 11, 21))["google:gemini-4-argon"]
    (change,) = one["announced_prices"]
    assert one["dollars_per_million_tokens_input"] == 2.0
    assert (change["effective_date"], change["dollars_per_million_tokens_input"]) == (
        "2026-12-01",
        4.0,
    )


def test_prices_whose_day_has_come_are_no_longer_announced() -> None:
    one = models_of("google", datetime.date(2026, 12, 1))["google:gemini-4-argon"]
    assert one["dollars_per_million_tokens_input"] == 4.0
    assert "announced_prices" not in one


def test_a_chat_model_under_a_reasoning_model_is_none() -> None:
    registry = Registry()
    assert registry.require("openai:gpt-5").is_reasoning_model is True
    assert registry.require("openai:gpt-5-chat-latest").is_reasoning_model is False


def test_the_script_raises_the_version_only_when_models_change(tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path), "--date", "2026-11-21"]
    main(arguments)
    path = tmp_path / "google.json"
    main(arguments)
    assert json.loads(path.read_text("utf-8"))["version"] == 1
    path.write_text(as_text("google", 4, datetime.date(2026, 1, 1), {}), "utf-8")
    main(arguments)
    assert json.loads(path.read_text("utf-8"))["version"] == 5


def test_no_price_of_the_list_is_lost() -> None:
    provider = next(one for one in get_snapshot().providers if one.id == "openai")
    told = {model.model_name: model for model in bundled("openai") or ()}
    for theirs in provider.models:
        price = vars(theirs.get_prices(noon_of("openai"))).get("output_mtok")
        if isinstance(price, Decimal) and theirs.id in told:
            assert told[theirs.id].dollars_per_million_tokens_output == float(price)


def test_importing_the_registry_loads_no_way_to_ask() -> None:
    loaded = loaded_by("import llmring.registry as r; r.Registry().model('openai:gpt-4o')")
    assert "pydantic" in loaded
    assert loaded & {"aiohttp", "asyncio", "genai_prices", "platformdirs", "requests"} == set()
