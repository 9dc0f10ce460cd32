"""What the tests of the command line share: commands in this process, and in one of their own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmring.cli import cli

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "llmring"]
LOCKFILE = """
version = "1.0"
default_profile = "default"

[[profiles.default.bindings]]
alias = "fast"
models = ["openai:gpt-6-luna", "local:tiny"]

[[profiles.dev.bindings]]
alias = "assistant"
models = ["openai:gpt-6-luna"]
"""

EXTENDS = '\n[extends]\npackages = ["lib-a"]\n'


def run(*arguments: str, input: str | bytes | None = None, **environ: str) -> Result:
    """A command in this process, its standard input no terminal."""
    return CliRunner().invoke(cli, arguments, input=input, env=environ, prog_name="llmring")


def shown(line: str) -> str:
    """What a line of a shell shows, its standard error among it; it must end well."""
    before, pipe, command = line.rpartition(" | ")
    program, *arguments = shlex.split(command)
    assert program == "llmring"
    piped = subprocess.run(["sh", "-c", before], capture_output=True, check=True).stdout
    result = run(*arguments, input=piped if pipe else None)
    assert result.exit_code == 0, result.output
    return result.output


@contextmanager
def server_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server of llmring runs, and the environment has its address and keys."""
    from tests.llmring.server.servers import ADMIN_KEY, Client, running

    with running(database=str(folder.parent / "server.sqlite"), admin_key=ADMIN_KEY) as server:
        key = Client(server.url, ADMIN_KEY).post("/keys", {})["key"]
        monkeypatch.setenv("LLMRING_SERVER_URL", server.url)
        monkeypatch.setenv("LLMRING_API_KEY", key)
        monkeypatch.setenv("LLMRING_ADMIN_KEY", ADMIN_KEY)
        monkeypatch.setenv("LLMRING_LOG_METADATA", "1")
        yield


def start(*arguments: str, environ: dict[str, str] | None = None, **pipes: Any) -> Any:
    """A command in a process of its own, with pipes."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | pipes
    path = {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [*COMMAND, *arguments], env={**os.environ, **path, **(environ or {})}, text=True, **pipes
    )


def put_list(folder: Path, version: int, *models: tuple[str, float]) -> None:
    """A registry's list of OpenAI's models: the current one, and the one of its number."""
    text = json.dumps(
        {
            "provider": "openai",
            "version": version,
            "models": {
                f"openai:{name}": {
                    "provider": "openai",
                    "model_name": name,
                    "dollars_per_million_tokens_input": dollars,
                    "dollars_per_million_tokens_output": 1.0,
                }
                for name, dollars in models
            },
        }
    )
    for path in (folder / "models.json", folder / "v" / str(version) / "models.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def put_package(site: Path) -> Path:
    """A folder of packages with one, lib-a, that has a lockfile. :return: the folder."""
    package, facts = site / "lib_a", site / "lib_a-1.dist-info"
    package.mkdir(parents=True)
    facts.mkdir()
    (package / "llmring.lock").write_text(LOCKFILE)
    (facts / "METADATA").write_text("Name: lib-a\nVersion: 1\n")
    (facts / "RECORD").write_text("lib_a/llmring.lock,,\n")
    return site
