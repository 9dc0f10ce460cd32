"""Aliases lead to models: by profile, by package, by what is available, or to an exact error."""
# ruff: noqa: E501  -- a case and its error read best on one line

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from llmring.exceptions import ConfigurationError, LockfileError, ProviderNotFoundError
from llmring.lockfile import AliasCache, AliasResolver, Lockfile, parse

TEXT = """
default_profile = "default"
[extends]
packages = ["my-library", "Other.Lib", "broken"]
[providers.groq]
base_url = "https://api.groq.com/openai/v1"
[profiles.default]
[[profiles.default.bindings]]
alias = "fast"
models = ["Anthropic:a", "openai:b", "local:tiny"]
[[profiles.default.bindings]]
alias = "fast"
models = ["google:never"]
[[profiles.default.bindings]]
alias = "mine"
models = ["groq:llama", "unheard:x", "groq:llama", "GROQ:llama"]
[[profiles.default.bindings]]
alias = "empty"
models = []
[[profiles.default.bindings]]
alias = "bare"
models = ["openai:a", "gpt-4o"]
[[profiles.default.bindings]]
alias = "my_library:overridden"
models = ["openai:ours"]
[[profiles.default.bindings]]
alias = "unlisted:alias"
models = ["openai:u"]
[[profiles.default.bindings]]
alias = "openai:shadowed"
models = ["local:never"]
[profiles.dev]
[[profiles.dev.bindings]]
alias = "summarizer"
models = ["ollama:llama3:8b"]
"""
PACKAGE = """
default_profile = "base"
[extends]
packages = ["core"]
[providers.theirs]
base_url = "https://theirs.example"
[[profiles.base.bindings]]
alias = "summarizer"
models = ["google:theirs", "openai:theirs"]
[[profiles.base.bindings]]
alias = "overridden"
models = ["google:theirs"]
[[profiles.dev.bindings]]
alias = "other"
models = ["google:dev"]
"""


def package_lockfile(name: str) -> Lockfile:
    if name == "broken":
        raise LockfileError("the lockfile of package 'broken': no")
    return parse(PACKAGE, Path(f"/site/{name}/llmring.lock"))


Resolver = Callable[..., AliasResolver]


@pytest.fixture
def resolver(tmp_path: Path) -> Resolver:
    def make(
        text: str = TEXT, environ: dict[str, str] | None = None, **options: object
    ) -> AliasResolver:
        path = tmp_path / "llmring.lock"
        path.write_text(text, "utf-8")
        options.setdefault("package_lockfile", package_lockfile)
        return AliasResolver(path, environ=environ or {}, **options)  # type: ignore[arg-type]

    return make


POOLS = {
    "alias": ("fast", None, ("anthropic:a", "openai:b", "local:tiny")),
    "named profile": ("summarizer", "dev", ("ollama:llama3:8b",)),
    "provider of the lockfile": ("mine", None, ("groq:llama", "unheard:x")),
    "model": ("openai:gpt-5.5", None, ("openai:gpt-5.5",)),
    "model in capitals": ("OpenAI:GPT-5.5", None, ("openai:GPT-5.5",)),
    "model with a tag": ("ollama:llama3:8b", None, ("ollama:llama3:8b",)),
    "model of the lockfile's provider": ("Groq:llama", None, ("groq:llama",)),
    "local model": ("local:tiny", None, ("local:tiny",)),
    "local model by path": ("local:/models/x.gguf", None, ("local:/models/x.gguf",)),
    "local model by a path with spaces": (
        "local:/my models/x.gguf",
        None,
        ("local:/my models/x.gguf",),
    ),
    "model in a profile that is not there": ("openai:x", "nowhere", ("openai:x",)),
    "alias that looks like a model": ("openai:shadowed", None, ("openai:shadowed",)),
    "package's alias": ("my-library:summarizer", None, ("google:theirs", "openai:theirs")),
    "package in another spelling": (
        "My_Library:summarizer",
        None,
        ("google:theirs", "openai:theirs"),
    ),
    "package with a dot": ("other-lib:summarizer", None, ("google:theirs", "openai:theirs")),
    "package's profile of that name": ("my-library:other", "dev", ("google:dev",)),
    "override": ("my-library:overridden", None, ("openai:ours",)),
    "override in its spelling": ("my_library:overridden", None, ("openai:ours",)),
    "override of a package that is not listed": ("unlisted:alias", None, ("openai:u",)),
    "no override in that profile, nor the package's": ("my-library:other", "dev", ("google:dev",)),
}


@pytest.mark.parametrize(("name", "profile", "models"), POOLS.values(), ids=POOLS)
def test_a_name_leads_to_its_pool(
    resolver: Resolver, name: str, profile: str | None, models: tuple[str, ...]
) -> None:
    assert resolver().pool(name, profile).models == models


ERRORS = {
    "misspelt alias": ("fsat", None, "unknown alias 'fsat' in profile 'default' ({path}); did you mean 'fast'?"),
    "alias like none": ("zzz", None, "unknown alias 'zzz' in profile 'default' ({path}); it has fast, mine, empty, bare, my_library:overridden, unlisted:alias, openai:shadowed; a model is written provider:model"),
    "model with a slash": ("openai/gpt-4", None, "unknown alias 'openai/gpt-4' in profile 'default' ({path}); did you mean the model 'openai:gpt-4'?"),
    "model with a slash and a colon": ("Ollama/llama3.2:3b", None, "unknown alias 'Ollama/llama3.2:3b' in profile 'default' ({path}); did you mean the model 'ollama:llama3.2:3b'?"),
    "slash of no provider": ("owner/name:Q4", None, "unknown alias 'owner/name:Q4': 'owner/name' is neither a provider nor a package in [extends] of {path}"),
    "alias of a package like none": ("my-library:zzz", None, "unknown alias 'zzz' in profile 'base' of package 'my-library' (/site/my-library/llmring.lock); it has summarizer, overridden"),
    "alias of another profile": ("summarizer", None, "unknown alias 'summarizer' in profile 'default' ({path}); profile 'dev' has it"),
    "alias not in the named profile": ("fast", "dev", "unknown alias 'fast' in profile 'dev' ({path}); profile 'default' has it"),
    "capitals": ("Fast", None, "unknown alias 'Fast' in profile 'default' ({path}); did you mean 'fast'?"),
    "misspelt profile": ("fast", "dve", "unknown profile 'dve' ({path}); it has default, dev; did you mean 'dev'?"),
    "profile like none": ("fast", "staging", "unknown profile 'staging' ({path}); it has default, dev"),
    "package's alias in an unknown profile": ("my-library:summarizer", "prod", "unknown profile 'prod' ({path}); it has default, dev"),
    "empty pool": ("empty", None, "alias 'empty' in profile 'default' ({path}) has no models; bind one (llmring bind empty openai:gpt-5.5)"),
    "model without provider": ("bare", None, "alias 'bare' in profile 'default' ({path}) lists 'gpt-4o', which is not provider:model, such as 'openai:gpt-5.5'"),
    "misspelt provider": ("opena:x", None, "unknown alias 'opena:x': 'opena' is neither a provider nor a package in [extends] of {path}; did you mean 'openai'?"),
    "misspelt package": ("my-libary:x", None, "unknown alias 'my-libary:x': 'my-libary' is neither a provider nor a package in [extends] of {path}; did you mean 'my-library'?"),
    "package of a package": ("core:x", None, "unknown alias 'core:x': 'core' is neither a provider nor a package in [extends] of {path}"),
    "provider of a package": ("theirs:x", None, "unknown alias 'theirs:x': 'theirs' is neither a provider nor a package in [extends] of {path}"),
    "misspelt alias of a package": ("my-library:sumarizer", None, "unknown alias 'sumarizer' in profile 'base' of package 'my-library' (/site/my-library/llmring.lock); did you mean 'summarizer'?"),
    "alias of the package's other profile": ("my-library:other", None, "unknown alias 'other' in profile 'base' of package 'my-library' (/site/my-library/llmring.lock); profile 'dev' has it"),
    "broken package": ("broken:x", None, "the lockfile of package 'broken': no"),
    "empty name": ("", None, "'' is no alias or model; give a name such as 'fast' or 'openai:gpt-5.5'"),
    "white space": ("fa st", None, "'fa st' is no alias or model; give a name such as 'fast' or 'openai:gpt-5.5'"),
    "NUL": ("fast\0", None, "'fast\\x00' is no alias or model; give a name such as 'fast' or 'openai:gpt-5.5'"),
    "lone surrogate": ("\ud800", None, "'\\ud800' is no alias or model; give a name such as 'fast' or 'openai:gpt-5.5'"),
    "no text": (3, None, "3 is no alias or model; give a name such as 'fast' or 'openai:gpt-5.5'"),
    "provider alone": ("openai:", None, "'openai:' names no model of openai; write it as 'openai:gpt-5.5'"),
    "colon first": (":x", None, "unknown alias ':x': '' is neither a provider nor a package in [extends] of {path}"),
    "profile of another kind": ("fast", 3, "profile must be a name, not 3"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "profile", "message"), ERRORS.values(), ids=ERRORS)
def test_a_name_that_leads_nowhere_says_why(
    resolver: Resolver, tmp_path: Path, name: str, profile: str, message: str
) -> None:
    with pytest.raises(LockfileError) as caught:
        resolver().pool(name, profile)
    assert caught.value.message == message.format(path=tmp_path / "llmring.lock")


@pytest.mark.parametrize(("name", "profile", "message"), ERRORS.values(), ids=ERRORS)
def test_has_alias_never_raises(resolver: Resolver, name: str, profile: str, message: str) -> None:
    assert resolver().has_alias(name, profile) is False


@pytest.mark.parametrize(
    ("name", "has"),
    [
        ("fast", True),
        ("my-library:summarizer", True),
        ("unlisted:alias", True),
        ("openai:gpt-5.5", False),
    ],
)
def test_a_model_is_no_alias(resolver: Resolver, name: str, has: bool) -> None:
    assert resolver().has_alias(name) is has


def test_has_alias_of_a_file_that_went_away_is_false(resolver: Resolver, tmp_path: Path) -> None:
    made = resolver()
    (tmp_path / "llmring.lock").unlink()
    assert made.has_alias("fast") is False


@pytest.mark.parametrize(
    ("argument", "variable", "expected"),
    [("dev", "other", "dev"), (None, "dev", "dev"), (None, "", "default"), (None, None, "default")],
    ids=["argument", "variable", "empty variable", "default"],
)
def test_argument_beats_variable_beats_default(
    resolver: Resolver, argument: str | None, variable: str | None, expected: str
) -> None:
    environ = {} if variable is None else {"LLMRING_PROFILE": variable}
    assert resolver(environ=environ).profile_name(argument) == expected


def test_the_variable_is_read_anew_each_time(resolver: Resolver) -> None:
    environ = {"LLMRING_PROFILE": "dev"}
    made = resolver(environ=environ)
    assert made.has_alias("summarizer")
    environ["LLMRING_PROFILE"] = ""
    assert made.has_alias("fast")


def test_a_lockfile_of_extends_alone_has_its_packages_aliases(resolver: Resolver) -> None:
    made = resolver('[extends]\npackages = ["my-library"]')
    assert made.pool("my-library:summarizer").models == ("google:theirs", "openai:theirs")


@pytest.mark.parametrize(
    ("up", "available"),
    [
        ({"anthropic", "openai", "local"}, ("anthropic:a", "openai:b", "local:tiny")),
        ({"openai", "local"}, ("openai:b", "local:tiny")),
        ({"local"}, ("local:tiny",)),
    ],
    ids=["all", "two", "one"],
)
def test_the_first_available_model_is_chosen(
    resolver: Resolver, up: set[str], available: tuple[str, ...]
) -> None:
    found = resolver().resolve("fast", is_available=up.__contains__)
    assert (found.model, found.available) == (available[0], available)


def test_availability_is_asked_again_although_the_alias_is_cached(resolver: Resolver) -> None:
    made, up = resolver(), {"openai"}
    assert made.resolve("fast", is_available=up.__contains__).model == "openai:b"
    up.add("anthropic")
    assert made.resolve("fast", is_available=up.__contains__).model == "anthropic:a"


def test_no_available_provider_says_what_to_set(resolver: Resolver) -> None:
    with pytest.raises(ProviderNotFoundError) as caught:
        resolver().resolve("fast", is_available=lambda provider: False)
    assert caught.value.message == (
        "alias 'fast' in profile 'default' has no model whose provider is available (it lists anthropic, "
        "openai, local); bind another model, or set ANTHROPIC_API_KEY or OPENAI_API_KEY, or in "
        "llm-kit's folder run: pip install '.[llama]' for models on this machine"
    )


def test_no_available_provider_without_keys_says_so(resolver: Resolver) -> None:
    with pytest.raises(
        ProviderNotFoundError,
        match=r"\(it lists groq, unheard\); bind another model, or set one of them up$",
    ):
        resolver().resolve("mine", is_available=lambda provider: False)


def test_a_named_model_is_used_whoever_is_available(resolver: Resolver) -> None:
    assert resolver().resolve("openai:x", is_available=lambda provider: False).model == "openai:x"


def test_an_added_providers_prefix_is_a_model(resolver: Resolver) -> None:
    made = resolver()
    assert not made.has_alias("custom:x")
    made.add_provider("Custom")
    assert made.pool("CUSTOM:x").models == ("custom:x",)


def test_aliases_are_listed_as_written(resolver: Resolver) -> None:
    made = resolver()
    assert made.aliases("dev") == {"summarizer": ("ollama:llama3:8b",)}
    assert made.aliases()["fast"] == ("Anthropic:a", "openai:b", "local:tiny")


def test_required_aliases_that_are_there_pass(resolver: Resolver) -> None:
    resolver().require_aliases(["fast", "my-library:summarizer"], context="me")


def test_missing_aliases_are_all_named_with_their_reasons(
    resolver: Resolver, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="Lockfile missing") as caught:
        resolver().require_aliases(["fast", "fsat", "openai:x"], context="my-library")
    path = tmp_path / "llmring.lock"
    assert str(caught.value) == (
        "Lockfile missing required aliases for my-library: fsat, openai:x.\n"
        f"Lockfile path: {path}\n"
        "Profile: default\n"
        "Please ensure your lockfile defines these aliases.\n"
        f"  fsat: unknown alias 'fsat' in profile 'default' ({path}); did you mean 'fast'?\n"
        "  openai:x: it is a model, not an alias"
    )


def test_missing_aliases_without_context(resolver: Resolver) -> None:
    with pytest.raises(LockfileError, match=r"^Lockfile missing required aliases: x\.\n"):
        resolver().require_aliases(["x"], profile="dev")


def test_an_alias_of_another_kind_is_missing(resolver: Resolver) -> None:
    with pytest.raises(ValueError, match="Lockfile missing required aliases: 5"):
        resolver().require_aliases([5])  # type: ignore[list-item]


def test_one_string_is_no_list_of_aliases(resolver: Resolver) -> None:
    with pytest.raises(ConfigurationError, match=r"give \['fast'\]"):
        resolver().require_aliases("fast")


def test_a_changed_file_is_read_anew(resolver: Resolver, tmp_path: Path) -> None:
    made, path = resolver(), tmp_path / "llmring.lock"
    assert made.pool("fast").models[0] == "anthropic:a"
    path.write_text(TEXT.replace("Anthropic:a", "openai:new"), "utf-8")
    assert made.pool("fast").models[0] == "openai:new"


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_read_anew(
    resolver: Resolver, tmp_path: Path
) -> None:
    made, path = resolver(), tmp_path / "llmring.lock"
    made.pool("fast")
    old = path.stat()
    other = tmp_path / "other"
    other.write_text(TEXT.replace("Anthropic:a", "Anthropic:z"), "utf-8")
    os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
    other.replace(path)
    assert made.pool("fast").models[0] == "anthropic:z"


def test_a_file_that_broke_is_an_error_until_it_is_mended(
    resolver: Resolver, tmp_path: Path
) -> None:
    made, path = resolver(), tmp_path / "llmring.lock"
    path.write_text("version = 1", "utf-8")
    with pytest.raises(LockfileError, match="line 1, version: must be a string"):
        made.pool("fast")
    path.write_text(TEXT, "utf-8")
    assert made.has_alias("fast")


def test_an_unchanged_alias_is_looked_up_once(resolver: Resolver) -> None:
    asked: list[str] = []

    def counted(name: str) -> Lockfile:
        asked.append(name)
        return package_lockfile(name)

    made = resolver(package_lockfile=counted)
    for _ in range(3):
        made.pool("my-library:summarizer")
    assert asked == ["my-library"]
    made.clear()
    made.pool("my-library:summarizer")
    assert asked == ["my-library", "my-library"]


def test_a_pool_ages(resolver: Resolver) -> None:
    now = [0.0]
    asked: list[str] = []

    def counted(name: str) -> Lockfile:
        asked.append(name)
        return package_lockfile(name)

    made = resolver(package_lockfile=counted, cache=AliasCache(clock=lambda: now[0]))
    made.pool("my-library:summarizer")
    now[0] = 3600.0
    made.pool("my-library:summarizer")
    assert len(asked) == 2


def test_a_lockfile_that_appears_takes_the_bundled_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = AliasResolver(environ={})
    assert made.has_alias("balanced")
    (tmp_path / "llmring.lock").write_text(TEXT, "utf-8")
    assert not made.has_alias("balanced")
    assert made.has_alias("mine")


def test_a_resolver_stays_with_the_folder_that_it_was_made_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llmring.lock").write_text(TEXT, "utf-8")
    made = AliasResolver(environ={})
    monkeypatch.chdir("/")
    assert made.has_alias("mine")
