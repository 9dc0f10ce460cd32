"""The guide's libraries are installed as it says, used, overridden, and extended."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llmring import LLMRing
from tests.llmring.seeds.world import GUIDE, World, filled, run_plainly
from tests.remote import wire

LIBRARY, LIBRARY_LOCK = "Simple Library Example", "Simple Library Example: Library's lockfile"
OTHER, OTHER_LOCK = "Library Composition", "Library Composition: Library B's lockfile"
WITH_DEFAULTS = "User Override Pattern: library defaults"
WITH_OWN = "User Override Pattern: own lockfile"
CHAIN = "Library Composition: Users can override the entire chain"
HELPERS = "Validation Helpers"
EXTENDS = "Lockfile Composability"
RUN = {LIBRARY, LIBRARY_LOCK, OTHER, OTHER_LOCK, WITH_DEFAULTS, WITH_OWN, CHAIN, HELPERS, EXTENDS}

HAIKU, SONNET = "anthropic:claude-3-5-haiku-20241022", "anthropic:claude-sonnet-4-5-20250929"

Install = Callable[[str, str, str], ModuleType]


@pytest.fixture
def install(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Install]:
    """Installs a package of one module and a lockfile; gives the module, imported."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)
    names: list[str] = []

    def install(name: str, code: str, lockfile: str) -> ModuleType:
        package = site / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(code)
        (package / "llmring.lock").write_text(lockfile)
        metadata = site / f"{name}-1.0.dist-info"
        metadata.mkdir()
        title = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n"
        (metadata / "METADATA").write_text(title)
        (metadata / "RECORD").write_text(f"{name}/__init__.py,,\n{name}/llmring.lock,,\n")
        importlib.invalidate_caches()
        names.append(name)
        return importlib.import_module(name)

    yield install
    for name in names:
        del sys.modules[name]


@pytest.fixture
def my_library(install: Install) -> ModuleType:
    return install("my_library", GUIDE[LIBRARY].code, GUIDE[LIBRARY_LOCK].code)


@pytest.fixture
def library_b(install: Install) -> ModuleType:
    # The guide's Library A is its simple library under another name.
    library_a = GUIDE[LIBRARY].code.replace("MyLibrary", "LibraryA")
    install("library_a", library_a, GUIDE[LIBRARY_LOCK].code)
    return install("library_b", filled(GUIDE[OTHER]), GUIDE[OTHER_LOCK].code)


def commented(heading: str) -> str:
    """The lockfile that a sample has in its comments."""
    lines = GUIDE[heading].code.splitlines()
    return "\n".join(line[2:] for line in lines if line.startswith(("# [", "# alias", "# models")))


def test_a_library_works_with_the_lockfile_that_it_ships(
    my_library: ModuleType, world: World
) -> None:
    assert run_plainly(GUIDE[WITH_DEFAULTS], {})["result"] == "Hello!"
    assert world.models() == [HAIKU]
    assert world.body()["messages"][0]["content"] == "Summarize: Some text"


def test_a_library_falls_over_to_the_next_model_that_it_ships(
    my_library: ModuleType, world: World
) -> None:
    answer = world.server.scripts[0]
    world.server.scripts = (wire.answer({"error": {"message": "overloaded"}}, 529), answer)
    assert my_library.MyLibrary().summarize("Some text") == "Hello!"
    assert world.models() == [HAIKU, "openai:gpt-4o-mini"]


def test_a_user_overrides_the_lockfile_of_a_library(my_library: ModuleType, world: World) -> None:
    Path("my-llmring.lock").write_text(commented(WITH_OWN))
    given = {"MyLibrary": my_library.MyLibrary}
    assert run_plainly(GUIDE[WITH_OWN], given)["result"] == "Hello!"
    assert world.models() == [SONNET]


def test_a_library_says_at_once_what_a_users_lockfile_lacks(my_library: ModuleType) -> None:
    Path("my-llmring.lock").write_text(commented(WITH_OWN).replace("summarizer", "summariser"))
    missing = "Lockfile missing required aliases for my-library: summarizer"
    with pytest.raises(ValueError, match=missing):
        run_plainly(GUIDE[WITH_OWN], {"MyLibrary": my_library.MyLibrary})


def test_a_library_rules_the_models_of_the_one_that_it_uses(
    library_b: ModuleType, world: World
) -> None:
    found = library_b.LibraryB().analyze("Some text")
    assert (found["summary"], found["analysis"].content) == ("Hello!", "Hello!")
    assert world.models() == [SONNET, "openai:gpt-4o"]


def test_a_user_overrides_the_whole_chain_of_libraries(library_b: ModuleType, world: World) -> None:
    own = GUIDE[OTHER_LOCK].code.replace(SONNET, "ollama:llama3")
    Path("user-models.lock").write_text(own.replace("openai:gpt-4o", "google:gemini-2.5-pro"))
    lib_b = run_plainly(GUIDE[CHAIN], {"LibraryB": library_b.LibraryB})["lib_b"]
    assert lib_b.analyze("Some text")["analysis"].content == "Hello!"
    assert world.models() == ["ollama:llama3", "google:gemini-2.5-pro"]


def test_the_helpers_tell_what_a_lockfile_has(world: World) -> None:
    Path("my.lock").write_text(GUIDE[OTHER_LOCK].code)
    assert run_plainly(GUIDE[HELPERS], {})["response"].content == "Hello!"
    assert world.models() == [SONNET]


def test_the_helpers_tell_what_a_lockfile_lacks(world: World) -> None:
    Path("my.lock").write_text(GUIDE[LIBRARY_LOCK].code)
    variables: dict[str, Any] = {}
    with pytest.raises(ValueError, match="required aliases") as caught:
        run_plainly(GUIDE[HELPERS], variables)
    assert variables["response"].content == "Hello!"
    # The message as the sample's last comment has it.
    promised = GUIDE[HELPERS].code.partition('# Raises: "')[2].replace("#", "").strip(' "\n')
    promised = promised.replace("/path/to/lockfile.lock", str(Path.cwd() / "my.lock"))
    said = [line.strip() for line in str(caught.value).splitlines()]
    assert {line.strip() for line in promised.splitlines()} <= set(said)


def test_a_user_extends_a_library_and_overrides_an_alias_of_it(
    my_library: ModuleType, install: Install, world: World
) -> None:
    install("another_lib", "", GUIDE[OTHER_LOCK].code)
    Path("llmring.lock").write_text(GUIDE[EXTENDS].code)
    ring = LLMRing()
    messages = [{"role": "user", "content": "Some text"}]
    for alias in ("my-library:summarizer", "another-lib:summarizer"):
        assert ring.chat(alias, messages=messages).content == "Hello!"
    # The first is the user's word, the second that of the library.
    assert world.models() == ["openai:gpt-4o", SONNET]
