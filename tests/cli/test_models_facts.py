"""`local-llm-kit models`: what `list`, `show` and `plan` print where, and how they end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_llm_kit import devices
from local_llm_kit.cli.tables import table
from local_llm_kit.devices import Device
from local_llm_kit.server import LocalServer
from tests.cli.caches import DATA, FIRST, put_ollama, put_version
from tests.cli.models_support import Q4, as_json, run
from tests.local.support import running_server

pytestmark = pytest.mark.usefixtures("machine")


@pytest.fixture(scope="module")
def locked_server() -> Iterator[LocalServer]:
    with running_server(api_key="secret") as server:
        yield server


def test_list_is_a_table_without_padding(machine: Path) -> None:
    put_version(machine / "hub", {Q4: DATA})
    put_ollama(machine / "ollama")
    lines = run("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "NAME", "tiny", f"owner/name:{Q4}", "ollama:llama3.2:1b",
    ]  # fmt: skip
    assert lines[0].split() == ["NAME", "SIZE", "FROM", "MODIFIED"]
    assert all(line == line.rstrip() for line in lines)


def test_list_as_json_tells_files_and_times(machine: Path) -> None:
    put_version(machine / "hub", {Q4: DATA})
    tiny, model = as_json("list")
    assert tiny["source"] == "bundled"
    assert (model["name"], model["size_bytes"]) == (f"owner/name:{Q4}", len(DATA))
    assert model["files"] == [str(machine / f"hub/models--owner--name/snapshots/{FIRST}/{Q4}")]
    assert model["modified"].endswith("Z")


def test_ollama_as_the_back_end_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_LLM_KIT_BACKEND", "ollama")
    assert as_json("list")[0]["name"] == "tiny"
    assert as_json("show", "tiny")["kind"] == "gguf"


def test_names_that_are_no_text_are_told_all_the_same(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.fsdecode(b"\xff.gguf")
    (machine / name).write_bytes(DATA)
    monkeypatch.setenv("LOCAL_LLM_KIT_MODEL_PATH", str(machine))
    assert as_json("list")[1]["files"] == [str(machine / name)]
    assert run("list").stdout.splitlines()[2].startswith("�  ")
    assert run("pull", str(machine / name)).stdout_bytes == os.fsencode(machine / name) + b"\n"


def test_list_warns_of_damaged_models_on_stderr(machine: Path) -> None:
    put_ollama(machine / "ollama").write_text("{}")
    result = run("list")
    assert result.exit_code == 0
    assert "unusable" in result.stdout
    assert result.stderr.startswith("warning: the model 'llama3.2:1b'")


def test_list_asks_a_running_server(locked_server: LocalServer) -> None:
    cards = as_json("list", "--url", locked_server.url, "--api-key", "secret")
    assert cards[0]["id"] == "tiny"
    lines = run("list", "--url", f"{locked_server.url}/v1", "--api-key", "secret").stdout
    assert lines.splitlines()[1].split()[:2] == ["tiny", "2,048"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "nope"], "error: --url must look like"),
        (["--url", "http://127.0.0.1:8000", "--api-key", " x"], "error: --api-key has white space"),
    ],
    ids=["url", "key"],
)
def test_an_address_that_is_none_is_named_by_its_flag(arguments: list[str], message: str) -> None:
    result = run("list", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(message)


def test_a_wrong_key_is_an_error(locked_server: LocalServer) -> None:
    result = run("list", "--url", locked_server.url, "--api-key", "wrong-key")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "API key is missing or wrong" in result.stderr
    assert "wrong-key" not in result.stderr


def test_show_tells_the_header() -> None:
    result = run("show", "tiny")
    told = dict(line.split(None, 1) for line in result.stdout.splitlines())
    assert (told["architecture"], told["parameters"]) == ("llama", "1.12M")
    assert (told["window"], told["template"]) == ("2,048 tokens", "yes")


def test_show_as_json_is_the_facts() -> None:
    facts = as_json("show", "tiny", "--backend", "transformers")
    assert (facts["kind"], facts["quantization"], facts["bits_per_weight"]) == (
        "safetensors", "F16", 16.0,
    )  # fmt: skip
    assert facts["size_bytes"] == sum(file["size_bytes"] for file in facts["files"])


def test_a_model_that_is_not_here_names_the_command_that_brings_it() -> None:
    for command in ("show", "plan"):
        result = run(command, "owner/name:Q8_0")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.endswith("local-llm-kit models pull owner/name:Q8_0\n")


def test_a_name_near_by_is_offered() -> None:
    result = run("show", "tinny")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "did you mean 'tiny'?" in result.stderr


def test_plan_is_the_plan_of_the_library() -> None:
    planned = as_json("plan", "tiny", "--memory-budget", "24MiB", "--slots", "4")
    assert planned["fits"] is True
    assert planned["total_bytes"] == sum(planned["parts"].values()) <= 24 << 20
    assert (planned["n_slots"], planned["context_length"]) == (4, 2048)
    assert run("plan", "tiny").stdout.startswith("tiny: ")


def test_a_plan_beyond_the_budget_ends_with_1_and_names_the_flag() -> None:
    result = run("plan", "tiny", "--memory-budget", "4MiB", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["fits"] is False
    assert result.stderr.startswith("does not fit: 'tiny' needs ")
    assert "--memory-budget is 4.0 MiB; raise it" in result.stderr


@pytest.mark.parametrize(
    ("free", "advice"),
    [(30 << 20, "with --memory-budget 30MiB it would have a window of 2,048"), (1, "raise it")],
    ids=["with less cache", "not at all"],
)
def test_a_plan_beyond_the_free_memory_says_what_would_fit(
    monkeypatch: pytest.MonkeyPatch, free: int, advice: str
) -> None:
    monkeypatch.setattr(devices, "host", lambda: Device("cpu", 1 << 40, free))
    result = run("plan", "tiny")
    assert result.exit_code == 1
    assert result.stdout.startswith("tiny: ")
    assert "is free" in result.stderr
    assert advice in result.stderr


def test_ollamas_memory_is_not_planned() -> None:
    result = run("plan", "tiny", "--backend", "ollama")
    assert result.exit_code == 1
    assert "is that server's" in result.stderr


def test_a_narrow_terminal_gets_shorter_names() -> None:
    lines = table(("NAME", "SIZE"), [("owner/a-very-long-name", "1.2 MiB")], width=24)
    assert lines == ["NAME             SIZE", "owner/a-very-l…  1.2 MiB"]
    assert max(map(len, lines)) <= 24


def test_names_cannot_steer_the_terminal() -> None:
    (line,) = table(("a\x1b[31mb\n",), [])
    assert line == "a�[31mb�"
