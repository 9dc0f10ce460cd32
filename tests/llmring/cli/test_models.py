"""`llmring list`, `info`, `providers`, `cache`: what there is, what it costs, what is missing."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from llmring.cli.model_facts import price
from llmring.providers.ollama.provider import OllamaProvider
from llmring.registry import Registry
from tests.llmring.cli.support import LOCKFILE, put_list, run
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

TABLE = "MODEL"


def as_json(*arguments: str, **environ: str) -> Any:
    result = run(*arguments, "--json", **environ)
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_list_has_the_models_of_the_registry_and_of_this_disk() -> None:
    lines = run("list").stdout.splitlines()
    names = [line.split()[0] for line in lines]
    assert names[0] == TABLE
    assert {"openai:gpt-6-luna", "anthropic:claude-haiku-5-5", "local:tiny"} <= set(names)


def test_list_of_one_provider_has_its_models_with_prices() -> None:
    listed = as_json("list", "--provider", "OpenAI")
    luna = next(one for one in listed if one["model"] == "openai:gpt-6-luna")
    model = Registry().require("openai:gpt-6-luna")
    assert {one["provider"] for one in listed} == {"openai"}
    assert luna["dollars_per_million_tokens_input"] == model.dollars_per_million_tokens_input


@pytest.mark.parametrize(
    ("dollars", "told"),
    [(None, "-"), (0.0, "0"), (0.4, "0.40"), (0.075, "0.075"), (0.0375, "0.0375"), (12.5, "12.50")],
)
def test_a_price_is_told_as_it_is(dollars: float | None, told: str) -> None:
    assert price(dollars) == told


def test_list_leaves_out_what_is_no_longer_served() -> None:
    everything = [one["model"] for one in as_json("list", "--all")]
    served = [one["model"] for one in as_json("list")]
    gone = [one.ref for name in Registry().providers for one in Registry().models(name)
            if not one.is_active]  # fmt: skip
    assert set(everything) - set(served) == set(gone) & set(everything)


@pytest.mark.parametrize("told", [["llama3.2:latest", "a b"], []], ids=["models", "none"])
def test_list_asks_a_provider_that_no_registry_lists(
    monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    monkeypatch.setattr(OllamaProvider, "list_models", telling(told))
    listed = as_json("list", "--provider", "ollama")
    assert [one["model"] for one in listed] == [f"ollama:{name}" for name in told]


def test_list_of_a_provider_that_does_not_tell_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OllamaProvider, "list_models", telling(None))
    result = run("list", "--provider", "ollama")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: provider 'ollama' does not tell which models it has\n"


def telling(models: list[str] | None) -> Callable[[Any], Awaitable[list[str] | None]]:
    """A provider's `list_models`."""

    async def list_models(_: Any) -> list[str] | None:
        return models

    return list_models


def test_list_of_a_provider_that_is_not_there_is_one_line() -> None:
    result = run("list", "--provider", "opena")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "unknown provider 'opena'" in result.stderr
    assert "did you mean 'openai'?" in result.stderr


def test_list_by_another_registry() -> None:
    chat = {"provider": "openai", "model_name": "chat", "dollars_per_million_tokens_input": 3.0}
    models = {"provider": "openai", "version": 9, "models": {"openai:chat": chat}}
    with ScriptedServer((wire.answer(models),)) as server:
        result = run("list", "--provider", "openai", "--registry-url", server.url)
    assert result.stdout.splitlines()[1].split() == ["openai:chat", "3.00", "-", "-"]
    assert result.stderr == "(lists: openai 9)\n"


def test_a_registry_that_fails_is_warned_of_and_the_bundled_list_serves() -> None:
    with ScriptedServer((wire.answer({}, 500),)) as server:
        result = run("list", "--provider", "openai", "--registry-url", server.url)
    assert result.exit_code == 0
    assert "openai:gpt-6-luna" in result.stdout
    assert result.stderr.startswith("warning: the registry at ")


def test_a_registry_that_cannot_be_is_one_line() -> None:
    result = run("list", "--registry-url", "ftp://a")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: --registry-url is 'ftp://a'")


def test_info_of_a_model_has_what_the_registry_says() -> None:
    result = run("info", "openai:gpt-5.5")
    facts = dict(line.split(None, 1) for line in result.stdout.splitlines())
    assert facts["model"] == "openai:gpt-5.5"
    assert facts["window"].endswith(" tokens")
    assert "$/M input " in result.stdout
    assert result.stderr == "(openai is not set up: OPENAI_API_KEY is not set)\n"


def test_info_of_a_model_as_json() -> None:
    told = as_json("info", "openai:gpt-5.5", OPENAI_API_KEY="sk-secret")
    assert (told["model"], told["problem"]) == ("openai:gpt-5.5", None)
    assert told["dollars_per_million_tokens_input"] > 0


def test_info_of_an_alias_has_its_models_and_what_they_lack(folder: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE)
    _, luna, tiny = run("info", "fast").stdout.splitlines()
    assert luna.split()[0] == "openai:gpt-6-luna"
    assert luna.endswith("OPENAI_API_KEY is not set")
    assert tiny.split()[0] == "local:tiny"
    assert tiny.endswith("set up")
    told = as_json("info", "fast")
    assert [one["model"] for one in told["models"]] == ["openai:gpt-6-luna", "local:tiny"]


def test_info_has_the_prices_that_the_profile_pins(folder: Path, tmp_path: Path) -> None:
    pin = "\n[profiles.default.registry_versions]\nopenai = 4\n"
    (folder / "llmring.lock").write_text(LOCKFILE + pin)
    put_list(tmp_path / "openai", 4, ("gpt-6-luna", 1.0))
    put_list(tmp_path / "openai", 5, ("gpt-6-luna", 2.0))
    told = as_json("info", "fast", "--registry-url", tmp_path.as_uri())
    assert told["models"][0]["dollars_per_million_tokens_input"] == 1.0


def test_info_of_an_alias_with_an_unlisted_model(folder: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE.replace("gpt-6-luna", "no-such"))
    assert "not in the registry" in run("info", "fast").stdout


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("openai:gpt-55", "no registry lists a model 'openai:gpt-55'; did you mean"),
        ("fsat", "did you mean 'fast'?"),
        ("gpt-5.5", "a model is named with its provider: openai:gpt-5.5"),
    ],
)
def test_info_of_what_is_not_there_is_one_line(name: str, problem: str) -> None:
    result = run("info", name)
    assert (result.exit_code, result.stdout) == (1, "")
    assert problem in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_providers_say_what_is_missing_and_never_a_key(folder: Path) -> None:
    entry = '\n[providers.mine]\nbase_url = "https://a.example/v1"\napi_key_env = "MINE_KEY"\n'
    (folder / "llmring.lock").write_text(LOCKFILE + entry)
    environ = {"GOOGLE_API_KEY": "sk-secret", "MINE_KEY": "sk-secret"}
    result = run("providers", **environ)
    lines = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()[1:]}
    assert lines["openai"] == ["no", "OPENAI_API_KEY", "is", "not", "set"]
    assert lines["google"] == ["yes", "key", "from", "GOOGLE_API_KEY"]
    assert lines["mine"] == ["yes", "https://a.example/v1,", "key", "from", "MINE_KEY"]
    assert "sk-secret" not in result.output + run("providers", "--json", **environ).output


def test_providers_as_json() -> None:
    told = {one["name"]: one for one in as_json("providers", ANTHROPIC_API_KEY="sk-ant-secret")}
    assert list(told) == ["anthropic", "google", "local", "ollama", "openai"]
    assert told["anthropic"] == {
        "name": "anthropic",
        "is_set_up": True,
        "problem": None,
        "key_variable": "ANTHROPIC_API_KEY",
        "base_url": None,
    }
    assert told["google"]["key_variable"] == "GEMINI_API_KEY"


def test_the_cache_is_told_and_cleared() -> None:
    chat = {"provider": "openai", "model_name": "chat", "dollars_per_million_tokens_input": 3.0}
    models = {"provider": "openai", "version": 9, "models": {"openai:chat": chat}}
    with ScriptedServer((wire.answer(models),)) as server:
        run("list", "--provider", "openai", "--registry-url", server.url)
    told = as_json("cache", "info")
    assert (told["files"], told["folder"]) == (
        1,
        f"{os.environ['XDG_CACHE_HOME']}/llmring/registry",
    )
    assert told["size_bytes"] > 0
    assert run("cache", "info").stdout.startswith(f"{told['folder']}: 1 file, ")
    assert run("cache", "clear").stdout == "1 file deleted\n"
    assert as_json("cache", "info")["files"] == 0
    assert run("cache", "clear").stdout == "0 files deleted\n"
