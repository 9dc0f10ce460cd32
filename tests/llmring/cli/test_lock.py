"""`llmring lock`: a lockfile is made, checked by its exit code, and pinned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmring.lockfile import BUNDLED, load
from llmring.providers.catalog import ProviderCatalog
from llmring.registry.snapshot import bundled
from tests.llmring.cli.support import EXTENDS, LOCKFILE, put_list, put_package, run

CASES = {
    "fine": (LOCKFILE, 0),
    "a package is missing": (LOCKFILE + '\n[extends]\npackages = ["no-such-package"]\n', 1),
    "no TOML": ("version = ", 2),
    "a wrong kind": ('version = "1.0"\nprofiles = 3\n', 2),
}


def models(path: Path, alias: str = "fast") -> tuple[str, ...]:
    found = load(path).profiles["default"].binding(alias)
    assert found is not None
    return found.models


def test_init_makes_the_file_that_is_read(folder: Path) -> None:
    result = run("lock", "init", OPENAI_API_KEY="sk-secret")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"wrote {folder / 'llmring.lock'}: fast, balanced, deep")
    assert result.stderr == "(models of openai and local:tiny)\n"
    assert models(folder / "llmring.lock") == ("openai:gpt-6-luna", "local:tiny")
    assert "fast" in run("aliases").stdout


def test_init_without_a_key_lists_all_for_the_day_there_is_one(folder: Path) -> None:
    assert "no provider key is set" in run("lock", "init").stderr
    assert [one.partition(":")[0] for one in models(folder / "llmring.lock")] == [
        "anthropic", "openai", "google", "local",
    ]  # fmt: skip


def test_init_promises_no_answer_where_no_engine_is_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProviderCatalog, "is_available", lambda self, name: False)
    told = run("lock", "init").stderr
    assert "no engine is installed, so no model answers yet" in told
    assert "pip install '.[llama]'" in told


def test_init_does_not_offer_to_replace_a_folder(folder: Path) -> None:
    result = run("lock", "init", "--path", str(folder))
    assert (result.exit_code, "--force" in result.stderr) == (1, False)
    assert "is a folder; name the lockfile itself" in result.stderr


def test_init_replaces_nothing_unless_forced(folder: Path) -> None:
    path = folder / "llmring.lock"
    path.write_text(LOCKFILE)
    result = run("lock", "init")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "already exists; --force replaces it" in result.stderr
    assert path.read_text() == LOCKFILE
    assert run("lock", "init", "--force").exit_code == 0
    assert "advisor" in load(path).profiles["default"].bindings[-1].alias


@pytest.mark.parametrize("flag", ["--path", "--file"])
def test_init_writes_where_it_is_told(folder: Path, flag: str) -> None:
    assert run("lock", "init", flag, "my.lock").exit_code == 0
    assert (folder / "my.lock").exists()
    assert not (folder / "llmring.lock").exists()


def test_init_writes_where_the_variable_leads(folder: Path) -> None:
    assert run("lock", "init", LLMRING_LOCKFILE_PATH="my.lock").exit_code == 0
    assert run("lock", "check", LLMRING_LOCKFILE_PATH="my.lock").exit_code == 0


def test_init_leaves_the_bundled_lockfile_alone(folder: Path) -> None:
    before = BUNDLED.read_bytes()
    result = run("lock", "init", "--force", "--path", str(BUNDLED))
    assert result.exit_code == 1
    assert "comes with llmring and is not changed" in result.stderr
    assert BUNDLED.read_bytes() == before


def test_init_where_no_folder_is_is_one_line() -> None:
    result = run("lock", "init", "--path", "none/my.lock")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")


@pytest.mark.parametrize("name", CASES)
def test_check_tells_by_its_exit_code(folder: Path, name: str) -> None:
    text, expected = CASES[name]
    (folder / "llmring.lock").write_text(text)
    result = run("lock", "check")
    assert result.exit_code == expected
    assert bool(result.stderr) is (expected != 0)
    told = json.loads(run("lock", "check", "--json").stdout)
    assert told["exit_code"] == expected


def test_check_without_a_lockfile_ends_with_2(folder: Path) -> None:
    result = run("lock", "check")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is not there; make it (llmring lock init)" in result.stderr
    assert run("lock", "check", LLMRING_LOCKFILE_PATH="none.lock").exit_code == 2
    assert "[named by --path]" in run("lock", "check", "--path", "none.lock").stderr


def test_check_lists_the_aliases_of_packages(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(put_package(tmp_path / "site")))
    (folder / "llmring.lock").write_text(LOCKFILE + EXTENDS)
    result = run("lock", "check")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "lib-a: lib-a:fast")


@pytest.mark.parametrize(
    ("text", "exit_code", "told"),
    [
        (LOCKFILE, 0, "nothing is wrong"),
        ("typo = 1\n" + LOCKFILE, 0, "warning: line 1, typo: unknown key"),
        (LOCKFILE.replace('"openai:gpt-6-luna"', '"gpt"'), 1, "error: line 7"),
        ("version = ", 1, "error: line 1"),
    ],
    ids=["fine", "warning", "error", "no TOML"],
)
def test_validate_says_all_by_line(folder: Path, text: str, exit_code: int, told: str) -> None:
    (folder / "llmring.lock").write_text(text)
    result = run("lock", "validate")
    assert result.exit_code == exit_code
    assert told in result.stdout
    findings = json.loads(run("lock", "validate", "--json").stdout)
    assert bool(findings) is (text != LOCKFILE)


@pytest.mark.parametrize("command", ["validate", "bump-registry"])
def test_what_needs_a_lockfile_says_how_to_make_one(command: str) -> None:
    result = run("lock", command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "llmring lock init" in result.stderr


def test_bump_registry_pins_and_tells_what_has_changed(folder: Path, tmp_path: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE)
    registry = ("--registry-url", (tmp_path / "registry").as_uri())
    put_list(tmp_path / "registry" / "openai", 4, ("a", 1.0), ("b", 2.0))
    assert "openai: pinned 4, the first time\n" in run("lock", "bump-registry", *registry).stdout
    put_list(tmp_path / "registry" / "openai", 5, ("a", 1.5), ("c", 2.0))
    assert run("lock", "bump-registry", *registry).stdout == (
        "openai: pinned 5, was 4\n  new: c\n  gone: b\n  a: $/M input 1.00, now 1.50\n"
    )
    assert load(folder / "llmring.lock").profiles["default"].registry_versions == {"openai": 5}
    assert run("lock", "bump-registry", *registry).stdout == "openai: 5, as before\n"


def test_bump_registry_tells_drift_as_json(folder: Path, tmp_path: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE)
    registry = ("--registry-url", (tmp_path / "registry").as_uri())
    put_list(tmp_path / "registry" / "openai", 4, ("a", 1.0))
    run("lock", "bump-registry", *registry)
    put_list(tmp_path / "registry" / "openai", 5, ("a", 1.0), ("b", 1.0))
    [pin] = json.loads(run("lock", "bump-registry", *registry, "--json").stdout)["pins"]
    assert (pin["pinned_before"], pin["pinned_now"]) == (4, 5)
    assert pin["drift"]["added_models"] == ["b"]


def test_bump_registry_pins_even_where_the_drift_cannot_be_told(folder: Path) -> None:
    current = bundled("openai")
    assert current is not None
    assert current.version is not None
    pinned = current.version + 7
    text = LOCKFILE + f"\n[profiles.default.registry_versions]\nopenai = {pinned}\n"
    (folder / "llmring.lock").write_text(text)
    lines = run("lock", "bump-registry").stdout.splitlines()
    assert lines[0] == f"openai: pinned {current.version}, was {pinned}"
    assert lines[1].startswith("  what has changed cannot be told: ")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "file:///no/such/registry"], ids=["away", "no such folder"]
)
def test_bump_registry_pins_nothing_of_another_registry_than_the_named(
    folder: Path, url: str
) -> None:
    text = LOCKFILE + "\n[profiles.default.registry_versions]\nopenai = 7\n"
    (folder / "llmring.lock").write_text(text)
    result = run("lock", "bump-registry", "--registry-url", url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert (folder / "llmring.lock").read_text() == text


def test_bump_registry_tells_which_lists_the_named_registry_lacks(
    folder: Path, tmp_path: Path
) -> None:
    models = '"openai:gpt-6-luna", "anthropic:claude-haiku-5-5"'
    (folder / "llmring.lock").write_text(
        f'version = "1.0"\n[[profiles.default.bindings]]\nalias = "a"\nmodels = [{models}]\n'
    )
    put_list(tmp_path / "registry" / "openai", 4, ("a", 1.0))
    result = run("lock", "bump-registry", "--registry-url", (tmp_path / "registry").as_uri())
    assert "anthropic: not pinned: the registry's file " in result.stdout
    pins = load(folder / "llmring.lock").profiles["default"].registry_versions
    assert pins == {"openai": 4}


@pytest.mark.parametrize("how", ["option", "variable"])
def test_bump_registry_pins_in_the_profile_in_use(folder: Path, how: str) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE)
    if how == "option":
        result = run("lock", "bump-registry", "--profile", "dev")
    else:
        result = run("lock", "bump-registry", LLMRING_PROFILE="dev")
    assert result.exit_code == 0
    profiles = load(folder / "llmring.lock").profiles
    assert set(profiles["dev"].registry_versions) == {"openai"}
    assert profiles["default"].registry_versions == {}


def test_bump_registry_pins_nothing_where_nothing_is_bound(folder: Path) -> None:
    (folder / "llmring.lock").write_text('version = "1.0"\n')
    result = run("lock", "bump-registry")
    assert result.exit_code == 0
    assert result.stdout == "profile default uses no provider whose models a registry lists\n"
    assert (folder / "llmring.lock").read_text() == 'version = "1.0"\n'


def test_bump_registry_of_no_profile_is_one_line(folder: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE)
    result = run("lock", "bump-registry", "--profile", "dve")
    assert result.exit_code == 1
    assert "unknown profile 'dve'" in result.stderr
    assert (folder / "llmring.lock").read_text() == LOCKFILE
