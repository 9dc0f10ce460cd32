"""What has changed since a list was pinned."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from llmring.exceptions import RegistryError
from llmring.registry import Catalog, PriceChange, Registry
from llmring.registry.drift import drift
from tests.llmring.registry.support import DAY_S, PRICE, Clock, entry, model, registry_file
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer


def catalog(version: int, **prices: float) -> Catalog:
    models = [model(model_name=name, input=price, output=1.0) for name, price in prices.items()]
    return Catalog("openai", models, version=version)


def test_added_removed_and_changed_models_are_told() -> None:
    found = drift(catalog(1, a=1.0, b=1.0, c=1.0), catalog(2, b=2.0, c=1.0, d=1.0))
    assert (found.added_models, found.removed_models) == (("d",), ("a",))
    assert found.price_changes == (PriceChange("b", "input", 1.0, 2.0),)
    assert found.has_drift


def test_a_price_that_comes_or_goes_is_a_change() -> None:
    one, other = model(input=1.0, cache_read=0.1), model(input=1.0, output=2.0)
    found = drift(Catalog("openai", [one]), Catalog("openai", [other])).price_changes
    assert found == (
        PriceChange("m", "output", None, 2.0),
        PriceChange("m", "cache_read", 0.1, None),
    )


def test_a_model_that_is_no_longer_active_is_removed() -> None:
    gone = Catalog("openai", [model(model_name="a", is_active=False)])
    assert drift(catalog(1, a=1.0), gone).removed_models == ("a",)
    assert not drift(gone, catalog(2)).has_drift


def test_the_same_list_has_no_drift() -> None:
    found = drift(catalog(1, a=1.0), catalog(2, a=1.0))
    assert (found.has_drift, found.pinned_version, found.current_version) == (False, 1, 2)


def test_a_report_is_ready_for_json() -> None:
    found = drift(catalog(1, a=1.0), catalog(2, a=2.0)).to_dict()
    assert json.loads(json.dumps(found))["price_changes"][0]["current"] == 2.0
    assert found["has_drift"] is True


def test_drift_compares_the_pinned_file_with_the_current_one(
    registry: Callable[..., Registry], serve: Callable[..., ScriptedServer]
) -> None:
    pinned = wire.answer(registry_file(entry("a"), version=1))
    server = serve(pinned, wire.answer(registry_file(entry("a", input=3.0), version=2)))
    found = asyncio.run(registry(server).drift("openai", 1))
    assert found.price_changes == (PriceChange("a", "input", 1.0, 3.0),)
    assert (found.pinned_version, found.current_version) == (1, 2)


def test_drift_of_a_bundled_list_needs_no_registry(registry: Callable[..., Registry]) -> None:
    assert asyncio.run(registry().drift("openai", 1)).added_models == ()


def test_a_price_that_was_announced_when_pinned_is_no_drift(
    registry: Callable[..., Registry], serve: Callable[..., ScriptedServer], clock: Clock
) -> None:
    change = {"effective_date": "2026-12-01", f"{PRICE}input": 9.0, f"{PRICE}output": 9.0}
    one = {**entry("m"), "announced_prices": [change]}
    ring = registry(serve(wire.answer(registry_file(one, version=1))))
    clock.now += 30 * DAY_S
    assert not asyncio.run(ring.drift("openai", 1)).has_drift
    assert ring.require("openai:m").dollars_per_million_tokens_input == 9.0


def test_drift_of_a_provider_that_nobody_lists_is_an_error(
    registry: Callable[..., Registry], serve: Callable[..., ScriptedServer]
) -> None:
    server = serve(wire.answer(registry_file(entry("m"), provider="nobody")), wire.answer(b"", 404))
    with pytest.raises(RegistryError, match="no registry lists models of 'nobody'"):
        asyncio.run(registry(server).drift("nobody", 1))
