"""The lockfile that comes with llmring: its aliases, its models, its speed, and no network."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from llmring import lockfile
from llmring.lockfile import BUNDLED, AliasResolver, load

ALIASES = [
    "fast", "balanced", "deep", "long_context", "low_cost", "json_mode", "vision", "pdf_reader",
    "mcp_agent", "advisor",
]  # fmt: skip


def test_it_has_the_aliases_that_everybody_may_expect() -> None:
    assert [one.alias for one in load(BUNDLED).profiles["default"].bindings] == ALIASES


@pytest.mark.parametrize("alias", ALIASES)
def test_every_pool_has_all_three_clouds_and_ends_with_the_local_model(alias: str) -> None:
    binding = load(BUNDLED).profiles["default"].binding(alias)
    assert binding is not None
    clouds = sorted(model.partition(":")[0] for model in binding.models[:-1])
    assert (clouds, binding.models[-1]) == (["anthropic", "google", "openai"], "local:tiny")


def test_every_model_is_in_a_public_price_list() -> None:
    prices = pytest.importorskip("genai_prices")
    models = {model for one in load(BUNDLED).profiles["default"].bindings for model in one.models}
    for provider, name in sorted(model.split(":") for model in models - {"local:tiny"}):
        usage = prices.Usage(input_tokens=1000, output_tokens=1000)
        assert prices.calc_price(usage, name, provider_id=provider).total_price > 0


def test_without_a_key_every_alias_is_the_local_model() -> None:
    resolver = AliasResolver(BUNDLED, environ={})
    found = {resolver.resolve(alias, is_available="local".__eq__).model for alias in ALIASES}
    assert found == {"local:tiny"}


@pytest.mark.measured
def test_reading_it_takes_three_milliseconds_at_most() -> None:
    def seconds() -> float:
        start = time.process_time()
        load(BUNDLED)
        return time.process_time() - start

    assert min(seconds() for _ in range(20)) < 0.003


def test_resolving_an_alias_takes_a_tenth_of_a_millisecond_at_most() -> None:
    resolver = AliasResolver(BUNDLED, environ={})
    start = time.process_time()
    for _ in range(1000):
        resolver.resolve("fast")
    assert (time.process_time() - start) / 1000 < 0.0001


def test_resolving_loads_no_heavy_library() -> None:
    code = """
import sys
from llmring.lockfile import AliasResolver
AliasResolver(environ={}).resolve("fast")
heavy = {"aiohttp", "asyncio", "difflib", "importlib.metadata", "pydantic", "requests", "tomlkit"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_all_names_are_what_the_package_says() -> None:
    assert set(lockfile.__all__) <= set(dir(lockfile))
    assert [name for name in lockfile.__all__ if not hasattr(lockfile, name)] == []
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        lockfile.nothing  # noqa: B018 - that is the point
