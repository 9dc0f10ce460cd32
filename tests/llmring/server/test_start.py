"""Where the server may listen, what it is started with, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from llmring.exceptions import ConfigurationError, StoreError
from llmring.server.options import ServerOptions, admin_key_of
from llmring.server.run import RingServer
from tests.llmring.server.servers import ADMIN_KEY, Client, request, running

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


def test_beyond_this_machine_a_key_is_needed(tmp_path: Path) -> None:
    options: dict[str, Any] = {"database": tmp_path / "a.sqlite", "host": "0.0.0.0"}
    with pytest.raises(ConfigurationError, match="there is no key; set LLMRING_ADMIN_KEY"):
        RingServer(ServerOptions(port=0, **options))
    with running(admin_key=ADMIN_KEY, **options) as server:
        admin = Client(f"http://127.0.0.1:{server.url.rpartition(':')[2]}", ADMIN_KEY)
        admin.post("/keys", {})
        assert admin.get("//health")["needs_first_key"] is False
    with running(**options) as server:  # a key was made, so no admin is needed
        nobody = Client(f"http://127.0.0.1:{server.url.rpartition(':')[2]}")
        assert nobody.ask("POST", "/keys", {}).status == 401


def test_an_address_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    with running(database=tmp_path / "a.sqlite") as server:
        taken = int(server.url.rpartition(":")[2])
        with pytest.raises(ConfigurationError, match="cannot listen on 127") as caught:
            RingServer(ServerOptions(port=taken, database=tmp_path / "b.sqlite"))
        assert caught.value.code == "address_in_use"
    for options in ({"host": "nobody.invalid"}, {"port": 70_000}):
        with pytest.raises(ConfigurationError, match="is"):
            RingServer(ServerOptions(database=tmp_path / "b.sqlite", **options))


def test_a_database_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("not a database, but long enough to be read as one" * 99)
    with pytest.raises(StoreError, match="it is no database"):
        RingServer(ServerOptions(port=0, database=tmp_path / "other.txt"))


@pytest.mark.parametrize("key", ["short", "a key with spaces in it", "é" * 20, "x" * 2000])
def test_an_admins_key_that_cannot_be_one_is_not_shown(key: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(key)
    for options in (ServerOptions(admin_key=key), ServerOptions(admin_key_file=file)):
        with pytest.raises(ConfigurationError, match="visible ASCII") as caught:
            admin_key_of(options, {})
        assert key not in str(caught.value)
        assert key not in repr(options)


def test_the_admins_key_comes_from_where_it_is_given(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-the-file-1234\n")
    environ = {"LLMRING_ADMIN_KEY_FILE": str(file)}
    assert admin_key_of(ServerOptions(), {}) is None
    assert admin_key_of(ServerOptions(), environ) == "from-the-file-1234"
    environ["LLMRING_ADMIN_KEY"] = "from-the-environment"
    assert admin_key_of(ServerOptions(), environ) == "from-the-environment"
    assert admin_key_of(ServerOptions(admin_key_file=file), environ) == "from-the-file-1234"
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        admin_key_of(ServerOptions(admin_key_file=tmp_path / "none"), {})


@pytest.mark.parametrize("fields", [{"allowed_hosts": "a.b"}, {"grace_s": -1}, {"grace_s": True}])
def test_options_that_cannot_work_are_told(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(fields))):
        ServerOptions(**fields)


def test_a_request_under_way_is_answered_before_the_server_ends(tmp_path: Path) -> None:
    with running(database=tmp_path / "a.sqlite", admin_key=ADMIN_KEY) as server:
        client = Client(server.url)
        sent = request("POST", "/api/v1/keys", ADMIN_KEY, b'{"name": "x"}')
        with client.connect() as connection:
            connection.sendall(sent[:-3])
            time.sleep(0.1)  # the server reads the head: no event tells of it
            ending = threading.Timer(0.1, server.stop)
            ending.start()
            ending.join()
            connection.sendall(sent[-3:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")


def started(folder: Path, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    """The command, and the address that it tells."""
    environ = {**os.environ, "XDG_DATA_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    environ.pop("LLMRING_DATABASE_URL", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "llmring", "server", "start", "--port", "0", *arguments],
        stderr=subprocess.PIPE, text=True, cwd=folder, env=environ,
    )  # fmt: skip
    assert process.stderr is not None
    line = process.stderr.readline()
    if line.startswith("{"):
        line = json.loads(line)["message"]
    assert line.startswith("serving "), line + process.stderr.read()
    return process, line.split()[-1]


@contextmanager
def killed_in_the_end(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()


def test_the_command_writes_its_logs_as_json(tmp_path: Path) -> None:
    process, url = started(tmp_path, "--log-requests", "--log-format", "json")
    with process, killed_in_the_end(process):
        key = Client(url).post("/keys", {})["key"]
        Client(url, key).get("/stats")
        process.send_signal(signal.SIGTERM)
        lines = [json.loads(line) for line in process.communicate(timeout=20)[1].splitlines()]
    told = [(line["logger"], line["status"]) for line in lines]
    assert told == [("llmring.access", 201), ("llmring.access", 200)]
    assert key not in str(lines)


def test_a_format_of_logs_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="log_format is 'xml'"):
        ServerOptions(log_format="xml")  # type: ignore[arg-type]  # that is what is refused


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    process, url = started(tmp_path, "--log-requests", "--metrics")
    with process, killed_in_the_end(process):
        key = Client(url).post("/keys", {})["key"]
        Client(url, key).post("/log", {"model": "m", "provider": "p"})
        assert (tmp_path / "llmring" / "server.sqlite").stat().st_mode & 0o077 == 0
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=20)[1]
    assert process.returncode == 0
    assert "POST /api/v1/log 200" in errors
    assert key not in errors
    assert "Traceback" not in errors
