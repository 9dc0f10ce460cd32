"""`llmring server init`, `status`, `key`, `stats`, `logs`, `conversations`, and `llmring stats`."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmring.cli.server import env_file, records
from llmring.exceptions import ConfigurationError
from tests.llmring.cli.support import run
from tests.llmring.server.servers import ADMIN_KEY, Client, running
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow

URL, KEY = "LLMRING_SERVER_URL", "LLMRING_API_KEY"
CALL = {"model": "gpt-x", "provider": "openai", "input_tokens": 7, "output_tokens": 2,
        "cost": 0.25, "origin": "=cmd", "alias": "fast",
        "timestamp": "2026-11-20T10:00:00Z"}  # fmt: skip


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server without keys."""
    with running(database=str(tmp_path / "server.sqlite")) as server:
        yield server.url


@pytest.fixture
def tenant(url: str, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Who has its only key, which is set."""
    key = Client(url).post("/keys", {})["key"]
    monkeypatch.setenv(URL, url)
    monkeypatch.setenv(KEY, key)
    return Client(url, key)


def file() -> dict[str, str]:
    return env_file.read(Path(".env.llmring"))


def test_init_makes_the_first_key_and_keeps_it(url: str, folder: Path) -> None:
    Path(".env.llmring").write_text(f"# mine\nOTHER='a b'\nexport {KEY}=old\n{KEY}=older\n")
    done = run("server", "init", "--server", url + "/")
    assert done.exit_code == 0, done.output
    assert done.stdout == "Wrote .env.llmring; load it with: source .env.llmring\n"
    key = file()[KEY]
    lines = Path(".env.llmring").read_text().splitlines()
    assert lines == ["# mine", "OTHER='a b'", f"export {KEY}={key}", f"export {URL}={url}"]
    assert Path(".env.llmring").stat().st_mode & 0o777 == 0o600
    assert key not in done.output
    again = run("server", "init", "--server", url)
    assert (again.exit_code, file()[KEY]) == (0, key)
    assert "--force" in again.stderr


def test_init_says_why_there_is_no_key(url: str, tenant: Client, folder: Path) -> None:
    taken = run("server", "init", "--env-file", "new.env", **{KEY: "", URL: url})
    assert (taken.exit_code, Path("new.env").exists()) == (1, False)
    assert "has keys already" in taken.stderr
    no_admin = run("server", "init", "--env-file", "new.env", "--admin-key", "x" * 20)
    assert (no_admin.exit_code, "that admin key" in no_admin.stderr) == (1, True)
    wrong = run("server", "init", "--server", url, "--api-key", "llmr_pk_wrong")
    assert (wrong.exit_code, "does not take that key" in wrong.stderr) == (1, True)
    away = run("server", "init", "--server", "http://127.0.0.1:1")
    assert (away.exit_code, "cannot be reached" in away.stderr) == (1, True)
    open_net = run("server", "init", "--server", "http://example.org")
    assert (open_net.exit_code, "not encrypted" in open_net.stderr) == (1, True)


@pytest.mark.parametrize(
    "command", [("init",), ("key", "create", "--update-env")], ids=["init", "create"]
)
def test_no_key_is_made_that_cannot_be_kept(
    url: str, folder: Path, command: tuple[str, ...]
) -> None:
    done = run("server", *command, "--server", url, "--env-file", "none/.env")
    assert (done.exit_code, "cannot be written" in done.stderr) == (1, True)
    # Nobody has the first one yet.
    assert run("server", "init", "--server", url).exit_code == 0


def test_a_key_that_is_not_replaced_leaves_no_file(folder: Path) -> None:
    assert run("server", "key", "rotate").exit_code == 1
    assert not Path(".env.llmring").exists()


def test_the_admins_key_makes_keys_of_any_tenant(tmp_path: Path, folder: Path) -> None:
    with running(database=str(tmp_path / "s.sqlite"), admin_key=ADMIN_KEY) as server:
        done = run("server", "init", "--server", server.url, "--tenant", "ada",
                   "--admin-key", ADMIN_KEY)  # fmt: skip
        assert done.exit_code == 0, done.output
        made = run(
            "server", "key", "create", "--tenant", "eve", "--json", LLMRING_ADMIN_KEY=ADMIN_KEY
        )
        key = json.loads(made.stdout)["key"]
        assert Client(server.url, key).get("/keys/current")["tenant"] == "eve"
        assert Client(server.url, file()[KEY]).get("/keys/current")["tenant"] == "ada"
        assert ADMIN_KEY not in done.output + made.output + Path(".env.llmring").read_text()


def test_status_tells_what_works(url: str, tenant: Client, folder: Path) -> None:
    done = run("server", "status", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["server"], told["key"]) == (0, url, "accepted")
    assert (told["source"], told["health"]["status"]) == ("the environment", "ok")
    refused = run("server", "status", **{KEY: "llmr_pk_" + "0" * 32})
    assert (refused.exit_code, "refused" in refused.stdout) == (1, True)
    away = run("server", "status", "--server", "http://127.0.0.1:1")
    assert (away.exit_code, "away" in away.stdout) == (1, True)
    nowhere = run("server", "status", **{KEY: "", URL: ""})
    assert (nowhere.exit_code, "No server is set" in nowhere.stdout) == (0, True)


def test_keys_are_made_listed_and_replaced(url: str, tenant: Client, folder: Path) -> None:
    made = run("server", "key", "create", "--name", "laptop").stdout.strip()
    assert Client(url, made).get("/keys/current")["name"] == "laptop"
    listed = run("server", "key", "list").stdout
    assert ("laptop" in listed, f"…{made[-4:]}" in listed, made in listed) == (True, True, False)
    assert {one["name"] for one in json.loads(run("server", "key", "list", "--json").stdout)} == {
        "", "laptop",
    }  # fmt: skip
    done = run("server", "key", "rotate")
    assert done.exit_code == 0, done.output
    assert file()[URL] == url
    assert file()[KEY] not in (tenant.key, made)
    assert run("server", "status", **{KEY: file()[KEY]}).exit_code == 0


def test_a_key_is_not_replaced_where_the_new_one_cannot_be_kept(
    url: str, tenant: Client, folder: Path
) -> None:
    done = run("server", "key", "rotate", "--env-file", "none/.env")
    assert (done.exit_code, "cannot be written" in done.stderr) == (1, True)
    assert len(tenant.get("/keys")) == 1


@pytest.mark.parametrize("command", ["list", "rotate"])
@pytest.mark.parametrize("answer", [{}, [{}], "text", None], ids=repr)
def test_what_no_llmring_server_answers_is_an_error(
    folder: Path, command: str, answer: Any
) -> None:
    with ScriptedServer((wire.answer(answer),)) as server:
        done = run("server", "key", command, "--server", server.url, "--api-key", "x")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the server's")
    assert not Path(".env.llmring").exists()


def test_what_is_to_be_sourced_is_quoted_for_the_shell(
    url: str, tenant: Client, folder: Path
) -> None:
    done = run("server", "key", "rotate", "--env-file", "my keys")
    assert done.stdout == "Wrote the new key; load it with: source 'my keys'\n"


def test_a_key_is_written_into_the_file(url: str, tenant: Client, folder: Path) -> None:
    done = run("server", "key", "create", "--update-env")
    assert (done.exit_code, done.stdout) == (0, "")
    assert Client(url, file()[KEY]).get("/keys/current")["name"] == ""


@pytest.mark.parametrize("command", [("stats",), ("server", "stats")], ids=" ".join)
def test_stats_tell_what_calls_took(tenant: Client, command: tuple[str, ...]) -> None:
    tenant.post("/log", CALL)
    told = json.loads(run(*command, "--json").stdout)
    assert told == {name: told[name] for name in tenant.get("/stats")}
    assert (told["summary"]["calls"], told["by_model"][0]["key"]) == (1, "openai:gpt-x")
    by_alias = run(*command, "--by", "alias").stdout
    assert "fast   1      7      2       0       0.250000" in by_alias
    none = run(*command, "--json", "--start-date", "2026-11-21").stdout
    assert json.loads(none)["summary"]["calls"] == 0
    assert run(*command, "--verbose").stdout.count("CALLS") == 4


def test_stats_without_a_server_tell_of_this_machine(folder: Path, openai: dict[str, str]) -> None:
    where = {
        "LLMRING_DATABASE_URL": str(folder / "usage.sqlite"), "LLMRING_LOG_METADATA": "1"
    }  # fmt: skip
    assert run("chat", "Hi", "--model", "openai:gpt-6-luna", **openai, **where).exit_code == 0
    told = json.loads(run("stats", "--json", **where).stdout)
    assert (told["summary"]["calls"], told["by_origin"][0]["key"]) == (1, "llmring chat")


@pytest.mark.parametrize("name", ["stats", "logs", "conversations"])
def test_what_is_at_a_server_needs_one(name: str) -> None:
    done = run("server", name)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "llmring server init" in done.stderr


def test_logs_come_as_a_table_json_or_csv(tenant: Client, folder: Path) -> None:
    tenant.post("/log", CALL)
    assert "openai:gpt-x" in run("server", "logs").stdout
    (row,) = json.loads(run("server", "logs", "--limit", "20", "--output", "json").stdout)
    assert {name: row[name] for name in ("model", "cost", "alias")} == {
        "model": "gpt-x", "cost": 0.25, "alias": "fast",
    }  # fmt: skip
    assert json.loads(run("server", "logs", "--json", "--model", "other").stdout) == []
    done = run("server", "logs", "--output", "csv", "--output-file", "calls.csv")
    assert (done.exit_code, done.stdout) == (0, "")
    (line,) = csv.DictReader(io.StringIO(Path("calls.csv").read_text()))
    # A spreadsheet does not run it.
    assert (line["model"], line["origin"]) == ("gpt-x", "'=cmd")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"], ids=repr)
def test_no_cell_of_a_csv_begins_like_a_formula(start: str) -> None:
    text = records._as_csv([{"model": f"{start}cmd", "origin": "app"}])
    (line,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (line["model"], line["origin"]) == (f"'{start}cmd", "app")


def test_conversations_are_listed_and_shown(tenant: Client) -> None:
    made = tenant.post("/conversations", {"title": "Boats"})["id"]
    tenant.post(f"/conversations/{made}/messages", {"role": "user", "content": "\x1b[31mred"})
    assert "Boats" in run("server", "conversations").stdout
    (listed,) = json.loads(run("server", "conversations", "--json").stdout)
    assert (listed["id"], listed["message_count"]) == (made, 1)
    shown = run("server", "conversations", "--conversation-id", made, "--messages").stdout
    assert ("red" in shown, "\x1b" in shown) == (True, False)
    one = ("server", "conversations", "--conversation-id", made, "--json")
    assert "messages" not in json.loads(run(*one).stdout)
    assert len(json.loads(run(*one, "--messages").stdout)["messages"]) == 1
    missing = run(
        "server", "conversations", "--conversation-id", made.replace(made[0], "0", 1)[::-1]
    )
    assert (missing.exit_code, "no conversation" in missing.stderr) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [("logs", "--start-date", "x"), ("logs", "--limit", "0"), ("conversations", "--messages"),
     ("stats", "--by", "id")],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_told(tenant: Client, arguments: tuple[str, ...]) -> None:
    done = run("server", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")


@pytest.mark.parametrize("value", ["plain", "a b", "it's", "$(touch canary)", "", "#x", 'a"b'])
def test_a_shell_reads_what_is_written(folder: Path, value: str) -> None:
    path = Path("file.env")
    env_file.write(path, {"A": value, "B": "2"})
    assert env_file.read(path) == {"A": value, "B": "2"}
    script = ". ./file.env; sh -c 'printf %s \"$A\"'"
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout
    assert (shown, os.listdir()) == (value, ["file.env"])


@pytest.mark.parametrize("sign", ["\f", "\r", "\x1c", "\x85", "\u2028"])
def test_other_lines_of_the_file_stay_as_they_are(folder: Path, sign: str) -> None:
    path = Path("file.env")
    text = f"OTHER='a{sign}b'\n# a{sign}B=1\n"
    path.write_bytes(text.encode())
    env_file.write(path, {"A": "1"})
    assert path.read_bytes().decode() == f"{text}export A=1\n"
    assert env_file.read(path) == {"OTHER": f"a{sign}b", "A": "1"}


def test_a_file_that_cannot_be_used_is_told(folder: Path) -> None:
    Path("bytes").write_bytes(b"\xff")
    for path in ("bytes", ".", "none/file"):
        with pytest.raises(ConfigurationError, match=path):
            env_file.write(Path(path), {"A": "1"})
    assert [name for name in os.listdir() if name != "bytes"] == []


def test_a_file_that_is_not_read_whole_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_text("#\n" * 600_000)
    with pytest.raises(ConfigurationError, match="at most 1,048,576 bytes"):
        env_file.write(path, {"A": "1"})
    assert path.stat().st_size == 1_200_000
