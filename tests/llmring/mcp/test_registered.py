"""The file of registered MCP servers: the user's alone, kept whole, and never shown in errors."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from llmring.exceptions import ConfigurationError
from llmring.mcp.registered import RegisteredServers, ServerChange, entries_of

LOCAL = {"command": "server", "args": ["--fast"], "env": {"TOKEN": "sk-secret"}}
REMOTE = {"url": "https://mcp.invalid/mcp", "headers": {"Authorization": "Bearer sk-secret"}}


@pytest.fixture
def servers(tmp_path: Path) -> RegisteredServers:
    return RegisteredServers(tmp_path / "config" / "mcp.json")


def test_the_users_own_file_is_in_their_configuration_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert RegisteredServers().path.is_relative_to(tmp_path)
    assert RegisteredServers().entries() == {}


def test_a_server_is_registered_and_removed(servers: RegisteredServers) -> None:
    servers.register("one", LOCAL)
    servers.register("two", REMOTE)
    assert servers.entries() == {"one": LOCAL, "two": REMOTE}
    assert servers.address("one").command == ("server", "--fast")
    assert servers.address("two").url == "https://mcp.invalid/mcp"
    servers.remove("one")
    assert list(servers.addresses()) == ["two"]


def test_the_file_is_its_owners_alone(servers: RegisteredServers) -> None:
    servers.register("one", LOCAL)
    assert stat.S_IMODE(servers.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(servers.path.parent.stat().st_mode) == 0o700
    servers.path.chmod(0o644)
    servers.register("two", REMOTE)
    assert stat.S_IMODE(servers.path.stat().st_mode) == 0o600


def test_what_else_the_file_holds_is_kept(servers: RegisteredServers) -> None:
    servers.path.parent.mkdir()
    servers.path.write_text(json.dumps({"other": 1, "mcpServers": {"old": {**LOCAL, "x": 2}}}))
    servers.register("new", REMOTE)
    document = json.loads(servers.path.read_text())
    assert document == {"other": 1, "mcpServers": {"old": {**LOCAL, "x": 2}, "new": REMOTE}}
    assert [one.name for one in servers.path.parent.iterdir()] == ["mcp.json"]


def test_a_server_that_is_there_is_replaced_only_on_request(servers: RegisteredServers) -> None:
    servers.register("one", LOCAL)
    with pytest.raises(ConfigurationError, match="registered already"):
        servers.register("one", REMOTE)
    servers.register("one", REMOTE, replace=True)
    assert servers.entries() == {"one": REMOTE}


def test_applying_adds_and_changes_and_leaves_others(servers: RegisteredServers) -> None:
    servers.apply({"one": LOCAL, "two": REMOTE})
    wanted = {"one": {**LOCAL, "args": []}, "two": REMOTE, "three": LOCAL}
    planned = servers.plan(wanted)
    assert servers.entries()["one"] == LOCAL
    assert planned == servers.apply(wanted)
    kinds = {"one": "changed", "two": "same", "three": "added"}
    assert planned == [ServerChange(name, kind) for name, kind in kinds.items()]
    servers.apply({"four": LOCAL})
    assert list(servers.entries()) == ["one", "two", "three", "four"]


def test_many_writers_lose_nothing(servers: RegisteredServers) -> None:
    names = [f"server-{n}" for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: servers.register(name, LOCAL), names))
    assert sorted(servers.entries()) == sorted(names)


@pytest.mark.parametrize(
    ("name", "entry", "problem"),
    [
        ("one", {}, 'needs either "url" or "command"'),
        ("one", {"url": "http://mcp.invalid/", "headers": {"A": "sk-secret"}}, "https alone"),
        ("one", {"command": "server", "args": "sk-secret"}, '"args" a list'),
        ("", LOCAL, "cannot name an MCP server"),
        ("a\nb", LOCAL, "cannot name an MCP server"),
        ("https://x", LOCAL, "it is an address"),
    ],
)
def test_what_cannot_be_used_is_not_registered(
    servers: RegisteredServers, name: str, entry: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        servers.register(name, entry)
    assert problem in caught.value.message
    assert "sk-secret" not in str(caught.value)
    assert not servers.path.exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"mcpServers": {"one": {"env": {"K": "sk-secret"', "is no JSON"),
        ("[]", "is no JSON object"),
        ('{"mcpServers": ["sk-secret"]}', "is no object of objects"),
        ("[" * 100_000, "is no JSON (RecursionError)"),
        (" " * (2**20 + 1), "is larger than"),
    ],
    ids=["cut", "list", "list of servers", "deep", "large"],
)
def test_a_damaged_file_is_an_error_without_its_text(
    servers: RegisteredServers, text: str, problem: str
) -> None:
    servers.path.parent.mkdir()
    servers.path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        servers.register("one", LOCAL)
    assert problem in caught.value.message
    assert "sk-secret" not in str(caught.value)
    assert servers.path.read_text() == text


def test_names_that_are_not_there_are_told_with_a_near_one(servers: RegisteredServers) -> None:
    servers.register("memory", LOCAL)
    for ask in (servers.address, servers.remove):
        with pytest.raises(ConfigurationError, match="did you mean 'memory'"):
            ask("memroy")


def test_a_disabled_server_is_not_used(servers: RegisteredServers) -> None:
    servers.register("one", {**LOCAL, "disabled": True})
    assert servers.addresses() == {}
    with pytest.raises(ConfigurationError, match="'one' is disabled"):
        servers.address("one")


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        RegisteredServers(tmp_path / "file" / "mcp.json").register("one", LOCAL)


def test_a_configuration_without_servers_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r'x\.json has no object "mcpServers"'):
        entries_of(b"{}", "x.json")
