"""`llmring chat`: the answer on standard output, and everything else beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.llmring.cli.support import LOCKFILE, run
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer, close

SAID = "Hello! How can I help you today?\n"
COLD = ("--temperature", "0")
LUNA = "openai:gpt-6-luna"


def sent(server: ScriptedServer) -> dict[str, Any]:
    """The last request's body."""
    body: dict[str, Any] = json.loads(server.bodies[-1])
    return body


def refusing(status: int, message: str = "no") -> ScriptedServer:
    return ScriptedServer((wire.answer({"error": {"message": message}}, status),))


def test_without_a_key_the_demonstration_answers_and_is_said_to() -> None:
    result = run("chat", "Hello!", *COLD)
    assert (result.exit_code, result.stdout) == (0, SAID)
    assert result.stderr == (
        "No provider key is set; local:tiny answers, a demonstration model on this machine. For "
        "another one set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, in the environment "
        "or in a file .env.\n"
    )


def test_a_demonstration_that_was_asked_for_needs_no_note() -> None:
    result = run("chat", "Hello!", "--model", "local:tiny", *COLD)
    assert (result.exit_code, result.stdout, result.stderr) == (0, SAID, "")


def test_a_call_that_cannot_be_noted_is_answered_and_said_to_be() -> None:
    nowhere = {"LLMRING_SERVER_URL": "http://127.0.0.1:1", "LLMRING_LOG_METADATA": "1"}
    result = run("chat", "Hello!", "--model", "local:tiny", *COLD, **nowhere)
    assert (result.exit_code, result.stdout) == (0, SAID)
    (line,) = result.stderr.splitlines()
    assert "not in the log: the llmring server cannot be reached" in line


def test_the_note_names_the_key_that_the_alias_wants(folder: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE)
    told = run("chat", "Hello!", ANTHROPIC_API_KEY="sk-ant-other").stderr
    assert told.startswith("OPENAI_API_KEY is not set; local:tiny answers, a demonstration")


def test_an_alias_that_lists_the_demonstration_first_says_so(folder: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE.replace(f'"{LUNA}", ', ""))
    told = run("chat", "Hello!", ANTHROPIC_API_KEY="sk-ant-other").stderr
    assert told.startswith("Alias 'fast' lists it first; local:tiny answers, a demonstration")


@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_the_demonstration_in_place_of_a_failure_is_said_to_be(
    folder: Path, openai: dict[str, str], stream: str
) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE)
    with refusing(401, "wrong key") as server:
        result = run("chat", "Hello!", stream, *COLD, **openai | {"OPENAI_BASE_URL": server.url})
    assert (result.exit_code, result.stdout) == (0, SAID)
    first, last = result.stderr.splitlines()
    assert first.startswith(f"{LUNA} failed after ")
    assert "wrong key" in first
    assert last == "local:tiny answers, a demonstration model on this machine."


@pytest.mark.parametrize("stream", [[], ["--no-stream"]], ids=["stream", "whole"])
def test_the_answer_alone_is_on_standard_output(
    openai: dict[str, str], server: ScriptedServer, stream: list[str]
) -> None:
    result = run("chat", "Hello", "--model", LUNA, *stream, **openai)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Hello!\n", "")
    assert sent(server).get("stream", False) is not bool(stream)


def test_options_become_the_request(openai: dict[str, str], server: ScriptedServer) -> None:
    options = ("--system", "Be brief.", "--temperature", "0.5", "--max-tokens", "7")
    run("chat", "Hello", "--model", "openai:gpt-4o-mini", *options, **openai)
    body = sent(server)
    assert [message["content"] for message in body["messages"]] == ["Be brief.", "Hello"]
    assert (body["model"], body["temperature"]) == ("gpt-4o-mini", 0.5)
    assert 7 in (body.get("max_tokens"), body.get("max_completion_tokens"))


def test_what_is_not_given_is_not_sent(openai: dict[str, str], server: ScriptedServer) -> None:
    run("chat", "Hello", "--model", LUNA, "--no-stream", **openai)
    assert sent(server).keys() <= {"model", "messages", "stream"}


@pytest.mark.parametrize(
    ("message", "piped", "expected"),
    [
        (["one"], "", "one"),
        ([], "two\n", "two"),
        (["-"], "two\n", "two"),
        (["one"], "two\n", "one\n\ntwo"),
        (["one"], b"\xef\xbb\xbftwo", "one\n\ntwo"),
    ],
    ids=["argument", "pipe", "dash", "both", "byte-order mark"],
)
def test_the_message_is_the_argument_and_then_the_pipe(
    openai: dict[str, str],
    server: ScriptedServer,
    message: list[str],
    piped: str | bytes,
    expected: str,
) -> None:
    assert run("chat", *message, "--model", LUNA, input=piped, **openai).exit_code == 0
    assert sent(server)["messages"] == [{"role": "user", "content": expected}]


@pytest.mark.parametrize(
    ("arguments", "piped", "problem"),
    [
        ([], " \n", "there is no message"),
        (["--json", "--stream", "x"], "", "--stream and --json exclude each other"),
        (["--schema", "{}", "--stream", "x"], "", "--stream and --schema exclude each other"),
        (["x", "--temperature", "3"], "", "--temperature"),
        (["x", "--max-tokens", "0"], "", "--max-tokens"),
        (["x", "--schema", "[]"], "", "--schema"),
        (["x", "--schema", "{"], "", "no JSON"),
        (["x", "--modle", "fast"], "", "--modle"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_ends_with_2(arguments: list[str], piped: str, problem: str) -> None:
    result = run("chat", *arguments, input=piped)
    assert (result.exit_code, result.stdout) == (2, "")
    assert problem in result.stderr


def test_what_is_piped_in_must_be_text() -> None:
    result = run("chat", input=b"\xff")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "standard input is not UTF-8" in result.stderr


def test_json_is_one_object(openai: dict[str, str]) -> None:
    result = run("chat", "Hello", "--model", LUNA, "--json", **openai)
    told = json.loads(result.stdout)
    assert told.keys() == {"content", "model", "finish_reason", "usage", "cost", "attempts"}
    assert (told["content"], told["model"], told["finish_reason"]) == ("Hello!", LUNA, "stop")
    assert told["cost"] == told["usage"]["cost"] == pytest.approx(3 * 0.1e-6 + 2 * 0.5e-6)
    assert [attempt["outcome"] for attempt in told["attempts"]] == ["answered"]
    assert result.stderr == ""


def test_json_stays_alone_beside_a_note() -> None:
    result = run("chat", "Hello!", "--json", *COLD)
    assert json.loads(result.stdout)["model"] == "local:tiny"
    assert result.stderr.startswith("No provider key is set;")


def test_an_error_leaves_standard_output_empty(openai: dict[str, str]) -> None:
    with refusing(400, "bad field") as server:
        environ = openai | {"OPENAI_BASE_URL": server.url}
        result = run("chat", "Hello", "--model", LUNA, "--json", **environ)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert "bad field" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_schema_is_followed_and_parsed() -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 20}},
        "required": ["name"],
    }
    options = ("--model", "local:tiny", "--schema", json.dumps(schema))
    result = run("chat", "Who are you?", *options)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout).keys() == {"name"}
    told = json.loads(run("chat", "Who are you?", *options, "--json").stdout)
    assert told["parsed"] == json.loads(told["content"])


def test_a_schema_that_is_none_is_named_by_its_option() -> None:
    result = run("chat", "Hello", "--model", "local:tiny", "--schema", '{"type": "strin"}')
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: --schema ")


def test_verbose_tells_models_tokens_cost_and_time(folder: Path, openai: dict[str, str]) -> None:
    lockfile = LOCKFILE.replace(f'"{LUNA}"', f'"anthropic:claude-haiku-5-5", "{LUNA}"')
    (folder / "llmring.lock").write_text(lockfile)
    result = run("chat", "Hello", "--verbose", **openai)
    assert result.stdout == "Hello!\n"
    first, last = result.stderr.splitlines()
    assert first == "(anthropic:claude-haiku-5-5 unavailable: ANTHROPIC_API_KEY is not set)"
    assert last.startswith(f"({LUNA} · 3 + 2 tokens · $0.000001 · ")


def test_a_cut_answer_is_said_to_be() -> None:
    result = run("chat", "Hello!", "--model", "local:tiny", "--max-tokens", "2", *COLD)
    assert result.stderr == "(cut at its length; see --max-tokens)\n"


def test_all_models_that_failed_are_told(folder: Path, openai: dict[str, str]) -> None:
    lockfile = LOCKFILE.replace('"local:tiny"', '"openai:gpt-6.1-terra"')
    (folder / "llmring.lock").write_text(lockfile)
    with refusing(401, "wrong key") as server:
        result = run("chat", "Hello", **openai | {"OPENAI_BASE_URL": server.url})
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert lines[0].startswith("error: ")
    assert [line.split()[:2] for line in lines[1:]] == [
        [LUNA, "failed"],
        ["openai:gpt-6.1-terra", "failed"],
    ]


def test_an_answer_that_is_cut_by_the_network_fails(openai: dict[str, str]) -> None:
    with ScriptedServer(([wire.UNTIL_CLOSE + wire.event(wire.chunk("Hel")), close],)) as server:
        environ = openai | {"OPENAI_BASE_URL": server.url}
        result = run("chat", "Hello", "--model", LUNA, **environ)
    assert (result.exit_code, result.stdout) == (1, "Hel\n")
    assert result.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [(["--profile", "dev"], {}), ([], {"LLMRING_PROFILE": "dev"})],
    ids=["option", "variable"],
)
def test_a_profile_without_fast_is_answered_by_its_first_alias(
    folder: Path,
    openai: dict[str, str],
    server: ScriptedServer,
    arguments: list[str],
    environ: dict[str, str],
) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE.replace(LUNA, "openai:gpt-dev"))
    assert run("chat", "Hello", *arguments, **openai, **environ).stdout == "Hello!\n"
    assert sent(server)["model"] == "gpt-dev"


def test_the_profile_option_beats_the_variable(folder: Path, openai: dict[str, str]) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE)
    result = run("chat", "Hello", "--profile", "dev", LLMRING_PROFILE="none", **openai)
    assert result.stdout == "Hello!\n"


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ("fsat", "unknown alias 'fsat' in profile 'default'"),
        ("fsat", "did you mean 'fast'?"),
        ("gpt-5.5", "a model is named with its provider: openai:gpt-5.5"),
        ("opena:gpt-5.5", "did you mean 'openai'?"),
        (LUNA, "provider 'openai' is not set up: OPENAI_API_KEY is not set"),
    ],
)
def test_what_cannot_be_asked_is_one_line(model: str, problem: str) -> None:
    result = run("chat", "Hello", "--model", model)
    assert (result.exit_code, result.stdout) == (1, "")
    assert problem in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_error_shows_no_key(openai: dict[str, str]) -> None:
    with refusing(401) as server:
        environ = openai | {"OPENAI_BASE_URL": server.url}
        result = run("--debug", "chat", "Hello", "--model", LUNA, **environ)
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "sk-secret" not in result.stderr


def test_a_traceback_is_shown_only_on_request(openai: dict[str, str]) -> None:
    with refusing(401) as server:
        environ = openai | {"OPENAI_BASE_URL": server.url}
        result = run("chat", "Hello", "--model", LUNA, **environ)
    assert "Traceback" not in result.stderr


def test_a_server_cannot_steer_the_terminal_by_its_reason(openai: dict[str, str]) -> None:
    with refusing(400, "\x1b]0;title\x07") as server:
        environ = openai | {"OPENAI_BASE_URL": server.url}
        told = run("chat", "Hello", "--model", LUNA, **environ).stderr
    assert "\x1b" not in told
