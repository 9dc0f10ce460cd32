"""The pytest plugin: marks, files beside the module, the option, and CI."""

from __future__ import annotations

import json
from typing import Any

import pytest

from LLM.cassettes import modes, pytest_plugin
from tests.cassettes.conftest import HELLO, NOWHERE, saying

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

MODULE = """
import pytest
from LLM import LLM, LLMConfig

def ask(seed=None):
    with LLM(LLMConfig(base_url="{url}", model="m", temperature=None, max_retries=0)) as llm:
        return llm.chat_completion([{{"role": "user", "content": "Hello?"}}], seed=seed).text
"""


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither CI nor a mode is set."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("LLM_CASSETTE", raising=False)


def write(pytester: pytest.Pytester, tests: str, name: str = "hello.jsonl") -> None:
    """A module of tests with a cassette that knows the question."""
    pytester.makepyfile(test_it=MODULE.format(url=NOWHERE) + tests)
    body = {"model": "m", "messages": HELLO}
    request = {"method": "POST", "url": f"{NOWHERE}/v1/chat/completions", "body": body}
    response: Any = {"status": 200, "headers": {}, "body": saying("Hi.")}
    line = {"number": 0, "request": request, "seconds": 30.0, "response": response}
    file = pytester.path / "cassettes" / name
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"cassette": 1}) + "\n" + json.dumps(line) + "\n", "utf-8")


NAMED = """
@pytest.mark.cassette("hello.jsonl")
def test_greets():
    assert ask() == "Hi."
"""


def test_a_mark_replays_the_file_that_it_names_at_once(pytester: pytest.Pytester) -> None:
    write(pytester, NAMED)
    pytester.runpytest("-W", "error", "--strict-markers").assert_outcomes(passed=1)


UNNAMED = {
    "test_greets": "@pytest.mark.cassette\ndef test_greets(): assert ask() == 'Hi.'",
    "test_fixture": "def test_fixture(llm_cassette): assert ask() == 'Hi.'",
    "test_with[x_y]-fa0c7765": """
@pytest.mark.cassette
@pytest.mark.parametrize("a", ["x/y"])
def test_with(a): assert ask() == "Hi."
""",
    "TestAll.test_greets": """
class TestAll:
    @pytest.mark.cassette
    def test_greets(self): assert ask() == "Hi."
""",
}


@pytest.mark.parametrize(("name", "test"), UNNAMED.items(), ids=UNNAMED)
def test_without_a_name_the_file_is_named_after_the_test(
    pytester: pytest.Pytester, test: str, name: str
) -> None:
    write(pytester, test, f"test_it/{name}.jsonl")
    pytester.runpytest().assert_outcomes(passed=1)


def test_tests_whose_names_no_file_can_have_get_files_of_their_own() -> None:
    names = ["t[a_b]", "t[a/b]", "t[a:b]", f"t[{'x' * 300}1]", f"t[{'x' * 300}2]"]
    fit = [pytest_plugin._fit(name) for name in names]
    assert len(set(fit)) == len(names)
    assert fit[0] == "t[a_b]"
    assert max(map(len, fit)) < 200


def test_fixtures_of_the_test_are_within_the_cassette(pytester: pytest.Pytester) -> None:
    write(pytester, """
@pytest.fixture(scope="module")
def outside():
    from LLM import wire
    return len(wire.layers())

@pytest.fixture
def greeting():
    return ask()

@pytest.mark.cassette("hello.jsonl")
def test_greets(greeting, outside):
    assert (greeting, outside) == ("Hi.", 0)
""")  # fmt: skip
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "nothing listens"),
        (["--cassette", "strict"], "there is no cassette"),
        (["--cassette", "off"], "nothing listens"),
    ],
    ids=["once", "strict", "off"],
)
def test_the_option_goes_before_all(
    pytester: pytest.Pytester, arguments: list[str], told: str
) -> None:
    write(pytester, NAMED.replace("hello.jsonl", "new.jsonl"))
    result = pytester.runpytest(*arguments)
    result.assert_outcomes(failed=int("strict" not in arguments), errors="strict" in arguments)
    assert told in result.stdout.str()
    assert modes.override is None
    assert (pytester.path / "cassettes/new.jsonl").exists() is (arguments == [])


def test_in_ci_nothing_is_recorded(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(pytester, NAMED + NAMED.replace("hello.jsonl", "new.jsonl").replace("greets", "new"))
    monkeypatch.setenv("CI", "true")
    pytester.runpytest().assert_outcomes(passed=1, errors=1)
    assert not (pytester.path / "cassettes/new.jsonl").exists()


def test_settings_of_the_mark_are_the_cassettes(pytester: pytest.Pytester) -> None:
    write(pytester, NAMED.replace('"hello.jsonl"', '"hello.jsonl", match_on=["path"]')
          .replace("ask()", "ask(seed=3)"))  # fmt: skip
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize("mark", ['"a", "b"', "3"])
def test_a_mark_that_names_no_file_is_told(pytester: pytest.Pytester, mark: str) -> None:
    write(pytester, NAMED.replace('"hello.jsonl"', mark))
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    assert "takes one name of a file" in result.stdout.str()


def test_an_option_that_is_no_mode_is_told(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--cassette", "never")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--cassette is 'never'; give one of once" in result.stderr.str()


def alone(monkeypatch: pytest.MonkeyPatch, *plugins: str) -> list[str]:
    """Arguments for a pytest of its own, without what else is installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    names = (*plugins, "LLM.cassettes.pytest_plugin")
    return ["-q", *(f"-p{name}" for name in names)]


def test_workers_of_xdist_replay(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(pytester, NAMED + NAMED.replace("greets", "greets_too"))
    arguments = alone(monkeypatch, "xdist.plugin")
    result = pytester.runpytest_subprocess(*arguments, "-n", "2", "--cassette", "strict")
    result.assert_outcomes(passed=2)


def test_a_run_without_marks_loads_nothing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile("""
        import sys

        LIGHT = {"LLM", "LLM._version", "LLM.lazy", "LLM.cassettes", "LLM.cassettes.pytest_plugin"}

        def test_nothing():
            assert {name for name in sys.modules if name.partition(".")[0] == "LLM"} == LIGHT
            assert not {"requests", "pydantic", "aiohttp"} & set(sys.modules)
    """)
    result = pytester.runpytest_subprocess(*alone(monkeypatch))
    result.assert_outcomes(passed=1)
