"""``.env``: the nearest one is read, sets nothing anew, and is warned of where it is broken."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from llmring.cli.environment import load_env
from tests.llmring.cli.support import run


def openai_is_set_up(**environ: str) -> bool:
    told = json.loads(run("providers", "--json", **environ).stdout)
    return bool(next(one["is_set_up"] for one in told if one["name"] == "openai"))


def test_keys_are_read_from_the_file_here(folder: Path) -> None:
    assert not openai_is_set_up()
    (folder / ".env").write_text("OPENAI_API_KEY=sk-secret\n")
    assert openai_is_set_up()


def test_the_nearest_file_above_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("\ufeffexport OPENAI_API_KEY='sk-secret' # mine\n")
    (folder / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder / "a" / "b")
    assert openai_is_set_up()


def test_what_is_set_stays_as_it_is(folder: Path) -> None:
    (folder / ".env").write_text("LLMRING_PROFILE=none\n")
    assert run("aliases", LLMRING_PROFILE="default").exit_code == 0
    assert os.environ.get("LLMRING_PROFILE") is None
    assert "unknown profile 'none'" in run("aliases").stderr


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"A=sk-secret\n=sk-secret\n", "has no NAME=VALUE in line 2, which is left out"),
        (b"A=sk-secret\xff\n", "is not UTF-8 text, and is left out"),
        (b"A=sk-secret\0\n", "has a value that no variable can have"),
    ],
    ids=["no name", "no text", "NUL"],
)
def test_a_broken_file_is_warned_of_without_its_values(
    folder: Path, data: bytes, problem: str
) -> None:
    (folder / ".env").write_bytes(data)
    result = run("cache", "info")
    assert result.exit_code == 0
    assert result.stderr.startswith(f"warning: {str(folder / '.env')!r} {problem}")
    assert "sk-secret" not in result.output


def test_a_file_that_cannot_be_read_is_warned_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("A=b\n")

    def refuse(*args: object, **named: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("dotenv.dotenv_values", refuse)
    result = run("cache", "info")
    assert result.exit_code == 0
    assert "cannot be read (Permission denied), and is left out" in result.stderr


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("OPENAI_BASE_URL", "OPENAI_API_KEY"),
        ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"),
        ("GOOGLE_GEMINI_BASE_URL", "GOOGLE_API_KEY"),
        ("OLLAMA_HOST", "OLLAMA_API_KEY"),
        ("OLLAMA_BASE_URL", "OLLAMA_API_KEY"),
        ("HF_ENDPOINT", "HF_TOKEN"),
        ("LLMRING_SERVER_URL", "LLMRING_API_KEY"),
    ],
)
def test_the_file_does_not_say_where_a_key_goes_that_is_set_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str, key: str
) -> None:
    monkeypatch.setenv(key, "sk-secret")
    (folder / ".env").write_text(f"{variable}=https://evil.example\n")
    told: list[str] = []
    load_env(told.append)
    assert variable not in os.environ
    assert told[0].endswith(
        f"sets {variable}, which is left out: {key} is set elsewhere, and would go there; set both "
        "in one place"
    )


def test_the_file_may_say_where_its_own_key_goes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    address = "OPENAI_BASE_URL=http://127.0.0.1:9\n"
    (folder / ".env").write_text(f"OPENAI_API_KEY=sk-own\n{address}OLLAMA_HOST=127.0.0.1:9\n")
    result = run("chat", "Hello!", "--model", "openai:gpt-x", LLMRING_RETRY_ATTEMPTS="1")
    assert result.stderr.startswith("error: nothing listens at http://127.0.0.1:9;")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"])
def test_the_file_does_not_say_whose_certificates_are_believed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv(variable, raising=False)
    (folder / ".env").write_text(f"{variable}=mine.pem\n")
    told: list[str] = []
    load_env(told.append)
    assert variable not in os.environ
    assert told[0].endswith("it says whose certificates are believed; set it in your shell")


@pytest.mark.parametrize("text", ["${OPENAI_API_KEY}", "'x${OPENAI_API_KEY:-y}'"])
def test_the_file_gives_no_key_another_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    (folder / ".env").write_text(f"A_KEY={text}\nB_KEY=b${{A_KEY}}\n")
    told: list[str] = []
    load_env(told.append)
    assert ("A_KEY" in os.environ, os.environ["B_KEY"]) == (False, "b")
    assert "it would hold OPENAI_API_KEY, which is for openai alone" in told[0]


def test_a_name_that_is_warned_of_steers_no_terminal(folder: Path) -> None:
    (folder / ".env").write_text("'A\x1b[2J'=${OPENAI_API_KEY}\n")
    result = run("cache", "info", OPENAI_API_KEY="sk-secret")
    assert "sets A\N{REPLACEMENT CHARACTER}[2J, which is left out" in result.stderr


def test_variables_may_refer_to_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE", "1")
    (folder / ".env").write_text("TWO=${ONE}2\nTHREE=${TWO}3\nFOUR=${NONE:-4}\nFIVE\n")
    load_env()
    assert [os.environ.get(name) for name in ("TWO", "THREE", "FOUR", "FIVE")] == [
        "12", "123", "4", None,
    ]  # fmt: skip


def test_help_reads_no_file(folder: Path) -> None:
    (folder / ".env").write_bytes(b"\xff")
    assert run("chat", "--help").stderr == ""


def test_a_folder_that_is_gone_has_no_file(folder: Path) -> None:
    folder.rmdir()
    result = run("cache", "info")
    assert (result.exit_code, result.stderr) == (0, "")
