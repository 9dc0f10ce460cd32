"""`llmring bind` and `llmring aliases`: what is bound is what is listed and asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmring.lockfile import load
from tests.llmring.cli.support import EXTENDS, LOCKFILE, put_package, run


def bound(folder: Path, alias: str, profile: str = "default") -> tuple[str, ...]:
    found = load(folder / "llmring.lock").profiles[profile].binding(alias)
    return found.models if found else ()


@pytest.mark.parametrize(
    "models",
    [["openai:gpt-6-luna,local:tiny"], ["openai:gpt-6-luna", "local:tiny"]],
    ids=["commas", "arguments"],
)
def test_bind_takes_a_pool(folder: Path, models: list[str]) -> None:
    result = run("bind", "mine", *models)
    assert (result.exit_code, result.stderr) == (0, "")
    assert bound(folder, "mine") == ("openai:gpt-6-luna", "local:tiny")
    assert result.stdout == (
        f"mine is openai:gpt-6-luna, local:tiny in profile default of {folder / 'llmring.lock'}, "
        "which is new\n"
    )


def test_bind_keeps_what_worked_without_a_lockfile(folder: Path) -> None:
    run("bind", "mine", "local:tiny")
    assert "fast" in run("aliases").stdout


def test_bind_makes_the_profile_and_keeps_comments(folder: Path) -> None:
    (folder / "llmring.lock").write_text("# mine\n" + LOCKFILE)
    assert run("bind", "assistant", "openai:gpt-4o-mini", "--profile", "test").exit_code == 0
    assert bound(folder, "assistant", "test") == ("openai:gpt-4o-mini",)
    assert (folder / "llmring.lock").read_text().startswith("# mine\n")


def test_bind_changes_the_profile_that_is_read(folder: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE)
    run("bind", "mine", "local:tiny", LLMRING_PROFILE="dev")
    assert bound(folder, "mine", "dev") == ("local:tiny",)
    assert "mine" in run("aliases", LLMRING_PROFILE="dev").stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["mine", "gpt"], "'gpt' is not provider:model"),
        (["mine", "local:tiny,"], "is not provider:model"),
        (["openai:mine", "local:tiny"], "starts with the name of a provider"),
        (["my alias", "local:tiny"], "cannot be an alias"),
        (["mine", "local:tiny", "--profile", "a b"], "cannot name a profile"),
    ],
    ids=["no model", "a comma too many", "a provider", "a space", "a profile's name"],
)
def test_bind_refuses_what_cannot_be_one(folder: Path, arguments: list[str], problem: str) -> None:
    result = run("bind", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert problem in result.stderr
    assert not (folder / "llmring.lock").exists()


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("openai:gpt-55", "note: the registry does not list 'openai:gpt-55'; did you mean"),
        ("opena:gpt-5.5", "note: no provider 'opena' is known; did you mean 'openai'?"),
        ("openai:gpt-5.5", ""),
        ("ollama:whatever:7b", ""),
        ("local:/a/path.gguf", ""),
    ],
)
def test_bind_notes_what_nobody_knows(model: str, told: str) -> None:
    result = run("bind", "mine", model)
    assert result.exit_code == 0
    assert result.stderr.startswith(told)
    assert bool(result.stderr) is bool(told)


def test_bind_without_models_is_wrong_usage() -> None:
    assert run("bind", "mine").exit_code == 2


def test_aliases_bracket_what_cannot_be_asked(folder: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE)
    assert run("aliases").stdout == ("ALIAS  MODELS\nfast   (openai:gpt-6-luna), local:tiny\n")
    assert "fast   openai:gpt-6-luna, local:tiny\n" in run("aliases", OPENAI_API_KEY="sk").stdout


def test_aliases_as_json(folder: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE)
    assert json.loads(run("aliases", "--profile", "dev", "--json").stdout) == {
        "lockfile": str(folder / "llmring.lock"),
        "profile": "dev",
        "aliases": {"assistant": ["openai:gpt-6-luna"]},
    }


def test_aliases_of_packages_are_among_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(put_package(tmp_path / "site")))
    (folder / "llmring.lock").write_text(LOCKFILE + EXTENDS)
    told = json.loads(run("aliases", "--json").stdout)["aliases"]
    assert list(told) == ["fast", "lib-a:fast"]
    assert told["lib-a:fast"] == ["openai:gpt-6-luna", "local:tiny"]
    run("bind", "lib-a:fast", "local:tiny")
    told = json.loads(run("aliases", "--json").stdout)["aliases"]
    assert told["lib-a:fast"] == ["local:tiny"]


def test_aliases_of_a_package_that_is_missing_are_warned_of(folder: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE + EXTENDS)
    result = run("aliases", "--json")
    assert (result.exit_code, len(json.loads(result.stdout)["aliases"])) == (0, 1)
    assert result.stderr.startswith("warning: package 'lib-a' is not installed")


def test_aliases_of_no_profile_are_one_line(folder: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE)
    result = run("aliases", "--profile", "dve")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "did you mean 'dev'?" in result.stderr


def test_a_broken_lockfile_is_one_line(folder: Path) -> None:
    (folder / "llmring.lock").write_text("version = ")
    for command in (["aliases"], ["chat", "Hello"], ["providers"], ["bind", "a", "local:tiny"]):
        result = run(*command)
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
        assert result.stderr.startswith("error: ")
