"""The registry at work: what it serves, when it asks, and what it does when nobody answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from LLM.exceptions import ModelNotFoundError as LLMModelNotFoundError
from llmring.exceptions import ModelNotFoundError, RegistryError, RegistryStaleError
from llmring.registry import Registry
from llmring.registry import registry as registry_module
from llmring.registry import store as store_module
from llmring.registry.reading import MAX_REGISTRY_BYTES
from tests.llmring.registry.support import DAY_S, NOON, PRICE, Clock, entry, registry_file
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer, close, hang

OURS = wire.answer(registry_file(entry("ours"), version=3))
NEWER = wire.answer(registry_file(entry("newer"), version=4))
AWAY = wire.answer(b"", 503)
Make = Callable[..., Registry]
Serve = Callable[..., ScriptedServer]


def prepare(registry: Registry, provider: str = "openai") -> Registry:
    asyncio.run(registry.prepare(provider))
    return registry


def names(registry: Registry, provider: str = "openai") -> list[str]:
    return [model.model_name for model in registry.models(provider)]


def test_without_an_address_the_bundled_list_is_served(registry: Make) -> None:
    ring = prepare(registry())
    assert (ring.origin("openai"), ring.version("openai")) == ("bundled", 1)
    assert ring.providers == ["anthropic", "google", "ollama", "openai"]
    assert ring.require("OpenAI:gpt-4o").ref == "openai:gpt-4o"


@pytest.mark.parametrize(
    "ref", ["local:tiny", "local:/my models/größe.gguf", "ollama:llama3.2:3b", "ollama:mine"]
)
def test_a_model_on_the_users_machine_costs_nothing(registry: Make, ref: str) -> None:
    found = registry().cost({"prompt_tokens": 10**6, "completion_tokens": 10**6}, ref)
    assert (found.status, found.total) == ("priced", 0.0)


def test_a_name_that_no_path_is_as_long_as_is_no_model(registry: Make) -> None:
    assert registry().model("local:" + "x" * 5000) is None


@pytest.mark.parametrize("ref", ["ollama:gpt-oss:120b-cloud", "ollama:glm-4.6:cloud"])
def test_a_model_on_ollamas_machines_is_not_called_free(registry: Make, ref: str) -> None:
    assert registry().cost({"prompt_tokens": 1}, ref).status == "model_not_in_registry"


@pytest.mark.parametrize(
    ("usage", "ref", "status"),
    [
        ({"prompt_tokens": 1}, "openai:gpt-4o", "priced"),
        (None, "openai:gpt-4o", "no_usage"),
        ({"prompt_tokens": 1}, "gpt-4o", "invalid_model_format"),
        ({"prompt_tokens": 1}, ":gpt-4o", "invalid_model_format"),
        ({"prompt_tokens": 1}, "openai:", "invalid_model_format"),
        ({"prompt_tokens": 1}, "openai:nope", "model_not_in_registry"),
        ({"prompt_tokens": 1}, "nobody:gpt-4o", "model_not_in_registry"),
        ({"completion_tokens": 1}, "openai:text-embedding-3-small", "no_pricing_in_registry"),
    ],
)
def test_a_cost_says_its_status(
    registry: Make, usage: dict[str, Any] | None, ref: str, status: str
) -> None:
    assert registry().cost(usage, ref).status == status


def test_an_unknown_model_is_told_with_near_names(registry: Make) -> None:
    with pytest.raises(ModelNotFoundError, match=r"'openai:gpt4o'; did you mean 'openai:gpt-4o'"):
        registry().require("openai:gpt4o")


@pytest.mark.parametrize("ref", ["openai:" + "x" * 10_000, "nobody:m", "m"], ids=len)
def test_an_unknown_model_without_near_names_is_told(registry: Make, ref: str) -> None:
    with pytest.raises(LLMModelNotFoundError, match="no registry lists a model") as caught:
        registry().require(ref)
    assert len(str(caught.value)) < 400


def test_made_up_models_do_not_fill_the_memory(
    registry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "_MAX_REMEMBERED", 8)
    ring = registry()
    for number in range(100):
        ring.model(f"local:{number}")
    assert len(ring._found) <= 8


def test_made_up_providers_do_not_fill_the_memory(
    registry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_MAX_LISTS", 8)
    ring = registry()
    for number in range(100):
        ring.model(f"p{number}:m")
    assert len(ring._store._states) <= 8


def test_another_registry_replaces_the_bundled_list(registry: Make, serve: Serve) -> None:
    ring = prepare(registry(serve(OURS)))
    assert (names(ring), ring.origin("openai"), ring.version("openai")) == (["ours"], "registry", 3)
    assert names(ring, "google")[0].startswith("gemini")


def test_a_lookup_never_asks(registry: Make, serve: Serve) -> None:
    server = serve(OURS)
    ring = registry(server)
    assert ring.model("openai:ours") is None
    assert (ring.require("openai:gpt-4o").model_name, server.requests) == ("gpt-4o", [])


def test_a_model_found_before_is_not_kept_when_the_list_changes(
    registry: Make, serve: Serve
) -> None:
    ring = registry(serve(wire.answer(registry_file(entry("gpt-4o", input=77.0)))))
    assert ring.require("openai:gpt-4o").dollars_per_million_tokens_input == 2.5
    assert prepare(ring).require("openai:gpt-4o").dollars_per_million_tokens_input == 77.0


def test_many_at_once_ask_once(registry: Make, serve: Serve) -> None:
    server = serve(OURS)
    ring = registry(server)

    async def many() -> None:
        await asyncio.gather(*[ring.prepare("openai") for _ in range(50)])

    asyncio.run(many())
    assert (len(server.requests), names(ring)) == (1, ["ours"])


def test_one_who_gives_up_does_not_end_it_for_the_others(registry: Make, serve: Serve) -> None:
    ring = registry(serve(OURS))

    async def run() -> None:
        first, second = (asyncio.create_task(ring.prepare("openai")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await second

    asyncio.run(run())
    assert names(ring) == ["ours"]


def test_a_list_is_asked_for_once_a_day(registry: Make, serve: Serve, clock: Clock) -> None:
    server = serve(OURS, NEWER)
    ring = prepare(prepare(registry(server)))
    clock.now += DAY_S - 1
    assert (names(prepare(ring)), len(server.requests)) == (["ours"], 1)
    clock.now += 1
    assert (names(prepare(ring)), len(server.requests)) == (["newer"], 2)


def test_a_new_process_finds_the_list_on_disk(registry: Make, serve: Serve) -> None:
    server = serve(OURS)
    prepare(registry(server))
    ring = registry(server)
    assert (names(ring), ring.origin("openai")) == (["ours"], "cache")
    prepare(ring)
    assert len(server.requests) == 1


def test_a_damaged_file_on_disk_is_asked_for_anew(
    registry: Make, serve: Serve, tmp_path: Path
) -> None:
    server = serve(OURS)
    prepare(registry(server))
    (path,) = (tmp_path / "cache").glob("*.registry")
    path.write_bytes(path.read_bytes()[:-5])
    assert names(prepare(registry(server))) == ["ours"]
    assert (len(server.requests), names(registry(server))) == (2, ["ours"])


def test_a_stale_list_serves_while_the_registry_is_away(
    registry: Make, serve: Serve, clock: Clock
) -> None:
    server = serve(OURS, AWAY)
    prepare(registry(server))
    clock.now += 30 * DAY_S
    ring = registry(server)
    assert ring.origin("openai") == "stale"
    assert (names(prepare(ring)), ring.origin("openai")) == (["ours"], "stale")


def test_a_list_in_memory_that_cannot_be_renewed_is_stale(
    registry: Make, serve: Serve, clock: Clock
) -> None:
    ring = prepare(registry(serve(OURS, AWAY)))
    clock.now += DAY_S
    assert (names(prepare(ring)), ring.origin("openai")) == (["ours"], "stale")


def test_a_clock_that_was_set_back_makes_a_list_stale(
    registry: Make, serve: Serve, clock: Clock
) -> None:
    server = serve(OURS, NEWER)
    prepare(registry(server))
    clock.now -= 30 * DAY_S
    assert names(prepare(registry(server))) == ["newer"]


def test_a_registry_that_failed_is_left_alone_ever_longer(
    registry: Make, serve: Serve, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "llmring.registry")
    server = serve(AWAY)
    ring = registry(server)
    asked = []
    for pause in (0, 29, 1, 59, 1, 119, 1):
        clock.now += pause
        for _ in range(20):
            prepare(ring)
        asked.append(len(server.requests))
    assert asked == [1, 1, 2, 2, 3, 3, 4]
    assert len(caplog.records) == 4
    assert "answers 503 for /openai/models.json; going on with the bundled list" in caplog.text


def test_the_longest_pause_is_an_hour(registry: Make, serve: Serve, clock: Clock) -> None:
    server = serve(AWAY)
    ring = registry(server)
    for _ in range(20):
        prepare(ring)
        clock.now += 3600
    assert len(server.requests) == 20


def test_a_registry_that_is_back_is_asked_as_before(
    registry: Make, serve: Serve, clock: Clock
) -> None:
    ring = prepare(registry(serve(AWAY, AWAY, OURS, AWAY, NEWER)))
    for pause, expected in [(30, "gpt-4o"), (60, "ours"), (DAY_S, "ours"), (30, "newer")]:
        clock.now += pause
        assert expected in names(prepare(ring))


def test_a_registry_without_the_provider_is_asked_once_a_day(
    registry: Make, serve: Serve, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(wire.answer(b"", 404))
    ring = prepare(registry(server))
    clock.now += DAY_S - 1
    assert (names(prepare(ring)) != [], len(server.requests), caplog.text) == (True, 1, "")
    clock.now += 1
    prepare(ring)
    assert len(server.requests) == 2


HOSTILE = {
    "no json": wire.answer(b"<html>"),
    "nan": wire.answer(b'{"models": {"openai:m": {"x": NaN}}}'),
    "negative": wire.answer(registry_file(entry("m", input=-1.0))),
    "large": wire.answer(b" " * (MAX_REGISTRY_BYTES + 1)),
    "another's": wire.answer(registry_file(entry("m"), provider="google")),
    "silent": [hang],
    "gone": [close],
    "endless length": wire.answer(b"", content_length="9" * 15),
    "redirect": wire.answer(b"", 302, [("Location", "http://127.0.0.1:1/")]),
}


@pytest.mark.parametrize("script", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_registry_changes_nothing(registry: Make, serve: Serve, script: Any) -> None:
    ring = registry(serve(script), timeout_s=0.2)
    with pytest.raises(RegistryError):
        asyncio.run(ring.refresh("openai"))
    assert ring.origin("openai") == "bundled"
    assert ring.require("openai:gpt-4o").dollars_per_million_tokens_input == 2.5


def test_refreshing_needs_a_registry(registry: Make) -> None:
    with pytest.raises(RegistryError, match="no registry is named"):
        asyncio.run(registry().refresh("openai"))


def test_refreshing_asks_though_the_list_is_current(registry: Make, serve: Serve) -> None:
    ring = prepare(registry(serve(OURS, NEWER)))
    assert asyncio.run(ring.refresh("OpenAI")).version == 4
    assert names(ring) == ["newer"]


def test_models_on_the_users_machine_are_never_asked_for(registry: Make, serve: Serve) -> None:
    server = serve(OURS)
    ring = registry(server)
    for provider in ("local", "ollama"):
        prepare(ring, provider)
    assert server.requests == []


def test_a_registry_in_a_folder_needs_no_preparing(registry: Make, tmp_path: Path) -> None:
    path = tmp_path / "openai" / "models.json"
    path.parent.mkdir()
    path.write_bytes(registry_file(entry("mine")))
    ring = registry(tmp_path.as_uri())
    assert (names(ring), ring.origin("openai")) == (["mine"], "registry")
    asyncio.run(ring.refresh("openai"))
    assert not (tmp_path / "cache").exists()


def test_clearing_forgets_memory_disk_and_failures(registry: Make, serve: Serve) -> None:
    server = serve(OURS, AWAY, NEWER)
    ring = prepare(registry(server))
    assert (ring.clear_cache(), ring.origin("openai")) == (1, "bundled")
    for _ in range(2):
        prepare(ring)
        ring.clear_cache()
    assert len(server.requests) == 3


def test_prices_change_on_the_day_that_was_announced(
    registry: Make, serve: Serve, clock: Clock
) -> None:
    change = {"effective_date": "2026-11-22", f"{PRICE}input": 9.0, f"{PRICE}output": 9.0}
    one = {**entry("m"), "announced_prices": [change]}
    ring = prepare(registry(serve(wire.answer(registry_file(one)))))
    assert ring.require("openai:m").dollars_per_million_tokens_input == 1.0
    clock.now += DAY_S / 2
    assert ring.require("openai:m").dollars_per_million_tokens_input == 9.0


def test_a_bundled_price_changes_on_the_day_that_was_announced(
    registry: Make, clock: Clock
) -> None:
    ring = registry()
    clock.now += 30 * DAY_S
    assert ring.require("google:gemini-4-argon").dollars_per_million_tokens_input == 4.0


def test_noon_is_what_the_tests_take_it_for(registry: Make, clock: Clock) -> None:
    assert (clock.now, str(registry()._clocks.today())) == (NOON, "2026-11-21")


def test_a_pinned_list_is_asked_for_once_and_kept_for_good(
    registry: Make, serve: Serve, clock: Clock
) -> None:
    server = serve(OURS)
    assert [model.model_name for model in asyncio.run(registry(server).pinned("openai", 3))] == [
        "ours"
    ]
    clock.now += 1000 * DAY_S
    assert asyncio.run(registry(server).pinned("openai", 3)).version == 3
    assert [request.path for request in server.requests] == ["/openai/v/3/models.json"]


def test_a_pinned_list_of_another_number_is_refused(registry: Make, serve: Serve) -> None:
    with pytest.raises(RegistryError, match="says version 3"):
        asyncio.run(registry(serve(OURS)).pinned("openai", 2))


@pytest.mark.parametrize(
    ("provider", "found"), [("openai", "version 1"), ("nobody", "none")], ids=["other", "no list"]
)
def test_a_pin_that_the_bundled_list_is_not_is_stale(
    registry: Make, provider: str, found: str
) -> None:
    assert asyncio.run(registry().pinned("openai", 1)).version == 1
    with pytest.raises(RegistryStaleError, match=f"the bundled list is {found}"):
        asyncio.run(registry().pinned(provider, 99))


def test_one_registry_serves_many_loops_and_threads(registry: Make, serve: Serve) -> None:
    server = serve(OURS)
    ring = registry(server)

    async def run() -> list[str]:
        await ring.prepare("openai")
        return await asyncio.to_thread(names, ring)

    assert [asyncio.run(run()) for _ in range(3)] == [["ours"]] * 3
    assert len(server.requests) == 1
