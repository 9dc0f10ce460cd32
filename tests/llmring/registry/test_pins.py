"""Versions of lists that a lockfile pins: where they are from, and what stands in for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from llmring.registry import Registry
from tests.llmring.registry.support import DAY_S, Clock, entry, registry_file
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer

Make = Callable[..., Registry]
Serve = Callable[..., ScriptedServer]
USAGE = {"prompt_tokens": 10**6, "completion_tokens": 0}


def scripted(current: int = 4, *pinned: int) -> Callable[[Request], bytes]:
    """A registry whose model ``m`` costs as many dollars as the version's number."""

    def answer(request: Request) -> bytes:
        versions = {f"/openai/v/{number}/models.json": number for number in pinned}
        version = {"/openai/models.json": current, **versions}.get(request.path)
        if version is None:
            return wire.answer(b"", 404)
        return wire.answer(registry_file(entry("m", input=float(version)), version=version))

    return answer


def paths(server: ScriptedServer) -> list[str]:
    return [request.path.removesuffix("/models.json") for request in server.requests]


def prepared(ring: Registry, version: int | None = 3, n_times: int = 1) -> Registry:
    for _ in range(n_times):
        asyncio.run(ring.prepare("openai", version))
    return ring


def test_a_pinned_list_prices_in_place_of_the_current_one(registry: Make, serve: Serve) -> None:
    ring = prepared(registry(serve(scripted(4, 3))))
    assert ring.cost(USAGE, "openai:m", 3).total == 3.0
    assert ring.cost(USAGE, "openai:m").total == 4.0


def test_a_pinned_list_is_read_once(registry: Make, serve: Serve, clock: Clock) -> None:
    server = serve(scripted(4, 3))
    ring = prepared(registry(server), n_times=5)
    clock.now += DAY_S
    prepared(ring)
    prepared(registry(server))
    assert paths(server) == ["/openai", "/openai/v/3", "/openai"]


def test_the_current_list_that_is_the_pinned_one_is_not_read_twice(
    registry: Make, serve: Serve
) -> None:
    server = serve(scripted(3))
    assert prepared(registry(server)).cost(USAGE, "openai:m", 3).total == 3.0
    assert paths(server) == ["/openai"]


def test_a_pin_stays_when_the_registry_moves_on(registry: Make, serve: Serve, clock: Clock) -> None:
    server = serve(scripted(3), scripted(4, 3))
    ring = prepared(registry(server))
    clock.now += DAY_S
    assert prepared(ring).cost(USAGE, "openai:m", 3).total == 3.0


def test_a_model_newer_than_the_pin_has_the_current_price(registry: Make, serve: Serve) -> None:
    old = wire.answer(registry_file(entry("older"), version=3))
    new = wire.answer(registry_file(entry("m", input=4.0), version=4))
    ring = prepared(registry(serve(new, old)))
    assert ring.require("openai:older", 3).model_name == "older"
    assert ring.cost(USAGE, "openai:m", 3).total == 4.0


@pytest.mark.parametrize("stale", [99, 10**9], ids=str)
def test_a_pin_that_nobody_has_is_told_once_and_the_bundled_list_serves(
    registry: Make, stale: int, caplog: pytest.LogCaptureFixture
) -> None:
    ring = prepared(registry(), stale, n_times=20)
    assert ring.cost(USAGE, "openai:gpt-4o", stale).total == 2.5
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"version {stale} of the list of 'openai' is pinned" in caplog.text


def test_the_bundled_list_is_the_pinned_one_where_it_has_that_number(
    registry: Make, caplog: pytest.LogCaptureFixture
) -> None:
    ring = prepared(registry(), 1)
    assert (ring.cost(USAGE, "openai:gpt-4o", 1).total, caplog.text) == (2.5, "")


def test_a_bundled_list_is_not_taken_for_that_number_of_another_registry(
    registry: Make, serve: Serve
) -> None:
    ring = prepared(registry(serve(scripted(4, 1))), 1)
    assert ring.cost(USAGE, "openai:m", 1).total == 1.0


def test_a_registry_that_is_away_is_asked_once_in_a_pause_for_all_its_lists(
    registry: Make, serve: Serve, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(wire.answer(b"", 503))
    ring = prepared(registry(server), n_times=20)
    assert (len(server.requests), len(caplog.records)) == (1, 1)
    clock.now += 30
    prepared(ring, n_times=20)
    assert (len(server.requests), ring.cost(USAGE, "openai:gpt-4o", 3).total) == (2, 2.5)


def test_a_pin_that_the_registry_lacks_is_asked_for_once_a_day(
    registry: Make, serve: Serve, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(scripted(4))
    ring = prepared(registry(server), n_times=20)
    assert (paths(server), len(caplog.records)) == (["/openai", "/openai/v/3"], 1)
    assert "answers 404 for /openai/v/3/models.json; going on with the registry" in caplog.text
    assert ring.cost(USAGE, "openai:m", 3).total == 4.0
    clock.now += DAY_S
    prepared(ring, n_times=9)
    assert len(paths(server)) == 4


def test_what_is_read_soon_is_waited_for_once(registry: Make, serve: Serve) -> None:
    server = serve(scripted(4, 3))
    ring = registry(server)

    async def call() -> None:
        ring.prepare_soon("OpenAI", 3)
        ring.prepare_soon("openai", 3)
        assert ring.model("openai:m", 3) is None
        await ring.prepare("openai", 3)

    asyncio.run(call())
    assert (ring.cost(USAGE, "openai:m", 3).total, len(server.requests)) == (3.0, 2)


def test_a_list_that_is_never_current_is_read_once_a_call(registry: Make, serve: Serve) -> None:
    server = serve(scripted(4, 3))
    prepared(registry(server, ttl_s=0.0), n_times=2)
    assert paths(server) == ["/openai", "/openai/v/3", "/openai"]


def test_a_folder_has_pinned_lists_without_preparing(registry: Make, tmp_path: Path) -> None:
    for version, place in [(3, "openai/v/3"), (4, "openai")]:
        path = tmp_path / place / "models.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(registry_file(entry("m", input=float(version)), version=version))
    ring = registry(tmp_path.as_uri())
    assert ring.cost(USAGE, "openai:m", 3).total == 3.0
    assert ring.cost(USAGE, "openai:m", 5).total == 4.0


def test_pins_of_models_on_the_users_machine_ask_nobody(registry: Make, serve: Serve) -> None:
    server = serve(scripted(4))
    ring = registry(server)
    asyncio.run(ring.prepare("ollama", 1))
    asyncio.run(ring.prepare("local", 1))
    assert (ring.cost(USAGE, "local:tiny", 1).total, server.requests) == (0.0, [])
