"""The lockfile is looked at once for each call, and what has changed in it counts from then on."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from cloud.llm.types import ChatResponse
from llmring import LLMRing
from llmring.exceptions import LockfileError, ProviderNotFoundError
from llmring.lockfile import BUNDLED, load
from llmring.providers.base import BaseLLMProvider, ProviderCall

HELLO = [{"role": "user", "content": "Hello!"}]
POOL = """
[[profiles.default.bindings]]
alias = "fast"
models = ["openai:gpt-4o", "anthropic:claude-haiku-5-5", "lan:small"]
"""
PINNED = "[profiles.default.registry_versions]\nopenai = 3\n"
LAN = '\n[providers.lan]\nbase_url = "http://127.0.0.1:9"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, where a lockfile is looked for."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def lockfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    path = tmp_path / "llmring.lock"
    path.write_text(POOL + LAN)
    return path


class Echo(BaseLLMProvider):
    """Answers without a network."""

    client = None

    async def chat(self, call: ProviderCall) -> ChatResponse:
        return ChatResponse(call.model, call.model)

    def stream(self, call: ProviderCall) -> Any:
        raise AssertionError("nobody asks for a stream")


def test_a_call_looks_at_the_lockfile_once(lockfile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = LLMRing(lockfile_path=lockfile)
    ring.register_provider("openai", Echo("openai"))
    ring.chat("fast", messages=HELLO).result()
    looked: list[object] = []
    real_stat = os.stat

    def stat(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        looked.append(path)
        return real_stat(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", stat)
    asyncio.run(_chat(ring))
    # Whatever else of the pool is set up, and whoever answers.
    assert looked == [lockfile]


async def _chat(ring: LLMRing) -> None:
    assert (await ring.chat("fast", messages=HELLO)).content == "gpt-4o"


def test_a_call_goes_by_the_lockfile_as_it_is_now(lockfile: Path) -> None:
    ring = LLMRing(lockfile_path=lockfile)
    ring.register_provider("openai", Echo("openai"))
    lockfile.write_text(POOL.replace("gpt-4o", "gpt-4.1"))
    assert ring.chat("fast", messages=HELLO).content == "gpt-4.1"


def test_a_provider_that_a_lockfile_gains_is_there(lockfile: Path) -> None:
    lockfile.write_text(POOL)
    ring = LLMRing(lockfile_path=lockfile)
    with pytest.raises(ProviderNotFoundError, match="unknown provider 'lan'"):
        ring.get_provider("lan")
    lockfile.write_text(POOL + LAN)
    assert ring.get_provider("lan").name == "lan"


def test_models_are_those_of_the_lockfile_as_it_is_now(lockfile: Path) -> None:
    lockfile.write_text(POOL)
    ring = LLMRing(lockfile_path=lockfile)
    ring.register_provider("openai", Echo("openai"))
    before = asyncio.run(ring.get_available_models())
    lockfile.write_text(POOL + LAN)
    assert asyncio.run(ring.get_available_models()).keys() - before.keys() == {"lan"}


def test_what_is_bound_and_unbound_counts_at_once(lockfile: Path) -> None:
    lockfile.write_text("# ours\n" + POOL)
    ring = LLMRing(lockfile_path=lockfile)
    assert ring.resolve_alias("fast") == "openai:gpt-4o"
    ring.bind_alias("fast", ["local:tiny", "openai:gpt-4o"])
    assert ring.resolve_alias("fast") == "local:tiny"
    assert ring.list_aliases() == {"fast": ("local:tiny", "openai:gpt-4o")}
    assert (ring.unbind_alias("fast"), ring.unbind_alias("fast")) == (True, False)
    assert not ring.has_alias("fast")
    assert lockfile.read_text().startswith("# ours\n")


def test_a_cleared_cache_holds_nothing_and_is_filled_again(lockfile: Path) -> None:
    ring = LLMRing(lockfile_path=lockfile)
    ring.resolve_alias("fast")
    assert len(ring.aliases._cache) == 1
    ring.clear_alias_cache()
    assert len(ring.aliases._cache) == 0
    assert ring.resolve_alias("fast") == "openai:gpt-4o"


@pytest.mark.usefixtures("folder")
def test_a_lockfile_that_is_made_replaces_the_bundled_one() -> None:
    ring = LLMRing()
    assert "deep" in ring.list_aliases()
    Path("llmring.lock").write_text(POOL)
    assert set(ring.list_aliases()) == {"fast"}
    Path("llmring.lock").unlink()
    assert "deep" in ring.list_aliases()


def test_a_new_lockfile_has_the_providers_that_are_set_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    ring = LLMRing()
    path = ring.init_lockfile()
    assert (path, ring.lockfile.path) == (folder / "llmring.lock", path)
    used = {model.partition(":")[0] for models in ring.list_aliases().values() for model in models}
    assert used == {"openai", "local"}


@pytest.mark.usefixtures("folder")
def test_a_new_lockfile_without_any_key_has_all_providers() -> None:
    ring = LLMRing()
    before = ring.list_aliases()
    ring.init_lockfile()
    assert ring.list_aliases() == before


def test_a_lockfile_that_is_there_is_replaced_only_by_force(folder: Path) -> None:
    path = folder / "llmring.lock"
    path.write_text(PINNED)
    ring = LLMRing()
    with pytest.raises(LockfileError, match=r"already exists"):
        ring.init_lockfile()
    assert path.read_text() == PINNED
    ring.init_lockfile(force=True)
    assert ring.has_alias("fast")
    assert load(path).profiles["default"].registry_versions == {}


def test_the_bundled_lockfile_is_not_replaced() -> None:
    before = BUNDLED.read_bytes()
    with pytest.raises(LockfileError, match="comes with llmring"):
        LLMRing(lockfile_path=BUNDLED).init_lockfile(force=True)
    assert BUNDLED.read_bytes() == before
