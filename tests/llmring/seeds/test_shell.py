"""The guide's commands run as they stand, and do what it says."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llmring import LLMRing
from llmring.cli import cli
from tests.llmring.seeds.world import GUIDE, KEYS, World
from tests.samples import Sample

SET_KEYS, DOT_ENV = "2. Set up API keys", "Environment Variables"
INIT, ALIASES = "3. Create a lockfile: lock init", "3. Create a lockfile: aliases"
CHECK, PROFILES = "Lockfile Composability: Validate the setup", "Profiles: Using Profiles with CLI"
EXTENDS = "Lockfile Composability"
RUN = {SET_KEYS, DOT_ENV, INIT, ALIASES, CHECK, PROFILES}


@pytest.fixture(autouse=True)
def environment(world: World) -> Iterator[None]:
    """What a sample exports is gone behind the test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def play(sample: Sample) -> list[Result]:
    """Run each line as a shell does. :return: what became of each command."""
    results = []
    for line in sample.code.splitlines():
        match shlex.split(line, comments=True):
            case []:
                continue
            case ["export", assignment]:
                name, _, value = assignment.partition("=")
                os.environ[name] = value
            case ["llmring", *arguments]:
                results.append(CliRunner().invoke(cli, arguments))
            case other:
                raise AssertionError(f"no command of ours: {other}")
    return results


def play_one(heading: str) -> Result:
    (result,) = play(GUIDE[heading])
    return result


def forget_keys() -> None:
    for name in KEYS:
        del os.environ[name]


def test_exported_keys_set_their_providers_up() -> None:
    forget_keys()
    ring = LLMRing()
    available = [ring.providers.is_available(name) for name in ("openai", "anthropic", "google")]
    play(GUIDE[SET_KEYS])
    assert available == [False, False, False]
    available = [ring.providers.is_available(name) for name in ("openai", "anthropic", "google")]
    assert available == [True, True, False]


def test_a_dot_env_file_sets_its_providers_up() -> None:
    forget_keys()
    Path(".env").write_text(GUIDE[DOT_ENV].code)
    del os.environ["OLLAMA_BASE_URL"]
    assert CliRunner().invoke(cli, ["providers", "--json"]).exit_code == 0
    names = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_GEMINI_API_KEY", "OLLAMA_BASE_URL"]
    values = ["sk-...", "sk-ant-...", "AIza...", "http://localhost:11434"]
    assert [os.environ[name] for name in names] == values
    ring = LLMRing()
    assert all(ring.providers.is_available(name) for name in ("openai", "anthropic", "google"))


def test_init_makes_the_lockfile_that_aliases_shows() -> None:
    made = play_one(INIT)
    assert (made.exit_code, Path("llmring.lock").is_file()) == (0, True)
    shown = play_one(ALIASES)
    assert shown.exit_code == 0
    for alias in ("fast", "balanced", "deep"):
        assert alias in shown.stdout.split()


@pytest.mark.parametrize(("text", "code"), [(None, 1), ("[extends]\n", 0), ("[", 2)])
def test_check_tells_by_its_code_what_the_lockfile_is(text: str | None, code: int) -> None:
    # The guide's own extends packages that are not installed here.
    Path("llmring.lock").write_text(GUIDE[EXTENDS].code if text is None else text)
    result = play_one(CHECK)
    assert result.exit_code == code
    assert ("my-library" in result.output) == (code == 1)


def test_commands_use_the_profile_that_they_name(world: World) -> None:
    results = play(GUIDE[PROFILES])
    assert [result.exit_code for result in results] == [0] * len(results)
    bind_dev, bind_prod, aliases, by_option, by_environment = results
    assert "dev" in bind_dev.stdout
    assert "prod" in bind_prod.stdout
    assert "openai:gpt-4o-mini" in aliases.stdout
    assert (by_option.stdout, by_environment.stdout) == ("Hello!\n", "Hello!\n")
    assert world.models() == ["openai:gpt-4o-mini"] * 2
