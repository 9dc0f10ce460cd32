"""Where a server may be: addresses, commands, scripts, configurations; and what is refused."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from llmring.exceptions import ConfigurationError
from llmring.mcp.client import ServerAddress, address, configured_servers

KEY = "sk-very-secret-0123"


def script(folder: Path, name: str, mode: int = 0o644) -> Path:
    path = folder / name
    path.write_text("")
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    "url", ["https://example.com/mcp", "http://example.com:8080/mcp?team=a", "HTTP://[::1]:1/"]
)
def test_an_http_address_is_taken(url: str) -> None:
    assert address(url).url.lower() == url.lower()


def test_a_command_is_split_into_words_and_no_shell_reads_it() -> None:
    found = address("stdio://run --name 'two words' $(touch canary) | tee")
    assert found.command == ("run", "--name", "two words", "$(touch", "canary)", "|", "tee")


def test_words_are_a_command() -> None:
    assert address(["npx", "-y", "server"]).command == ("npx", "-y", "server")


@pytest.mark.parametrize(
    ("name", "interpreter"),
    [("server.py", sys.executable), ("server.js", "node"), ("server.mjs", "node")],
)
def test_a_script_runs_with_its_interpreter(tmp_path: Path, name: str, interpreter: str) -> None:
    path = script(tmp_path, name)
    assert address(path).command == (interpreter, str(path))


def test_an_executable_runs_by_itself(tmp_path: Path) -> None:
    path = script(tmp_path, "server", 0o755)
    assert address(str(path)).command == (str(path),)


def test_an_address_stays_as_it_is() -> None:
    given = ServerAddress("x", command=("x",))
    assert address(given) is given


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("", "cannot be at ''"),
        ("ftp://example.com", "cannot be at ftp://"),
        ("http://", "no address"),
        ("http://example.com:99999/", "no address"),
        ("https://example.com/a b", "no address"),
        ("stdio://", "command of an MCP server is empty"),
        ("stdio://run 'open", "cannot be split"),
        ([], "command of an MCP server is empty"),
        (["run", "a\0b"], "cannot be passed on"),
        ("no/such/file", "no file"),
        ("cat", r"write stdio://"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_address_is_refused(where: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        address(where)


def test_a_file_that_cannot_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither executable nor a script"):
        address(script(tmp_path, "server.txt"))


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{KEY}@example.com/mcp",
        f"https://example.com/mcp?api_key={KEY}",
        f"https://example.com/mcp?accessToken={KEY}",
    ],
    ids=["user", "key", "token"],
)
def test_a_key_in_an_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="holds a key") as caught:
        address(url)
    assert KEY not in repr(caught.value)


def config(**servers: Any) -> dict[str, Any]:
    return {"mcpServers": servers}


def test_a_configuration_of_other_clients_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    files = {"command": "npx", "args": ["-y", "files"], "env": {"TOKEN": KEY}, "alwaysAllow": []}
    remote = {"type": "http", "url": "https://example.com/mcp", "headers": {"X-Key": KEY}}
    off = {"command": "x", "disabled": True}
    path.write_text(json.dumps(config(files=files, remote=remote, off=off)))
    found = configured_servers(path)
    assert list(found) == ["files", "remote"]
    assert found["files"].command == ("npx", "-y", "files")
    assert found["files"].env["TOKEN"].get_secret_value() == KEY
    assert found["remote"].headers["X-Key"].get_secret_value() == KEY


def test_a_configuration_of_one_server_is_an_address(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(config(only={"command": "x"})))
    assert address(path).name == "only"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ([], "is no object"),
        ({}, 'either "url" or "command"'),
        ({"url": "https://x.example", "command": "x"}, 'either "url" or "command"'),
        ({"url": 5}, '"url" is no string'),
        ({"url": "file://host/x"}, "by http or https"),
        ({"url": "https://x.example", "type": "sse"}, "only streamable HTTP"),
        ({"url": "https://x.example", "headers": {"a": 1}}, "object of strings"),
        ({"url": "https://x.example", "headers": {"a": "x\ny"}}, "'a' cannot be sent"),
        ({"url": "https://x.example", "headers": {"a b": "x"}}, "'a b' cannot be sent"),
        ({"url": "http://x.example", "headers": {"a": "x"}}, "by https alone"),
        ({"command": ["x"]}, '"command" must be a string'),
        ({"command": "x", "args": "y"}, '"args" a list'),
        ({"command": "x", "args": [1]}, "must be strings"),
        ({"command": "x", "env": {"A=B": "c"}}, "cannot be passed on"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_entry_that_cannot_be_used_is_named(entry: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        configured_servers(config(broken=entry))


def test_headers_go_to_this_machine_in_the_clear() -> None:
    entry = {"url": "http://localhost:1/mcp", "headers": {"X-Key": KEY}}
    assert configured_servers(config(here=entry))["here"].headers["X-Key"] == KEY


@pytest.mark.parametrize(
    ("text", "problem"),
    [("[" * 100_000, "no JSON"), (f'{{"k": "{KEY}', "no JSON"), ("[]", 'no object "mcpServers"')],
    ids=["deep", "cut", "list"],
)
def test_a_damaged_file_is_refused_and_not_shown(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        configured_servers(path)
    assert KEY not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(" " * (2**20 + 1))
    with pytest.raises(ConfigurationError, match="larger than 1048576 bytes"):
        configured_servers(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.json cannot be read"):
        configured_servers(tmp_path / "missing.json")


def test_a_file_that_never_ends_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mcp.json")
    with pytest.raises(ConfigurationError):
        configured_servers(tmp_path / "mcp.json")


@pytest.mark.parametrize(
    "words",
    [
        ["x", "--api-key", KEY],
        ["x", f"--token={KEY}"],
        ["x", f"API_TOKEN={KEY}"],
        ["x", f"postgresql://ada:{KEY}@db/x"],
    ],
    ids=["option", "assigned", "variable", "address"],
)
def test_keys_among_arguments_are_not_shown(words: list[str]) -> None:
    found = address(words)
    assert KEY not in f"{found.label}{found!r}"
    assert KEY in found.secrets


def test_keys_of_headers_are_secrets_without_their_scheme() -> None:
    entry = {"url": "https://x.example", "headers": {"Authorization": f"Bearer {KEY}"}}
    found = configured_servers(config(x=entry))["x"]
    assert {KEY, f"Bearer {KEY}"} <= set(found.secrets)
    assert KEY not in repr(found)


def test_a_server_is_the_same_wherever_a_relative_path_is_named_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path, "server.txt")
    monkeypatch.chdir(tmp_path)
    here = address(["run", "server.txt"]).identity
    assert here == address(["run", str(tmp_path / "server.txt")]).identity
    assert here != address(["run", "other.txt"]).identity


def test_a_label_is_one_short_line() -> None:
    label = address(["x\x1b[2J", "y" * 300]).label
    assert len(label) == 200
    assert label.isprintable()
