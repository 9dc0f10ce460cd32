"""All that is wrong with a lockfile, in one list, with places."""
# ruff: noqa: E501  -- a case and its findings read best on one line

from __future__ import annotations

from pathlib import Path

import pytest

from llmring.lockfile import BUNDLED, validate, validate_text

V = 'version = "1.0"\n'
BINDING = "[[profiles.default.bindings]]\n"
FAST = f'{V}{BINDING}alias = "fast"\nmodels = ["openai:a"]\n'

CASES: dict[str, tuple[str, list[str]]] = {
    "nothing wrong": (FAST, []),
    "nothing at all": ("", ['warning: has no version; write version = "1.0"']),
    "not TOML": ("\nx", ["error: line 2: not TOML: Expected '=' after a key in a key/value pair"]),
    "newer format": ('version = "2.0"', ["error: line 1, version: format '2.0' is not known, only '1.0' is; update llmring"]),
    "misspelt root key": (f'{V}default_profil = "x"', ["warning: line 2, default_profil: unknown key 'default_profil'; did you mean 'default_profile'?"]),
    "foreign root key": (f"{V}zzz = 1", ["warning: line 2, zzz: unknown key 'zzz'; known are version, created_at, updated_at, default_profile, metadata, extends, profiles, providers"]),
    "foreign table": (f"{V}[tool.x]\ny = 1", ["warning: line 2, tool: unknown key 'tool'; known are version, created_at, updated_at, default_profile, metadata, extends, profiles, providers"]),
    "metadata are free": (f"{V}[metadata]\nanything = 1", []),
    "constraints are free": (f"{FAST}constraints = {{ anything = 1 }}", []),
    "misspelt profile key": (f"{V}[profiles.default]\nbinding = []", ["warning: line 3, profiles.default.binding: unknown key 'binding'; did you mean 'bindings'?"]),
    "misspelt binding key": (f"{FAST}model = 1", ["warning: line 5, profiles.default.bindings[0].model: unknown key 'model'; did you mean 'models'?"]),
    "misspelt key of extends": (f"{V}[extends]\npackage = []", ["warning: line 3, extends.package: unknown key 'package'; did you mean 'packages'?"]),
    "misspelt provider key": (f'{V}[providers.x]\nbase_url = "https://x"\nbase_ur = 1', ["warning: line 4, providers.x.base_ur: unknown key 'base_ur'; did you mean 'base_url'?"]),
    "default profile that is not there": (f'default_profile = "dve"\n{V}[profiles.dev]', ["error: line 1, default_profile: default profile 'dve' is not there; the lockfile has dev; did you mean 'dev'?"]),
    "no default profile": (f"{V}[profiles.dev]", ["error: default profile 'default' is not there; the lockfile has dev"]),
    "other name": (f'{V}[profiles.default]\nname = "dev"', ["warning: line 3, profiles.default.name: names the profile 'dev'; it is known as 'default'"]),
    "empty pool": (f'{V}{BINDING}alias = "a"\nmodels = []', ["error: line 4, profiles.default.bindings[0].models: alias 'a' has no models"]),
    "bare model": (f'{V}{BINDING}alias = "a"\nmodels = ["gpt-4o"]', ["error: line 4, profiles.default.bindings[0].models[0]: 'gpt-4o' is not provider:model, such as 'openai:gpt-5.5'"]),
    "empty model": (f'{V}{BINDING}alias = "a"\nmodels = [""]', ["error: line 4, profiles.default.bindings[0].models[0]: '' is not provider:model, such as 'openai:gpt-5.5'"]),
    "provider alone": (f'{V}{BINDING}alias = "a"\nmodels = ["openai:"]', ["error: line 4, profiles.default.bindings[0].models[0]: 'openai:' is not provider:model, such as 'openai:gpt-5.5'"]),
    "model alone": (f'{V}{BINDING}alias = "a"\nmodels = [":x"]', ["error: line 4, profiles.default.bindings[0].models[0]: ':x' is not provider:model, such as 'openai:gpt-5.5'"]),
    "slash for colon": (f'{V}{BINDING}alias = "a"\nmodels = ["openai/x"]', ["error: line 4, profiles.default.bindings[0].models[0]: 'openai/x' is not provider:model, such as 'openai:gpt-5.5'"]),
    "space in a model": (f'{V}{BINDING}alias = "a"\nmodels = ["openai: x"]', ["error: line 4, profiles.default.bindings[0].models[0]: 'openai: x' is not provider:model, such as 'openai:gpt-5.5'"]),
    "alias in a pool": (f'{V}{BINDING}alias = "a"\nmodels = ["fast"]', ["error: line 4, profiles.default.bindings[0].models[0]: 'fast' is not provider:model, such as 'openai:gpt-5.5'"]),
    "same model twice": (f'{V}{BINDING}alias = "a"\nmodels = ["openai:x", "OpenAI:x"]', ["warning: line 4, profiles.default.bindings[0].models[1]: model 'OpenAI:x' is listed twice"]),
    "misspelt provider": (f'{V}{BINDING}alias = "a"\nmodels = ["antropic:x"]', ["warning: line 4, profiles.default.bindings[0].models[0]: unknown provider 'antropic'; did you mean 'anthropic'?"]),
    "foreign provider": (f'{V}{BINDING}alias = "a"\nmodels = ["groq:x"]', ["warning: line 4, profiles.default.bindings[0].models[0]: unknown provider 'groq'; known are openai, anthropic, google, ollama, local"]),
    "provider of the lockfile": (f'{V}{BINDING}alias = "a"\nmodels = ["Groq:x"]\n[providers.groq]\nbase_url = "https://x"', []),
    "unknown pinned provider": (f"{V}[profiles.default.registry_versions]\nopenia = 1", ["warning: line 3, profiles.default.registry_versions.openia: unknown provider 'openia'; did you mean 'openai'?"]),
    "same alias twice": (f'{FAST}\n{BINDING}alias = "fast"\nmodels = ["openai:b"]', ["error: line 6, profiles.default.bindings[1]: alias 'fast' is bound twice; profiles.default.bindings[0] is used"]),
    "same alias in two profiles": (f'{FAST}[[profiles.dev.bindings]]\nalias = "fast"\nmodels = ["openai:b"]', []),
    "same override in two spellings": (f'{V}[extends]\npackages = ["my-lib"]\n{BINDING}alias = "my-lib:x"\nmodels = ["openai:a"]\n{BINDING}alias = "My_Lib:x"\nmodels = ["openai:b"]', ["error: line 7, profiles.default.bindings[1]: alias 'My_Lib:x' is bound twice; profiles.default.bindings[0] is used"]),
    "alias that is a model": (f'{V}{BINDING}alias = "OpenAI:x"\nmodels = ["openai:a"]', ["error: line 3, profiles.default.bindings[0].alias: alias 'OpenAI:x' starts with the name of a provider, so it is always a model"]),
    "override of a package that is not extended": (f'{V}[extends]\npackages = ["my-lib"]\n{BINDING}alias = "my-libs:x"\nmodels = ["openai:a"]', ["warning: line 5, profiles.default.bindings[0].alias: alias 'my-libs:x' overrides a package that [extends] does not list; did you mean 'my-lib'?"]),
    "same package twice": (f'{V}[extends]\npackages = ["my-lib", "My.Lib"]', ["warning: line 3, extends.packages[1]: package 'My.Lib' is listed twice"]),
    "package named as a provider": (f'{V}[extends]\npackages = ["ollama"]', ["error: line 3, extends.packages[0]: package 'ollama' has the name of a provider, so ollama:… is always a model and its aliases cannot be reached"]),
    "package named as the lockfile's provider": (f'{V}[extends]\npackages = ["groq"]\n[providers.groq]\nbase_url = "https://x"', ["error: line 3, extends.packages[0]: package 'groq' has the name of a provider, so groq:… is always a model and its aliases cannot be reached"]),
    "several, in the order of lines": (
        f"zzzz = 1\n{V}metadata = 1\n{BINDING}alias = 3\nmodels = [2]",
        [
            "warning: line 1, zzzz: unknown key 'zzzz'; known are version, created_at, updated_at, default_profile, metadata, extends, profiles, providers",
            "error: line 3, metadata: must be a table, not the number 1",
            "error: line 5, profiles.default.bindings[0].alias: must be a string, not the number 3",
            "error: line 6, profiles.default.bindings[0].models[0]: must be a string, not the number 2",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "findings"), CASES.values(), ids=CASES)
def test_everything_wrong_is_found_with_its_place(text: str, findings: list[str]) -> None:
    assert [str(finding) for finding in validate_text(text)] == findings


def test_a_file_is_validated(tmp_path: Path) -> None:
    path = tmp_path / "my.lock"
    path.write_text("x", "utf-8")
    assert validate(path)[0].line == 1


def test_no_more_than_two_hundred_findings_are_given() -> None:
    assert len(validate_text("\n".join(f"k{i} = 1" for i in range(5000)))) == 200


def test_nothing_is_wrong_with_the_bundled_lockfile() -> None:
    assert validate(BUNDLED) == []
